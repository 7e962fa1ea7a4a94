"""What a caller may do (rest-api.md, 2.4-2.8; sync-http.md, 2.2).

The decisions are functions of the identity and of what the records say; access control lists count
for the kind of user that they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from syncnb.metadata import Json
from syncnb.service.identity import Identity
from syncnb.service.lifecycle.policies import is_named, listed_services
from syncnb.service.store import AclEntry, Key, Node, ObjectRecord, Transaction

_USER_TYPES = {"user": "user", "nodeuser": "node"}  # kind of identity -> ACLUserType
_UPGRADES = "agent_upgrade_manifests"  # the type that every node may read, and few may write
EVERYTHING = "*"  # the key of an organisation-wide list, and the name of everybody


class Access(Enum):
    """The outcome of the read evaluation (rest-api.md, 2.4)."""

    FULL = "full"
    PUBLIC = "public"
    DENIED = "denied"


def type_access(
    tx: Transaction, identity: Identity, org: str, object_type: str, *, is_css: bool
) -> Access:
    """What an identity may see of the objects of a type."""
    if identity.kind == "syncadmin":
        return Access.FULL
    if identity.kind == "edgenode":
        return Access.DENIED
    if not is_css:
        return Access.FULL if identity.org == org else Access.DENIED
    if identity.kind == "service":
        return Access.DENIED
    if identity.org != org:
        return Access.PUBLIC
    if identity.kind in ("admin", "objectadmin"):
        return Access.FULL
    if identity.kind == "nodeuser" and object_type == _UPGRADES:
        return Access.FULL
    for key in (object_type, EVERYTHING):
        if _entry(tx.acl(org, "objects", key), identity) is not None:
            return Access.FULL
    return Access.PUBLIC


def object_access(
    tx: Transaction,
    identity: Identity,
    key: Key,
    record: ObjectRecord | None,
    *,
    is_css: bool,
    removed_too: bool = False,
) -> Access:
    """What an identity may see of one object.

    Parameters
    ----------
    record : ObjectRecord or None
        The object, if there is one.
    removed_too : bool, default False
        Whether a service counts that the policy listed once (rest-api.md, 8.8).
    """
    access = type_access(tx, identity, key.org, key.object_type, is_css=is_css)
    if access is Access.FULL and identity.kind == "service":
        return _service_access(identity, record, removed_too=removed_too)
    return access


def _service_access(
    identity: Identity, record: ObjectRecord | None, *, removed_too: bool
) -> Access:
    if record is None:
        return Access.DENIED
    services = listed_services(record)
    if not services or is_named(services, identity.user):
        return Access.FULL
    if removed_too and is_named(record.removed_services, identity.user):
        return Access.FULL
    return Access.PUBLIC if record.meta["public"] else Access.DENIED


def shows(access: Access, record: ObjectRecord) -> bool:
    """Whether an object appears to somebody with this access to it."""
    return access is Access.FULL or (access is Access.PUBLIC and bool(record.meta["public"]))


def writes_without_lists(
    identity: Identity, org: str, object_type: str, *, is_css: bool
) -> bool | None:
    """Whether an identity may write objects of a type; None if access control lists say so."""
    if identity.kind == "syncadmin":
        return True
    if identity.kind == "edgenode" or identity.org != org:
        return False
    if not is_css or identity.kind == "admin":
        return True
    if identity.kind == "objectadmin":
        return object_type != _UPGRADES
    return None if identity.kind in _USER_TYPES else False


def may_write(
    tx: Transaction, identity: Identity, key: Key, meta: Mapping[str, Json], *, is_css: bool
) -> bool:
    """Whether an identity may store an object with these metadata (rest-api.md, 2.5)."""
    verdict = writes_without_lists(identity, key.org, key.object_type, is_css=is_css)
    if verdict is not None:
        return verdict
    return writes_type(tx, identity, key.org, key.object_type) and _reaches(
        tx, identity, key.org, meta
    )


def writes_type(tx: Transaction, identity: Identity, org: str, object_type: str) -> bool:
    """Whether the lists make an identity a writer of a type: the first entry that fits decides."""
    for key in (object_type, EVERYTHING):
        entry = _entry(tx.acl(org, "objects", key), identity)
        if entry is not None:
            return entry.role == "aclWriter"
    return False


def may_hook(
    tx: Transaction, identity: Identity, org: str, object_type: str, *, is_css: bool
) -> bool:
    """Whether an identity may have a URL called when objects of a type arrive (2.8)."""
    if identity.kind == "syncadmin":
        return True
    if identity.org != org or identity.kind in ("edgenode", "service"):
        return False
    if not is_css or identity.kind in ("admin", "objectadmin"):
        return True
    return writes_type(tx, identity, org, object_type)


def link_node(identity: Identity, header: str) -> tuple[str, Node] | None:
    """Organisation and node of a call on the link (sync-http.md, 2.2); None if it may not."""
    found = _named_node(header)
    if found is None or found[0] != identity.org:
        return None
    if identity.kind == "admin" or (identity.kind == "edgenode" and identity.node == found[1]):
        return found
    return None


def user_node(tx: Transaction, identity: Identity, header: str) -> tuple[str, Node] | None:
    """The same for a regular user, who may stand for nodes of the types that the lists allow."""
    found = _named_node(header)
    if found is None or not _reaches_type(tx, identity, identity.org, found[1].dest_type):
        return None
    return identity.org, found[1]


def _named_node(header: str) -> tuple[str, Node] | None:
    parts = header.split("/")
    if len(parts) != 3 or not all(parts):
        return None
    return parts[0], Node(parts[1], parts[2])


def _reaches(tx: Transaction, identity: Identity, org: str, meta: Mapping[str, Json]) -> bool:
    """Whether an identity may address the destinations that the metadata name."""
    types = {entry.partition(":")[0] for entry in meta["destinationsList"] or ()}
    if meta["destinationType"]:
        types.add(meta["destinationType"])
    if not types and meta["destinationPolicy"] is None:
        return _entry(tx.acl(org, "destinations", EVERYTHING), identity) is not None
    return all(_reaches_type(tx, identity, org, dest_type) for dest_type in types)


def _reaches_type(tx: Transaction, identity: Identity, org: str, dest_type: str) -> bool:
    return any(
        _entry(tx.acl(org, "destinations", key), identity) is not None
        for key in (dest_type, EVERYTHING)
    )


def _entry(entries: list[AclEntry], identity: Identity) -> AclEntry | None:
    """The first entry of a list that names an identity, or everybody of its kind."""
    user_type = _USER_TYPES.get(identity.kind)
    for entry in entries:
        if entry.user_type == user_type and entry.username in (EVERYTHING, identity.user):
            return entry
    return None

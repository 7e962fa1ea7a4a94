"""The wire types of the sync service (rest-api.md, 5), under Python names.

The tables here are the only place that maps ``object_id`` to ``objectID``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Self

from syncnb.errors import InvalidMetaDataError

Json = Any  # whatever json.loads returns

# Python name, JSON name, value when nothing was sent; in the order of the wire (rest-api.md, 5.1).
OBJECT_FIELDS: tuple[tuple[str, str, Json], ...] = (
    ("object_id", "objectID", ""),
    ("object_type", "objectType", ""),
    ("dest_org_id", "destinationOrgID", ""),
    ("dest_id", "destinationID", ""),
    ("dest_type", "destinationType", ""),
    ("destinations_list", "destinationsList", None),
    ("destination_policy", "destinationPolicy", None),
    ("expiration", "expiration", ""),
    ("version", "version", ""),
    ("description", "description", ""),
    ("link", "link", ""),
    ("inactive", "inactive", False),
    ("activation_time", "activationTime", ""),
    ("no_data", "noData", False),
    ("meta_only", "metaOnly", False),
    ("destination_data_uri", "destinationDataUri", ""),
    ("source_data_uri", "sourceDataUri", ""),
    ("consumers", "consumers", 1),
    ("auto_delete", "autodelete", False),
    ("origin_id", "originID", ""),
    ("origin_type", "originType", ""),
    ("deleted", "deleted", False),
    ("instance_id", "instanceID", 0),
    ("data_id", "dataID", 0),
    ("object_size", "objectSize", 0),
    ("chunk_size", "chunkSize", 0),
    ("upload_chunk_size", "uploadChunkSize", 0),
    ("hash_algorithm", "hashAlgorithm", ""),
    ("public_key", "publicKey", ""),
    ("signature", "signature", ""),
    ("public", "public", False),
    ("owner_id", "ownerID", ""),
)
_PYTHON_NAME = {json: python for python, json, _ in OBJECT_FIELDS}
# What the service sets; a get-modify-update must not send it back (rest-api.md, 14.1).
_SET_BY_SERVICE = frozenset(
    {
        "dest_org_id",
        "origin_id",
        "origin_type",
        "deleted",
        "instance_id",
        "data_id",
        "object_size",
        "chunk_size",
        "upload_chunk_size",
        "owner_id",
    }
)
_TIMES = ("expiration", "activation_time")
_NAME_REMEDY = "use only letters, numbers, '.', '_', '@' and '-', without '..'"


def check_name(field_name: str, value: str) -> None:
    """Refuse a name that the protocol refuses or that its link cannot carry.

    Parameters
    ----------
    field_name : str
        Named in the error.
    value : str
        The name.

    Raises
    ------
    InvalidMetaDataError
        It is empty, or holds something else than letters, numbers, ``.``, ``_``, ``@``, ``-``, or
        holds ``..`` (rest-api.md, 1.5; sync-http.md, 2.3).

    Examples
    --------
    >>> check_name("object_id", "defects-1.2")
    """
    if not isinstance(value, str):
        raise InvalidMetaDataError(field_name, value, f'write it as text: "{value}"')
    if not value:
        raise InvalidMetaDataError(field_name, value, f"give it a name: {_NAME_REMEDY}")
    if ".." in value or not all(c in "._@-" or unicodedata.category(c)[0] in "LN" for c in value):
        raise InvalidMetaDataError(field_name, value, _NAME_REMEDY)


@dataclass(frozen=True, kw_only=True)
class ObjectMetaData:
    """Metadata of one object (rest-api.md, 5.1).

    Parameters
    ----------
    object_type, object_id : str
        Together the object's name, unique in its organisation.
    dest_type : str, default ""
        All nodes of this type; with `dest_id`, one of them. Without both, `destinations_list` and
        `destination_policy`, the object goes to every node of the organisation.
    dest_id : str, default ""
        One node; needs `dest_type`.
    destinations_list : sequence of str, optional
        Exactly these nodes, each as ``"type:id"``.
    destination_policy : mapping, optional
        A destination policy in its JSON form (rest-api.md, 5.3).
    expiration, activation_time : datetime, optional
        Aware. When the CSS forgets the object; when an inactive one becomes active.
    version, description, link : str
        For the application. With a `link` no data travel.
    inactive, no_data, meta_only, auto_delete, public, deleted : bool
        Flags, as the protocol describes them.
    consumers : int, default 1
        Applications on a node that must each acknowledge the object.
    object_size, chunk_size : int
        Bytes; set by the service.
    instance_id, data_id : int
        Set by the service; they grow with every change of the object, and of its data.
    unknown : mapping
        Members of a newer service, sent back as they came.

    Raises
    ------
    InvalidMetaDataError
        A name that cannot be carried, a `dest_id` without `dest_type`, contradicting addresses, or
        a time without a time zone.

    Examples
    --------
    >>> meta = ObjectMetaData(object_type="model", object_id="defects", dest_type="camera")
    >>> meta.to_json()["destinationType"]
    'camera'
    """

    object_type: str
    object_id: str
    dest_org_id: str = ""
    dest_id: str = ""
    dest_type: str = ""
    destinations_list: Sequence[str] | None = None
    destination_policy: Mapping[str, Json] | None = None
    expiration: datetime | None = None
    version: str = ""
    description: str = ""
    link: str = ""
    inactive: bool = False
    activation_time: datetime | None = None
    no_data: bool = False
    meta_only: bool = False
    destination_data_uri: str = ""
    source_data_uri: str = ""
    consumers: int = 1
    auto_delete: bool = False
    origin_id: str = ""
    origin_type: str = ""
    deleted: bool = False
    instance_id: int = 0
    data_id: int = 0
    object_size: int = 0
    chunk_size: int = 0
    upload_chunk_size: int = 0
    hash_algorithm: str = ""
    public_key: str = ""
    signature: str = ""
    public: bool = False
    owner_id: str = ""
    unknown: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if isinstance(self.destinations_list, list):
            object.__setattr__(self, "destinations_list", tuple(self.destinations_list))
        for name in _TIMES:
            moment = getattr(self, name)
            if moment is not None and moment.tzinfo is None:
                raise InvalidMetaDataError(
                    name, moment, "add a time zone, such as tzinfo=datetime.UTC"
                )

    def check(self) -> Self:
        """Refuse what a service would refuse or could not deliver; return `self`.

        Metadata that came from a service are never checked: they are what they are.

        Raises
        ------
        InvalidMetaDataError
            The first field that is wrong, with its value and the remedy.
        """
        check_name("object_type", self.object_type)
        check_name("object_id", self.object_id)
        for name in ("dest_type", "dest_id", "version"):
            if getattr(self, name):
                check_name(name, getattr(self, name))
        if self.dest_id and not self.dest_type:
            raise InvalidMetaDataError("dest_id", self.dest_id, "give the dest_type as well")
        if self.destinations_list is not None and self.dest_type:
            raise InvalidMetaDataError(
                "destinations_list",
                self.destinations_list,
                "give either dest_type or destinations_list",
            )
        if self.destinations_list is not None and not self.destinations_list:
            raise InvalidMetaDataError(
                "destinations_list",
                self.destinations_list,
                "name at least one node, since services take an empty list for all nodes",
            )
        for entry in self.destinations_list or ():
            dest_type, _, dest_id = entry.partition(":")
            if not dest_type or not dest_id or ":" in dest_id:
                raise InvalidMetaDataError(
                    "destinations_list", entry, "write each node as 'type:id'"
                )
        if re.search(r"</?[A-Za-z0-9]+>", self.description):
            raise InvalidMetaDataError(
                "description",
                self.description,
                "leave out what looks like a tag, such as <b>",
            )
        return self

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent; unknown members are kept in `unknown`."""
        known: dict[str, Json] = {}
        unknown: dict[str, Json] = {}
        for name, item in value.items():
            if name not in _PYTHON_NAME:
                unknown[name] = item
            elif item is not None:
                known[_PYTHON_NAME[name]] = item
        for name in _TIMES:
            known[name] = parse_time(known.get(name, ""))
        if "destinations_list" in known:
            known["destinations_list"] = tuple(known["destinations_list"])
        return cls(**known, unknown=MappingProxyType(unknown))

    def to_json(self) -> dict[str, Json]:
        """What to send: fields that hold their default are left out."""
        sent: dict[str, Json] = dict(self.unknown)
        for python, json, default in OBJECT_FIELDS:
            value = getattr(self, python)
            if python in _TIMES:
                value = format_time(value)
            elif python == "destinations_list" and value is not None:
                value = list(value)
            elif python == "destination_policy" and value is not None:
                value = dict(value)
            if value != default or python in ("object_id", "object_type"):
                sent[json] = value
        return sent

    def for_update(self, **changes: Any) -> Self:
        """A copy to send back: what the service sets is cleared, `changes` are made."""
        defaults = {f.name: f.default for f in fields(self) if f.name in _SET_BY_SERVICE}
        return replace(self, **{**defaults, "meta_only": False, **changes})


@dataclass(frozen=True, kw_only=True)
class Destination:
    """An edge node that is registered at the CSS (rest-api.md, 5.4).

    Examples
    --------
    >>> Destination(dest_type="camera", dest_id="node1")
    Destination(org_id='', dest_type='camera', dest_id='node1', communication='', code_version='')
    """

    org_id: str = ""
    dest_type: str
    dest_id: str
    communication: str = ""
    code_version: str = ""

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent."""
        return cls(
            org_id=value.get("destinationOrgID", ""),
            dest_type=value.get("destinationType", ""),
            dest_id=value.get("destinationID", ""),
            communication=value.get("communication", ""),
            code_version=value.get("codeVersion", ""),
        )


@dataclass(frozen=True, kw_only=True)
class DestinationStatus:
    """How far an object got at one node (rest-api.md, 5.5 and 8.5).

    Examples
    --------
    >>> DestinationStatus(dest_type="camera", dest_id="node1", status="delivered").status
    'delivered'
    """

    dest_type: str
    dest_id: str
    status: str  # pending, delivering, delivered, consumed, error, deleted
    message: str = ""  # why, when status is error

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent."""
        return cls(
            dest_type=value.get("destinationType", ""),
            dest_id=value.get("destinationID", ""),
            status=value.get("status", ""),
            message=value.get("message", ""),
        )


@dataclass(frozen=True, kw_only=True)
class ObjectStatus:
    """An object as one node has it (rest-api.md, 5.6).

    Examples
    --------
    >>> ObjectStatus(org_id="acme", object_type="model", object_id="m", status="consumed").status
    'consumed'
    """

    org_id: str
    object_type: str
    object_id: str
    status: str  # delivering, delivered, consumed, error

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent."""
        return cls(
            org_id=value.get("orgID", ""),
            object_type=value.get("objectType", ""),
            object_id=value.get("objectID", ""),
            status=value.get("status", ""),
        )


def parse_time(text: str) -> datetime | None:
    """An RFC 3339 time as an aware datetime; None where there is none or it is no time.

    Examples
    --------
    >>> parse_time("2030-01-01T00:00:00Z").year
    2030
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_time(moment: datetime | None) -> str:
    """RFC 3339 in UTC with ``Z`` and whole seconds, the form every service compares rightly.

    Examples
    --------
    >>> format_time(None)
    ''
    """
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

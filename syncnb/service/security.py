"""Who is calling, and what they may do (rest-api.md, 2).

Access control lists are empty here: regular users read what is public and write nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from syncnb.errors import SettingsError
from syncnb.metadata import Json
from syncnb.service.store import Node

_KINDS = {"admin", "edgenode", "user", "syncadmin", "service"}


class Access(Enum):
    """The outcome of the read evaluation (rest-api.md, 2.4)."""

    FULL = "full"
    PUBLIC = "public"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller.

    Parameters
    ----------
    kind : str
        ``admin``, ``edgenode``, ``user``, ``syncadmin`` or ``service``.
    org : str
        Its organisation; empty for a ``syncadmin``.
    user : str
        User ID; ``type/id`` of an edge node.
    """

    kind: str
    org: str
    user: str

    @property
    def node(self) -> Node | None:
        """The node that an edge node's identity stands for."""
        dest_type, _, dest_id = self.user.partition("/")
        return Node(dest_type, dest_id) if self.kind == "edgenode" and dest_id else None


@dataclass(frozen=True)
class Login:
    """The key and secret that an ESS shows to its CSS."""

    key: str
    secret: str = field(repr=False)


class Authenticator:
    """Checks HTTP Basic credentials against a file in the preset form (rest-api.md, 2.3).

    Secrets are kept as salted digests only.

    Parameters
    ----------
    path : Path
        The credentials file.

    Raises
    ------
    SettingsError
        The file is not there or not of that form.
    """

    def __init__(self, path: Path) -> None:
        content = _read(path)
        self._salt = secrets.token_bytes(16)
        self._nobody = self._digest(secrets.token_hex(16))
        self._known: dict[str, tuple[bytes, Identity]] = {}
        for key, entry in content.get("credentials", {}).items():
            kind = str(entry.get("type", "")).lower()
            if kind in _KINDS:
                org = "" if kind == "syncadmin" else entry.get("orgID", "")
                identity = Identity(kind, org, entry.get("username", ""))
                self._known[key] = (self._digest(entry.get("secret", "")), identity)
        login = content.get("cssCredentials") or {}
        self.login = Login(login.get("key", ""), login.get("secret", ""))

    def identify(self, authorization: str | None) -> Identity | None:
        """The identity behind an ``Authorization`` header, or None."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            key, colon, secret = base64.b64decode(token, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        digest, identity = self._known.get(key, (self._nobody, None))
        matches = hmac.compare_digest(digest, self._digest(secret))
        return identity if matches and colon else None

    def _digest(self, secret: str) -> bytes:
        return hashlib.blake2b(secret.encode(), key=self._salt, digest_size=32).digest()


def read_access(identity: Identity, org: str, *, is_css: bool) -> Access:
    """What an identity may see of the objects of an organisation."""
    if identity.kind == "syncadmin":
        return Access.FULL
    if identity.kind == "edgenode":
        return Access.DENIED
    if not is_css:
        return Access.FULL if identity.org == org else Access.DENIED
    if identity.kind == "service":
        return Access.DENIED
    return Access.FULL if identity.kind == "admin" and identity.org == org else Access.PUBLIC


def may_write(identity: Identity, org: str, *, is_css: bool) -> bool:
    """Whether an identity may change objects of an organisation (rest-api.md, 2.5)."""
    if identity.kind == "syncadmin":
        return True
    if identity.kind == "edgenode" or identity.org != org:
        return False
    return not is_css or identity.kind == "admin"


def link_node(identity: Identity | None, header: str | None) -> tuple[str, Node] | None:
    """Organisation and node of a call on the link (sync-http.md, 2.2), or None."""
    parts = (header or "").split("/")
    if identity is None or len(parts) != 3 or not all(parts):
        return None
    org, node = parts[0], Node(parts[1], parts[2])
    if identity.org != org:
        return None
    if identity.kind == "admin" or (identity.kind == "edgenode" and identity.node == node):
        return org, node
    return None


def _read(path: Path) -> dict[str, Json]:
    remedy = (
        'write {"credentials": {"KEY": {"secret": ..., "orgID": ..., "username": ..., "type": '
        '"admin"}}} into it'
    )
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError("auth", f"{path} cannot be read ({error.strerror})", remedy) from error
    except ValueError as error:
        raise SettingsError("auth", f"{path} is not JSON ({error})", remedy) from error
    entries = content.get("credentials", {}) if isinstance(content, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
        raise SettingsError("auth", f"{path} has no object of credentials", remedy)
    return dict(content)

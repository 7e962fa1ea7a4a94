"""The credentials file, and how secrets are kept in it (rest-api.md, 2.3).

The file has the form of the existing service. Beside ``"secret"`` an entry may have a
``"secretHash"`` instead, which `hash_secret` makes::

    {"credentials": {"KEY": {"secretHash": "scrypt:16384:8:1:SALT:HASH",
                             "orgID": "myorg", "username": "alice", "type": "admin"}}}

SALT and HASH are in base64; the numbers are the cost, the block size and the parallelism of scrypt
(RFC 7914), so that a file can hold hashes of different strength.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncnb.errors import SettingsError
from syncnb.metadata import Json
from syncnb.service.identity import KINDS, Identity, Login

log = logging.getLogger("syncnb.service")

_COST, _BLOCK, _PARALLEL = 1 << 14, 8, 1  # 16 MiB and a few hundredths of a second
_MOST_MEMORY = 256 << 20  # bytes; a hash that wants more is refused when the file is read
_REMEDY = (
    'write {"credentials": {"KEY": {"secret": ..., "orgID": ..., "username": ..., "type": '
    '"admin"}}} into it'
)


def hash_secret(secret: str) -> str:
    """A secret as a credentials file may keep it: it can be checked, but not read.

    Parameters
    ----------
    secret : str
        What the caller will send.

    Returns
    -------
    str
        For ``"secretHash"``; another one at every call, since the salt is random.

    Examples
    --------
    >>> fits_hash("s3cret", hash_secret("s3cret"))
    True
    """
    salt = secrets.token_bytes(16)
    digest = _scrypt(secret, salt, _COST, _BLOCK, _PARALLEL)
    ends = (base64.b64encode(part).decode() for part in (salt, digest))
    return ":".join(("scrypt", str(_COST), str(_BLOCK), str(_PARALLEL), *ends))


def fits_hash(secret: str, hashed: str) -> bool:
    """Whether a secret is the one that was hashed; takes a few hundredths of a second."""
    cost, block, parallel, salt, digest = _parse_hash(hashed)
    return hmac.compare_digest(_scrypt(secret, salt, cost, block, parallel), digest)


@dataclass(frozen=True)
class Credential:
    """What a key is compared with, and who has it."""

    identity: Identity
    digest: bytes | None = field(default=None, repr=False)
    hashed: str | None = field(default=None, repr=False)


class Credentials:
    """The content of one credentials file; plain secrets are kept as salted digests only.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    SettingsError
        It is not there or not of that form.
    """

    def __init__(self, path: Path) -> None:
        content = _read(path)
        self._salt = secrets.token_bytes(16)
        self._known: dict[str, Credential] = {}
        for key, entry in content.get("credentials", {}).items():
            credential = self._credential(path, key, entry)
            if credential is not None:
                self._known[key] = credential
        hashes = [one.hashed for one in self._known.values() if one.hashed is not None]
        # An unknown key takes as long as a known one with a wrong secret.
        self._nobody = Credential(
            Identity("", "", ""),
            digest=None if hashes else self._digest(secrets.token_hex(16)),
            hashed=hash_secret(secrets.token_hex(16)) if hashes else None,
        )
        self.login = _login(path, content)

    def identify(self, key: str, secret: str) -> Identity | None:
        """Who has this key, if the secret is right."""
        known = self._known.get(key)
        expected = known or self._nobody
        if expected.hashed is not None:
            fits = fits_hash(secret, expected.hashed)
        else:
            fits = hmac.compare_digest(self._digest(secret), expected.digest or b"")
        return known.identity if known is not None and fits else None

    def _credential(self, path: Path, key: str, entry: Mapping[str, Json]) -> Credential | None:
        texts = {}
        for name in ("type", "orgID", "username", "secret", "secretHash"):
            texts[name] = entry.get(name, "")
            if not isinstance(texts[name], str):
                raise SettingsError("auth", f"{path}: {name} of {key!r} is no text", "quote it")
        if texts["secretHash"] and texts["secret"]:
            raise SettingsError(
                "auth", f"{path}: {key!r} has a secret and a secretHash", "keep one of the two"
            )
        kind = texts["type"].lower()
        if kind not in KINDS:
            log.warning("%s: %r is no type of identity, so %r cannot log in", path, kind, key)
            return None
        org = "" if kind == "syncadmin" else texts["orgID"]
        identity = Identity(kind, org, texts["username"])
        if not texts["secretHash"]:
            return Credential(identity, digest=self._digest(texts["secret"]))
        try:
            _parse_hash(texts["secretHash"])
        except ValueError as error:
            raise SettingsError(
                "auth",
                f"{path}: the secretHash of {key!r} cannot be used ({error})",
                "make one with `syncnb css hash-secret`",
            ) from None
        return Credential(identity, hashed=texts["secretHash"])

    def _digest(self, secret: str) -> bytes:
        return hashlib.blake2b(secret.encode(), key=self._salt, digest_size=32).digest()


def read_login(path: Path) -> Login:
    """What an ESS shows to its CSS, if there is such a file; for authenticators of other makes.

    Raises
    ------
    SettingsError
        The file is not of the form.
    """
    return _login(path, _read(path)) if path.exists() else Login()


def _login(path: Path, content: Mapping[str, Json]) -> Login:
    login = content.get("cssCredentials") or {}
    if isinstance(login, dict):
        key, secret = login.get("key", ""), login.get("secret", "")
        if isinstance(key, str) and isinstance(secret, str):
            return Login(key, secret)
    raise SettingsError(
        "auth",
        f"{path}: cssCredentials is not what a node can show",
        'write "cssCredentials": {"key": ..., "secret": ...}',
    )


def _scrypt(secret: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        secret.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=2 * _MOST_MEMORY, dklen=32
    )


def _parse_hash(hashed: str) -> tuple[int, int, int, bytes, bytes]:
    parts = hashed.split(":")
    if len(parts) != 6 or parts[0] != "scrypt":
        raise ValueError("it is not scrypt:cost:block:parallelism:salt:hash")
    cost, block, parallel = (int(part) for part in parts[1:4])
    if cost < 2 or cost & (cost - 1) or block < 1 or parallel < 1:
        raise ValueError("its numbers are not those of scrypt")
    if 128 * cost * block * parallel > _MOST_MEMORY:
        raise ValueError("it would take too much memory")
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[4:])
    except binascii.Error:
        raise ValueError("salt or hash is not base64") from None
    if len(digest) != 32:
        raise ValueError("the hash is not 32 bytes long")
    return cost, block, parallel, salt, digest


def _read(path: Path) -> dict[str, Json]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError("auth", f"{path} cannot be read ({error.strerror})", _REMEDY) from error
    except ValueError as error:
        raise SettingsError("auth", f"{path} is not JSON ({error})", _REMEDY) from error
    entries = content.get("credentials", {}) if isinstance(content, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
        raise SettingsError("auth", f"{path} has no object of credentials", _REMEDY)
    return dict(content)

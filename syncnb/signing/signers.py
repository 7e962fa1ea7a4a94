"""Where a private key comes from: a file, the environment, or a hook that never shows it."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol, runtime_checkable

from syncnb.errors import SettingsError, SyncError
from syncnb.signing.keys import FileSigner
from syncnb.signing.public_keys import (
    LEAST_BITS,
    MOST_BITS,
    PublicKey,
    read_source,
    require_cryptography,
)

ENTRY_POINTS = "syncnb.signers"
KEY, PASSPHRASE = "SYNCNB_SIGNING_KEY", "SYNCNB_SIGNING_PASSPHRASE"
_RSA = "give an RSA key: make one with `syncnb keys make FILE`"


@runtime_checkable
class Signer(Protocol):
    """What signs: a key in a file, or one in a token or a service that never gives it away.

    Attributes
    ----------
    fingerprint : str
        SHA-256 of `public_key`, in hexadecimal.
    public_key : bytes
        SubjectPublicKeyInfo of an RSA key, in DER.

    Notes
    -----
    A distribution offers others by the entry point ``syncnb.signers``: a callable that takes the
    text behind the colon of ``signer="name:text"`` and returns a `Signer`.

    Examples
    --------
    >>> class Token:
    ...     fingerprint, public_key = "ab" * 32, b""
    ...
    ...     def sign(self, digest):
    ...         return b""  # ask the token
    >>> isinstance(Token(), Signer)
    True
    """

    @property
    def fingerprint(self) -> str:
        """SHA-256 of `public_key`, in hexadecimal."""

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo of an RSA key, in DER."""

    def sign(self, digest: bytes) -> bytes:
        """RSASSA-PSS over a digest (RFC 8017, 8.1): the hash for message and MGF1 is SHA-256 for 32
        bytes, of data, and SHA-512 for 64 bytes, of everything else.
        """  # noqa: D205


SignerSource = Signer | str | os.PathLike[str] | bool | None


def signer_from(
    source: SignerSource = None,
    *,
    passphrase: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Signer | None:
    """What signs.

    Parameters
    ----------
    source : Signer, path, str, False or None
        A signer is returned as it is. A path names a file with a private key in PEM; a text may be
        that PEM itself, or ``"name:argument"`` for a signer that another distribution brings.
        None takes what ``SYNCNB_SIGNING_KEY`` holds, in the same forms, and False nothing.
    passphrase : str, optional
        Of the private key; by default ``SYNCNB_SIGNING_PASSPHRASE``.
    environ : mapping of str to str, optional
        Instead of the environment of this process.

    Returns
    -------
    Signer or None
        None if nobody named a key.

    Raises
    ------
    SettingsError
        There is no such key; it is no RSA key of 2048 to 8192 bits, or no private one; it is
        encrypted and the passphrase does not open it; other users may read its file, which is then
        no secret any more (as ssh refuses it too). The error never shows the key.
    MissingDependencyError
        cryptography is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from syncnb.signing import make_key
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "key.pem"
    ...     made = make_key(path)
    ...     signer_from(path).fingerprint == made.fingerprint
    True
    >>> signer_from(None, environ={}) is None
    True
    """
    environ = os.environ if environ is None else environ
    named = "signer"
    if source is None:
        source, named = environ.get(KEY) or None, KEY
    if source is None or source is False:
        return None
    if isinstance(source, str | os.PathLike):
        if isinstance(source, str) and (hook := _hook(source)) is not None:
            return _checked(hook, named)
        return _from_key(source, passphrase or environ.get(PASSPHRASE) or None, named)
    return _checked(source, named)


def _from_key(source: str | os.PathLike[str], passphrase: str | None, named: str) -> FileSigner:
    require_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data, name = read_source(source, named)
    if b"PRIVATE KEY-----" not in data:
        what = "a public key, which cannot sign" if b"PUBLIC KEY-----" in data else "no PEM key"
        raise SettingsError(named, f"{name}: it is {what}", "give the private key, in PEM")
    if name != f"the text of {named}":
        _check_private(os.fspath(source), named)
    hidden = b"ENCRYPTED" in data
    try:
        key = load_pem_private_key(data, passphrase.encode() if passphrase and hidden else None)
    except TypeError:
        raise SettingsError(
            named, f"{name}: it is encrypted", f"give its passphrase in {PASSPHRASE}"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        problem = "the passphrase does not open it" if hidden else "it is damaged"
        raise SettingsError(named, f"{name}: {problem}", _RSA) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        kind = type(key).__name__.removeprefix("_").removesuffix("PrivateKey")
        raise SettingsError(named, f"{name}: it is a key of the kind {kind}", _RSA)
    if not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise SettingsError(
            named,
            f"{name}: it has {key.key_size} bits, {LEAST_BITS} to {MOST_BITS} are taken",
            _RSA,
        )
    return FileSigner(key)


def _check_private(path: str, named: str) -> None:
    """Refuse a file of this user that others can read, as ssh does."""
    facts = os.stat(path)
    if facts.st_uid == os.geteuid() and stat.S_IMODE(facts.st_mode) & 0o077:
        raise SettingsError(
            named,
            f"{path}: other users can use it (its mode is {stat.S_IMODE(facts.st_mode):04o})",
            f"make it yours alone with `chmod 600 {path}`",
        )


def _hook(text: str) -> Any:
    name, colon, argument = text.partition(":")
    if not colon:
        return None
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == name:
            return point.load()(argument)
    return None


def _checked(signer: Any, named: str) -> Signer:
    """Refuse a hook that is none, before anything is signed with it."""
    what = f"a {type(signer).__name__}"
    if not isinstance(signer, Signer):
        raise SettingsError(
            named,
            f"{what} is no signer",
            "give a path, or an object with fingerprint, public_key and sign(digest)",
        )
    try:
        key = PublicKey(signer.public_key)
    except SyncError:
        raise
    except (ValueError, TypeError) as error:
        raise SettingsError(named, f"the public key of {what}: {error}", _RSA) from None
    if key.fingerprint != signer.fingerprint:
        raise SettingsError(
            named,
            f"the fingerprint of {what} is not that of its public key",
            f"it must be the SHA-256 of the public key in DER, here {key.fingerprint}",
        )
    return signer

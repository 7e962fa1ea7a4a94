"""Public keys: read, named by their fingerprints, and what they check."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from typing import TYPE_CHECKING, Any

from syncnb.errors import MissingDependencyError, SettingsError, SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LEAST_BITS, MOST_BITS = 2048, 8192  # more would let a key of somebody else keep a node busy
MOST_BYTES = 8 * 1024  # of a key, encoded
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_MAKE = "make one with `syncnb keys make FILE`"
_RSA = f"give an RSA key of {LEAST_BITS} to {MOST_BITS} bits: {_MAKE}"


class PublicKey:
    """An RSA key that checks signatures.

    Parameters
    ----------
    der : bytes
        SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).

    Raises
    ------
    ValueError
        It is no such key, or is shorter than 2048 or longer than 8192 bits.
    MissingDependencyError
        cryptography is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from syncnb.signing import make_key
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     signer = make_key(Path(folder) / "key.pem")
    >>> PublicKey(signer.public_key).fingerprint == signer.fingerprint
    True
    """

    def __init__(self, der: bytes) -> None:
        if len(der) > MOST_BYTES:
            raise ValueError(f"it has {len(der)} bytes, at most {MOST_BYTES} are taken")
        require_cryptography()
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric import rsa
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        try:
            key = load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("it is no public key in DER") from None
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError(f"it is {_kind(key)}, no RSA key")
        if not LEAST_BITS <= key.key_size <= MOST_BITS:
            raise ValueError(f"it has {key.key_size} bits, {LEAST_BITS} to {MOST_BITS} are taken")
        if encode(key) != der:
            raise ValueError("it is no SubjectPublicKeyInfo")  # the library takes PKCS#1 as well
        self._key, self.der, self.fingerprint = key, der, fingerprint_of(der)
        self.bits = key.key_size

    def fits(self, digest: bytes, signature: bytes) -> bool:
        """Whether a signature is over a digest.

        Parameters
        ----------
        digest : bytes
            Of SHA-256 (32 bytes) or of SHA-512 (64 bytes).
        signature : bytes
            RSASSA-PSS with that hash, for MGF1 too, and a salt of any length (RFC 8017, 8.1).

        Returns
        -------
        bool
            Whether it fits.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from syncnb.signing import make_key
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     signer = make_key(Path(folder) / "key.pem")
        >>> digest = hashlib.sha256(b"data").digest()
        >>> PublicKey(signer.public_key).fits(digest, signer.sign(digest))
        True
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

        hashed = hash_of(digest)
        scheme = padding.PSS(padding.MGF1(hashed), padding.PSS.AUTO)
        try:
            self._key.verify(signature, digest, scheme, Prehashed(hashed))
        except (InvalidSignature, ValueError):
            return False
        return True

    def pem(self) -> str:
        """As a PEM file has it.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from syncnb.signing import make_key
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     signer = make_key(Path(folder) / "key.pem")
        >>> PublicKey(signer.public_key).pem().splitlines()[0]
        '-----BEGIN PUBLIC KEY-----'
        """
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    def __repr__(self) -> str:
        return f"<PublicKey {self.fingerprint}>"


def fingerprint_of(der: bytes) -> str:
    """The name of a key: SHA-256 of its SubjectPublicKeyInfo in DER, in hexadecimal.

    Examples
    --------
    >>> fingerprint_of(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(der).hexdigest()


def check_fingerprint(text: str) -> str:
    """A fingerprint as it is compared: 64 hexadecimal digits; colons and capitals are taken too.

    Raises
    ------
    SettingsError
        It is none.

    Examples
    --------
    >>> check_fingerprint("AB:" * 31 + "AB") == "ab" * 32
    True
    """
    plain = text.strip().replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(plain):
        raise SettingsError(
            "fingerprint",
            f"{text!r:.80} is none",
            "give the 64 hexadecimal digits that `syncnb keys show FILE` prints",
        )
    return plain


def decode_public_key(subject: str, text: str, fingerprint: str) -> PublicKey:
    """The key in the metadata of an object, if it is the one that is meant.

    Parameters
    ----------
    subject : str
        Which object, for the error.
    text : str
        Base64 of a SubjectPublicKeyInfo (rest-api.md, 7).
    fingerprint : str
        Of the key that is meant.

    Raises
    ------
    SignatureError
        It is no key, or another one.
    """
    remedy = "publish it again with syncnb, which sends the key that signed"
    if not text:
        raise SignatureError(subject, "its public key is missing", remedy)
    if len(text) > 2 * MOST_BYTES:
        raise SignatureError(
            subject, f"its public key has {len(text)} characters, that is no RSA key", remedy
        )
    try:
        der = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError(subject, "its public key is no base64", remedy) from None
    if not hmac.compare_digest(fingerprint_of(der), fingerprint):
        raise SignatureError(
            subject,
            f"its public key is {fingerprint_of(der)} (SHA-256), its manifest is signed by "
            f"{fingerprint}",
            remedy,
        )
    try:
        return PublicKey(der)
    except ValueError as error:
        raise SignatureError(subject, f"its public key cannot be used: {error}", remedy) from None


def read_public_key(source: str | os.PathLike[str]) -> PublicKey:
    """A public key out of a file, or of the text of one.

    Parameters
    ----------
    source : path or str
        The file, PEM or DER; or its text, which begins with ``-----BEGIN``.

    Returns
    -------
    PublicKey
        That checks signatures.

    Raises
    ------
    SettingsError
        There is no such file, or no RSA key of 2048 to 8192 bits in it; or it is a private key,
        which has no business where signatures are checked.
    MissingDependencyError
        cryptography is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from syncnb.signing import make_key
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     signer = make_key(Path(folder) / "key.pem")
    ...     read_public_key(Path(folder) / "key.pem.pub").fingerprint == signer.fingerprint
    True
    """
    data, name = read_source(source, "the public key")
    if b"PRIVATE KEY-----" in data:
        raise SettingsError(
            name,
            "it is a private key, which stays with its publisher",
            "give the public one, such as FILE.pub beside it",
        )
    try:
        return PublicKey(_public_der(data))
    except ValueError as error:
        raise SettingsError(name, str(error), _RSA) from None


def hash_of(digest: bytes) -> Any:
    """The hash of cryptography that makes digests of this length."""
    from cryptography.hazmat.primitives import hashes

    if len(digest) not in (32, 64):
        raise ValueError(f"a digest of SHA-256 or SHA-512 was expected, it has {len(digest)} bytes")
    return hashes.SHA256() if len(digest) == 32 else hashes.SHA512()


def encode(key: RSAPublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def read_source(source: str | os.PathLike[str], what: str) -> tuple[bytes, str]:
    """Bytes of a key, and how to call it in an error, which never is its text."""
    if isinstance(source, str) and source.lstrip().startswith("-----BEGIN"):
        return source.encode(), f"the text of {what}"
    name = os.fspath(source)
    try:
        with open(name, "rb") as file:
            data = file.read(8 * MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "that is no name of a file"
        raise SettingsError(
            what, f"{name!r:.200}: {reason}", f"name its file, or {_MAKE}"
        ) from None
    if len(data) > 8 * MOST_BYTES:
        raise SettingsError(
            what, f"{name}: it is too large for a key", f"name its file, or {_MAKE}"
        )
    return data, name


def require_cryptography() -> None:
    """Raise `MissingDependencyError` if it is not installed."""
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise MissingDependencyError("cryptography", "A signature", "signing") from None


def _public_der(data: bytes) -> bytes:
    require_cryptography()
    if b"-----BEGIN" not in data:
        return data
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_public_key,
    )

    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("it is no public key in PEM") from None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _kind(key: object) -> str:
    name = type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey")
    return f"an {name} key" if name[:1] in "AEIOX" else f"a {name} key"

"""RSA keys that sign: made, kept in files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from syncnb.errors import SettingsError
from syncnb.signing.public_keys import (
    LEAST_BITS,
    MOST_BITS,
    PublicKey,
    encode,
    fingerprint_of,
    hash_of,
    require_cryptography,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

BITS = 3072  # of a new key


class FileSigner:
    """Signs with a private key in the memory of this process. `make_key` and `signer_from` make it.

    Parameters
    ----------
    key : RSAPrivateKey
        Of cryptography.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     signer = make_key(Path(folder) / "key.pem")
    >>> len(signer.fingerprint), len(signer.sign(bytes(32)))
    (64, 384)
    """

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key
        self.public_key = encode(key.public_key())
        self.fingerprint = fingerprint_of(self.public_key)

    def sign(self, digest: bytes) -> bytes:
        """As `Signer.sign`.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     signer = make_key(Path(folder) / "key.pem", bits=2048)
        >>> len(signer.sign(bytes(64)))
        256
        """
        from cryptography.hazmat.primitives.asymmetric import padding
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

        hashed = hash_of(digest)
        scheme = padding.PSS(padding.MGF1(hashed), padding.PSS.DIGEST_LENGTH)
        return self._key.sign(digest, scheme, Prehashed(hashed))

    def __repr__(self) -> str:
        return f"<FileSigner {self.fingerprint}>"


def make_key(
    path: str | os.PathLike[str], passphrase: str | None = None, *, bits: int = BITS
) -> FileSigner:
    """Make a key that signs.

    Parameters
    ----------
    path : path
        The file of the private key, PEM (PKCS#8), which only its owner may read. The public key
        goes beside it, with ``.pub`` at the end of the name.
    passphrase : str, optional
        Encrypts the private key.
    bits : int, default 3072
        Length of the modulus; 2048 to 8192.

    Returns
    -------
    FileSigner
        A `Signer` that uses it.

    Raises
    ------
    SettingsError
        One of the files is there already, or cannot be written; the length is not possible.
    MissingDependencyError
        cryptography is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     signer = make_key(Path(folder) / "key.pem")
    ...     sorted(file.name for file in Path(folder).iterdir())
    ['key.pem', 'key.pem.pub']
    """
    require_cryptography()
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        KeySerializationEncryption,
        NoEncryption,
        PrivateFormat,
    )

    if not LEAST_BITS <= bits <= MOST_BITS:
        raise SettingsError("bits", f"{bits} is not possible", f"give {LEAST_BITS} to {MOST_BITS}")
    if passphrase is not None and not passphrase:
        raise SettingsError("passphrase", "it is empty", "give one, or None for no passphrase")
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    hidden: KeySerializationEncryption = (
        NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)
    signer = FileSigner(key)
    private, public = Path(path), Path(f"{os.fspath(path)}.pub")
    if public.exists():
        raise _exists(public)
    _write(private, pem, 0o600)
    try:
        _write(public, PublicKey(signer.public_key).pem().encode(), 0o644)
    except SettingsError:
        private.unlink()
        raise
    return signer


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise SettingsError(
            "path", f"{path}: {error.strerror}", "name a file that can be written"
        ) from None
    with os.fdopen(number, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _exists(path: Path) -> SettingsError:
    return SettingsError(
        "path",
        f"{path} is there already, and a key that is overwritten is lost",
        "give another name, or move the old one away",
    )

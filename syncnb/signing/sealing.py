"""A signature in a manifest, and one over data."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import NamedTuple, TypedDict

from syncnb.errors import InvalidManifestError, InvalidMetaDataError, SettingsError, SignatureError
from syncnb.manifest import MAX_SIZE
from syncnb.signing.public_keys import PublicKey
from syncnb.signing.signers import Signer

_MARK = ',"proof":'
_PROOF = re.compile(
    r'\{"key":"([0-9a-f]{64})","signature":"([A-Za-z0-9+/]{4,2048}={0,2})"\}\}', re.ASCII
)
_SUBJECT = "the manifest of the object"
_REMEDY = "publish the object again, with this syncnb or later"


class Sealed(NamedTuple):
    """A description that carries a signature, taken apart.

    Parameters
    ----------
    text : str
        What is signed: the description before the ``,"proof":`` at its end.
    key : str
        Fingerprint of the key that is said to have signed it.
    signature : bytes
        RSASSA-PSS with SHA-512 over `text` in UTF-8.

    Examples
    --------
    >>> Sealed('{"text":""', "ab" * 32, b"...").description
    '{"text":""}'
    """

    text: str
    key: str
    signature: bytes

    @property
    def description(self) -> str:
        """What was sealed: parse this and nothing else after the signature was checked."""
        return self.text + "}"

    def check(self, key: PublicKey, subject: str) -> None:
        """Check the signature.

        Parameters
        ----------
        key : PublicKey
            That made it.
        subject : str
            Which object, for the error.

        Raises
        ------
        SignatureError
            It is not over this text, or not by this key.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from syncnb.signing import make_key
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     signer = make_key(Path(folder) / "key.pem")
        >>> sealed = unseal(seal('{"text":"","syncnb":{}}', signer))
        >>> sealed.check(PublicKey(signer.public_key), "object note/a")
        """
        if key.fingerprint != self.key or not key.fits(digest_of(self.text), self.signature):
            raise SignatureError(
                subject,
                f"its manifest is not what the key {self.key} (SHA-256) signed",
                "it was changed on the way: publish it again, and find out by whom",
            )


class Triple(TypedDict):
    """The three fields of `syncnb.ObjectMetaData` that sign data (rest-api.md, 7).

    Examples
    --------
    >>> Triple(hash_algorithm="SHA256", public_key="...", signature="...")["hash_algorithm"]
    'SHA256'
    """

    hash_algorithm: str
    public_key: str
    signature: str


def seal(description: str, signer: Signer) -> str:
    """Sign a description.

    Parameters
    ----------
    description : str
        As `syncnb.Manifest.to_description` makes it.
    signer : Signer
        Signs it.

    Returns
    -------
    str
        The same JSON with one member more at its end, ``"proof":{"key":...,"signature":...}``.

    Raises
    ------
    InvalidMetaDataError
        There is no room for the signature, the description has no manifest, or one already.
    SettingsError
        The signer made a signature that does not fit.

    Notes
    -----
    What is signed is the text in front of ``,"proof":``, as it stands: no two programs have to
    agree on one way of writing JSON (compare RFC 8785).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from syncnb.signing import make_key
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     signer = make_key(Path(folder) / "key.pem")
    >>> seal('{"text":"","syncnb":{}}', signer)
    '{"text":"","syncnb":{},"proof":{"key":"...","signature":"..."}}'
    """
    document = _document(description)
    if document is None or "syncnb" not in document or "proof" in document:
        raise InvalidMetaDataError(
            "description", description, "give what Manifest.to_description() returned"
        )
    text = description.rstrip()[:-1]
    signature = base64.b64encode(signed(signer, digest_of(text))).decode()
    sealed = f'{text}{_MARK}{{"key":"{signer.fingerprint}","signature":"{signature}"}}}}'
    if (size := len(sealed.encode())) > MAX_SIZE:
        raise InvalidMetaDataError(
            "manifest",
            description,
            f"with its signature it has {size} bytes, and may have {MAX_SIZE}: shorten it by "
            f"{size - MAX_SIZE}, such as the example, the extra or the sbom",
        )
    return sealed


def unseal(description: str) -> Sealed | None:
    """Take the signature out of a description; nothing is checked yet.

    Parameters
    ----------
    description : str
        Of an object.

    Returns
    -------
    Sealed or None
        None if it is not signed.

    Raises
    ------
    InvalidManifestError
        There is a proof, but of another form, or the description is larger than 8 KB.

    Examples
    --------
    >>> print(unseal('{"text":"","syncnb":{}}'))
    None
    """
    if not description.startswith("{") or '"proof"' not in description:
        return None
    if len(description.encode(errors="replace")) > MAX_SIZE:
        raise InvalidManifestError(_SUBJECT, "it is larger than 8 KB", _REMEDY)
    document = _document(description)
    if document is None or "proof" not in document:
        return None
    # The end is matched as a whole: nothing that a parser would read follows what was signed.
    text, mark, end = description.rpartition(_MARK)
    found = _PROOF.fullmatch(end) if mark else None
    try:
        signature = base64.b64decode(found[2], validate=True) if found else b""
    except binascii.Error:
        signature = b""
    if found is None or not signature:
        raise InvalidManifestError(
            _SUBJECT,
            'its proof is not {"key": 64 hexadecimal digits, "signature": base64} at its end',
            _REMEDY,
        )
    return Sealed(text, found[1], signature)


def is_sealed(description: str) -> bool:
    """Whether a description carries a signature, right or wrong.

    Examples
    --------
    >>> is_sealed("written by another tool")
    False
    """
    try:
        return unseal(description) is not None
    except InvalidManifestError:
        return True


def triple(digest: bytes, signer: Signer) -> Triple:
    """The sync service's own signature, which the CSS and the ESS check over the data.

    Parameters
    ----------
    digest : bytes
        SHA-256 of the data, 32 bytes.
    signer : Signer
        Signs it.

    Returns
    -------
    dict
        ``hash_algorithm``, ``public_key`` and ``signature`` of `syncnb.ObjectMetaData`.

    Raises
    ------
    InvalidMetaDataError
        It is no such digest.
    SettingsError
        The signer made a signature that does not fit.

    Notes
    -----
    rest-api.md, 7.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from syncnb.signing import make_key
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     signer = make_key(Path(folder) / "key.pem")
    >>> sorted(triple(hashlib.sha256(b"data").digest(), signer))
    ['hash_algorithm', 'public_key', 'signature']
    """
    given: object = digest
    if not isinstance(given, bytes) or len(given) != 32:
        raise InvalidMetaDataError("digest", digest, "give the 32 bytes of hashlib.sha256(...)")
    return Triple(
        hash_algorithm="SHA256",
        public_key=base64.b64encode(signer.public_key).decode(),
        signature=base64.b64encode(signed(signer, digest)).decode(),
    )


def digest_of(text: str) -> bytes:
    """SHA-512 of a text in UTF-8; half characters, which JSON can hold, fit no signature."""
    return hashlib.sha512(text.encode(errors="surrogatepass")).digest()


def signed(signer: Signer, digest: bytes) -> bytes:
    """What a signer makes of a digest, if receivers will take it.

    A token with a worn battery, or a hook that hashes once more, shows here and not at the nodes.
    """
    signature = signer.sign(digest)
    if not PublicKey(signer.public_key).fits(digest, signature):
        raise SettingsError(
            "signer",
            f"the signature of {signer!r:.120} does not fit its public key",
            "sign the digest as it is with RSASSA-PSS; SHA-256 for 32 bytes, SHA-512 for 64",
        )
    return signature


def _document(description: str) -> dict[str, object] | None:
    try:
        document = json.loads(description)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None

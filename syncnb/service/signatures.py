"""Signatures of data, as senders and receivers check them (rest-api.md, 7)."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from syncnb.metadata import Json

_TRIPLE = ("hashAlgorithm", "publicKey", "signature")


def is_signed(meta: Mapping[str, Json]) -> bool:
    """Whether the metadata have all three fields; with fewer nothing is checked."""
    return all(meta[name] for name in _TRIPLE)


def fits(meta: Mapping[str, Json], digest: bytes) -> bool:
    """Whether the data with a digest are those that were signed.

    RSASSA-PSS with the named hash for message and MGF1, and a salt of any length. A key of another
    kind or form fits nothing.

    Parameters
    ----------
    meta : mapping
        ObjectMetaData under their JSON names.
    digest : bytes
        Of the data, by the algorithm that the metadata name.

    Returns
    -------
    bool
        True also if they are not signed.
    """
    if not is_signed(meta):
        return True
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_der_public_key,
    )

    algorithm: hashes.HashAlgorithm = (
        hashes.SHA256() if meta["hashAlgorithm"] == "SHA256" else hashes.SHA1()  # noqa: S303
    )
    scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
    try:
        encoded = base64.b64decode(meta["publicKey"])
        key = load_der_public_key(encoded)
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        if key.public_bytes(Encoding.DER, PublicFormat.PKCS1) == encoded:
            return False  # the library takes a bare PKCS#1 key, other services do not
        key.verify(base64.b64decode(meta["signature"]), digest, scheme, Prehashed(algorithm))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True

"""Public keys: only RSA ones, in the form that services read (rest-api.md, 7)."""

from __future__ import annotations

_SEQUENCE, _BITS, _OBJECT_ID = 0x30, 0x03, 0x06
_RSA = bytes.fromhex("2a864886f70d010101")  # 1.2.840.113549.1.1.1, rsaEncryption


def is_rsa_key(der: bytes) -> bool:
    """Whether it is the DER form of a SubjectPublicKeyInfo with an RSA key.

    Read here, without a library for cryptography, since some services crash on any other key.

    Parameters
    ----------
    der : bytes
        What a public key is in base64.

    Returns
    -------
    bool
        Whether its structure is right; the numbers are not looked at (RFC 5280, 4.1; RFC 8017,
        A.1).

    Examples
    --------
    >>> is_rsa_key(b"-----BEGIN PUBLIC KEY-----")
    False
    """
    try:
        info, rest = _content(der, _SEQUENCE)
        algorithm, key = _content(info, _SEQUENCE)
        name, _ = _content(algorithm, _OBJECT_ID)
        bits, after = _content(key, _BITS)
        numbers, end = _content(bits[1:], _SEQUENCE)
    except (IndexError, ValueError):
        return False
    return name == _RSA and bool(numbers) and bits[0] == 0 and not (rest or after or end)


def _content(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """What is inside of an element, and what comes after it."""
    if der[0] != tag:
        raise ValueError("another element was expected")
    size, start = der[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[2:start], "big")
    if len(der) < start + size:
        raise ValueError("it is cut off")
    return der[start : start + size], der[start + size :]

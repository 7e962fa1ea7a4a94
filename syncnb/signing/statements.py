"""Signed statements about keys: this one takes the place of that one, that one counts no more."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import format_time, in_utc, parse_time
from syncnb.signing.public_keys import MOST_BYTES, PublicKey, check_fingerprint
from syncnb.signing.sealing import digest_of, signed
from syncnb.signing.signers import Signer

_FORM = 1  # of a statement; grows when an older reader would misread it
LARGEST = 32 * 1024  # bytes of one, as JSON
_OVERLAP = timedelta(days=30)  # in which what the old key signed is still taken


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What somebody says about a key, and who signed it. Whether that counts, a `Trust` decides.

    Parameters
    ----------
    text : str
        What is signed: JSON.
    kind : {"rotate", "revoke"}
        What it says.
    key : str
        Fingerprint of the key that is replaced or revoked; empty if one is added.
    new : PublicKey, optional
        The key that counts from now on.
    until : datetime, optional
        Aware; to when the replaced key counts.
    reason : str
        For people.
    signers : mapping of str to tuple
        Fingerprint -> key and signature of each who signed it; every signature was checked.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from syncnb.signing import make_key
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     old, new = (make_key(Path(folder) / name, bits=2048) for name in ("old", "new"))
    >>> statement = rotation(new, old=old)
    >>> Statement.from_json(statement.to_json()) == statement
    True
    """

    text: str
    kind: str
    key: str
    new: PublicKey | None
    until: datetime | None
    reason: str
    signers: Mapping[str, tuple[PublicKey, bytes]]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read a statement and check its signatures.

        Parameters
        ----------
        value : object
            A member of the list that travels.

        Returns
        -------
        Statement
            Properly signed by each that it names.

        Raises
        ------
        ValueError
            It is none, or a signature does not fit.
        """
        if not isinstance(value, Mapping) or len(json.dumps(value)) > LARGEST:
            raise ValueError("it is no statement, or too large for one")
        text, proofs = value.get("statement"), value.get("proofs")
        if not isinstance(text, str) or not isinstance(proofs, list) or not 1 <= len(proofs) <= 4:
            raise ValueError("it has no statement with one to four proofs")
        signers = {}
        for proof in proofs:
            key, signature = PublicKey(_bytes(proof, "public_key")), _bytes(proof, "signature")
            if not key.fits(digest_of(text), signature):
                raise ValueError(f"it is not what {key.fingerprint} signed")
            signers[key.fingerprint] = (key, signature)
        return cls(text=text, signers=signers, **_said(text))

    def to_json(self) -> dict[str, Any]:
        """As it travels.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from syncnb.signing import make_key
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     signer = make_key(Path(folder) / "key.pem", bits=2048)
        >>> sorted(revocation(signer.fingerprint, by=signer).to_json())
        ['proofs', 'statement']
        """
        proofs = [
            {
                "public_key": base64.b64encode(key.der).decode(),
                "signature": base64.b64encode(signature).decode(),
            }
            for key, signature in self.signers.values()
        ]
        return {"statement": self.text, "proofs": proofs}

    def __repr__(self) -> str:
        new = f" -> {self.new.fingerprint}" if self.new is not None else ""
        return f"<Statement {self.kind} {self.key}{new}>"

    @property
    def id(self) -> str:
        """Short name of it, the same for the same text."""
        return hashlib.sha256(self.text.encode(errors="surrogatepass")).hexdigest()[:16]


def rotation(
    new: Signer,
    *,
    old: Signer | None = None,
    old_key: str = "",
    root: Signer | None = None,
    until: datetime | None = None,
    reason: str = "",
) -> Statement:
    """State that a new key takes the place of an old one, or that it counts from now on.

    Parameters
    ----------
    new : Signer
        The new key, which signs it too: nobody can name a key that is not theirs.
    old : Signer, optional
        The old key; it suffices at nodes that have no root key.
    old_key : str, default ""
        Its fingerprint, where `root` signs in its place; empty adds a key and replaces none.
    root : Signer, optional
        The root key; nodes that have one follow nobody else.
    until : datetime, optional
        Aware; to when what the old key signed is still taken, by default for thirty days.
    reason : str, default ""
        For people.

    Returns
    -------
    Statement
        To publish, or to hand to `syncnb.Trust.follow`.

    Raises
    ------
    InvalidMetaDataError
        Neither the old key nor a root key signs, or the new one is the old one.
    SettingsError
        `old_key` is no fingerprint; a signer signs wrongly.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from syncnb.signing import make_key
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     old, new = (make_key(Path(folder) / name, bits=2048) for name in ("old", "new"))
    >>> sorted(rotation(new, old=old).signers) == sorted([old.fingerprint, new.fingerprint])
    True
    """
    if old is None and root is None:
        raise InvalidMetaDataError("old", None, "let the old key sign, or a root key")
    replaced = old.fingerprint if old is not None else old_key and check_fingerprint(old_key)
    if replaced == new.fingerprint:
        raise InvalidMetaDataError("new", new.fingerprint, "make another key: this is the old one")
    end = in_utc("until", until) if until is not None else datetime.now(UTC) + _OVERLAP
    said = {
        "syncnb-keys": _FORM,
        "kind": "rotate",
        "key": replaced,
        "new": base64.b64encode(new.public_key).decode(),
        "until": format_time(end) if replaced else "",
        "reason": reason,
    }
    return _sign(said, [one for one in (old, root, new) if one is not None])


def revocation(key: str, *, by: Signer, reason: str = "") -> Statement:
    """State that nothing counts any more that a key signed, whenever it did.

    Parameters
    ----------
    key : str
        Fingerprint of the key.
    by : Signer
        A root key; at nodes that have none, the key itself or one that took its place.
    reason : str, default ""
        For people.

    Returns
    -------
    Statement
        To publish, or to hand to `syncnb.Trust.follow`.

    Raises
    ------
    SettingsError
        `key` is no fingerprint; the signer signs wrongly.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from syncnb.signing import make_key
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     signer = make_key(Path(folder) / "key.pem", bits=2048)
    >>> revocation(signer.fingerprint, by=signer, reason="the laptop was stolen").reason
    'the laptop was stolen'
    """
    said = {
        "syncnb-keys": _FORM,
        "kind": "revoke",
        "key": check_fingerprint(key),
        "reason": reason,
    }
    return _sign(said, [by])


def _sign(said: Mapping[str, Any], signers: list[Signer]) -> Statement:
    text = json.dumps(said, separators=(",", ":"))
    digest = digest_of(text)
    return Statement(
        text=text,
        signers={
            one.fingerprint: (PublicKey(one.public_key), signed(one, digest)) for one in signers
        },
        **_said(text),
    )


def _said(text: str) -> dict[str, Any]:
    """What the text of a statement says; raises `ValueError` if it is none."""
    try:
        said = json.loads(text)
    except RecursionError:
        raise ValueError("it is no JSON") from None
    if not isinstance(said, dict) or said.get("syncnb-keys") != _FORM:
        raise ValueError(f"it is no statement in the form {_FORM}")
    kind, key, reason = said.get("kind"), said.get("key"), said.get("reason", "")
    if kind not in ("rotate", "revoke") or not isinstance(reason, str):
        raise ValueError(f"it says {kind!r:.40}")
    if not isinstance(key, str) or (key != "" and check_fingerprint(key) != key):
        raise ValueError("its key is no fingerprint")
    new, until = None, None
    if kind == "rotate":
        new, until = PublicKey(_bytes(said, "new")), parse_time(str(said.get("until") or ""))
        if key and until is None:
            raise ValueError("it does not say until when the old key counts")
    elif not key:
        raise ValueError("it names no key")
    return {"kind": kind, "key": key, "new": new, "until": until, "reason": reason}


def _bytes(value: object, name: str) -> bytes:
    text = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(text, str) or len(text) > 2 * MOST_BYTES:
        raise ValueError(f"its {name} is missing or too large")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError(f"its {name} is no base64") from None

"""What a manifest must be to be taken: signed by a key that counts, of this object, new."""

from __future__ import annotations

import base64
import re
from datetime import datetime

from syncnb.errors import (
    InvalidManifestError,
    InvalidMetaDataError,
    ReplayedError,
    SignatureError,
    UnknownKeyError,
)
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData, parse_time
from syncnb.signing.public_keys import PublicKey, decode_public_key
from syncnb.signing.sealing import Sealed
from syncnb.trust.file import Pin, Seen, State
from syncnb.versioning import sort_key

REMEDY = "publish it again with syncnb, which binds them"


def pin_of(sealed: Sealed, state: State, now: datetime, subject: str) -> Pin:
    """The pin of the key that is said to have signed; it must count."""
    if revoked := state.revoked.get(sealed.key):
        raise SignatureError(
            subject,
            f"it is signed by the key {sealed.key} (SHA-256), which is revoked since "
            f"{revoked.since} ({revoked.reason or 'no reason given'})",
            "publish it again, signed by another key",
        )
    pin = state.pins.get(sealed.key)
    if pin is None:
        raise UnknownKeyError(subject, sealed.key)
    if pin.root:
        raise SignatureError(
            subject,
            f"it is signed by the root key {pin.key} (SHA-256), which signs no objects",
            "publish it again, signed by another key; who has used the root key?",
        )
    until = parse_time(pin.until)
    if until is not None and now > until:
        raise SignatureError(
            subject,
            f"it is signed by the key {pin.key} (SHA-256), in whose place is "
            f"{pin.successor} since {pin.until}",
            "publish it again, signed by the new key",
        )
    return pin


def key_of(pin: Pin, meta_data: ObjectMetaData, subject: str) -> PublicKey:
    """The key that signed: of the pin or of the object, and the same if both have it."""
    if meta_data.public_key or not pin.public_key:
        return decode_public_key(subject, meta_data.public_key, pin.key)
    return PublicKey(base64.b64decode(pin.public_key))


def check_bound(
    manifest: Manifest, meta_data: ObjectMetaData, subject: str, organisations: tuple[str, str]
) -> None:
    """Refuse a manifest that says nothing of this object, or something else than it."""
    for field in ("org_id", "object_type", "object_id", "sequence", "sha256"):
        if not getattr(manifest, field):
            raise InvalidManifestError(subject, f"its signed manifest has no {field}", REMEDY)
    if not re.fullmatch("[0-9A-Fa-f]{64}", manifest.sha256):
        raise InvalidManifestError(subject, f"its sha256 is {manifest.sha256!r:.80}", REMEDY)
    if manifest.version:
        try:
            sort_key(manifest.version)
        except InvalidMetaDataError as error:
            raise InvalidManifestError(subject, f"its {error}".rstrip("."), REMEDY) from None
    bound = [
        ("object_type", manifest.object_type, meta_data.object_type),
        ("object_id", manifest.object_id, meta_data.object_id),
        ("version", manifest.version, meta_data.version),
        ("org_id", manifest.org_id, meta_data.dest_org_id or manifest.org_id),
        *(("org_id", manifest.org_id, one) for one in organisations if one),
    ]
    for field, signed, served in bound:
        if signed != served:
            raise SignatureError(
                subject,
                f"it was signed with {field} {signed!r:.80} and is served with {served!r:.80}",
                "somebody put it under another name: publish the right one again, and find out who",
            )
    manifest.check_size(meta_data)


def check_order(now: Seen, before: Seen | None, rollback: bool, subject: str) -> None:
    """Refuse what is older than what was seen."""
    if before is None:
        return
    if now.sequence < before.sequence:
        raise ReplayedError(
            subject,
            f"its sequence is {now.sequence}, and {before.sequence} was seen here "
            f"(version {before.version or 'without a name'})",
            "somebody serves an older one; if it is meant, publish it again as a rollback",
        )
    if now.sequence == before.sequence and now != before:
        raise ReplayedError(
            subject,
            f"another one with the sequence {now.sequence} was seen here "
            f"(version {before.version or 'without a name'})",
            "two publishers do not know of each other: publish the right one again",
        )
    if now.version and before.version and not rollback:
        older = sort_key(now.version) < sort_key(before.version)
        if older:
            raise ReplayedError(
                subject,
                f"its version is {now.version}, {before.version} was seen here, and it is not "
                "signed as a rollback",
                "if the older version is meant, publish it as a rollback",
            )

"""Versions that were published: which there are, and their bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from syncnb.archive import ArchiveKey, Record
from syncnb.archive.opening import ArchiveSource, archive_for
from syncnb.client import SyncServiceClient
from syncnb.errors import ArchiveError, InvalidManifestError, InvalidMetaDataError, SyncError
from syncnb.manifest import Manifest
from syncnb.metadata import Json, ObjectMetaData
from syncnb.metadata.times import parse_time
from syncnb.metadata.values import Value
from syncnb.present import Keeping, look
from syncnb.sending import Shipment, send
from syncnb.signing import PublicKey, Signer, unseal
from syncnb.versioning import check_version, sort_key


@dataclass(frozen=True, kw_only=True, repr=False)
class PublishedVersion(Value):
    """One version of an object.

    Parameters
    ----------
    version : str
        The version.
    published : datetime, optional
        When, last; None if its publisher did not say.
    size : int
        Bytes of the data.
    sha256 : str
        Their digest.
    format : str
        Their form.
    sequence : int
        Grows with each publication of the object.
    aliases : tuple of str
        Where it was promoted to, and still is.
    current : bool
        Whether the service has this one now.
    archived : bool
        Whether its data are in the archive.

    Examples
    --------
    >>> PublishedVersion(version="1.2.0", size=3, current=True)
    PublishedVersion(version='1.2.0', size=3, current=True)
    """

    version: str
    published: datetime | None = None
    size: int = 0
    sha256: str = ""
    format: str = ""
    sequence: int = 0
    aliases: tuple[str, ...] = ()
    current: bool = False
    archived: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what `to_dict` says, with the time as text.

        Examples
        --------
        >>> PublishedVersion.from_json({"version": "1"})
        PublishedVersion(version='1')
        """
        known = {name: value[name] for name in cls.columns() if name in value}
        return cls(**{
            **known,
            "published": parse_time(str(value.get("published") or "")),
            "aliases": tuple(value.get("aliases") or ()),
        })  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Where the bytes of a version are.

    Parameters
    ----------
    manifest : Manifest
        As it was published.
    record : Record or None
        Of the archive.
    meta : ObjectMetaData or None
        Of an object that has them at the service.
    description : str
        As it was published.
    """

    manifest: Manifest
    record: Record | None
    meta: ObjectMetaData | None
    description: str


def versions_of(
    client: SyncServiceClient, key: ArchiveKey, keeping: Keeping, aliases: bool = True
) -> list[PublishedVersion]:
    """Every version that is known, the newest first."""
    present = look(client, key, keeping)
    rows: dict[str, PublishedVersion] = {}
    for record in present.records:
        manifest = _manifest(record.description)
        rows[record.version] = PublishedVersion(
            version=record.version,
            published=record.published,
            size=record.size,
            sha256=record.sha256,
            format=manifest.format if manifest is not None else "",
            sequence=record.sequence,
            archived=True,
        )
    meta, manifest = present.meta, present.manifest
    if meta is not None and not meta.deleted:
        version = manifest.version if manifest is not None else meta.version
        known = rows.get(version)
        digest = manifest.sha256 if manifest is not None else ""
        rows[version] = PublishedVersion(
            version=version,
            published=manifest.published if manifest is not None else None,
            size=manifest.size if manifest is not None else meta.object_size,
            sha256=digest,
            format=manifest.format if manifest is not None else "",
            sequence=manifest.sequence if manifest is not None else 0,
            current=True,
            archived=known is not None and known.sha256 == digest,
        )
    for alias, version in _aliases(client, key).items() if aliases else ():
        if version in rows:
            rows[version] = replace(rows[version], aliases=(*rows[version].aliases, alias))
    return sorted(rows.values(), key=lambda one: _order(one.version), reverse=True)


def find(
    client: SyncServiceClient, keys: list[ArchiveKey], keeping: Keeping, version: str
) -> Source:
    """The first object that has a version, in the archive or at the service.

    Raises
    ------
    ArchiveError
        None has.
    """
    for key in keys:
        for record in keeping.records(key):
            manifest = _manifest(record.description)
            if record.version == version and manifest is not None:
                return Source(manifest, record, None, record.description)
    for key in keys:
        present = look(client, key, Keeping())
        if present.manifest is not None and present.digest and present.version == version:
            meta = present.meta
            return Source(present.manifest, None, meta, meta.description if meta else "")
    known = [one.version for one in versions_of(client, keys[0], keeping, aliases=False)]
    raise ArchiveError(
        str(keys[0]),
        f"neither the archive nor the service has version {version}",
        f"give one of {', '.join(known[:20])}" if known else "publish it first",
    )


def before(client: SyncServiceClient, key: ArchiveKey, keeping: Keeping) -> str:
    """The newest version older than what the service has now.

    Raises
    ------
    ArchiveError
        There is none.
    """
    rows = versions_of(client, key, keeping, aliases=False)
    now = next((one.version for one in rows if one.current), "")
    older = [one.version for one in rows if _order(one.version) < _order(now)]
    if not now or not older:
        raise ArchiveError(
            str(key),
            f"there is no version before {now}" if now else "the service has no version of it",
            "see syncnb.versions(...) for those that are known, and name one with to=",
        )
    return older[0]


def fetch(source: Source, client: SyncServiceClient, keeping: Keeping, path: Path) -> None:
    """The bytes, compared with the digest of their manifest.

    Raises
    ------
    ArchiveError, DataError, ServiceError, ConnectionFailedError, OSError
        They are not to be had.
    """
    if source.record is not None and keeping.archive is not None:
        if source.record.sha256 != source.manifest.sha256:
            raise ArchiveError(
                str(source.record.key), "its record and its manifest differ", "publish it again"
            )
        keeping.archive.fetch(source.record.sha256, path)
    elif source.meta is not None:
        client.download_object_data(source.meta, path)


def vouch(source: Source, signer: Signer | None) -> None:
    """Refuse to sign again what was changed since this key signed it.

    Raises
    ------
    SignatureError, InvalidManifestError
        It was.
    """
    sealed = unseal(source.description)
    if signer is not None and sealed is not None and sealed.key == signer.fingerprint:
        sealed.check(PublicKey(signer.public_key), f"version {source.manifest.version}")


def again(manifest: Manifest) -> Manifest:
    """A manifest for another publication of the same bytes, valid for as long as the first was."""
    expires = manifest.expires
    if expires is not None:
        now = datetime.now(UTC)
        expires = now + (expires - (manifest.published or now))
        if expires <= now:
            expires = None
    return replace(manifest, expires=expires)


def keeping_of(client: SyncServiceClient, archive: ArchiveSource | bool | None) -> Keeping:
    """The archive that belongs to a client, unless another one is named."""
    found, wanted = archive_for(
        archive, url=client.url, is_cloud=bool(client.org_id), of_client=client.archive
    )
    return Keeping(archive=found, wanted=wanted)


def send_again(
    key: ArchiveKey,
    sources: list[ArchiveKey],
    version: str,
    *,
    addresses: ObjectMetaData,
    client: SyncServiceClient,
    keeping: Keeping,
    signer: Signer | None,
    timeout: float,
) -> tuple[ObjectMetaData, Manifest]:
    """Publish a version as an object once more, with bytes that any of the sources has."""
    source = find(client, sources, keeping, version)
    vouch(source, signer)
    with tempfile.TemporaryDirectory(prefix="syncnb-") as folder:
        path = Path(folder) / "data"
        fetch(source, client, keeping, path)
        shipment = Shipment(
            path=path,
            manifest=again(source.manifest),
            addresses=replace(addresses, object_id=key.object_id),
            version=version,
            may_go_back=True,
            ours=True,
        )
        return send(shipment, client, keeping=keeping, signer=signer, timeout=timeout)


def check_alias(alias: str) -> str:
    """A name to promote to.

    Raises
    ------
    InvalidMetaDataError
        It is none.
    """
    if not alias or "@" in alias:
        raise InvalidMetaDataError("to", alias, "give a word such as 'production', without '@'")
    return alias


def _aliases(client: SyncServiceClient, key: ArchiveKey) -> dict[str, str]:
    """Alias -> version, of what the service has under ``name@alias``."""
    if not client.org_id:
        return {}
    found = {}
    for one in client.objects(key.object_type):
        name, at, alias = one.object_id.partition("@")
        if at and alias and name == key.object_id and not one.deleted:
            found[alias] = one.version
    return dict(sorted(found.items()))


def _manifest(description: str) -> Manifest | None:
    try:
        return Manifest.from_description(description)
    except InvalidManifestError:
        return None


def _order(version: str) -> tuple[object, ...]:
    try:
        return (1, *sort_key(check_version(version)))
    except SyncError:
        return (0, version)

"""What there is of an object now, at the service and in the archive."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from syncnb.archive import Archive, ArchiveKey, LocalArchive, Record
from syncnb.client import SyncServiceClient
from syncnb.errors import (
    AccessDeniedError,
    ArchiveError,
    InvalidManifestError,
    InvalidMetaDataError,
    ObjectNotFoundError,
)
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData
from syncnb.versioning import check_version, sort_key

log = logging.getLogger("syncnb")


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """Where published versions are kept.

    Parameters
    ----------
    archive : Archive, optional
        None for nowhere.
    wanted : bool
        Whether it has to work; otherwise publishing goes on without it.
    """

    archive: Archive | None = None
    wanted: bool = False

    @property
    def is_local(self) -> bool:
        """Whether files are kept on a disk of this machine."""
        return isinstance(self.archive, LocalArchive)

    def spool(self, key: ArchiveKey, size: int) -> Path | None:
        """Where to copy a file that will be kept; None if it need not be, or may be there already.

        A file of somebody else is read once that way, for the copy and for the digest, and not once
        for each.
        """
        if not isinstance(self.archive, LocalArchive):
            return None
        known = any(one.size == size for one in self.records(key))
        return None if known else self.archive.spool()

    def records(self, key: ArchiveKey) -> list[Record]:
        """What is known of an object."""
        if self.archive is None:
            return []
        try:
            return self.archive.records(key)
        except ArchiveError as error:
            self._bear(error)
            return []

    def claim(self, path: Path, record: Record, *, ours: bool) -> bool:
        """Keep the data, then their record; False if that version has one."""
        if self.archive is None:
            return True
        try:
            self.archive.keep(path, record.sha256, ours=ours)
            return self.archive.claim(record)
        except ArchiveError as error:
            self._bear(error)
            return True

    def update(self, record: Record) -> None:
        """Note how a version that has a record was published at last."""
        if self.archive is not None:
            try:
                self.archive.update(record)
            except ArchiveError as error:  # it is published: only its record is older
                log.warning("%s", error)

    def release(self, record: Record) -> None:
        """Forget a version that was not published."""
        if self.archive is not None:
            with contextlib.suppress(ArchiveError):
                self.archive.release(record)

    def _bear(self, error: ArchiveError) -> None:
        if self.wanted:
            raise error
        log.warning("%s Publishing goes on without the archive.", error)


@dataclass(frozen=True)
class Present:
    """What the service and the archive have of an object now."""

    meta: ObjectMetaData | None
    manifest: Manifest | None
    records: Sequence[Record] = ()
    readable: bool = True

    @property
    def version(self) -> str:
        """That the service has; empty if there is none that can be compared."""
        if self.meta is None:
            return ""
        return comparable(self.manifest.version if self.manifest else self.meta.version)

    @property
    def digest(self) -> str:
        """Of what the service has, as its manifest says; empty if nobody says it."""
        gone = self.meta is None or self.meta.deleted
        return self.manifest.sha256 if self.manifest is not None and not gone else ""

    @property
    def newest(self) -> str:
        """The newest version that is known."""
        known = [one.version for one in self.records if comparable(one.version)]
        return max([*known, *([self.version] if self.version else [])], key=sort_key, default="")

    @property
    def sequence(self) -> int:
        """The highest that is known."""
        known = [one.sequence for one in self.records]
        return max([*known, self.manifest.sequence if self.manifest else 0])

    def digests_of(self, version: str) -> set[str]:
        """Of the data that were published as a version, however it is written."""
        same = sort_key(version)
        known = {
            one.sha256
            for one in self.records
            if comparable(one.version) and sort_key(one.version) == same
        }
        if self.digest and self.version and sort_key(self.version) == same:
            known.add(self.digest)
        return known


def look(client: SyncServiceClient, key: ArchiveKey, keeping: Keeping) -> Present:
    """What the service and the archive have of an object.

    Raises
    ------
    ServiceError, ConnectionFailedError, ArchiveError
        They do not say.
    """
    records = keeping.records(key)
    try:
        meta = client.get_object_metadata(key.object_type, key.object_id)
    except ObjectNotFoundError:
        return Present(None, None, records)
    except AccessDeniedError:  # some may write what they may not read
        return Present(None, None, records, readable=False)
    try:
        manifest = Manifest.from_description(meta.description)
    except InvalidManifestError:
        manifest = None
    return Present(meta, manifest, records)


def comparable(version: str) -> str:
    """The version, if it is one; other tools write what they like."""
    try:
        return check_version(version)
    except InvalidMetaDataError:
        return ""


def is_older(version: str, newest: str) -> bool:
    """Whether there is a newer one."""
    return bool(newest) and sort_key(version) < sort_key(newest)

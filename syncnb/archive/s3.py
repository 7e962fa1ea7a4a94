"""An archive in an S3-compatible store."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from syncnb.archive.local import check_keep
from syncnb.archive.records import (
    MAX_RECORD,
    YOUNG,
    ArchiveKey,
    Record,
    check_digest,
    place_of,
    surplus,
)
from syncnb.errors import ArchiveError, DigestMismatchError
from syncnb.s3_store import first_line, s3_store, shown

_PART = 8 << 20  # bytes of a part of an upload
_AT_ONCE = 2  # parts under way; bounds the memory
_REMEDY = "check the bucket, AWS_ENDPOINT_URL, AWS_REGION and the keys in AWS_*"


class S3Archive:
    """A prefix of a bucket: ``blobs/`` has bytes by their digest, ``records/`` an object a version.

    Parameters
    ----------
    url : str
        ``s3://bucket/prefix``.

    Raises
    ------
    SettingsError
        The URL names no bucket, or the endpoint is not encrypted.
    """

    def __init__(self, url: str) -> None:
        self._store, self._shown = s3_store(url, "archive"), shown(url)

    @property
    def place(self) -> str:
        """Its URL."""
        return self._shown

    def keep(self, path: Path, digest: str, *, ours: bool = False) -> None:
        """Upload the bytes of a file; other bytes than those of the digest never become visible."""
        target = place_of(digest)
        with self._said():
            try:
                obstore.head(self._store, target)
            except FileNotFoundError:
                pass
            else:
                return
            obstore.put(
                self._store, target, _pieces(path, digest), chunk_size=_PART,
                max_concurrency=_AT_ONCE,
            )  # fmt: skip

    def claim(self, record: Record) -> bool:
        """Write a record unless there is one; the store takes one of several."""
        check_digest(record.sha256, str(record.key))
        with self._said():
            try:
                obstore.put(
                    self._store, record.place, record.to_json(), mode="create", use_multipart=False
                )
            except AlreadyExistsError:
                # Ours, if an answer was lost and the library asked again.
                return self._read(record.place) == record.to_json()
        return True

    def update(self, record: Record) -> None:
        """Replace a record."""
        check_digest(record.sha256, str(record.key))
        with self._said():
            obstore.put(self._store, record.place, record.to_json(), use_multipart=False)

    def release(self, record: Record) -> None:
        """Remove a record."""
        with self._said():
            obstore.delete(self._store, record.place)

    def records(self, key: ArchiveKey) -> list[Record]:
        """The records of an object, by their sequence."""
        found = []
        with self._said():
            for name, size, _ in self._listed(f"records/{key.place}"):
                data = self._read(name) if size <= MAX_RECORD else b""
                if data is not None:
                    found.append(Record.from_json(data, key, f"{self._shown}/{name}"))
        return sorted(found, key=lambda one: one.sequence)

    def fetch(self, digest: str, path: Path) -> None:
        """Download bytes."""
        name, seen = place_of(digest), hashlib.sha256()
        with self._said():
            try:
                answer = obstore.get(self._store, name)
            except FileNotFoundError:
                raise ArchiveError(
                    f"the archive {self._shown}", f"it has no data {digest:.12}...",
                    "publish them again, or name the archive that has them with archive=",
                ) from None  # fmt: skip
            with path.open("wb") as out:
                for piece in answer.stream(min_chunk_size=1 << 20):
                    seen.update(piece)
                    out.write(piece)
        if seen.hexdigest() != digest:
            path.unlink()
            raise ArchiveError(f"{self._shown}/{name}", "it is damaged", "publish it again")

    def prune(self, keep: int) -> int:
        """Forget old versions and bytes of no version."""
        check_keep(keep)
        wanted, forgotten = set(), 0
        by_object: dict[str, list[Record]] = {}
        with self._said():
            for name, _, _ in self._listed("records"):
                data = self._read(name)
                if data is not None:
                    record = _any_record(data, f"{self._shown}/{name}", name)
                    by_object.setdefault(record.key.place, []).append(record)
            for records in by_object.values():
                gone = surplus(records, keep)
                for record in gone:
                    obstore.delete(self._store, record.place)
                forgotten += len(gone)
                wanted |= {one.sha256 for one in records if one not in gone}
            for name, _, modified in self._listed("blobs"):
                if name.rsplit("/", 1)[1] not in wanted and modified < time.time() - YOUNG:
                    obstore.delete(self._store, name)
        return forgotten

    def __repr__(self) -> str:
        return f"<S3Archive {self._shown}>"

    def _listed(self, prefix: str) -> Iterator[tuple[str, int, float]]:
        for batch in obstore.list(self._store, prefix):
            for one in batch:
                yield one["path"], one["size"], one["last_modified"].timestamp()

    def _read(self, name: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, name).bytes())
        except FileNotFoundError:  # released or pruned meanwhile
            return None

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            raise ArchiveError(f"the archive {self._shown}", first_line(error), _REMEDY) from error


def _any_record(data: bytes, where: str, name: str) -> Record:
    try:
        value = json.loads(data)
        key = ArchiveKey(value["org_id"], value["object_type"], value["object_id"])
        right = name.startswith(f"records/{key.place}/")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        right = False
    if not right:
        raise ArchiveError(where, "it is no record", "remove it")
    return Record.from_json(data, key, where)


def _pieces(path: Path, digest: str) -> Iterator[bytes]:
    """The bytes of a file; the last comes only if all of them are those of the digest."""
    seen, last = hashlib.sha256(), b""
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            seen.update(piece)
            if last:
                yield last
            last = piece
    if seen.hexdigest() != digest:
        raise DigestMismatchError(f"the file {str(path)!r}", digest, seen.hexdigest())
    yield last

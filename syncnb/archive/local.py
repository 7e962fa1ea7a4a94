"""An archive in a folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncnb.archive.records import (
    YOUNG,
    ArchiveKey,
    Record,
    check_digest,
    place_of,
    surplus,
)
from syncnb.errors import ArchiveError, DigestMismatchError, InvalidMetaDataError

SPOOL = ".spool-"  # how the folders begin in which files wait to be kept
_PIECE = 1 << 20  # bytes
_REMEDY = "check that the folder can be written and has room, or name another one with archive="


class LocalArchive:
    """A folder: ``blobs/`` has bytes by their digest, ``records/`` a file a version.

    Whatever is interrupted, a file under its final name is whole: it is written beside it, synced,
    and moved or linked into place.

    Parameters
    ----------
    root : Path
        Made when something is written; only its user may read it.

    Examples
    --------
    >>> LocalArchive(Path("/var/lib/models"))
    <LocalArchive /var/lib/models>
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._root)

    def spool(self) -> Path | None:
        """A folder on the disk of the archive, for files that it is to keep; None without one."""
        try:
            self._folder(self._root)
        except OSError:
            return None
        return self._root

    def keep(self, path: Path, digest: str, *, ours: bool = False) -> None:
        """Keep the bytes of a file; a file that is ours is linked if it is on the same disk."""
        target = self._root / place_of(digest)
        with self._said():
            if target.exists():
                os.utime(target)  # so that `prune` knows that somebody wants them
                return
            self._folder(target.parent)
            part = _beside(target)
            try:
                if not (ours and _linked(path, part)):
                    _copy(path, part, digest, f"the file {str(path)!r}")
                _sync(part)
                part.replace(target)
                _sync(target.parent)
            finally:
                part.unlink(missing_ok=True)

    def claim(self, record: Record) -> bool:
        """Write a record unless there is one: a link under its name is made by one publisher."""
        target = self._root / record.place
        with self._said(), self._written(target, record) as part:
            try:
                target.hardlink_to(part)
            except FileExistsError:
                return False
            _sync(target.parent)
        return True

    def update(self, record: Record) -> None:
        """Replace a record."""
        target = self._root / record.place
        with self._said(), self._written(target, record) as part:
            part.replace(target)
            _sync(target.parent)

    def release(self, record: Record) -> None:
        """Remove a record."""
        with self._said():
            (self._root / record.place).unlink(missing_ok=True)

    def records(self, key: ArchiveKey) -> list[Record]:
        """The records of an object, by their sequence."""
        with self._said():
            found = []
            for path in (self._root / "records" / key.place).glob("[!.]*.json"):
                try:
                    data = path.read_bytes()
                except FileNotFoundError:  # released or pruned meanwhile
                    continue
                found.append(Record.from_json(data, key, f"the file {str(path)!r}"))
        return sorted(found, key=lambda one: one.sequence)

    def fetch(self, digest: str, path: Path) -> None:
        """Copy bytes out."""
        source = self._root / place_of(digest)
        with self._said():
            try:
                _copy(source, path, digest, f"the file {str(source)!r} of the archive")
            except FileNotFoundError:
                remedy = "publish them again, or name the archive that has them with archive="
                raise ArchiveError(
                    f"the archive {self.place}", f"it has no data {digest:.12}...", remedy
                ) from None
            except DigestMismatchError as error:
                path.unlink(missing_ok=True)
                raise ArchiveError(
                    f"the file {str(source)!r}",
                    "it is damaged",
                    "remove it, and publish that version again from where it was made",
                ) from error

    def prune(self, keep: int) -> int:
        """Forget old versions and bytes of no version."""
        check_keep(keep)
        wanted, forgotten = set(), 0
        with self._said():
            for folder in sorted(self._root.glob("records/*/*/*")):
                found = [(path, _any_record(path)) for path in sorted(folder.glob("[!.]*.json"))]
                gone = {id(one) for one in surplus([record for _, record in found], keep)}
                for path, record in found:
                    if id(record) in gone:
                        path.unlink(missing_ok=True)
                        forgotten += 1
                    else:
                        wanted.add(record.sha256)
            before = time.time() - YOUNG
            for path in [*self._root.glob("blobs/*/*"), *self._root.glob("records/*/*/*/.*.part")]:
                if path.name not in wanted and path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
            for path in self._root.glob(f"{SPOOL}*"):  # of publishers that were killed
                if path.stat().st_mtime < before:
                    shutil.rmtree(path, ignore_errors=True)
        return forgotten

    def __repr__(self) -> str:
        return f"<LocalArchive {self.place}>"

    def _folder(self, folder: Path) -> None:
        if not self._root.exists():
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _written(self, target: Path, record: Record) -> Iterator[Path]:
        """A record in a file beside its place, which is gone after the block."""
        check_digest(record.sha256, str(record.key))
        self._folder(target.parent)
        part = _beside(target)
        try:
            part.write_bytes(record.to_json())
            _sync(part)
            yield part
        finally:
            part.unlink(missing_ok=True)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            said = error.strerror or str(error)
            raise ArchiveError(f"the archive {self.place}", said, _REMEDY) from error


def check_keep(keep: int) -> None:
    """Refuse to forget everything."""
    if type(keep) is not int or keep < 1:
        raise InvalidMetaDataError("keep", keep, "give the number of versions to keep, at least 1")


def _any_record(path: Path) -> Record:
    """A record by where it lies, which has to be where it says that it belongs."""
    import json

    data, where = path.read_bytes(), f"the file {str(path)!r}"
    try:
        value = json.loads(data)
        key = ArchiveKey(value["org_id"], value["object_type"], value["object_id"])
        right = path.parent.as_posix().endswith(f"records/{key.place}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        right = False
    if not right:
        raise ArchiveError(where, "it is no record", "remove it")
    return Record.from_json(data, key, where)


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name[:80]}.{secrets.token_hex(8)}.part")


def _linked(path: Path, part: Path) -> bool:
    try:
        os.link(path, part)
    except OSError:  # another disk, or one without links
        return False
    return True


def _copy(source: Path, target: Path, digest: str, subject: str) -> None:
    """Copy a file, and compare.

    Raises
    ------
    DigestMismatchError
        It has other bytes; the copy is not to be used.
    """
    seen = hashlib.sha256()
    with source.open("rb") as file, target.open("wb") as out:
        while piece := file.read(_PIECE):
            seen.update(piece)
            out.write(piece)
    if seen.hexdigest() != digest:
        raise DigestMismatchError(subject, digest, seen.hexdigest())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

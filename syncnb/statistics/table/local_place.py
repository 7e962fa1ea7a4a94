"""A table in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from syncnb.errors import SyncError, TableError
from syncnb.statistics.table.names import staged, token
from syncnb.statistics.table.place import REMEDY, Found

if TYPE_CHECKING:
    import pyarrow.fs as pafs


class LocalPlace:
    """Files in a folder; whatever is interrupted, a file under its name is whole and synced.

    Parameters
    ----------
    root : Path
        Absolute; made when something is written.

    Examples
    --------
    >>> LocalPlace(Path("/var/lib/stats"))
    <LocalPlace /var/lib/stats>
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def shown(self) -> str:
        """The folder."""
        return str(self._root)

    @property
    def settles(self) -> timedelta:
        """Nothing: a file has one name at a time."""
        return timedelta(0)

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file; None if there is none."""
        with self._said():
            try:
                return (self._root / name).read_bytes()
            except FileNotFoundError:
                return None

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file unless there is one: a link under its name is made by one writer."""
        target = self._root / name
        with self._said():
            part = self._part(target)
            try:
                part.write_bytes(data)
                _sync(part)
                target.hardlink_to(part)
            except FileExistsError:
                return False
            finally:
                part.unlink(missing_ok=True)
            _sync(target.parent)
        return True

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all, also over another."""
        with self.writing(name) as part:
            part.write_bytes(data)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A local path for a large file, which is there under its name after the block."""
        target = self._root / name
        with self._said():
            part = self._part(target)
            try:
                yield part
                _sync(part)
                part.replace(target)
                _sync(target.parent)
            finally:
                part.unlink(missing_ok=True)

    def move(self, name: str, to: str) -> None:
        """Give a file another name; nothing happens if it has not got the old one any more."""
        target = self._root / to
        with self._said():
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                (self._root / name).replace(target)
            except FileNotFoundError:
                return
            _sync(target.parent)
            _sync(self._root)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._said():
            (self._root / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[Found]:
        """The files in a folder, by their names; none if there is no folder."""
        found = []
        with self._said():
            try:
                entries = list(os.scandir(self._root / folder))
            except FileNotFoundError:
                return []
            for entry in entries:
                try:
                    about = entry.stat()
                except FileNotFoundError:  # moved or removed meanwhile
                    continue
                modified = datetime.fromtimestamp(about.st_mtime, UTC)
                found.append(Found(f"{folder}/{entry.name}", about.st_size, modified))
        return sorted(found, key=lambda one: one.name)

    def days(self) -> Iterator[str]:
        """The folders ``day=...``, sorted."""
        with self._said():
            yield from sorted(path.name for path in self._root.glob("day=*"))

    def arrow(self) -> tuple[pafs.FileSystem, str]:
        """A file system for Arrow, and the root of the table in it."""
        import pyarrow.fs as pafs

        return pafs.LocalFileSystem(), str(self._root)

    def __repr__(self) -> str:
        return f"<LocalPlace {self.shown}>"

    def _part(self, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = self._root / staged(token())  # what is left of a crash is cleaned up there
        part.parent.mkdir(exist_ok=True)
        return part

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except SyncError:  # some are OSErrors too
            raise
        except OSError as error:
            said = error.strerror or str(error)
            raise TableError(f"the table {self.shown}", said, REMEDY) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

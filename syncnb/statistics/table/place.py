"""Where the files of a table are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from syncnb.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow.fs as pafs

REMEDY = "check that the place can be written and has room, or name another one"


@dataclass(frozen=True)
class Found:
    """A file that is there.

    Parameters
    ----------
    name : str
        Below the root of the table.
    size : int
        Bytes.
    modified : datetime
        By the clock of the storage.
    """

    name: str
    size: int
    modified: datetime


class Place(Protocol):
    """Files by names such as ``"_log/00000001.json"``, in a folder or in a bucket.

    Every call raises `TableError` if the storage does not do it.
    """

    @property
    def shown(self) -> str:
        """Where it is, for people."""

    @property
    def settles(self) -> timedelta:
        """How long a `move` that was held up may still take place; nothing where it is atomic."""

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file; None if there is none."""

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file unless there is one; of several writers, one can.

        Returns
        -------
        bool
            False if there is one with other bytes.
        """

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all, also over another."""

    def writing(self, name: str) -> AbstractContextManager[Path]:
        """A local path for a large file, which is there under its name after the block."""

    def move(self, name: str, to: str) -> None:
        """Give a file another name; nothing happens if it has not got the old one any more."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def names(self, folder: str) -> list[Found]:
        """The files in a folder, by their names; none if there is no folder."""

    def days(self) -> Iterator[str]:
        """The folders ``day=...``, sorted."""

    def arrow(self) -> tuple[pafs.FileSystem, str]:
        """A file system for Arrow, and the root of the table in it."""


def open_place(source: Place | str | os.PathLike[str]) -> Place:
    """The place of a table.

    Parameters
    ----------
    source : path, str or Place
        A folder, ``"s3://bucket/prefix"`` (extra ``s3``; endpoint, region and keys come from the
        ``AWS_*`` variables), or a place, which is returned as it is.

    Returns
    -------
    Place
        Nothing is made before something is written.

    Raises
    ------
    SettingsError
        It is none of these.
    MissingDependencyError
        obstore is not installed, which S3 needs.

    Examples
    --------
    >>> open_place("/var/lib/stats").shown
    '/var/lib/stats'
    """
    if isinstance(source, str) and source.startswith("s3://"):
        from syncnb.statistics.table.s3_place import S3Place

        return S3Place(source)
    if isinstance(source, str) and "://" in source:
        scheme = source.split("://", 1)[0]
        raise SettingsError(
            "table", f"there are no tables at {scheme}://", "use s3:// or the path of a folder"
        )
    if isinstance(source, str | os.PathLike):
        from syncnb.statistics.table.local_place import LocalPlace

        if not os.fspath(source):
            raise SettingsError("table", "it is empty", "name a folder or s3://bucket/prefix")
        return LocalPlace(Path(source).expanduser().absolute())
    if not hasattr(source, "create"):
        raise SettingsError(
            "table", f"{source!r:.80} is none", "name a folder or s3://bucket/prefix"
        )
    return source

"""ZIP archives: written so that equal content gives equal bytes, read without believing them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from syncnb.codecs.guards import within
from syncnb.codecs.registry import Loading

MAX_ENTRIES = 100_000
_LARGEST_READ = 16 << 20  # bytes; the directory of the archive is read at once
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that ZIP has
_RATIO = 1032  # deflate packs no better (RFC 1951: 258 bytes in 2 bits)
_UNIX = 3


def entry(name: str, size: int = 0, *, folder: bool = False) -> ZipInfo:
    """An entry that says nothing but its name: fixed time, mode and owner, not compressed.

    What deflate makes of the same bytes depends on the version of zlib.

    Examples
    --------
    >>> entry("a/b.txt").date_time[0]
    1980
    """
    info = ZipInfo(name, _TIME)
    info.create_system, info.compress_type, info.file_size = _UNIX, ZIP_STORED, size
    mode = stat.S_IFDIR | 0o755 if folder else stat.S_IFREG | 0o644
    info.external_attr = mode << 16 | (0x10 if folder else 0)
    return info


@contextmanager
def opened(path: Path, how: Loading) -> Iterator[ZipFile]:
    """Open an archive whose directory is small, honest and within the limit.

    Parameters
    ----------
    path : Path
        The archive.
    how : Loading
        With the limit for the sum of what it holds.

    Raises
    ------
    LoadError
        It unpacks to more than the limit.
    zipfile.BadZipFile
        It has too many entries, one twice, encrypted or compressed by other means than deflate, or
        one that claims a size that it cannot have.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path, how = Path(name) / "a.zip", Loading(subject="object note/a", folder=Path(name))
    ...     with ZipFile(path, "w") as archive:
    ...         archive.writestr(entry("a"), b"data")
    ...     with opened(path, how) as archive:
    ...         archive.namelist()
    ['a']
    """
    with path.open("rb") as file, ZipFile(_Bounded(file)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES:
            raise BadZipFile(f"it has {len(entries)} entries, {MAX_ENTRIES} are taken")
        names = set()
        for info in entries:
            if info.filename in names:
                raise BadZipFile(f"it has {info.filename!r} twice")
            names.add(info.filename)
            if info.flag_bits & 1:
                raise BadZipFile(f"{info.filename!r} is encrypted")
            if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise BadZipFile(f"{info.filename!r} is compressed by method {info.compress_type}")
            most = info.compress_size * (_RATIO if info.compress_type == ZIP_DEFLATED else 1)
            if info.file_size > most:
                raise BadZipFile(f"{info.filename!r} claims {info.file_size} bytes")
        within(how, sum(info.file_size for info in entries), "what it unpacks to")
        yield archive


class _Bounded:
    """A file of which nothing large is read at once, so that no claim allocates memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if size > _LARGEST_READ or size < 0:
            left = os.fstat(self._file.fileno()).st_size - self._file.tell()
            if left > _LARGEST_READ:
                raise BadZipFile(f"a part of it has more than {_LARGEST_READ} bytes")
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()

"""How much memory a skops file would take, seen before anything of it is unpacked."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from syncnb.codecs.npy import read_header
from syncnb.codecs.registry import Loading
from syncnb.errors import LoadError

_SCHEMA = "schema.json"
_SCHEMA_FACTOR = 20  # bytes of Python objects that skops makes of one byte of its schema
_COPIES = 2  # skops holds the bytes of a member beside the array that it makes of them


def check_size(path: Path, how: Loading) -> set[str]:
    """Refuse a skops file that would unpack to more than ``how.limit``.

    Parameters
    ----------
    path : Path
        The file.
    how : Loading
        Its limit and its subject are used.

    Returns
    -------
    set of str
        The types and functions that the file names.

    Raises
    ------
    LoadError
        It is too large, or an array in it claims another size than it has.
    zipfile.BadZipFile, KeyError, ValueError, TypeError, RecursionError
        It is no skops file.

    Notes
    -----
    A skops file is a zip archive of a ``schema.json`` and, for each array, a file of numpy or
    scipy. The schema may name a file any number of times, and each time it is read anew, so that
    what counts is the sum over the names in the schema, not over the archive.
    """
    with ZipFile(path) as archive:
        members = {member.filename: member for member in archive.infolist()}
        total = members[_SCHEMA].file_size * _SCHEMA_FACTOR
        _compare(total, how)
        files, types = _named(archive.read(_SCHEMA))
        for name, times in files.items():
            size = members[name].file_size
            _compare(total + size * _COPIES * times, how)
            with archive.open(name) as file:
                total += _unpacked(size, file) * times
            _compare(total, how)
    return types


def _named(schema: bytes) -> tuple[Counter[str], set[str]]:
    """The files in a schema, as often as skops reads them, and the types."""
    files: Counter[str] = Counter()
    types: set[str] = set()

    def look(node: dict[str, Any]) -> None:
        if isinstance(name := node.get("file"), str):
            files[name] += 1
        if "__class__" in node:
            types.add(f"{node.get('__module__')}.{node['__class__']}")

    json.loads(schema, object_hook=look)  # which leaves no tree of objects behind
    return files, types


def _unpacked(size: int, file: IO[bytes]) -> int:
    """Bytes that a member takes in memory; what it is, its first bytes say and not its name."""
    start = file.read(4)
    file.seek(0)
    if start == b"PK\x03\x04":  # .npz
        with ZipFile(file) as inner:
            total = size
            for member in inner.infolist():
                with inner.open(member) as array:
                    total += max(member.file_size, _claimed(array))
            return total
    return size + max(size, _claimed(file) if start == b"\x93NUM" else 0)


def _claimed(file: IO[bytes]) -> int:
    """Bytes of an array by its header: numpy takes them before it looks for the data."""
    header = read_header(file)
    if header.dtype.hasobject:
        raise ValueError("an array of it holds pickled objects")
    return header.size


def _compare(size: int, how: Loading) -> None:
    if size > how.limit:
        raise LoadError(
            how.subject,
            f"its skops file would take more than {how.limit} bytes of memory",
            "ask its publisher what it is; nothing of it was loaded",
        )

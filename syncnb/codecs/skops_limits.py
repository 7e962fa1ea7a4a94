"""How much memory a skops file would take, seen before anything of it is unpacked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from syncnb.codecs.registry import Loading
from syncnb.errors import LoadError

_SCHEMA = "schema.json"
_SCHEMA_FACTOR = 20  # bytes of Python objects that skops makes of one byte of its schema
_COPIES = 2  # skops holds the bytes of a member beside the array that it makes of them


def check_size(path: Path, how: Loading) -> None:
    """Refuse a skops file that would unpack to more than ``how.limit``.

    Parameters
    ----------
    path : Path
        The file.
    how : Loading
        Its limit and its subject are used.

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
        schema_size = members[_SCHEMA].file_size
        _compare(schema_size * _SCHEMA_FACTOR, how)
        total = schema_size * _SCHEMA_FACTOR
        measured: dict[str, int] = {}
        for name in _files(json.loads(archive.read(_SCHEMA))):
            if name not in measured:
                _compare(total + members[name].file_size * _COPIES, how)
                with archive.open(name) as file:
                    measured[name] = _unpacked(members[name].file_size, file)
            total += measured[name]
            _compare(total, how)


def _files(schema: Any) -> Iterator[str]:
    """The names of the files in a schema, as often as skops reads them."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(name := node.get("file"), str):
                yield name
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


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
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("an array of it holds pickled objects")
    return math.prod(shape) * dtype.itemsize


def _compare(size: int, how: Loading) -> None:
    if size > how.limit:
        raise LoadError(
            how.subject,
            f"its skops file would take more than {how.limit} bytes of memory",
            "ask its publisher what it is; nothing of it was loaded",
        )

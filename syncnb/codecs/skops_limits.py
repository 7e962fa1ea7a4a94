"""How much memory a skops file would take, seen before anything of it is unpacked."""

from __future__ import annotations

import json
from collections import Counter
from typing import IO, Any
from zipfile import ZipFile

from syncnb.codecs.npy import read_header
from syncnb.codecs.registry import Loading
from syncnb.errors import LoadError

_SCHEMA = "schema.json"
_SCHEMA_FACTOR = 20  # bytes of Python objects that skops makes of one byte of its schema
_COPIES = 2  # skops holds the bytes of a member beside the array that it makes of them


def read_schema(archive: ZipFile, how: Loading) -> dict[str, Any]:
    """The schema of a skops file; refuse one that would unpack to more than ``how.limit``.

    Parameters
    ----------
    archive : zipfile.ZipFile
        The file.
    how : Loading
        Its limit and its subject are used.

    Returns
    -------
    dict
        All that is in it but the arrays.

    Raises
    ------
    LoadError
        It is too large, or an array in it claims another size than it has.
    zipfile.BadZipFile, KeyError, ValueError, RecursionError
        It is no skops file.

    Notes
    -----
    A skops file is a zip archive of a ``schema.json`` and, for each array, a file of numpy or
    scipy. The schema may name a file any number of times, and each time it is read anew, so that
    what counts is the sum over the names in the schema, not over the archive.
    """
    members = {member.filename: member for member in archive.infolist()}
    total = members[_SCHEMA].file_size * _SCHEMA_FACTOR
    _compare(total, how)
    files: Counter[str] = Counter()

    def look(node: dict[str, Any]) -> dict[str, Any]:
        if isinstance(name := node.get("file"), str):
            files[name] += 1
        return node

    schema = json.loads(archive.read(_SCHEMA), object_hook=look)
    if not isinstance(schema, dict):
        raise ValueError("its schema is no object")
    for name, times in files.items():
        size = members[name].file_size
        _compare(total + size * _COPIES * times, how)
        with archive.open(name) as file:
            total += _unpacked(size, file) * times
        _compare(total, how)
    return schema


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

"""The files of a spool: lines of rows, the last of which may be torn.

A segment that is being written is called ``{first}.open``. One that is complete and synced says in
its name what is in it, ``{first}-{last}-{rows}.rows``, so that nobody has to read it to know.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPEN, SEALED, PART = ".open", ".rows", ".part"
_NAME = re.compile(r"(\d{16,})-(\d{16,})-(\d+)\.rows")


@dataclass(frozen=True)
class Line:
    """A row as it lies in a spool.

    Parameters
    ----------
    sequence : int
        Its number in the stream, from 1 on.
    time : int
        Microseconds since 1970, UTC, by the node's clock.
    version : str or None
        Of the model that was in use.
    row : dict
        What was reported.
    """

    sequence: int
    time: int
    version: str | None
    row: dict[str, Any]


@dataclass(frozen=True)
class Segment:
    """A complete segment.

    Parameters
    ----------
    path : Path
        Its file.
    first, last : int
        The sequence numbers that it stands for.
    rows : int
        How many of them it has.
    size : int
        Bytes.
    """

    path: Path
    first: int
    last: int
    rows: int
    size: int


def sealed_name(first: int, last: int, rows: int) -> str:
    """The name of a complete segment.

    Examples
    --------
    >>> sealed_name(1, 20, 10)
    '0000000000000001-0000000000000020-10.rows'
    """
    return f"{first:016d}-{last:016d}-{rows}{SEALED}"


def encoded(first: int, time: int, version: str, rows: list[str]) -> bytes:
    r"""Rows as lines of a segment.

    Parameters
    ----------
    first : int
        Sequence number of the first.
    time : int
        When they were reported, in microseconds since 1970.
    version : str
        Of the model in use, as JSON.
    rows : list of str
        Each as one line of JSON.

    Returns
    -------
    bytes
        One line a row.

    Examples
    --------
    >>> encoded(7, 1000000, "null", ['{"fps": 29.8}'])
    b'[7,1000000,null,{"fps": 29.8}]\n'
    """
    return "".join(
        [f"[{first + i},{time},{version},{row}]\n" for i, row in enumerate(rows)]
    ).encode("ascii")


def parsed(line: bytes) -> Line | None:
    """A line of a segment; None if it is torn or damaged.

    Examples
    --------
    >>> parsed(b'[7,1000000,null,{"fps": 29.8}]').sequence
    7
    >>> parsed(b'[7,10000')
    """
    try:
        sequence, time, version, row = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    whole = type(sequence) is int and type(time) is int and isinstance(row, dict)
    if not whole or not (version is None or isinstance(version, str)):
        return None
    return Line(sequence, time, version, row)


def lines_of(data: bytes) -> Iterator[bytes]:
    r"""The complete lines of a segment, without their ends.

    Examples
    --------
    >>> list(lines_of(b"a\nb\ntor"))
    [b'a', b'b']
    """
    return iter(data.split(b"\n")[:-1])


def read_lines(path: Path) -> list[Line]:
    """The rows of a segment; what is damaged is left out.

    Parameters
    ----------
    path : Path
        Its file.

    Returns
    -------
    list of Line
        In order of their sequence.

    Raises
    ------
    OSError
        It cannot be read.
    """
    found: list[Line] = []
    for raw in lines_of(path.read_bytes()):
        line = parsed(raw)
        if line is not None and (not found or line.sequence > found[-1].sequence):
            found.append(line)
    return found


def segments_in(folder: Path) -> list[Segment]:
    """The complete segments of a folder, the oldest first; what others replaced is removed.

    Parameters
    ----------
    folder : Path
        Of a stream.

    Returns
    -------
    list of Segment
        No two of them stand for the same rows.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    found = []
    for path in folder.iterdir():
        if named := _NAME.fullmatch(path.name):
            first, last, rows = map(int, named.groups())
            found.append(Segment(path, first, last, rows, path.stat().st_size))
    # A segment that was thinned out stands for all that it was made of; the crash came before that
    # was removed.
    found.sort(key=lambda one: (one.first, -one.last, one.rows))
    kept: list[Segment] = []
    for one in found:
        if kept and one.last <= kept[-1].last:
            one.path.unlink()
        else:
            kept.append(one)
    return kept


def sync_folder(folder: Path) -> None:
    """What was renamed in a folder is there after a loss of power.

    Raises
    ------
    OSError
        The disk does not do it.
    """
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(path: Path, data: bytes) -> None:
    """A file that is there as a whole, synced, or not at all.

    Parameters
    ----------
    path : Path
        Its place; what was there stays if this fails.
    data : bytes
        All of it.

    Raises
    ------
    OSError
        It cannot be written.
    """
    part = path.with_name(path.name + PART)
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)

"""The dictionary of a column of a Parquet file, found by the headers of its pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_HEADER = 1 << 16  # bytes of a header that are looked at; it has some 50, and texts of statistics
_PAGES = 1 << 14  # of a chunk
_DICTIONARIES = 64 << 20  # bytes; most writers leave dictionaries after 1 MB in a chunk
_DEEPEST = 8  # structs inside one another
_I32, _STRUCT = 5, 12  # types of the compact protocol
_PAGE_TYPE, _UNPACKED, _PACKED, _DATA_1, _OF_DICTIONARY, _DATA_2 = 1, 2, 3, 5, 7, 8  # PageHeader
_DICTIONARY_PAGE = 2


def most_bytes(path: Path, about: pq.FileMetaData, name: str) -> float:
    """Bytes of the texts of a column, if each were the longest in the dictionary of its chunk.

    Parameters
    ----------
    path : Path
        The file.
    about : pyarrow.parquet.FileMetaData
        Its footer.
    name : str
        Path of a column of texts or binary values.

    Returns
    -------
    float
        Infinite if its pages are not as plain as all known writers make them, or have dictionaries
        of more than 64 MB in all.

    Notes
    -----
    The pages are followed as Arrow does: from the first, until they have as many values as the
    footer says, wherever a dictionary lies among them. Headers are structs of Thrift's compact
    protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md,
    parquet.thrift: PageHeader).
    """
    most, room = 0, _DICTIONARIES
    try:
        with path.open("rb") as file:
            for g in range(about.num_row_groups):
                group = about.row_group(g)
                for i in range(about.num_columns):
                    chunk = group.column(i)
                    if chunk.path_in_schema == name:
                        longest, room = _longest_in(file, chunk, room)
                        most += longest * chunk.num_values
    except (LookupError, ValueError, OSError, MemoryError):
        return math.inf
    return most


def _longest_in(file: BinaryIO, chunk: pq.ColumnChunkMetaData, room: int) -> tuple[int, int]:
    """Bytes of the longest text in the dictionary of a chunk, and the room that is left."""
    at, first = chunk.data_page_offset, chunk.dictionary_page_offset
    if first is not None and 0 < first < at:
        at = first
    end, left, longest = at + chunk.total_compressed_size, chunk.num_values, 0
    for _ in range(_PAGES):
        if left <= 0:
            return longest, room
        file.seek(at)
        header, size = _Header(file.read(_HEADER)).struct()
        packed, at = header[_PACKED, _I32], at + size
        if not 0 <= packed <= end - at:
            raise ValueError(f"a page of {packed} bytes")
        if header[_PAGE_TYPE, _I32] == _DICTIONARY_PAGE:
            unpacked = header[_UNPACKED, _I32]
            if not 0 <= unpacked <= room:
                raise ValueError(f"a dictionary of {unpacked} bytes")
            room -= unpacked
            file.seek(at)
            longest = max(longest, _longest(header, file.read(packed), chunk.compression))
        for kind in (_DATA_1, _DATA_2):
            if (kind, _STRUCT) in header:
                left -= max(header[kind, _STRUCT][1, _I32], 0)
        at += packed
    raise ValueError(f"more than {_PAGES} pages")


def _longest(header: Mapping[tuple[int, int], Any], data: bytes, compression: str) -> int:
    import pyarrow as pa

    size, count = header[_UNPACKED, _I32], header[_OF_DICTIONARY, _STRUCT][1, _I32]
    if compression != "UNCOMPRESSED":
        codec = "lz4_raw" if compression.startswith("LZ4") else compression.lower()
        data = pa.decompress(data, size, codec=codec, asbytes=True)
    longest = at = 0
    for _ in range(count):
        length = int.from_bytes(data[at : at + 4], "little")
        at += 4 + length
        if at > len(data):
            raise ValueError("a dictionary that ends in the middle")
        longest = max(longest, length)
    return longest


class _Header:
    """A struct of Thrift's compact protocol; what is odd raises, and is left to others."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self, depth: int = 0) -> tuple[dict[tuple[int, int], Any], int]:
        """Its fields by number and type, and where it ends."""
        if depth > _DEEPEST:
            raise ValueError("it nests too deeply")
        fields: dict[tuple[int, int], Any] = {}
        number = 0
        while byte := self._byte():
            kind = byte & 15
            number = number + (byte >> 4) if byte >> 4 else self._number()
            fields[number, kind] = self._value(kind, depth)
        return fields, self._at

    def _value(self, kind: int, depth: int, *, item: bool = False) -> Any:
        if kind in (1, 2):
            return self._byte() if item else kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, _I32, 6):
            value = self._number()
            if kind == _I32 and not -(1 << 31) <= value < 1 << 31:
                raise ValueError(f"{value} in 32 bits")
            return value
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._varint())
        if kind in (9, 10):
            head = self._byte()
            size = self._varint() if head >> 4 == 15 else head >> 4
            return [self._value(head & 15, depth + 1, item=True) for _ in range(size)]
        if kind == _STRUCT:
            return self.struct(depth + 1)[0]
        raise ValueError(f"a field of the type {kind}")

    def _byte(self) -> int:
        byte = self._data[self._at]  # an IndexError at the end
        self._at += 1
        return byte

    def _bytes(self, size: int) -> bytes:
        start = self._at
        self._at += size
        if self._at > len(self._data):
            raise ValueError("it ends in the middle")
        return self._data[start : self._at]

    def _varint(self) -> int:
        value = shift = 0
        while shift < 64:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("a number is too long")

    def _number(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

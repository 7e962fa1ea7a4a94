"""Tables as Arrow IPC files, which are mapped into memory instead of read; on request only."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from syncnb.codecs.guards import reading, within
from syncnb.codecs.polars_files import read_polars, write_polars
from syncnb.codecs.registry import Loading
from syncnb.codecs.tables import (
    check_table,
    from_arrow,
    library_for,
    library_of,
    refused,
    to_arrow,
)

_MAGIC = b"ARROW1"
_ROWS = 1 << 20  # of a batch


class Arrow:
    """Table <-> Arrow IPC file; as exact as Parquet, larger, and a pyarrow Table is only mapped.

    pandas and polars make their own copy of what is mapped.
    """

    name, version, suffix = "arrow", 1, ".arrow"
    libraries: Sequence[str] = ("pandas", "pyarrow", "polars", "geopandas")
    executes = False
    sequential = True

    def accepts(self, obj: object) -> bool:
        """Whether it is a DataFrame or a Table."""
        return bool(library_of(obj))

    def check(self, obj: Any) -> None:
        """Refuse a table without rows or columns."""
        check_table(obj)

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        import pyarrow as pa

        if library_of(obj) == "polars":
            write_polars(obj, path, "arrow")
            return
        table = to_arrow(obj)
        try:
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table, max_chunksize=_ROWS)
        except pa.ArrowException as error:
            remedy = "give every column values of one type"
            raise refused(obj, f"Arrow cannot hold it ({error})", remedy) from error

    def load(self, path: Path, how: Loading) -> Any:
        """Map or read it, and check every value of it: Arrow itself believes its offsets."""
        library = library_for(how)
        with reading(how, "an Arrow IPC file"):
            import pyarrow as pa

            within(how, path.stat().st_size, "its table")
            with pa.memory_map(str(path)) as mapped:
                for message in _messages(mapped.read_buffer()):
                    if _is_compressed(message):
                        raise ValueError("its buffers are compressed, use Parquet for that")
            if library == "polars":
                return read_polars(path, "arrow")
            source = pa.memory_map(str(path)) if how.mapped else pa.OSFile(str(path))
            table = pa.ipc.open_file(source).read_all()
            table.validate(full=True)
            if library != "pyarrow":
                _check_expansion(table, how)
            return from_arrow(table, library)


def _messages(data: Any) -> Iterator[Any]:
    """The batches that the footer names (Arrow, File.fbs); they would unpack in ways of their own.

    Compressed buffers are not taken: only they themselves know to what size they unpack.
    """
    import pyarrow as pa

    length, magic = struct.unpack("<i6s", data.slice(data.size - 10).to_pybytes())
    if magic != _MAGIC or not 0 < length < data.size - 10:
        raise ValueError("it does not end as one")
    footer = data.slice(data.size - 10 - length, length).to_pybytes()
    root = _at(footer, 0)
    for dictionaries_or_batches in (2, 3):
        if blocks := _field(footer, root, dictionaries_or_batches):
            blocks = _at(footer, blocks)
            for i in range(struct.unpack_from("<I", footer, blocks)[0]):
                offset = struct.unpack_from("<q", footer, blocks + 4 + 24 * i)[0]
                yield pa.ipc.read_message(data.slice(offset))


def _is_compressed(message: Any) -> bool:
    """Whether the field ``compression`` of the RecordBatch is there (Arrow, Message.fbs)."""
    data = message.metadata.to_pybytes()
    header = _field(data, struct.unpack_from("<I", data)[0], 2)
    batch = _field(data, _at(data, header), 1) if message.type == "dictionary" else header
    return bool(_field(data, _at(data, batch), 3))


def _at(data: bytes, place: int) -> int:
    return int(place + struct.unpack_from("<I", data, place)[0])


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a flatbuffers table lies; 0 if it is not there."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    if 4 + 2 * number >= size:
        return 0
    offset = struct.unpack_from("<H", data, vtable + 4 + 2 * number)[0]
    return int(table + offset if offset else 0)


def _check_expansion(table: Any, how: Loading) -> None:
    """Refuse a table of few bytes whose rows would not be few: of nulls, or views of one text."""
    from pyarrow import types

    within(how, 8 * table.num_rows * table.num_columns, "its table")
    for field in table.schema:
        if types.is_string_view(field.type) or types.is_binary_view(field.type):
            raise ValueError(f"the column {field.name!r} is of type {field.type}")

"""Tables as Apache Parquet: of pandas, geopandas (GeoParquet), polars and pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncnb.codecs.guards import reading, within
from syncnb.codecs.parquet_pages import most_bytes
from syncnb.codecs.polars_files import polars_size, read_polars, write_polars
from syncnb.codecs.registry import Loading
from syncnb.codecs.tables import (
    check_table,
    from_arrow,
    library_for,
    library_of,
    refused,
    to_arrow,
)

if TYPE_CHECKING:
    import pyarrow as pa

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}  # bytes
_BATCH = 1 << 16  # rows
_PIECE = 1 << 28  # bytes
_DELTA = "DELTA_BYTE_ARRAY"


@dataclass
class _Suspect:
    """A column of texts that may be much more than the bytes that hold it."""

    worst: int = 0  # bytes, if each value were all of its chunk
    chunk: int = 0  # bytes of its largest chunk, if each text may build on the one before


class Parquet:
    """Table <-> Parquet, which anything from DuckDB to C++ reads."""

    name, version, suffix = "parquet", 1, ".parquet"
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
        import pyarrow.parquet as pq

        if library_of(obj) == "polars":
            write_polars(obj, path, "parquet")
            return
        table = to_arrow(obj)
        try:
            pq.write_table(table, path)
            if library_of(obj) == "pyarrow":
                _compare(obj, pq.read_schema(path))
        except pa.ArrowException as error:
            remedy = 'give every column values of one type, or publish it with format="arrow"'
            raise refused(obj, f"Parquet cannot hold it ({error})", remedy) from error

    def load(self, path: Path, how: Loading) -> Any:
        """Read it; Parquet holds no code."""
        library = library_for(how)
        with reading(how, "a Parquet file"):
            import pyarrow as pa
            import pyarrow.parquet as pq

            try:
                _check_claims(path, how)
            except pa.ArrowNotImplementedError:
                if library != "polars":
                    raise
                within(how, polars_size(path), "its table")
            if library == "polars":
                return read_polars(path, "parquet")
            with pq.ParquetFile(path) as file:
                table = file.read()
            return from_arrow(table, library)


def _compare(table: pa.Table, schema: pa.Schema) -> None:
    for before, after in zip(table.schema, schema, strict=True):
        if before.type != after.type:
            raise refused(
                table,
                f"the column {before.name!r} of type {before.type} would come back as {after.type}",
                f'cast it to {after.type}, or publish it with format="arrow"',
            )


def _check_claims(path: Path, how: Loading) -> None:
    """Refuse a file that says itself, or whose dictionaries say, that it unpacks to too much."""
    import pyarrow.parquet as pq

    size = 0
    suspects: dict[str, _Suspect] = {}
    with pq.ParquetFile(path) as file:
        about = file.metadata
        columns = [about.schema.column(i) for i in range(about.num_columns)]
        widths = [_WIDTHS.get(c.physical_type, max(c.length or 0, 4)) for c in columns]
        for g in range(about.num_row_groups):
            group = about.row_group(g)
            for i, column in enumerate(columns):
                chunk = group.column(i)
                values, packed = chunk.num_values, chunk.total_uncompressed_size
                if values < 0 or packed < 0 or group.num_rows < 0:
                    raise ValueError(f"the column {column.path!r} has a size below zero")
                size += values * widths[i]
                if column.physical_type == "BYTE_ARRAY":
                    size += packed
                    if any("DICTIONARY" in e or e == _DELTA for e in chunk.encodings):
                        suspect = suspects.setdefault(column.path, _Suspect())
                        suspect.worst += values * packed
                        if _DELTA in chunk.encodings:
                            suspect.chunk = max(suspect.chunk, packed)
        within(how, size, "its table")
    for name, suspect in suspects.items():
        if size + suspect.worst <= how.limit:
            continue
        if suspect.chunk or size + most_bytes(path, about, name) > how.limit:
            size = _unpacked(path, name, suspect.chunk, size, how)


def _unpacked(path: Path, name: str, delta: int, size: int, how: Loading) -> int:
    """`size` and the bytes of the texts of a column, counted while they are still a dictionary.

    One text of 1 MB and a million references to it make a file of some KB. With the other encoding,
    in which each text may be as long as all before it, few are read at a time.
    """
    import pyarrow.parquet as pq

    rows = max(1, _PIECE // delta) if delta else _BATCH
    with pq.ParquetFile(path, read_dictionary=[] if delta else [name]) as file:
        for batch in file.iter_batches(rows, columns=[name], use_threads=False):
            size += _bytes(batch.column(0))
            within(how, size, "its table")
    return size


def _bytes(array: Any) -> int:
    import pyarrow.compute as pc
    from pyarrow import types

    kind = array.type
    if types.is_dictionary(kind):
        lengths = pc.binary_length(array.dictionary)
        return pc.sum(lengths.take(array.indices).cast("int64")).as_py() or 0
    if types.is_struct(kind):
        return sum(_bytes(field) for field in array.flatten())
    if types.is_map(kind):
        return _bytes(array.keys) + _bytes(array.items)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _bytes(array.flatten())
    return int(array.nbytes)

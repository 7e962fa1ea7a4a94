"""Rows as whole files beside the days, before an entry of the log names them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from syncnb.statistics.table.days import Bucket, split
from syncnb.statistics.table.entries import File
from syncnb.statistics.table.names import SCHEMA, data_file, staged, token
from syncnb.statistics.table.place import Place

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 1 << 20  # rows


def stage(
    place: Place, tables: Iterable[pa.Table], schema: pa.Schema, number: int, now: datetime
) -> tuple[File, ...]:
    """Write the rows of each day.

    Parameters
    ----------
    place : Place
        The table.
    tables : iterable of pyarrow.Table
        Rows with its schema.
    schema : pyarrow.Schema
        Of the table.
    number : int
        Of the entry that will name them.
    now : datetime
        When they came; aware.
    """
    growing: dict[Bucket, _Growing] = {}
    with ExitStack() as stack:
        for table in tables:
            for bucket, part in split(table, now):
                if len(part) and bucket not in growing:
                    growing[bucket] = _Growing(place, schema, bucket, number)
                    stack.enter_context(growing[bucket].open())
                if len(part):
                    growing[bucket].write(part)
    return tuple(one.file() for one in growing.values())


def stage_one(
    place: Place, tables: Iterable[pa.Table], schema: pa.Schema, bucket: Bucket, number: int
) -> File:
    """Write one file; a row group a table."""
    growing = _Growing(place, schema, bucket, number)
    with growing.open():
        for table in tables:
            growing.write(table)
    return growing.file()


class _Growing:
    """A file of a day that is written table by table."""

    def __init__(self, place: Place, schema: pa.Schema, bucket: Bucket, number: int) -> None:
        self._place, self._schema = place, schema
        self._bucket, self._number, self._name = bucket, number, token()
        self._rows = self._size = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        import pyarrow.parquet as pq

        with self._place.writing(staged(self._name)) as path:
            with pq.ParquetWriter(path, self._schema, compression="zstd") as self._writer:
                yield
            self._size = path.stat().st_size

    def write(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=ROW_GROUP)
        self._rows += len(table)

    def file(self) -> File:
        day, odd_clock = self._bucket
        target = data_file(day, self._number, self._name, odd_clock=odd_clock)
        return File(staged=self._name, name=target, rows=self._rows, size=self._size)


def show_schema(place: Place, schema: pa.Schema) -> None:
    """Write the file without rows by which readers know all columns."""
    import pyarrow.parquet as pq

    with place.writing(SCHEMA) as path:
        pq.write_table(schema.empty_table(), path)


def keep_rows(path: Path, table: pa.Table) -> None:
    """Write the rows of a report that is set aside: as Parquet, or as JSON lines if it cannot."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.write_table(table, path, compression="zstd")
    except pa.ArrowNotImplementedError:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(row, default=str)}\n" for row in table.to_pylist())

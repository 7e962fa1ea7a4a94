"""Rows as whole files beside the days, before an entry of the log names them."""

from __future__ import annotations

from collections.abc import Iterable
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


def stage(place: Place, table: pa.Table, number: int, now: datetime) -> tuple[File, ...]:
    """Write the rows of each day.

    Parameters
    ----------
    place : Place
        The table.
    table : pyarrow.Table
        Rows with its schema.
    number : int
        Of the entry that will name them.
    now : datetime
        When they came; aware.
    """
    return tuple(
        stage_one(place, [part], table.schema, bucket, number)
        for bucket, part in split(table, now)
        if len(part)
    )


def stage_one(
    place: Place, tables: Iterable[pa.Table], schema: pa.Schema, bucket: Bucket, number: int
) -> File:
    """Write one file; a row group a table."""
    import pyarrow.parquet as pq

    name, rows = token(), 0
    with place.writing(staged(name)) as path:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for table in tables:
                writer.write_table(table, row_group_size=ROW_GROUP)
                rows += len(table)
        size = path.stat().st_size
    target = data_file(bucket.day, number, name, odd_clock=bucket.odd_clock)
    return File(staged=name, name=target, rows=rows, size=size)


def show_schema(place: Place, schema: pa.Schema) -> None:
    """Write the file without rows by which readers know all columns."""
    import pyarrow.parquet as pq

    with place.writing(SCHEMA) as path:
        pq.write_table(schema.empty_table(), path)


def keep_rows(path: Path, table: pa.Table) -> None:
    """Write the rows of a report that is set aside."""
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")

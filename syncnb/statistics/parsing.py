"""The data of a report as an Arrow table."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from syncnb.metadata import ObjectMetaData
from syncnb.statistics.columns import COLUMNS, column_types
from syncnb.statistics.reports import Form, Report

if TYPE_CHECKING:
    import pyarrow as pa


class NoReportError(ValueError):
    """The data are not what a report holds; the text says why."""


@dataclass(frozen=True)
class Wanted:
    """Which rows and columns are asked for.

    Parameters
    ----------
    since : datetime or None
        Aware; rows that were reported earlier are left out.
    columns : tuple of str or None
        Of the reported columns; those of `COLUMNS` always come.
    """

    since: datetime | None = None
    columns: tuple[str, ...] | None = None

    def has(self, name: str) -> bool:
        """Whether a column is wanted."""
        return self.columns is None or name in self.columns or name in COLUMNS


def parse_report(
    meta: ObjectMetaData,
    form: Form,
    data: bytes | os.PathLike[str],
    wanted: Wanted = Wanted(),
) -> Report:
    """The rows of a report, checked against its manifest.

    Parameters
    ----------
    meta : ObjectMetaData
        Of the object.
    form : Form
        What its manifest says.
    data : bytes or path
        All of its data; those of a file were compared with the digest when they were fetched.
    wanted : Wanted
        Which rows and columns.

    Returns
    -------
    Report
        With all columns.

    Raises
    ------
    NoReportError
        The data are something else than what the manifest says, or a column has several types.
    """
    import pyarrow as pa

    manifest = form.manifest
    digest = hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else None
    if manifest is not None and digest is not None and digest != manifest.sha256:
        raise NoReportError("the data are not those that the manifest names (SHA-256)")
    try:
        table = _read[form.kind](form, data, wanted)
    except (pa.ArrowException, OSError) as error:
        raise NoReportError(f"it cannot be read as {form.kind}: {_line(error)}") from error
    rows = len(table)
    table = _since(wanted.since, _complete(table, meta, form))
    whole = len(table) == rows
    return Report(meta, table, form.stream, form.first, form.last, form.dropped, whole)


def _since(moment: datetime | None, table: pa.Table) -> pa.Table:
    """The rows that were not reported before; those without a time stay."""
    if moment is None:
        return table
    import pyarrow as pa
    import pyarrow.compute as pc

    when = table.column("reported_at")
    early = pc.less(when, pa.scalar(moment, when.type))
    return table.filter(pc.fill_null(pc.invert(early), True))


def _lines(form: Form, data: bytes | os.PathLike[str], wanted: Wanted) -> pa.Table:
    import pyarrow as pa

    if not isinstance(data, bytes):
        with open(data, "rb") as file:
            data = file.read()
    try:
        rows = [json.loads(line) for line in data.decode().splitlines()]
    except (ValueError, RecursionError) as error:
        raise NoReportError(f"it is not JSON lines: {_line(error)}") from error
    if not all(isinstance(row, dict) for row in rows):
        raise NoReportError("one of its lines is no JSON object")
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    moment = pa.scalar(form.reported_at, column_types()["reported_at"])
    columns = {"reported_at": pa.repeat(moment, len(rows))}
    for name in names:
        shown = f"{name}_" if name in COLUMNS else name
        if wanted.has(shown):
            columns[shown] = _column(name, [row.get(name) for row in rows])
    return pa.table(columns)


def _column(name: str, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise NoReportError(f"column {name!r} has no single type: {_line(error)}") from error


def _parquet(form: Form, data: bytes | os.PathLike[str], wanted: Wanted) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.BufferReader(data) if isinstance(data, bytes) else os.fspath(data)
    with pq.ParquetFile(source) as file:
        names = None
        if wanted.columns is not None:
            names = [name for name in file.schema_arrow.names if wanted.has(name)]
        table = file.read(columns=names, use_threads=not isinstance(data, bytes))
    check_sequence(form, table)
    return table


_read = {"jsonl": _lines, "parquet": _parquet}


def check_sequence(form: Form, table: pa.Table) -> None:
    """Compare the numbers of the rows with what the manifest says of them.

    Raises
    ------
    NoReportError
        They are missing, not in order, or others.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if table.schema.names.count("sequence") != 1:
        raise NoReportError("it has no column 'sequence'")
    numbers = table.column("sequence")
    if numbers.type != pa.int64() or numbers.null_count:
        raise NoReportError("its column 'sequence' is not of numbers")
    if not len(numbers):
        return
    ordered = len(numbers) == 1 or pc.min(pc.pairwise_diff(numbers.combine_chunks())).as_py() > 0
    low, high = numbers[0].as_py(), numbers[-1].as_py()
    if not ordered or low < form.first or high > form.last:
        raise NoReportError(
            f"its rows are numbered from {low} to {high}, its manifest says {form.first} to "
            f"{form.last}"
        )


def _complete(table: pa.Table, meta: ObjectMetaData, form: Form) -> pa.Table:
    """The same rows with all of `COLUMNS`, behind what was reported."""
    import pyarrow as pa

    names = table.schema.names
    if len(set(names)) != len(names):
        raise NoReportError("two of its columns have the same name")
    said = {"node": meta.origin_id, "node_type": meta.origin_type, "object_id": meta.object_id,
            "stream": form.stream}  # fmt: skip
    fields = [(field, table.column(n)) for n, field in enumerate(table.schema)
              if field.name not in COLUMNS]  # fmt: skip
    for name, kind in column_types().items():
        if name in said:
            column = pa.repeat(pa.scalar(said[name], kind), len(table))
        elif name in names:
            try:
                column = table.column(name).cast(kind)
            except pa.ArrowException as error:
                raise NoReportError(f"column {name!r} is not {kind}: {_line(error)}") from error
        else:
            column = pa.nulls(len(table), kind)
        fields.append((pa.field(name, kind), column))
    return pa.Table.from_arrays([c for _, c in fields], schema=pa.schema([f for f, _ in fields]))


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__

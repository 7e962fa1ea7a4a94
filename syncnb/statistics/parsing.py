"""The data of a report as an Arrow table."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from syncnb.metadata import ObjectMetaData
from syncnb.statistics.columns import COLUMNS, DIFFERENT, LARGEST_LINES, SAME, column_types
from syncnb.statistics.packing import SKETCH, TIMES
from syncnb.statistics.reports import Form, Report

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 16  # rows


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


@dataclass(frozen=True)
class Rows:
    """The rows of one object, without what is the same in all of them.

    Parameters
    ----------
    meta : ObjectMetaData
        Of the object.
    form : Form
        What its manifest says.
    table : pyarrow.Table
        What was reported, and of `COLUMNS` those that differ from row to row.
    whole : bool
        Whether these are all rows of the object.
    """

    meta: ObjectMetaData
    form: Form
    table: pa.Table
    whole: bool = True

    @property
    def said(self) -> dict[str, str | None]:
        """The columns that are the same in all rows."""
        meta = self.meta
        return {
            "node": meta.origin_id,
            "node_type": meta.origin_type,
            "object_id": meta.object_id,
            "stream": self.form.stream,
        }

    def report(self) -> Report:
        """The same with all columns."""
        form, length = self.form, len(self.table)
        same = {name: constant(text, length) for name, text in self.said.items()}
        table = completed(self.table, same)
        return Report(
            self.meta, table, form.stream, form.first, form.last, form.dropped, self.whole
        )


def parse_report(
    meta: ObjectMetaData,
    form: Form,
    data: bytes | os.PathLike[str],
    wanted: Wanted = Wanted(),
    *,
    spill: os.PathLike[str] | None = None,
) -> Rows:
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
    spill : path, optional
        Where rows of a Parquet file go that memory shall not hold: the table is then a map of that
        file, which may be removed at once.

    Returns
    -------
    Rows
        What was reported.

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
        if form.kind == "jsonl":
            table, rows = _lines(form, data, wanted)
        elif spill is None:
            table, rows = _parquet(form, data, wanted)
        else:
            table, rows = _spilled(form, data, wanted, spill)
    except (pa.ArrowException, OSError) as error:
        raise NoReportError(f"it cannot be read as {form.kind}: {_line(error)}") from error
    return Rows(meta, form, table, len(table) == rows)


def _since(moment: datetime | None, table: pa.Table) -> pa.Table:
    """The rows that were not reported before; those without a time stay."""
    if moment is None:
        return table
    import pyarrow as pa
    import pyarrow.compute as pc

    when = table.column("reported_at")
    early = pc.less(when, pa.scalar(moment, when.type))
    return table.filter(pc.fill_null(pc.invert(early), True))


def _lines(form: Form, data: bytes | os.PathLike[str], wanted: Wanted) -> tuple[pa.Table, int]:
    import pyarrow as pa

    size = len(data) if isinstance(data, bytes) else os.stat(data).st_size
    if size > LARGEST_LINES:
        raise NoReportError(f"it has {size} bytes of JSON, more than {LARGEST_LINES} are not read")
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
    kinds = column_types()
    columns = {}
    if form.stream is not None:  # of a node without pyarrow
        for name in names:
            if name in DIFFERENT or wanted.has(name):
                columns[name] = _packed(form, name, [row.get(name) for row in rows])
        return _since(wanted.since, _checked(form, pa.table(columns))), len(rows)
    moment = pa.scalar(form.reported_at, kinds["reported_at"])
    for name in names:
        shown = f"{name}_" if name in COLUMNS else name
        if wanted.has(shown):
            columns[shown] = _column(name, [row.get(name) for row in rows])
    columns["reported_at"] = pa.repeat(moment, len(rows))
    for name in ("sequence", "model_version"):
        columns[name] = pa.nulls(len(rows), kinds[name])
    return _since(wanted.since, pa.table(columns)), len(rows)


def _packed(form: Form, name: str, values: list[Any]) -> pa.Array:
    """A column as `syncnb.statistics.packing` has written it for JSON."""
    import pyarrow as pa

    if form.aggregates and name in TIMES:
        return _column(name, values).cast(pa.timestamp("us", tz="UTC"))
    if form.aggregates and name == SKETCH:
        try:
            values = [v and base64.b64decode(v, validate=True) for v in values]
        except (ValueError, TypeError) as error:
            raise NoReportError(f"column {name!r} is no base64: {_line(error)}") from error
        return pa.array(values, pa.binary())
    return _column(name, values)


def _column(name: str, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeError) as error:
        raise NoReportError(f"column {name!r} has no single type: {_line(error)}") from error


def _parquet(form: Form, data: bytes | os.PathLike[str], wanted: Wanted) -> tuple[pa.Table, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    inside = isinstance(data, bytes)
    with pq.ParquetFile(pa.BufferReader(data) if inside else os.fspath(data)) as file:
        table = file.read(columns=_names(file, wanted), use_threads=not inside)
    table = _checked(form, table)
    return _since(wanted.since, table), len(table)


def _spilled(
    form: Form,
    data: bytes | os.PathLike[str],
    wanted: Wanted,
    spill: os.PathLike[str],
) -> tuple[pa.Table, int]:
    """A row group at a time, into a file that is then mapped into memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.BufferReader(data) if isinstance(data, bytes) else os.fspath(data)
    rows, last, writer = 0, 0, None
    try:
        with pq.ParquetFile(source, memory_map=True) as file:  # otherwise Arrow reads all of it
            for batch in file.iter_batches(_BLOCK, columns=_names(file, wanted)):
                table = _checked(form, pa.Table.from_batches([batch]), behind=last)
                rows += len(table)
                last = table.column("sequence")[-1].as_py() if len(table) else last
                table = _since(wanted.since, table)
                if writer is None:
                    writer = pa.ipc.new_file(os.fspath(spill), table.schema)
                writer.write_table(table)
            if writer is None:
                return _parquet(form, data, wanted)
    finally:
        if writer is not None:
            writer.close()
    with pa.memory_map(os.fspath(spill)) as mapped:
        return pa.ipc.open_file(mapped).read_all(), rows


def _names(file: Any, wanted: Wanted) -> list[str] | None:
    names = file.schema_arrow.names
    if len(set(names)) != len(names):
        raise NoReportError("two of its columns have the same name")
    return None if wanted.columns is None else [name for name in names if wanted.has(name)]


def _checked(form: Form, table: pa.Table, *, behind: int = 0) -> pa.Table:
    """A table of a Parquet file with those of `COLUMNS` that differ, in order and of their type."""
    import pyarrow as pa

    kinds, names = column_types(), table.schema.names
    for name in SAME:
        if name in names:
            table = table.drop_columns(name)
    for name in DIFFERENT:
        if name not in names:
            if name != "model_version":
                raise NoReportError(f"it has no column {name!r}")
            table = table.append_column(name, pa.nulls(len(table), kinds[name]))
        elif table.schema.field(name).type != kinds[name]:
            place = table.schema.get_field_index(name)
            try:
                column = table.column(name).cast(kinds[name])
            except pa.ArrowException as error:
                text = f"column {name!r} is not {kinds[name]}: {_line(error)}"
                raise NoReportError(text) from error
            table = table.set_column(place, name, column)
    if table.schema.names[-len(DIFFERENT) :] != list(DIFFERENT):
        others = [name for name in table.schema.names if name not in DIFFERENT]
        table = table.select([*others, *DIFFERENT])
    _check_sequence(form, table.column("sequence"), behind)
    return table


def _check_sequence(form: Form, numbers: pa.ChunkedArray, behind: int) -> None:
    """Compare the numbers of the rows with what the manifest says of them."""
    if numbers.null_count:
        raise NoReportError("its column 'sequence' is not of numbers")
    if not len(numbers):
        return
    found = numbers.to_numpy()
    low, high = int(found[0]), int(found[-1])
    first, last = max(form.first or 1, behind + 1), form.last or 0
    if low < first or high > last or not (found[1:] > found[:-1]).all():
        raise NoReportError(
            f"its rows are numbered from {low} to {high}, its manifest says {form.first} to {last}"
        )


def constant(text: str | None, length: int) -> pa.ChunkedArray:
    """A column that is the same in all rows; long ones take the memory of one block."""
    import pyarrow as pa

    block = pa.repeat(pa.scalar(text, pa.string()), min(length, _BLOCK))
    full, rest = divmod(length, _BLOCK)
    blocks = [block] * full + ([block.slice(0, rest)] if rest or not full else [])
    return pa.chunked_array(blocks, pa.string())


def completed(table: pa.Table, same: Mapping[str, pa.ChunkedArray]) -> pa.Table:
    """The same rows with all of `COLUMNS`, behind what was reported.

    Parameters
    ----------
    table : pyarrow.Table
        With those that differ.
    same : mapping of str to pyarrow.ChunkedArray
        The others.
    """
    import pyarrow as pa

    columns = [table.column(n) for n, name in enumerate(table.schema.names) if name not in COLUMNS]
    fields = [field.remove_metadata() for field in table.schema if field.name not in COLUMNS]
    for name, kind in column_types().items():
        columns.append(same[name] if name in same else table.column(name))
        fields.append(pa.field(name, kind))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__

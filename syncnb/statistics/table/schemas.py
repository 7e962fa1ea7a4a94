"""The columns of a table: they grow with what is reported, and say what does not fit."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from syncnb.statistics.columns import COLUMNS, column_types

if TYPE_CHECKING:
    import pyarrow as pa

EXACT = 1 << 53  # integers up to it are exact as a float
PARTITION = "day"
_BLOCK = 1 << 16  # rows


class ConflictError(ValueError):
    """A report does not fit; the text says why."""


def first_schema() -> pa.Schema:
    """Of a table without rows: what every report has."""
    import pyarrow as pa

    return pa.schema(list(column_types().items()))


def grown(schema: pa.Schema, table: pa.Table, wide: frozenset[str]) -> pa.Schema:
    """The schema with what a report adds.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the table so far.
    table : pyarrow.Table
        The rows of a report.
    wide : frozenset of str
        Columns of integers that a float cannot hold.

    Returns
    -------
    pyarrow.Schema
        New columns stand before those that syncnb adds; a column of integers that meets other
        numbers is one of floats from now on.

    Raises
    ------
    ConflictError
        A column is of another type than in the table.
    """
    import pyarrow as pa

    fields = {field.name: field.type for field in schema}
    if len(set(table.column_names)) < table.num_columns:
        raise ConflictError("two of its columns have one name; give each its own")
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name == PARTITION:
            raise ConflictError(
                f"column {PARTITION!r} is the partition of the table; report it under another name"
            )
        kind = _plain(column.type)
        known = fields.get(name)
        if _is_unknown(kind) or kind == known:
            continue
        if _has_nothing(kind):
            raise ConflictError(
                f"column {name!r} is {kind}, and Parquet has no object without members; leave it "
                "out, or report it with a member"
            )
        fields[name] = kind if known is None else _common(name, known, kind, column, wide)
    names = [name for name in fields if name not in COLUMNS]
    return pa.schema([(name, fields[name]) for name in (*names, *COLUMNS)])


def fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows with exactly the columns of a schema; what a report has not got is missing.

    Raises
    ------
    ConflictError
        A value is not possible in the type of its column.
    """
    import pyarrow as pa

    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(_missing(len(table), field.type))
            continue
        column = table.column(field.name)
        try:
            columns.append(column if column.type == field.type else column.cast(field.type))
        except pa.ArrowException as error:
            said = str(error).split("\n", 1)[0]
            raise ConflictError(f"column {field.name!r} is {field.type} here: {said}") from error
    return pa.table(columns, schema=schema)


def _missing(length: int, kind: pa.DataType) -> pa.ChunkedArray:
    """A column of which nothing is there; a long one takes the memory of one block."""
    import pyarrow as pa

    full, rest = divmod(length, _BLOCK)
    block = pa.nulls(_BLOCK if full else rest, kind)
    return pa.chunked_array([*[block] * full, block.slice(0, rest)], kind)


def wide_columns(table: pa.Table) -> frozenset[str]:
    """The columns with integers that a float cannot hold."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = set()
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_integer(column.type) and name not in COLUMNS and len(column):
            ends = pc.min_max(column).as_py()
            if ends["min"] is not None and (ends["min"] < -EXACT or ends["max"] > EXACT):
                found.add(name)
    return frozenset(found)


def to_text(schema: pa.Schema) -> str:
    """A schema for JSON."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def from_text(text: str) -> pa.Schema:
    """What `to_text` wrote.

    Raises
    ------
    ValueError
        It is none.
    """
    import pyarrow as pa

    try:
        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text, validate=True)))
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"no schema: {error}") from error


def _plain(kind: pa.DataType) -> pa.DataType:
    """One type for all ways to store the same values."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_large_list(kind):
        return pa.list_(kind.value_field)
    return kind


def _common(
    name: str, known: pa.DataType, new: pa.DataType, column: pa.ChunkedArray, wide: frozenset[str]
) -> pa.DataType:
    """A type that holds the values of both without a change."""
    import pyarrow as pa

    integer, floating = pa.types.is_integer, pa.types.is_floating
    if integer(known) and integer(new):
        return known if _fits(column, known) else pa.int64()
    if floating(known) and floating(new):
        return known if known.bit_width >= new.bit_width else new
    mixed = (integer(known) and floating(new)) or (floating(known) and integer(new))
    if mixed and name not in wide and _fits(column, pa.float64()):
        return pa.float64()
    if pa.types.is_timestamp(known) and pa.types.is_timestamp(new) and known.tz == new.tz:
        if _fits(column, known):
            return known
    elif _is_unknown(known):
        return new
    elif pa.types.is_nested(known) and not _loses(new, known) and _fits(column, known):
        return known  # such as a list of integers among floats
    raise ConflictError(
        f"column {name!r} is {known} in the table and {new} in this report; report it under "
        "another name, or as the table has it"
    )


def _is_unknown(kind: pa.DataType) -> bool:
    """Whether nothing is there to tell a type by: missing values, or empty lists."""
    import pyarrow as pa

    return pa.types.is_null(kind) or (pa.types.is_list(kind) and _is_unknown(kind.value_type))


def _has_nothing(kind: pa.DataType) -> bool:
    """Whether there is an object without members in it."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return _has_nothing(kind.value_type)
    inner = [kind.field(n).type for n in range(kind.num_fields)] if pa.types.is_struct(kind) else []
    return pa.types.is_struct(kind) and (not inner or any(map(_has_nothing, inner)))


def _loses(new: pa.DataType, known: pa.DataType) -> bool:
    """Whether a cast would leave out members of objects, which Arrow does without a word."""
    import pyarrow as pa

    if pa.types.is_list(new) and pa.types.is_list(known):
        return _loses(new.value_type, known.value_type)
    if not (pa.types.is_struct(new) and pa.types.is_struct(known)):
        return False
    members = {known.field(n).name: known.field(n).type for n in range(known.num_fields)}
    return any(
        field.name not in members or _loses(field.type, members[field.name])
        for field in (new.field(n) for n in range(new.num_fields))
    )


def _fits(column: pa.ChunkedArray, kind: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        column.cast(kind)
    except pa.ArrowException:
        return False
    return True

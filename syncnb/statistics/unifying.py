"""Tables whose columns have different types, as one: widened where nothing is lost by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from syncnb.statistics.columns import DIFFERENT

if TYPE_CHECKING:
    import pyarrow as pa


def common_type(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    """The type that has all values of both.

    Parameters
    ----------
    a, b : pyarrow.DataType
        Of a column of the same name.

    Returns
    -------
    pyarrow.DataType or None
        None if there is none: numbers never become texts.

    Examples
    --------
    >>> import pyarrow as pa
    >>> common_type(pa.int32(), pa.float32()), common_type(pa.int64(), pa.string())
    (DataType(double), None)
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    if a.equals(b) or kinds.is_null(b):
        return a
    if kinds.is_null(a):
        return b
    for one, other in ((a, b), (b, a)):
        if kinds.is_dictionary(one):
            return common_type(one.value_type, other)
    if _is_number(a) and _is_number(b):
        return _number(a, b)
    for of_family, widest in (
        (_is_text, pa.large_string()),
        (_is_bytes, pa.large_binary()),
    ):
        if of_family(a) and of_family(b):
            return widest
    if kinds.is_timestamp(a) and kinds.is_timestamp(b):
        if (a.tz is None) != (b.tz is None):
            return None
        return pa.timestamp(_finest(a, b), a.tz if a.tz == b.tz else "UTC")
    if kinds.is_duration(a) and kinds.is_duration(b):
        return pa.duration(_finest(a, b))
    if _is_list(a) and _is_list(b):
        item = common_type(a.value_type, b.value_type)
        return None if item is None else pa.list_(item)
    if kinds.is_struct(a) and kinds.is_struct(b):
        return _struct(a, b)
    return None


def unified(
    tables: Sequence[pa.Table], settled: dict[str, pa.DataType] | None = None
) -> tuple[dict[str, pa.DataType], dict[int, str]]:
    """The types of the columns of many tables, and which of these tables do not fit.

    Parameters
    ----------
    tables : sequence of pyarrow.Table
        With any columns.
    settled : dict of str to pyarrow.DataType, optional
        Types that others rely on already; they may become wider.

    Returns
    -------
    dict of str to pyarrow.DataType
        By name, in the order of their first appearance. Where types exclude each other, the one of
        the most rows stays, the first one of equals.
    dict of int to str
        Place of each table that does not fit -> why, with the name of the column.
    """
    places: dict[Any, list[int]] = {}
    for place, table in enumerate(tables):
        places.setdefault(table.schema, []).append(place)
    found = dict(settled or {})
    losers: dict[int, str] = {}
    seen: dict[str, list[tuple[pa.DataType, int]]] = {}
    for schema, where in places.items():
        rows = sum(len(tables[place]) for place in where)
        for column in schema:
            if column.name not in DIFFERENT:
                seen.setdefault(column.name, []).append((column.type, rows))
    for name, given in seen.items():
        found[name] = _winner(given, found.get(name))
    for schema, where in places.items():
        for column in schema:
            if column.name in DIFFERENT:
                continue
            wanted = found[column.name]
            if common_type(wanted, column.type) != wanted:
                reason = f"column {column.name!r} is {column.type} here and {wanted} elsewhere"
                losers.update(dict.fromkeys(where, reason))
                break
    return found, losers


def fitted(table: pa.Table, types: dict[str, pa.DataType], tail: Iterable[str]) -> pa.Table:
    """A table with exactly these columns, and those of `tail` behind them.

    Raises
    ------
    ValueError
        A value would be changed; the column is named.
    """
    import pyarrow as pa

    columns, fields = [], []
    names, tail = table.schema.names, list(tail)
    if names == [*types, *tail] and table.schema.types[: len(types)] == list(types.values()):
        return table
    for name, kind in types.items():
        if name not in names:
            column = pa.chunked_array([pa.nulls(len(table), kind)])
        else:
            column = table.column(name)
            if column.type != kind:
                try:
                    column = column.cast(kind)
                except pa.ArrowException as error:
                    line = str(error).partition("\n")[0][:200]
                    raise ValueError(
                        f"column {name!r} is {column.type} here and {kind} elsewhere: {line}"
                    ) from error
        columns.append(column)
        fields.append(pa.field(name, kind))
    for name in tail:
        column = table.column(name)
        columns.append(column)
        fields.append(pa.field(name, column.type))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _winner(given: Sequence[tuple[pa.DataType, int]], settled: pa.DataType | None) -> pa.DataType:
    """The type of the family that has the most rows."""
    families: list[tuple[pa.DataType, int]] = [] if settled is None else [(settled, -1)]
    for kind, rows in given:
        for place, (of_family, before) in enumerate(families):
            wider = common_type(of_family, kind)
            if wider is not None:
                families[place] = (wider, before if before < 0 else before + rows)
                break
        else:
            families.append((kind, rows))
    if settled is not None:
        return families[0][0]
    return max(families, key=lambda one: one[1])[0]


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_integer(kind) or kinds.is_floating(kind))


def _number(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_floating(a) and kinds.is_floating(b):
        return max(a, b, key=lambda kind: kind.bit_width)
    if kinds.is_floating(a) or kinds.is_floating(b):
        return pa.float64()
    if kinds.is_signed_integer(a) == kinds.is_signed_integer(b):
        return max(a, b, key=lambda kind: kind.bit_width)
    unsigned = a if kinds.is_unsigned_integer(a) else b
    return None if unsigned.bit_width == 64 else pa.int64()


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_binary_view(kind))


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow.types as kinds

    return bool(kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind))


def _finest(a: Any, b: Any) -> str:
    units = ("s", "ms", "us", "ns")
    return units[max(units.index(a.unit), units.index(b.unit))]


def _struct(a: pa.DataType, b: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    fields = {field.name: field.type for field in a}
    for field in b:
        kind = common_type(fields.get(field.name, pa.null()), field.type)
        if kind is None:
            return None
        fields[field.name] = kind
    return pa.struct([pa.field(name, kind) for name, kind in fields.items()])

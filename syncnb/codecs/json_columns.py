"""Columns of Arrow as JSON, by Arrow: some five times as fast as value by value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_ESCAPED = r'["\\\x00-\x1f]'


def joined(*parts: str | pa.Array) -> pa.Array:
    """Texts, row by row; a str is the same in each.

    Examples
    --------
    >>> import pyarrow as pa
    >>> joined("<", pa.array(["a", "b"], pa.large_string()), ">").to_pylist()
    ['<a>', '<b>']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    text = pa.large_string()
    same = [pa.scalar(one, text) if isinstance(one, str) else one for one in parts]
    return pc.binary_join_element_wise(*same, pa.scalar("", text))


def bytes_of(texts: pa.Array) -> memoryview:
    """All of a result of `joined`, one behind the other.

    Examples
    --------
    >>> import pyarrow as pa
    >>> bytes(bytes_of(joined(pa.array(["a", "b"], pa.large_string()), ";")))
    b'a;b;'
    """
    import pyarrow.compute as pc

    length = pc.sum(pc.binary_length(texts)).as_py() or 0  # of none, the sum is None
    return memoryview(texts.buffers()[2])[:length]


def texts_of(column: pa.Array, encode: Callable[[Any], str]) -> pa.Array:
    """The values of a column, each as JSON.

    Parameters
    ----------
    column : pyarrow.Array
        Valid.
    encode : callable
        Makes JSON of a Python value, for types that Arrow writes otherwise.

    Raises
    ------
    TypeError, ValueError
        JSON does not have one of them.

    Examples
    --------
    >>> import json
    >>> import pyarrow as pa
    >>> texts_of(pa.array([1.0, None]), json.dumps).to_pylist()
    ['1.0', 'null']
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import types

    kind, text = column.type, pa.large_string()
    if types.is_integer(kind) or types.is_boolean(kind):
        found = pc.cast(column, text)
    elif types.is_floating(kind):
        found = _floats(pc.cast(column, pa.float64()))
    elif types.is_timestamp(kind) and kind.tz is None and kind.unit != "ns":
        found = _moments(column)
    elif (types.is_string(kind) or types.is_large_string(kind)) and not pc.any(
        pc.match_substring_regex(column, _ESCAPED)
    ).as_py():
        found = joined('"', pc.cast(column, text), '"')
    else:
        if types.is_time64(kind):
            column = pc.cast(column, pa.time64("us"))  # Python has no nanoseconds of a day
        found = pa.array(map(encode, column.to_pylist()), text)
    return pc.fill_null(found, "null")


def _floats(numbers: pa.Array) -> pa.Array:
    """Arrow leaves out ".0", and with it that it is no integer."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pc.all(pc.is_finite(numbers)).as_py() is False:
        raise ValueError("there is a number that is not finite")
    found = pc.cast(numbers, pa.large_string())
    if not pc.any(pc.equal(numbers, pc.floor(numbers))).as_py():
        return found
    return pc.if_else(pc.match_substring_regex(found, "[.e]"), found, joined(found, ".0"))


def _moments(column: pa.Array) -> pa.Array:
    """As `datetime.isoformat`: six digits of a second, or none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    years = pc.min_max(pc.year(column)).as_py()
    if years["min"] is not None and not 1 <= years["min"] <= years["max"] <= 9999:
        raise ValueError("there is a time of a year before 1 or after 9999")
    micro = pc.cast(column, pa.timestamp("us"))
    found = pc.replace_substring(pc.cast(micro, pa.large_string()), " ", "T")
    return joined('"', pc.replace_substring(found, ".000000", ""), '"')

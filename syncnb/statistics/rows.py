"""Rows as a program hands them in, checked, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from syncnb.codecs.registry import is_instance
from syncnb.errors import InvalidMetaDataError
from syncnb.statistics.columns import COLUMNS

Row = Mapping[str, Any]
ADDED = frozenset(COLUMNS)  # nobody may report these


def rows_of(values: Any) -> list[Row]:
    """One row, or several, as a list.

    Parameters
    ----------
    values : mapping, sequence of mappings or DataFrame
        As a program reports them.

    Returns
    -------
    list of mapping
        At least one; each has at least one value.

    Raises
    ------
    InvalidMetaDataError
        It is something else, or a name is no text or one of the columns that are added.

    Examples
    --------
    >>> rows_of({"fps": 29.8})
    [{'fps': 29.8}]
    """
    if is_instance(values, "pandas", "DataFrame"):
        values = _records(values)
    rows = [values] if isinstance(values, Mapping) else values
    good = isinstance(rows, Sequence) and not isinstance(rows, str | bytes)
    if not good or not rows or not all(isinstance(row, Mapping) and row for row in rows):
        raise InvalidMetaDataError(
            "values", values, 'give one row such as {"fps": 29.8}, or a list of rows'
        )
    for row in rows:
        for name in row:
            if not isinstance(name, str) or name in ADDED:
                added = ", ".join(sorted(ADDED))
                raise InvalidMetaDataError(
                    "values", name, f"name the value by a text that is none of {added}"
                )
    return list(rows)


def _records(frame: Any) -> list[Row]:
    """The rows of a DataFrame; what is missing beside texts or times is None."""
    import numpy as np

    if not frame.columns.is_unique:
        raise InvalidMetaDataError(
            "values", list(frame.columns), "give each column a name of its own"
        )

    def plain(column: Any) -> list[Any]:
        if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
            return list(column)
        return [one if there else None for one, there in zip(column, column.notna(), strict=True)]

    columns = [plain(frame[name]) for name in frame.columns]
    return [dict(zip(frame.columns, row, strict=True)) for row in zip(*columns, strict=True)]


def line_of(row: Row) -> str:
    """A row as one line of JSON.

    Parameters
    ----------
    row : mapping
        Of `rows_of`.

    Returns
    -------
    str
        ASCII, without its end.

    Raises
    ------
    InvalidMetaDataError
        A value is none that JSON has; it is named.

    Examples
    --------
    >>> line_of({"fps": 29.8, "ok": True})
    '{"fps": 29.8, "ok": true}'
    """
    try:
        return _encode(dict(row))
    except (TypeError, ValueError, RecursionError):
        for name, value in row.items():
            _check(name, value)
        raise


def _check(name: str, value: Any) -> None:
    try:
        _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidMetaDataError(
            name, value, f"report what JSON has: text, numbers, lists ({error})"
        ) from error


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy, and times, as JSON has them."""
    if type(value).__name__ in ("NaTType", "NAType"):  # of pandas, which is not loaded for it
        return None
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


_encode = json.JSONEncoder(default=_plain).encode


def is_finite(value: object) -> bool:
    """Whether it is a number that can be counted with.

    Parameters
    ----------
    value : object
        Of numpy too.

    Returns
    -------
    bool
        False for bool, NaN and infinities.

    Examples
    --------
    >>> is_finite(0.5), is_finite(float("nan")), is_finite("a")
    (True, False, False)
    """
    if isinstance(value, bool | str | bytes):
        return False
    try:
        return math.isfinite(value)  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return False

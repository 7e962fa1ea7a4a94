"""JSON: values that it has, and on request tables as a list of records."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time
from itertools import chain, compress, repeat
from operator import is_
from pathlib import Path
from typing import Any

from syncnb.codecs.guards import reading, within
from syncnb.codecs.json_columns import bytes_of, joined, texts_of
from syncnb.codecs.registry import Loading
from syncnb.codecs.tables import (
    check_table,
    flat_arrow,
    library_for,
    library_of,
    refused,
)
from syncnb.errors import ModelError

_VALUES = (dict, list, int, float, bool, type(None))
_DEPTH = 100  # readers in other languages go no deeper (64 in .NET, 128 in Rust)
_SPREAD = 32  # bytes of Python that a byte of JSON may become, such as "[[],[],...": 64 for 3
_BITS = 14_000  # of an integer: Python reads no more than 4,300 digits
_MOST = 50_000_000  # values that are looked at together
_WIDE = 1000  # keys of a dict that are no longer columns
_BATCH = 1 << 14  # rows
_BETWEEN = ",\n"  # of two rows
_TABLES = (
    "geopandas.",
    "pandas.",
    "polars.",
    "pyarrow.",
)  # types of tables, as a manifest has them


class Json:
    """dict, list, int, float, bool or None <-> JSON; a table <-> a list of objects, one a row.

    Of a table, names, numbers, texts, booleans, lists and missing values survive; dates and times
    become texts, and types are guessed when it is read.
    """

    name, version, suffix = "json", 1, ".json"
    libraries: Sequence[str] = ()
    executes = False
    sequential = True

    def accepts(self, obj: object) -> bool:
        """Whether it is such a value, or a table."""
        return type(obj) in _VALUES or bool(library_of(obj))

    def check(self, obj: Any) -> None:
        """Refuse what would not come back the same; it says where that is."""
        if library_of(obj):
            check_table(obj)
        else:
            check_value(obj, "value", f"a {type(obj).__name__}")

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        with path.open("wb") as file:
            if library_of(obj):
                file.writelines(_records(obj))
            else:
                file.write(_encoded(obj))

    def load(self, path: Path, how: Loading) -> Any:
        """Read it."""
        table = how.type.startswith(_TABLES)
        library = library_for(how) if table else ""
        with reading(how, "a JSON text"):
            within(how, path.stat().st_size * _SPREAD, "its value")
            value = json.loads(path.read_bytes().decode("utf-8"), parse_constant=_no_number)
            if not table:
                return value
            return _table(value, library)


def check_value(value: Any, where: str, subject: str) -> None:
    """Refuse a value that JSON would not give back the same.

    Parameters
    ----------
    value : object
        To be published.
    where : str
        What to call it.
    subject : str
        What was handed in, for the error.

    Raises
    ------
    ModelError
        With the place and the remedy.

    Examples
    --------
    >>> check_value({"a": [1, float("nan")]}, "value", "a dict")
    Traceback (most recent call last):
    syncnb.errors.ModelError: a dict: value['a'][1] is nan, which JSON has not. Use None or a text.
    """
    if _is_plain(value):
        return
    stack = [(value, where, 0)]
    while stack:
        one, place, depth = stack.pop()
        problem = _problem(one, depth)
        if problem:
            raise ModelError(subject, f"{place} {problem[0]}", problem[1])
        if isinstance(one, dict):
            for key, inner in one.items():
                if type(key) is not str or not _is_text(key):
                    raise ModelError(
                        subject,
                        f"{place} has the key {key!r}, and JSON has only texts as keys",
                        "use str(key), or a list of pairs",
                    )
                stack.append((inner, f"{place}[{key!r}]", depth + 1))
        elif isinstance(one, list):
            stack.extend((inner, f"{place}[{i}]", depth + 1) for i, inner in enumerate(one))


def _is_plain(value: Any) -> bool:
    """Whether nothing speaks against a value; in a fraction of the time that it takes to say what.

    All values of one depth are looked at together, in groups that are most often of one type. One
    that holds itself is many at once, and is left to who looks at one after the other.
    """
    groups: list[Sequence[Any]] = [[value]]
    left = _MOST
    for _ in range(_DEPTH + 1):
        below: list[Sequence[Any]] = []
        for group in groups:
            kinds = set(map(type, group))
            for kind in kinds - {bool, type(None)}:
                those = (
                    group
                    if len(kinds) == 1
                    else list(compress(group, map(is_, map(type, group), repeat(kind))))
                )
                if kind is list or kind is dict:
                    left -= sum(map(len, those))
                    if left < 0:
                        return False
                if kind is list:
                    below.append(list(chain.from_iterable(those)))
                elif kind is dict:
                    if set(map(type, chain.from_iterable(those))) - {str}:
                        return False
                    if not _are_texts(set().union(*those)):
                        return False
                    below.extend(_columns(those))
                elif not _are_plain(those, kind):
                    return False
        groups = [group for group in below if group]
        if not groups:
            return True
    return False


def _columns(rows: Sequence[dict[str, Any]]) -> list[Sequence[Any]]:
    """The values of some dicts; those of one place together, as records have one type there."""
    values = list(chain.from_iterable(map(dict.values, rows)))
    width = len(rows[0])
    if width > _WIDE or set(map(len, rows)) != {width}:
        return [values]
    return [values[at::width] for at in range(width)]


def _are_plain(those: Sequence[Any], kind: type) -> bool:
    """The same of values of one type that hold no others."""
    if kind is str:
        return _are_texts(those)
    if kind is float:  # a sum of finite ones is one, or too large
        return math.isfinite(sum(those)) or all(map(math.isfinite, those))
    return kind is int and max(map(int.bit_length, those)) <= _BITS


def _are_texts(texts: Collection[str]) -> bool:
    return all(map(str.isascii, texts)) or _is_text("".join(texts))


def _problem(value: Any, depth: int) -> tuple[str, str] | None:
    kind = type(value)
    if kind not in _VALUES and kind is not str:
        return (
            f"is a {kind.__module__}.{kind.__qualname__}, which JSON has not",
            "make it a dict, list, text or number, such as with .tolist(), float() or list()",
        )
    if kind is float and not math.isfinite(value):
        return f"is {value}, which JSON has not", "use None or a text"
    if kind is str and not _is_text(value):
        return "has a lone surrogate, which UTF-8 has not", "repair the text"
    if kind is int and value.bit_length() > _BITS:
        return f"has {value.bit_length()} bits", "write it as a text, such as with hex()"
    if depth > _DEPTH:
        return f"is nested deeper than {_DEPTH}, or holds itself", "make it flatter"
    return None


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _encoded(value: Any) -> bytes:
    """A value that was checked; its text depends on who writes numbers such as 1e16 or 1e+16."""
    try:
        import msgspec  # of the service; Python's own takes ten times as long

        return msgspec.json.encode(value)
    except (ImportError, OverflowError):  # older ones have no integers beyond 64 bits
        return _encoder().encode(value).encode()


def _encoder() -> json.JSONEncoder:
    return json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_moment
    )


def _moment(value: object) -> str:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    raise TypeError(f"JSON has no {type(value).__name__}")


def _records(obj: Any) -> Iterator[bytes | memoryview]:
    """The rows as objects, a batch at a time; Arrow puts them together."""
    import pyarrow as pa

    table, start = flat_arrow(obj, "JSON"), len(_BETWEEN)  # nothing is before the first row
    names = [_encoder().encode(name) for name in table.column_names]
    if len(set(names)) < len(names):
        raise refused(obj, "two of its columns have one name", "rename one of them")
    for field in table.schema:
        if isinstance(field.type, pa.BaseExtensionType):
            raise refused(
                obj, f"JSON has no {field.type} (column {field.name!r})", "publish it as Parquet"
            )
    yield b"["
    for batch in table.to_batches(max_chunksize=_BATCH) if names else ():
        if not len(batch):  # of an empty chunk
            continue
        try:
            batch.validate(full=True)
            columns = [texts_of(column, _encoder().encode) for column in batch.columns]
        except (TypeError, ValueError, OverflowError) as error:
            raise refused(
                obj, f"JSON cannot hold it ({error})", "cast the column, or publish Parquet"
            ) from error
        parts: list[Any] = []
        for name, column in zip(names, columns, strict=True):
            parts += ["," if parts else _BETWEEN + "{", f"{name}:", column]
        yield bytes_of(joined(*parts, "}"))[start:]
        start = 0
    yield b"]\n"


def _table(value: Any, library: str) -> Any:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ValueError("it is no list of records")
    if library == "polars":
        import polars as pl

        return pl.from_dicts(value, infer_schema_length=None)
    if library == "pyarrow":
        return _arrow_table(value)
    import pandas as pd

    return pd.DataFrame(value)


def _arrow_table(rows: list[dict[str, Any]]) -> Any:
    import pyarrow as pa

    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except OverflowError:  # Arrow takes integers for signed ones
            columns[name] = pa.array(values, pa.uint64())
    return pa.table(columns)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")

"""Rows as the data of one object: Parquet, or JSON lines where there is no pyarrow."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from syncnb.statistics.segments import Line

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES, SKETCH = ("started_at", "ended_at"), "sketch"  # columns of aggregates that JSON has not
_GROWING = ("reported_at", "sequence")  # from row to row
_NUMBERS = ("count", "sum", "min", "max")


def pack(lines: Sequence[Line], *, aggregates: bool = False) -> tuple[str, bytes]:
    """Rows as the data of an object.

    Parameters
    ----------
    lines : sequence of Line
        In order of their sequence; at least one.
    aggregates : bool, default False
        Whether they are what `Aggregates` made.

    Returns
    -------
    str
        ``"parquet"`` or ``"jsonl"``.
    bytes
        The data: the reported columns, then ``reported_at``, ``sequence`` and ``model_version``. A
        column with values of several types is one of texts.

    Examples
    --------
    >>> pack([Line(1, 0, "1.2.0", {"fps": 29.8})])[0]
    'parquet'
    """
    if find_spec("pyarrow") is None:
        return "jsonl", _json_lines(lines)
    return "parquet", _parquet(lines, aggregates=aggregates)


def _parquet(lines: Sequence[Line], *, aggregates: bool) -> bytes:
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    columns: dict[str, pa.Array] = {}
    for name in _names(lines):
        values = [line.row.get(name) for line in lines]
        if aggregates and name in TIMES:
            columns[name] = pa.array(values, moment)
        elif aggregates and name == SKETCH:
            columns[name] = pa.array([v and base64.b64decode(v) for v in values], pa.binary())
        elif aggregates and name in _NUMBERS:
            columns[name] = pa.array(values, pa.int64() if name == "count" else pa.float64())
        else:
            columns[_writable(name)] = _column(values)
    columns["reported_at"] = pa.array([line.time for line in lines], moment)
    columns["sequence"] = pa.array([line.sequence for line in lines], pa.int64())
    columns["model_version"] = pa.array([line.version for line in lines], pa.string())
    return _written(pa.table(columns))


def _column(values: list[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        column = pa.array(values)
        if pa.types.is_nested(column.type):  # Parquet has no struct without fields
            _written(pa.table({"a": column}))
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return pa.array([_text(value) for value in values], pa.string())
    return column


def _written(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    out = io.BytesIO()
    grows = [name for name in _GROWING if name in table.column_names]
    others = [name for name in table.column_names if name not in grows]
    pq.write_table(
        table,
        out,
        compression="zstd",
        store_schema=False,  # a kilobyte, in objects that may have ten rows
        use_dictionary=others,
        column_encoding=dict.fromkeys(grows, "DELTA_BINARY_PACKED"),
    )
    return out.getvalue()


def _json_lines(lines: Sequence[Line]) -> bytes:
    mixed = {name for name in _names(lines) if len(_kinds(lines, name)) > 1}
    out = []
    for line in lines:
        row = {name: _text(v) if name in mixed else v for name, v in line.row.items()}
        row |= {
            "reported_at": iso(line.time),
            "sequence": line.sequence,
            "model_version": line.version,
        }
        out.append(f"{json.dumps(row)}\n")
    return "".join(out).encode()


def _names(lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(name for line in lines for name in line.row))


def _kinds(lines: Sequence[Line], name: str) -> set[type]:
    kinds = {type(line.row.get(name)) for line in lines} - {type(None)}
    return kinds - {int} if float in kinds else kinds


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return _writable(value) if isinstance(value, str) else json.dumps(value)


def _writable(text: str) -> str:
    """Half a surrogate pair is possible in JSON, and not in UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def iso(microseconds: int) -> str:
    """Microseconds since 1970 as RFC 3339 has them.

    Examples
    --------
    >>> iso(1_500_000)
    '1970-01-01T00:00:01.500000+00:00'
    """
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat()

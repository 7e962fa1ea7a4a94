"""Rows as objects: what JSON has comes back from Parquet, and nothing makes an object fail."""

from __future__ import annotations

import hashlib
import io
import json
import math
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.metadata import ObjectMetaData
from syncnb.statistics import packing
from syncnb.statistics.packing import pack
from syncnb.statistics.parsing import parse_report
from syncnb.statistics.reports import Form
from syncnb.statistics.segments import Line

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(
    st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=4), min_size=1, max_size=6
)


def lines(rows: list[dict[str, Any]]) -> list[Line]:
    return [Line(i + 1, 1_000_000 * i, None, row) for i, row in enumerate(rows)]


def table(rows: list[dict[str, Any]]) -> pa.Table:
    form, data = pack(lines(rows))
    assert form == "parquet"
    return pq.read_table(io.BytesIO(data))


@given(rows=ROWS)
def test_whatever_json_has_can_be_packed(rows: list[dict[str, Any]]) -> None:
    """One odd row must not stop all that come after it."""
    read = table(json.loads(json.dumps(rows)))
    assert read["sequence"].to_pylist() == list(range(1, len(rows) + 1))
    assert len(read.column_names) == len({name for row in rows for name in row}) + 3


@pytest.mark.parametrize(
    ("values", "read"),
    [
        pytest.param([1, 2, None], [1, 2, None], id="integers"),
        pytest.param([1, 2.5], [1.0, 2.5], id="numbers"),
        pytest.param([True, None], [True, None], id="booleans"),
        pytest.param(["a", "ä\n"], ["a", "ä\n"], id="texts"),
        pytest.param([[1, 2], []], [[1, 2], []], id="lists"),
        pytest.param([{"x": 1}, {"x": 2}], [{"x": 1}, {"x": 2}], id="objects"),
        pytest.param([None, None], [None, None], id="nothing"),
        pytest.param([1, "n/a", True, [1]], ["1", "n/a", "true", "[1]"], id="several types"),
        pytest.param([2**70, 1], [str(2**70), "1"], id="too large"),
        pytest.param([{}, {}], ["{}", "{}"], id="empty objects"),
    ],
)
def test_value_comes_back_or_as_its_text(values: list[Any], read: list[Any]) -> None:
    """A column has one type; the last row is one that lacks it."""
    rows: list[dict[str, Any]] = [{"a": value} for value in values]
    assert table([*rows, {"b": 1}])["a"].to_pylist() == [*read, None]


def test_nan_is_no_missing_value() -> None:
    """The two mean different things where something is measured."""
    first, second = table([{"a": math.nan}, {"a": None}])["a"].to_pylist()
    assert (math.isnan(first), second) == (True, None)


def test_added_columns_come_last_with_their_types() -> None:
    """As the cloud expects them."""
    _, data = pack([Line(7, 1_500_000, "1.2.0", {"fps": 29.8}), Line(9, 2_000_000, None, {})])
    read = pq.read_table(io.BytesIO(data))
    assert read.column_names == ["fps", "reported_at", "sequence", "model_version"]
    assert read.schema.types == [
        pa.float64(), pa.timestamp("us", tz="UTC"), pa.int64(), pa.string(),
    ]  # fmt: skip
    assert read.to_pylist()[0] == {
        "fps": 29.8,
        "reported_at": datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC),
        "sequence": 7,
        "model_version": "1.2.0",
    }


def test_rows_of_a_stream_are_compact() -> None:
    """Twelve bytes a row, for what is three times as much as text."""
    rows = [{"fps": 29.8, "camera": f"c{i % 4}", "n": i % 7} for i in range(5000)]
    assert len(pack(lines(rows))[1]) < 12 * 5000


def test_node_without_pyarrow_sends_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same columns, of one type each."""
    monkeypatch.setattr(packing, "find_spec", lambda name: None)
    form, data = pack(lines([{"a": 1, "b": 1.5}, {"a": "x", "b": 2}]))
    assert form == "jsonl"
    assert [json.loads(line) for line in data.splitlines()] == [
        {"a": "1", "b": 1.5, "reported_at": "1970-01-01T00:00:00+00:00", "sequence": 1,
         "model_version": None},
        {"a": "x", "b": 2, "reported_at": "1970-01-01T00:00:01+00:00", "sequence": 2,
         "model_version": None},
    ]  # fmt: skip


def read(form: str, data: bytes) -> pa.Table:
    """What the cloud makes of it."""
    about = {
        "manifest": 1, "format": form, "codec": f"{form}/1", "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "extra": {"stream": "s", "first": 1, "last": 2, "dropped": 0},
    }  # fmt: skip
    meta = ObjectMetaData(
        object_type="stats", object_id="a", object_size=len(data),
        description=json.dumps({"text": "", "syncnb": about}),
    )  # fmt: skip
    said = Form.of(meta)
    assert said is not None
    assert (said.kind, said.stream, said.first, said.last) == (form, "s", 1, 2)
    return parse_report(meta, said, data).report().table


def test_cloud_reads_the_same_from_a_node_without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers, times and versions of the rows are known, whichever form they travel in."""
    rows = [Line(1, 0, "1.2.0", {"fps": 29.8}), Line(2, 5_000_000, None, {"fps": 30.1})]
    parquet = read(*pack(rows))
    monkeypatch.setattr(packing, "find_spec", lambda name: None)
    assert read(*pack(rows)).equals(parquet)
    assert parquet.column("sequence").to_pylist() == [1, 2]
    assert parquet.column("stream").to_pylist() == ["s", "s"]

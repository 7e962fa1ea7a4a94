"""A pandas frame comes back as it was: every dtype, every index, every label."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from syncnb.errors import ModelError

from .trips import trip, written

FORMS = ["parquet", "arrow"]
ARRAY: Any = pd.array
NOON = dt.datetime(2020, 1, 1, 12)  # noqa: DTZ001  # pandas has such without a zone
MOMENTS = pd.DatetimeIndex(["2020-01-01 10:00", "2021-05-06 07:08", pd.NaT])


def same(frame: pd.DataFrame, form: str) -> None:
    """It comes back equal, and is not changed itself."""
    before = frame.copy()
    back = trip(frame, form)
    assert type(back) is pd.DataFrame
    assert_frame_equal(frame, before)
    assert_frame_equal(back, frame, check_freq=True, check_flags=True)
    for i in range(frame.shape[1]):
        old, new = frame.iloc[:, i], back.iloc[:, i]
        assert new.dtype == old.dtype
        if isinstance(old.dtype, pd.CategoricalDtype):
            assert new.cat.categories.dtype == old.cat.categories.dtype
        assert [type(value) for value in new] == [type(value) for value in old]


def category(values: Any, categories: Any, *, ordered: bool = False) -> pd.Categorical:
    return pd.Categorical(values, dtype=pd.CategoricalDtype(categories, ordered=ordered))


COLUMNS: dict[str, Any] = {
    **{k: np.array([0, 1, np.iinfo(k).max], k) for k in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")},
    **{k: np.array([0.1, np.nan, -0.0], k) for k in ("f2", "f4", "f8")},
    "bool": np.array([True, False, True]),
    **{k: pd.array([1, None, 3], dtype=k) for k in ("Int8", "Int64", "UInt64", "Float32", "Float64")},
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "str": pd.array(["a", None, ""], dtype="str"),
    "str of python": pd.array(["a", None, "é"], dtype=pd.StringDtype("python", na_value=np.nan)),
    "string": pd.array(["a", None, ""], dtype=pd.StringDtype("pyarrow")),
    "string of python": pd.array(["a", None, ""], dtype=pd.StringDtype("python")),
    "object of str": pd.Series(["a", "b", ""], dtype=object),
    "object of str and None": pd.Series(["a", None, ""], dtype=object),
    "object of str and nan": pd.Series(["a", np.nan, ""], dtype=object),
    "object of str and NA": pd.Series(["a", pd.NA, ""], dtype=object),
    "object of bytes": pd.Series([b"a", None, b""], dtype=object),
    "object of int": pd.Series([1, None, 3], dtype=object),
    "object of bool": pd.Series([True, None, False], dtype=object),
    "object of float": pd.Series([1.5, None, 2.0], dtype=object),
    "object of date": pd.Series([dt.date(2020, 1, 1), None, dt.date(1, 1, 1)], dtype=object),
    "object of time": pd.Series([dt.time(1, 2, 3, 4), None, dt.time(0)], dtype=object),
    "object of datetime": pd.Series([NOON, None, NOON], dtype=object),
    "object of Decimal": pd.Series([Decimal("1.10"), None, Decimal("2.25")], dtype=object),
    "object of list": pd.Series([[1, 2], [], [3]], dtype=object),
    "object of dict": pd.Series([{"a": 1}, {"a": 2}, {"a": 3}], dtype=object),
    "object of nothing": pd.Series([None, None, None], dtype=object),
    **{f"datetime64[{u}]": MOMENTS.as_unit(u) for u in ("s", "ms", "us", "ns")},
    **{
        f"datetime64[{u}, {zone}]": MOMENTS.as_unit(u).tz_localize(zone)
        for u in ("s", "ms", "us", "ns")
        for zone in ("UTC", "Europe/Berlin", "+05:30")
    },
    **{f"timedelta64[{u}]": pd.Series([1, None, 3], dtype=f"timedelta64[{u}]") for u in ("s", "ms", "us", "ns")},
    **{f"period[{f}]": pd.PeriodIndex(["2020-01", "2020-02", None], freq=f).array for f in ("D", "M", "Q-NOV", "h")},
    "interval": pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3], closed="left"),
    "interval of times": pd.arrays.IntervalArray.from_breaks(pd.date_range("2020", periods=4)),
    "category of str": category(["b", None, "a"], ["c", "b", "a"]),
    "category ordered": category(["b", None, "a"], ["c", "b", "a"], ordered=True),
    "category of object": category(["b", None, "a"], pd.Index(["b", "a"], dtype=object)),
    "category of int": category([5, None, 2**60 + 1], [2**60 + 1, 9, 5]),
    "category of float": category([0.5, None, 1.5], [1.5, 0.5]),
    "category of bool": category([True, None, False], [True, False], ordered=True),
    "category of times": category(MOMENTS, MOMENTS[:2], ordered=True),
    "category of zoned times": category(MOMENTS.tz_localize("Asia/Tokyo"), MOMENTS[:2].tz_localize("Asia/Tokyo")),
    "category of periods": category(pd.period_range("2020", periods=3, freq="M"), pd.period_range("2020", periods=4, freq="M")),
    "category of intervals": pd.cut([1, 2, 3], 2),
    "category of overlapping intervals": category(pd.arrays.IntervalArray.from_tuples([(0, 2), (1, 3), (0, 2)]), pd.arrays.IntervalArray.from_tuples([(1, 3), (0, 2)])),
    "category of Int64": category(pd.array([1, 2, None], dtype="Int64"), pd.array([2, 1], dtype="Int64")),
    "category of nothing": category([None, None, None], []),
    **{
        f"arrow {kind}": ARRAY(values, dtype=pd.ArrowDtype(kind))
        for kind, values in {
            pa.int8(): [1, None, 3],
            pa.float64(): [1.5, None, float("inf")],
            pa.bool_(): [True, None, False],
            pa.large_string(): ["a", None, ""],
            pa.binary(): [b"a", None, b""],
            pa.date32(): [dt.date(2020, 1, 1), None, None],
            pa.time64("ns"): [dt.time(1, 2, 3), None, None],
            pa.timestamp("s", "UTC"): [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None, None],
            pa.duration("ms"): [dt.timedelta(1), None, None],
            pa.decimal128(10, 2): [Decimal("1.10"), None, None],
            pa.list_(pa.int16()): [[1], None, []],
            pa.struct({"a": pa.string()}): [{"a": "x"}, None, {"a": None}],
            pa.map_(pa.string(), pa.int8()): [[("a", 1)], None, []],
            pa.dictionary(pa.int8(), pa.string()): ["a", None, "a"],
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", COLUMNS)
def test_every_dtype_comes_back_as_a_column_as_an_index_and_as_labels(kind: str, form: str) -> None:
    """Values, dtype, and what kind of missing value it was."""
    values = COLUMNS[kind]
    same(pd.DataFrame({"x": values, "y": [1, 2, 3]}), form)
    if kind in ("f2", "object of list", "object of dict") or kind.startswith(
        ("arrow l", "arrow st", "arrow m", "arrow dict")
    ):
        return  # pandas itself has no index of these
    index = pd.Index(values, name="i", dtype=getattr(values, "dtype", None))
    same(pd.DataFrame({"x": [1, 2, 3]}, index=index), form)
    if index.is_unique:
        same(pd.DataFrame([[1, 2, 3]], columns=index), form)
    same(
        pd.DataFrame({"x": [1, 2, 3]}, index=pd.MultiIndex.from_arrays([index, [1, 1, 2]], names=["a", None])),
        form,
    )  # fmt: skip


INDEXES = [
    pd.RangeIndex(5, 11, 3, name="r"),
    pd.Index([7, 7]),
    pd.date_range("2030-01-01", periods=2, freq="h", tz="Europe/Berlin", name="t"),
    pd.bdate_range("2030-01-01", periods=2),
    pd.timedelta_range("1h", periods=2, freq="30min"),
    pd.MultiIndex.from_product([["a"], pd.date_range("2030", periods=2, freq="D")], names=["k", 3]),
    pd.MultiIndex.from_tuples([("a", 1, None), ("b", 2, "x")]),
    pd.MultiIndex.from_arrays([["a", "b"], [1.5, 2.5]], names=[1, 0]),  # numbers of other levels
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("index", INDEXES, ids=str)
def test_index_and_labels_of_any_kind_come_back(index: pd.Index, form: str) -> None:
    """With names and frequency."""
    same(pd.DataFrame({"a": [1, 2]}, index=index), form)
    if index.is_unique:
        same(pd.DataFrame([[1, 2.5]], columns=index), form)


@pytest.mark.parametrize("form", FORMS)
def test_attributes_of_a_frame_come_back(form: str) -> None:
    """Those that JSON has."""
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"unit": {"a": "mm"}, "rows": [1, None]}
    assert trip(frame, form).attrs == frame.attrs == {"unit": {"a": "mm"}, "rows": [1, None]}


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int8": st.integers(-128, 127),
    "uint64": st.integers(0, 2**64 - 1),
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "bool": st.booleans(),
    "Int32": st.none() | st.integers(-(2**31), 2**31 - 1),
    "Float64": st.none() | st.floats(allow_nan=False),
    "boolean": st.none() | st.booleans(),
    "str": st.none() | st.text(),
    "string": st.none() | st.text(),
    "object": st.none() | st.text(),
    "category": st.none() | st.text(max_size=2),
    "datetime64[s]": st.none() | st.datetimes(),
    "datetime64[us]": st.none() | st.datetimes(),
    "datetime64[ns, America/New_York]": st.none()
    | st.datetimes(NOON.replace(1700), NOON.replace(2200), timezones=st.just(dt.UTC)),
    "timedelta64[ms]": st.none() | st.timedeltas(dt.timedelta(-(10**5)), dt.timedelta(10**5)),
    "period[D]": st.none() | st.dates(dt.date(1700, 1, 1), dt.date(2200, 1, 1)),
    "int64[pyarrow]": st.none() | st.integers(-(2**63), 2**63 - 1),
    "string[pyarrow]": st.none() | st.text(),
}


@st.composite
def series(draw: st.DrawFn, rows: int) -> pd.Series:
    """A column of any dtype."""
    dtype = draw(st.sampled_from(sorted(VALUES)))
    values = draw(st.lists(VALUES[dtype], min_size=rows, max_size=rows))
    if dtype.startswith("period"):
        values = [None if value is None else str(value) for value in values]
    return pd.Series(values, dtype=dtype)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """A frame with any labels and any index."""
    rows = draw(st.integers(1, 8))
    columns = draw(st.lists(series(rows), min_size=1, max_size=4))
    frame = pd.concat(columns, axis=1)
    label = st.text(max_size=5) | st.integers(-9, 9)
    kind = draw(st.sampled_from(["texts", "numbers", "pairs"]))
    if kind == "texts":
        names = draw(st.lists(st.text(), min_size=len(columns), max_size=len(columns), unique=True))
        frame.columns = pd.Index(names, dtype=draw(st.sampled_from(["str", "object"])))
    elif kind == "pairs":
        pairs = st.tuples(st.text(max_size=3), st.integers(-(2**63), 2**63 - 1))
        both = draw(st.lists(pairs, min_size=len(columns), max_size=len(columns), unique=True))
        frame.columns = pd.MultiIndex.from_tuples(both, names=["a", draw(st.none() | label)])
    levels = draw(st.lists(series(rows), max_size=2))
    if len(levels) == 1:
        frame.index = pd.Index(levels[0], dtype=levels[0].dtype, name=draw(st.none() | label))
    elif levels:
        frame.index = pd.MultiIndex.from_arrays(levels, names=["a", draw(st.none() | label)])
    return frame


@given(frames(), st.sampled_from(FORMS))
def test_any_frame_comes_back(frame: pd.DataFrame, form: str) -> None:
    """Of any columns, index and labels."""
    same(frame, form)


@pytest.mark.parametrize(
    ("frame", "problem", "remedy"),
    [
        (pd.DataFrame({"a": [1, "x"]}, dtype=object), "'x' with type str", "astype"),
        (pd.DataFrame({"a": [1, 1.0]}, dtype=object), "column 'a' has 1 in row 0, which would", ""),
        (pd.DataFrame({"a": [True, 1]}, dtype=object), "Could not convert 1 with type int", ""),
        (pd.DataFrame({"a": ["x", None, np.nan]}, dtype=object), "mixes the missing values", ""),
        (pd.DataFrame({"a": [np.array([1])]}, dtype=object), "come back as \\[1\\]", ""),
        (pd.DataFrame({"a": [[1], (2,)]}, dtype=object), "\\(2,\\) in row 1", ""),
        (pd.DataFrame({"a": [{"a": 1}, {"b": 1}]}, dtype=object), "'b': None", ""),
        (pd.DataFrame({"a": [object()]}), "Could not convert", ""),
        (pd.DataFrame({"a": [1j]}), "complex", ""),
        (pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}), "Sparse", "to_dense"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' is there twice", "name of its own"),
        (pd.DataFrame({"a": [1]}, index=pd.Index([1], name=("x", 1))), "which is a tuple", ""),
        (pd.DataFrame([[1, 2]], columns=[1, "a"]), "Could not convert|Expected bytes", ""),
        (pd.DataFrame({"a": []}), "it is empty", "delete the object"),
        (pd.DataFrame(index=[1]), "it is empty", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", FORMS)
def test_what_would_not_come_back_is_refused(
    frame: pd.DataFrame, problem: str, remedy: str, form: str, tmp_path: Path
) -> None:
    """With the column, the value and the remedy."""
    with pytest.raises(ModelError, match=problem) as caught:
        written(frame, tmp_path, form)
    assert remedy in str(caught.value)


def test_attributes_that_json_has_not_are_refused(tmp_path: Path) -> None:
    """With the place."""
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = {"units": {"a": {"mm"}}}
    with pytest.raises(ModelError, match=r"DataFrame.attrs\['units'\]\['a'\] is a builtins.set"):
        written(frame, tmp_path)


def test_seconds_beyond_what_parquet_holds_are_refused(tmp_path: Path) -> None:
    """Parquet has no seconds; Arrow has."""
    frame = pd.DataFrame({"a": pd.Series(np.array([2**60], "M8[s]"))})
    with pytest.raises(ModelError, match="Parquet cannot hold it"):
        written(frame, tmp_path)
    same(frame, "arrow")


def test_others_read_the_parquet_file_without_syncnb(tmp_path: Path) -> None:
    """DuckDB, and pandas alone, see plain columns."""
    frame = pd.DataFrame(
        {
            "text": np.array(["a", "b", None], dtype=object),
            "kind": pd.Categorical(["x", "y", "x"]),
            "number": pd.Categorical([5, 3, 5]),
            "when": pd.date_range("2030-01-01", periods=3, tz="UTC"),
        },
        index=pd.Index([10, 20, 30], name="row"),
    )
    _, path = written(frame, tmp_path)
    query = f"select text, kind, number, epoch(\"when\"), row from '{path}' order by row"
    start = 1893456000
    assert duckdb.execute(query).fetchall() == [
        ("a", "x", 5, start, 10), ("b", "y", 3, start + 86400, 20), (None, "x", 5, start + 172800, 30)
    ]  # fmt: skip
    alone = pd.read_parquet(path)
    assert alone.index.equals(frame.index)
    assert alone["text"].tolist()[:2] == ["a", "b"]


def test_a_parquet_file_by_others_is_read_as_pandas_reads_it(tmp_path: Path) -> None:
    """Also one with an index."""
    from .trips import read

    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="i"))
    frame.to_parquet(tmp_path / "a.parquet")
    assert_frame_equal(read("parquet", tmp_path / "a.parquet"), frame)


@pytest.mark.parametrize(
    "notes",
    [
        {"columns": []}, [], "x", {"pandas": 1}, {"columns": ["int64"], "names": [None], "range": [0, 9, 1]},
        {"columns": ["object"], "names": [None], "range": [0, 1, 1]},
        {"columns": ["V9"], "names": [None], "range": [0, 1, 1]},
        {"columns": [{"categories": "AAAA", "ordered": False, "freq": None}], "names": [None], "range": [0, 1, 1]},
        {"columns": [{"arrow": "!"}], "names": [None], "range": [0, 1, 1]},
        {"columns": ["datetime64[ns, ../../../etc/passwd]"], "names": [None], "range": [0, 1, 1]},
        {"columns": ["int64"], "names": [[]], "range": "abc"},
    ],
)  # fmt: skip
def test_notes_that_lie_are_refused(notes: object, tmp_path: Path) -> None:
    """They come from anywhere."""
    import pyarrow.parquet as pq

    from syncnb.errors import LoadError

    from .trips import read

    table = pa.table({"a": [1]}).replace_schema_metadata({"syncnb": json.dumps(notes)})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(LoadError, match="its data are no Parquet file"):
        read("parquet", tmp_path / "a.parquet")

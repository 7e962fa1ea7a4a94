"""Tables of polars, pyarrow and geopandas, and those that travel as CSV or JSON."""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import geopandas as gpd
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal as assert_pandas_equal
from polars.testing import assert_frame_equal
from polars.testing.parametric import dataframes
from shapely import LineString, Point, Polygon

from syncnb.errors import LoadError, MissingDependencyError, ModelError

from .trips import read, trip, written

FORMS = ["parquet", "arrow"]
POLARS: dict[str, pl.Series] = {
    str(series.dtype): series
    for series in [
        *(
            pl.Series([0, None, 1], dtype=kind)
            for kind in (pl.Int8, pl.Int64, pl.UInt16, pl.UInt64)
        ),
        pl.Series([2**100, None], dtype=pl.Int128),
        pl.Series([2**127, None], dtype=pl.UInt128),
        *(pl.Series([0.5, None, float("nan")], dtype=kind) for kind in (pl.Float32, pl.Float64)),
        pl.Series([True, None]),
        pl.Series(["a", None, ""]),
        pl.Series([b"a", None, b""]),
        pl.Series([None, None]),
        pl.Series(["b", "a", None], dtype=pl.Categorical),
        pl.Series(["b", "a", None], dtype=pl.Enum(["c", "b", "a"])),
        pl.Series([Decimal("1.10"), None], dtype=pl.Decimal(10, 2)),
        pl.Series([dt.date(2020, 1, 1), None]),
        pl.Series([dt.time(1, 2, 3), None]),
        *(pl.Series([0, None, 9], dtype=pl.Duration(unit)) for unit in ("ms", "us", "ns")),
        *(pl.Series([0, None, 9], dtype=pl.Datetime(unit)) for unit in ("ms", "us", "ns")),
        pl.Series([0, None], dtype=pl.Datetime("us", "Europe/Berlin")),
        pl.Series([[1], [], None]),
        pl.Series([[["a"]], [], None]),
        pl.Series([[1, 2], None], dtype=pl.Array(pl.Int8, 2)),
        pl.Series([{"a": 1, "b": "x"}, {"a": None, "b": "y"}]),
        pl.Series([["a"], ["b"]], dtype=pl.List(pl.Enum(["a", "b"]))),
    ]
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", POLARS)
def test_every_dtype_of_polars_comes_back(kind: str, form: str) -> None:
    """With its schema."""
    frame = pl.DataFrame({"x": POLARS[kind]})
    assert_frame_equal(trip(frame, form), frame)


@given(
    dataframes(
        min_size=1, min_cols=1, max_size=6, max_cols=4,
        excluded_dtypes=[pl.Int128, pl.UInt128, pl.Object, pl.Struct],  # those have cases above
    ),
    st.sampled_from(FORMS),
)  # fmt: skip
def test_any_frame_of_polars_comes_back(frame: pl.DataFrame, form: str) -> None:
    """Of any columns."""
    assert_frame_equal(trip(frame, form), frame)


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (pl.DataFrame({"a": [object()]}, schema={"a": pl.Object}), "Object"),
        (pl.DataFrame({"a": [2**90], "b": ["x"]}, schema={"a": pl.Int128, "b": pl.String}), "128"),
        (pl.DataFrame({"a": []}), "it is empty"),
    ],
)
def test_what_polars_cannot_write_is_refused(
    frame: pl.DataFrame, problem: str, tmp_path: Path
) -> None:
    """Before anything is sent."""
    with pytest.raises(ModelError, match=problem):
        written(frame, tmp_path)


ARROW = pa.table(
    {
        "a": pa.array([1, None], pa.int16()),
        "b": pa.chunked_array([["x"], ["y"]]),
        "c": pa.array([[{"k": 1.5}], None]),
        "d": pa.array([0, 1], pa.timestamp("ns", "UTC")),
        "e": pa.array([b"xy", None], pa.binary(2)),
    }
).replace_schema_metadata({"origin": "test"})


@pytest.mark.parametrize("form", FORMS)
def test_a_table_of_pyarrow_comes_back_with_its_schema(form: str) -> None:
    """And the metadata of that."""
    back = trip(ARROW, form)
    assert back.equals(ARROW)
    assert back.schema.metadata == ARROW.schema.metadata


def test_a_type_that_parquet_would_change_is_refused(tmp_path: Path) -> None:
    """With the form that holds it."""
    table = pa.table({"a": pa.array([1], pa.timestamp("s"))})
    with pytest.raises(ModelError, match=r'would come back as timestamp\[ms\].*format="arrow"'):
        written(table, tmp_path)
    assert trip(table, "arrow").equals(table)


def test_an_arrow_file_is_mapped_and_not_read() -> None:
    """Its bytes do not become memory of the process."""
    table = pa.table({"a": pa.array(range(1_000_000))})
    before = pa.total_allocated_bytes()
    back = trip(table, "arrow", mapped=True)
    assert pa.total_allocated_bytes() - before < 1_000_000
    assert back.equals(table)


@pytest.mark.parametrize("form", FORMS)
def test_a_geo_frame_comes_back_with_its_reference_systems(form: str) -> None:
    """Several geometries, missing ones, heights."""
    frame = gpd.GeoDataFrame(
        {
            "name": pd.Series(["a", None, "c"], dtype=object, index=[5, 6, 7]),
            "area": gpd.GeoSeries([Polygon([(0, 0), (1, 0), (1, 1)]), None, Polygon()], [5, 6, 7], "EPSG:4326"),
        },
        geometry=gpd.GeoSeries([Point(1, 2), Point(1, 2, 3), LineString([(0, 0), (1, 1)])], [5, 6, 7], "EPSG:3857"),
    )  # fmt: skip
    back = trip(frame, form)
    assert_geodataframe_equal(back, frame)
    assert back.crs == frame.crs
    assert back["area"].crs == frame["area"].crs
    assert back["name"].tolist() == ["a", None, "c"]
    plain = frame.set_geometry("area").set_crs(None, allow_override=True)
    assert_geodataframe_equal(trip(plain, form), plain)


def test_geopandas_reads_the_file_alone_and_we_read_its(tmp_path: Path) -> None:
    """GeoParquet."""
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[Point(1, 2)], crs="EPSG:4326")
    _, path = written(frame, tmp_path)
    assert_geodataframe_equal(gpd.read_parquet(path), frame)
    frame.to_parquet(path)
    assert_geodataframe_equal(
        read("parquet", path, type="geopandas.geodataframe.GeoDataFrame"), frame
    )


FLAT = pd.DataFrame(
    {"n": [1, 2], "x": [0.1, None], "t": ["a,\n\"'", None], "b": [True, False], "e": ["", "NA"]}
)


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_plain_columns_survive_csv_and_json(form: str, library: str) -> None:
    """Numbers to the last bit, missing values beside empty texts, ends of lines in texts."""
    if library == "pandas":
        assert_pandas_equal(trip(FLAT, form), FLAT)
    elif library == "polars":
        assert_frame_equal(trip(pl.from_pandas(FLAT), form), pl.from_pandas(FLAT))
    else:
        table = pa.Table.from_pandas(FLAT).replace_schema_metadata(None)
        assert trip(table, form).to_pylist() == table.to_pylist()


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.sampled_from(["csv", "json"]),
)
def test_floats_survive_csv_and_json_to_the_last_bit(values: list[float], form: str) -> None:
    """Which the writers of pandas do not promise."""
    back = trip(pd.DataFrame({"a": pd.Series(values, dtype="float64")}), form)["a"]
    assert back.astype("float64").tolist() == values


@pytest.mark.parametrize(
    ("frame", "problem", "remedy"),
    [
        (pd.DataFrame({"a": [1]}, index=["x"]), "would lose its index", "reset_index"),
        (pd.DataFrame({"a": [1]}, index=[5]), "would lose its index", "reset_index"),
        (pd.DataFrame({5: [1]}), "no other labels", "texts"),
        (gpd.GeoDataFrame(geometry=[Point(0, 0)]), "no geometries", "Parquet"),
        (pd.DataFrame({"a": pd.to_timedelta([1])}), "has no duration|JSON has no Timedelta", "Parquet"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_csv_and_json_would_lose_is_refused(
    frame: pd.DataFrame, problem: str, remedy: str, form: str, tmp_path: Path
) -> None:
    """Not dropped in silence."""
    with pytest.raises(ModelError, match=problem) as caught:
        written(frame, tmp_path, form)
    assert remedy in str(caught.value)


def test_every_kind_of_column_is_json_to_everybody(tmp_path: Path) -> None:
    """Each missing once, under names that could be taken for something else."""
    moment = dt.datetime.fromisoformat("2030-01-02T03:04:05.000600")
    row = {
        "share in %s": 0.1, "b": True, "i": -5, 'a "text"': 'ü\n"', "at": moment,
        "day": moment.date(), "time": moment.time(), "list": [1, None], "pair": {"a": 1.5},
    }  # fmt: skip
    table = pa.Table.from_pylist([row, dict.fromkeys(row)])
    _, path = written(table, tmp_path, "json")
    shown = {**row, "at": "2030-01-02T03:04:05.000600", "day": "2030-01-02"}
    shown["time"] = "03:04:05.000600"
    assert json.loads(path.read_text()) == [shown, dict.fromkeys(row)]


@pytest.mark.parametrize("empty", ["first", "middle", "last"])
def test_chunks_without_rows_leave_no_trace_in_json(empty: str, tmp_path: Path) -> None:
    """Filters and joins of tables leave such chunks behind."""
    rows = [{"s": "a"}, {"s": "b"}]
    pieces = [pa.table({"s": [row["s"]]}) for row in rows]
    pieces.insert(["first", "middle", "last"].index(empty), pieces[0].slice(0, 0))
    _, path = written(pa.concat_tables(pieces), tmp_path, "json")
    assert json.loads(path.read_bytes()) == rows


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.period_range("2020-01", periods=2, freq="M")),
        pa.array([1500], pa.time64("ns")),
        pa.array([2**61], pa.timestamp("us", "Asia/Tokyo")),
        pa.array([253402300799 * 10**6], pa.timestamp("us", "Asia/Tokyo")),
    ],
    ids=["period", "nanoseconds", "far", "far-with-zone"],
)
def test_times_that_json_would_change_are_refused(column: Any, tmp_path: Path) -> None:
    """And not written as something else."""
    frame = column.to_frame("t") if isinstance(column, pd.Series) else pa.table({"t": column})
    with pytest.raises(ModelError, match="JSON"):
        written(frame, tmp_path, "json")


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("values", [["x", None, "y"], [1.5, None, 2.5], [None, 1.5]])
def test_missing_values_of_a_single_column_are_rows_of_csv(values: list[Any], library: str) -> None:
    """As an empty line, which readers of CSV like to pass over."""
    table = pa.table({"a": values})
    frame = {"pandas": table.to_pandas, "polars": lambda: pl.from_arrow(table)}.get(
        library, lambda: table
    )()
    back = trip(frame, "csv")
    got = back["a"].to_pylist() if library == "pyarrow" else list(back["a"])
    assert [None if one != one else one for one in got] == values


def test_largest_integers_come_back_from_json() -> None:
    """Arrow takes integers of Python for signed ones."""
    table = pa.table({"a": pa.array([2**64 - 1, None], pa.uint64())})
    assert trip(table, "json").equals(table)


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    """An object of JSON would have one of them."""
    table = pa.table([[1], [2]], names=["a", "a"])
    with pytest.raises(ModelError, match="one name"):
        written(table, tmp_path, "json")


def test_others_read_csv_and_json_without_syncnb(tmp_path: Path) -> None:
    """The standard library and DuckDB."""
    _, path = written(FLAT[["n", "t"]], tmp_path, "csv")
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [["n", "t"], ["1", "a,\n\"'"], ["2", ""]]
    _, path = written(FLAT[["n", "t"]], tmp_path, "json")
    assert json.loads(path.read_text()) == [{"n": 1, "t": "a,\n\"'"}, {"n": 2, "t": None}]
    assert duckdb.execute(f"select n from '{path}'").fetchall() == [(1,), (2,)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("pandas.DataFrame", pd.DataFrame),
        ("polars.dataframe.frame.DataFrame", pl.DataFrame),
        ("pyarrow.lib.Table", pa.Table),
        ("", pd.DataFrame),
        ("dask.dataframe.DataFrame", pd.DataFrame),
        ("os.system", pd.DataFrame),
    ],
)
@pytest.mark.parametrize("form", [*FORMS, "csv"])
def test_a_table_becomes_what_it_was_and_pandas_if_that_is_not_known(
    kind: str, expected: type, form: str, tmp_path: Path
) -> None:
    """The type in a manifest is a hint."""
    _, path = written(pd.DataFrame({"a": [1]}), tmp_path, form)
    assert type(read(form, path, type=kind)) is expected


@pytest.mark.parametrize("library", ["polars", "geopandas", "pyarrow", "pandas"])
def test_a_library_that_is_not_installed_is_named(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    _, path = written(pd.DataFrame({"a": [1]}), tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=rf"needs {library}: pip install 'syncnb\["):
        read("parquet", path, type=f"{library}.x")


def test_a_hint_of_geometries_without_any_is_refused(tmp_path: Path) -> None:
    """It is only a hint."""
    _, path = written(pd.DataFrame({"a": [1]}), tmp_path)
    with pytest.raises(LoadError, match="KeyError: b'geo'"):
        read("parquet", path, type="geopandas.GeoDataFrame")


@pytest.mark.parametrize(
    ("geo", "value"),
    [
        ({"version": "1.0.0", "primary_column": "a", "columns": {"a": {"encoding": "WKB"}}}, b"none"),
        ({"version": "1.0.0", "primary_column": "a", "columns": {"a": {"encoding": "point"}}}, b""),
        ({"columns": {"a": {"encoding": "WKB", "crs": "/etc/passwd"}}}, Point(0, 0).wkb),
        ({"columns": {"b": {"encoding": "WKB"}}}, Point(0, 0).wkb),
        ([], b""),
    ],
)  # fmt: skip
def test_geometries_that_are_none_are_refused(geo: Any, value: bytes, tmp_path: Path) -> None:
    """By shapely, pyproj, or here."""
    import pyarrow.parquet as pq

    table = pa.table({"a": [value]}).replace_schema_metadata({"geo": json.dumps(geo)})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(LoadError, match="its data are no Parquet file"):
        read("parquet", tmp_path / "a.parquet", type="geopandas.GeoDataFrame")

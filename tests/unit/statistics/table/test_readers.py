"""The table as other programs see it, and as `read` gives it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

from syncnb import LocalFleet, StatisticsTable, SyncServiceClient
from syncnb.errors import InvalidMetaDataError, SettingsError, TableError, WrongSideError
from tests.conftest import WaitUntil

from .nodes import NOW, send_lines, send_stream, waiting

INSIDE = b"day=2026-01-01/00000001-0123456789abcdef.parquet"
SQL = "SELECT {} FROM read_parquet('{}/**/*.parquet', hive_partitioning = true{})"


@pytest.fixture(scope="module")
def grown(fleet: LocalFleet, tmp_path_factory: pytest.TempPathFactory) -> StatisticsTable:
    """Two days; later a column more, and floats where integers were."""
    root, kind = tmp_path_factory.mktemp("grown") / "table", "grown"
    node, table = fleet.node("node1"), StatisticsTable(root)
    rows: list[tuple[int, list[Any], datetime, str]] = [
        (1, [1, 2], NOW - timedelta(days=1), "value"),
        (3, [2.5, None], NOW, "value"),
        (5, ["warm"], NOW, "state"),
    ]
    for first, values, at, column in rows:
        send_stream(node, kind, "grown", first, values, at=at, column=column)
        fleet.cloud.watch_updated_objects(kind)
        table.update(kind, client=fleet.cloud)
    assert table.info().rows == 5
    return table


def rows_of(query: str) -> list[Any]:
    with duckdb.connect() as connection:
        return list(connection.execute(query).fetchall())


def test_duckdb_reads_the_table(grown: StatisticsTable) -> None:
    """With the option that it asks for itself while files differ."""
    query = SQL.format("count(*), sum(value), count(state)", grown.place, ", union_by_name = true")
    assert rows_of(query) == [(5, 5.5, 1)]
    with pytest.raises(duckdb.Error, match="union_by_name"):
        rows_of(SQL.format("sum(value), count(state)", grown.place, ""))
    day = NOW.date().isoformat()
    query = SQL.format("count(*)", grown.place, ", union_by_name = true")
    assert rows_of(f"{query} WHERE day = DATE '{day}'") == [(3,)]


def test_pandas_reads_the_table(grown: StatisticsTable) -> None:
    """All columns, though the first file had fewer."""
    frame = pd.read_parquet(grown.place)
    assert frame["value"].sum() == 5.5
    assert frame["state"].dropna().tolist() == ["warm"]
    assert sorted(frame["sequence"]) == [1, 2, 3, 4, 5]


def test_polars_reads_the_table(grown: StatisticsTable) -> None:
    """With the options that it asks for itself while files differ."""
    frame = pl.scan_parquet(
        f"{grown.place}/**/*.parquet",
        hive_partitioning=True,
        missing_columns="insert",
        cast_options=pl.ScanCastOptions(integer_cast="allow-float"),
    ).collect()
    assert (len(frame), frame["value"].sum()) == (5, 5.5)
    assert frame["day"].dtype == pl.Date


def test_compacted_table_needs_no_options(
    fleet: LocalFleet, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """Old files get the columns that came later; one file a day is left."""
    kind, node, table = "compacted", fleet.node("node1"), StatisticsTable(tmp_path)
    send_stream(node, kind, "c", 1, [1, 2], at=NOW - timedelta(days=1))
    send_lines(node, kind, "c.a", [{"value": 3}])
    wait_until(lambda: len(waiting(fleet, kind)) == 2)
    table.update(kind, client=fleet.cloud)
    send_lines(node, kind, "c.b", [{"value": 0.5, "note": "new"}])
    wait_until(lambda: waiting(fleet, kind) != set())
    table.update(kind, client=fleet.cloud)
    before = table.read()
    assert table.compact() == 3
    assert table.compact() == 0
    assert len(list(tmp_path.glob("day=2*/*.parquet"))) == 2
    query = SQL.format("count(*), sum(value), max(note)", tmp_path, "")
    assert rows_of(query) == [(4, 6.5, "new")]
    frame = pl.read_parquet(f"{tmp_path}/**/*.parquet", hive_partitioning=True)
    assert (frame["value"].sum(), frame["note"].max()) == (6.5, "new")
    assert pd.read_parquet(tmp_path)["value"].sum() == 6.5
    pd.testing.assert_frame_equal(table.read(), before)


def test_read_gives_the_columns_times_and_nodes_that_are_asked_for(grown: StatisticsTable) -> None:
    """By when rows were reported, with whole numbers whole."""
    frame = grown.read()
    assert frame["reported_at"].is_monotonic_increasing
    assert list(frame)[:2] == ["value", "state"]
    assert frame["sequence"].dtype == pd.Int64Dtype()
    assert frame["node"].unique().tolist() == ["node1"]
    today = grown.read(["sequence", "day"], since=NOW - timedelta(hours=1))
    assert sorted(today["sequence"]) == [3, 4, 5]
    assert today["day"].unique().tolist() == [NOW.date()]
    assert grown.read(["value"], until=NOW - timedelta(hours=1))["value"].tolist() == [1, 2]
    assert grown.read(nodes=["node2"]).empty
    assert grown.dataset().count_rows() == 5
    wrong = [
        ({"columns": ["valeu"]}, "valeu"),
        ({"columns": "value"}, r"\['value'\]"),
        ({"nodes": "node1"}, r"\['node1'\]"),
        ({"since": datetime(2026, 1, 1)}, "time zone"),  # noqa: DTZ001
    ]
    for arguments, said in wrong:
        with pytest.raises(InvalidMetaDataError, match=said):
            grown.read(**arguments)  # type: ignore[arg-type]


def test_table_says_what_it_has(grown: StatisticsTable) -> None:
    """As text and as HTML, without reading the rows."""
    info = grown.info()
    assert (info.rows, len(info.days), info.files, info.streams, info.nodes) == (5, 2, 3, 1, 1)
    assert "rows         5" in repr(info)
    assert "never" in repr(StatisticsTable("/nowhere/at/all").info())
    assert "<td" in grown._repr_html_()
    assert "5 rows of 2 days, 0 objects set aside" in repr(grown)
    streams = grown.streams()
    assert streams.to_dict("records") == [
        {"stream": "grown", "node": "node1", "node_type": "edge", "first": 1, "last": 5,
         "missing": 0, "dropped": 0}
    ]  # fmt: skip


def test_place_that_is_none_is_refused_before_anything_is_sent(
    fleet: LocalFleet, tmp_path: Path
) -> None:
    """With the remedy."""
    for place, said in (("", "empty"), ("ftp://a/b", "s3://"), (3, "Name a folder")):
        with pytest.raises(SettingsError, match=said):
            StatisticsTable(place)  # type: ignore[arg-type]
    with pytest.raises(WrongSideError):
        StatisticsTable(tmp_path).update("stats", client=SyncServiceClient("http://127.0.0.1:1"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TableError, match="file"):
        StatisticsTable(tmp_path / "file").update("stats", client=fleet.cloud)
    with pytest.raises(InvalidMetaDataError, match="target_bytes"):
        StatisticsTable(tmp_path).compact(target_bytes=10)


@pytest.mark.parametrize(
    "entry",
    [
        b"{",
        b'{"format":2,"kind":"append","at":""}',
        b'{"format":1,"kind":"append","at":"","adds":[{"staged":"../../../etc/passwd","name":"%b","rows":1,"size":1}]}'
        % INSIDE,
        b'{"format":1,"kind":"append","at":"","adds":[{"staged":"0123456789abcdef","name":"../x","rows":1,"size":1}]}',
        b'{"format":1,"kind":"compact","at":"","removes":[{"name":"../o/%b","rows":1,"size":1}]}'
        % INSIDE,
        b'{"format":1,"kind":"clean","at":"","clean":["../_log/00000001.json"]}',
    ],
    ids=["broken", "newer", "staged", "placed", "removed", "cleaned"],
)
def test_log_that_leads_out_of_the_table_is_refused(tmp_path: Path, entry: bytes) -> None:
    """A table may come from somebody else."""
    (tmp_path / "_log").mkdir()
    (tmp_path / "_log" / "00000001.json").write_bytes(entry)
    with pytest.raises(TableError, match=r"00000001\.json cannot be read"):
        StatisticsTable(tmp_path).info()
    assert "00000001.json" in repr(StatisticsTable(tmp_path))


def test_day_is_that_of_utc(fleet: LocalFleet, tmp_path: Path, wait_until: WaitUntil) -> None:
    """And of arrival where the clock of the node cannot be right; its own time is kept."""
    kind, node = "clocks", fleet.node("node1")
    now = datetime(2026, 3, 10, 23, 59, 59, 999_500, tzinfo=UTC)
    send_stream(node, kind, "fine", 1, [1, 2], at=now)  # over midnight: a millisecond between them
    send_stream(node, kind, "ahead", 1, [3], at=now + timedelta(days=365))
    send_stream(node, kind, "behind", 1, [4], at=now - timedelta(days=365))
    send_stream(node, kind, "away", 1, [5], at=now - timedelta(days=3))
    wait_until(lambda: len(waiting(fleet, kind)) == 4)
    table = StatisticsTable(tmp_path, clock=lambda: now)
    assert table.update(kind, client=fleet.cloud).rows == 5
    by_day = {
        path.parent.name: set(pd.read_parquet(path)["value"])
        for path in tmp_path.glob("day=2*/*.parquet")
        if "clock" not in path.name
    }
    assert by_day == {"day=2026-03-10": {1}, "day=2026-03-11": {2}, "day=2026-03-07": {5}}
    (odd,) = tmp_path.glob("day=2026-03-10/*-clock.parquet")
    assert set(pd.read_parquet(odd)["value"]) == {3, 4}
    lately = table.read(since=now - timedelta(days=1), until=now + timedelta(days=1))
    assert set(lately["value"]) == {1, 2, 3, 4}
    assert set(lately["reported_at"].dt.year) == {2025, 2026, 2027}
    table.compact()
    assert set(table.read(since=now - timedelta(days=1))["value"]) == {1, 2, 3, 4}

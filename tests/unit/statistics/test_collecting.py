"""Everything that nodes reported, as one table: complete, once, and the bad set aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from syncnb import LocalFleet, ObjectMetaData, collect, collect_batches, report
from syncnb.errors import ConnectionFailedError, InvalidMetaDataError, WrongSideError
from syncnb.statistics import (
    Report,
    Unreadable,
    acknowledge_reports,
    fetch_reports,
    fetching,
    parsing,
    reporting,
)

from .sent import NOW, fresh, lines, parquet, send

WaitUntil = Callable[..., None]


@pytest.fixture
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what cannot be read goes."""
    monkeypatch.setenv("SYNCNB_SET_ASIDE", str(tmp_path / "aside"))
    return tmp_path / "aside"


@pytest.fixture
def arrived(fleet: LocalFleet, wait_until: WaitUntil) -> Callable[[str, int], None]:
    """Wait until so many objects of a type wait in the cloud."""

    def wait(name: str, number: int) -> None:
        def there() -> int:
            return len(fleet.cloud.watch_arrivals(name).items or [])

        wait_until(lambda: there() == number, timeout=60, show=there)

    return wait


def left(fleet: LocalFleet, name: str) -> list[str]:
    """What still waits."""
    return [one.object_id for one in fleet.cloud.watch_arrivals(name).items or []]


def test_rows_of_a_stream_come_with_node_time_sequence_and_version(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """Of several nodes and of both forms, with dtypes that lose nothing."""
    name = fresh()
    send(fleet.node("node1"), name, {"fps": [1, 2**53 + 1], "ok": [True, None]}, first=1)
    send(fleet.node("node2"), name, {"fps": pa.array([None, 3]), "t": ["a", "b"]}, stream="s2")
    report({"fps": 7, "list": [1, 2], "sequence_": "mine"}, name, client=fleet.node("node2"))
    arrived(name, 3)
    frame = collect(name, client=fleet.cloud)
    assert list(frame) == [
        "fps", "ok", "t", "list", "sequence_",
        "node", "node_type", "reported_at", "object_id", "sequence", "stream", "model_version",
    ]  # fmt: skip
    assert frame["fps"].dropna().tolist() == [1, 2**53 + 1, 3, 7]
    assert str(frame["fps"].dtype) == "Int64"
    assert str(frame["ok"].dtype) == "boolean"
    assert frame["list"].tolist()[-1] == [1, 2]
    assert frame["node"].tolist() == ["node1", "node1", "node2", "node2", "node2"]
    assert set(frame["node_type"]) == {"edge"}
    assert frame["stream"].tolist()[:4] == ["s1", "s1", "s2", "s2"]
    assert frame["sequence"].tolist()[:4] == [1, 2, 1, 2]
    assert str(frame["sequence"].dtype) == "Int64"
    assert frame["model_version"].tolist()[:4] == ["1.0"] * 4
    assert frame["sequence"].isna().tolist() == [False] * 4 + [True]
    assert (frame["reported_at"][:4] == pd.Timestamp(NOW)).all()
    assert frame.attrs["set_aside"] == []
    assert left(fleet, name) == []


def test_rows_that_came_already_are_dropped(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """Sent again in other pieces; those of a cloned node, and those after a gap, stay."""
    name, node = fresh(), fleet.node("node1")
    send(node, name, {"a": [1, 2, 3]}, first=1)
    send(node, name, {"a": [2, 3, 4, 5]}, first=2)
    send(node, name, {"a": [1]}, first=1, object_id="again")
    send(node, name, {"a": [10, 12]}, first=10, numbers=[10, 12], lies={"last": 12})
    send(node, name, {"a": [11]}, first=11)
    send(fleet.node("node2"), name, {"a": [1, 2]}, object_id="clone")
    arrived(name, 6)
    frame = collect(name, client=fleet.cloud)
    of_node = frame[frame["node"] == "node1"]
    assert sorted(of_node["a"]) == [1, 2, 3, 4, 5, 10, 11, 12]
    assert frame[frame["node"] == "node2"]["a"].tolist() == [1, 2]
    assert left(fleet, name) == []


BAD: dict[str, tuple[Callable[[Any, str], object], str]] = {
    "truncated": (
        lambda node, name: send(node, name, {"a": [1]}, object_id="bad", data=parquet({"a": [1]})[:-9]),
        "cannot be read as parquet",
    ),
    "other-bytes": (
        lambda node, name: send(node, name, {"a": [1]}, object_id="bad", lies={"sha256": "0" * 64}),
        "SHA-256",
    ),
    "other-size": (
        lambda node, name: send(node, name, {"a": [1]}, object_id="bad", lies={"size": 3}),
        "3 bytes",
    ),
    "other-numbers": (
        lambda node, name: send(node, name, {"a": [1, 2]}, object_id="bad", lies={"last": 1}),
        "numbered from 1 to 2",
    ),
    "numbers-out-of-order": (
        lambda node, name: send(node, name, {"a": [1, 2]}, object_id="bad", numbers=[2, 1]),
        "numbered from 2 to 1",
    ),
    "negative": (
        lambda node, name: send(node, name, {"a": [1]}, object_id="bad", lies={"first": -1}),
        "first is -1",
    ),
    "no-stream": (
        lambda node, name: send(node, name, {"a": [1]}, object_id="bad", lies={"stream": 7}),
        "stream is 7",
    ),
    "mixed-lines": (
        lambda node, name: lines(node, name, '{"fps": 1}\n{"fps": "x"}\n', "bad"),
        "column 'fps'",
    ),
    "huge-number": (
        lambda node, name: lines(node, name, '{"fps": 18446744073709551616}\n', "bad"),
        "column 'fps'",
    ),
    "half-a-line": (lambda node, name: lines(node, name, '{"fps": 1}\n{"f', "bad"), "JSON lines"),
    "deep": (lambda node, name: lines(node, name, "[" * 100_000, "bad"), "JSON lines"),
    "another-type": (
        lambda node, name: send(node, name, {"a": ["x"]}, object_id="bad", stream="bad"),
        "column 'a' is string",
    ),
    "too-large-for-a-float": (
        lambda node, name: send(node, name, {"b": [2**53 + 1]}, object_id="bad", stream="bad"),
        "column 'b'",
    ),
}  # fmt: skip


WAYS: dict[str, Callable[[str, LocalFleet], pd.DataFrame]] = {
    "collect": lambda name, fleet: collect(name, client=fleet.cloud),
    "batches": lambda name, fleet: pd.concat(
        list(collect_batches(name, client=fleet.cloud, rows=3))
    ),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("way", WAYS)
def test_bad_report_is_set_aside_and_the_good_ones_arrive(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None], kind: str, way: str
) -> None:
    """With bytes, metadata and reason; it does not come again, and nothing else is lost."""
    name, node = fresh(), fleet.node("node1")
    make, reason = BAD[kind]
    send(node, name, {"a": [1, 2], "b": [0.5, 1.5]}, object_id="a1", stream="good")
    make(node, name)
    send(node, name, {"a": [3, 4], "b": [2.5, 3.5]}, first=3, object_id="c1", stream="good")
    arrived(name, 3)
    data = fleet.cloud.read_object_data(
        ObjectMetaData(object_type=name, object_id="bad"), sha256=None
    ) if kind not in ("other-bytes",) else b""  # fmt: skip
    with pytest.warns(UserWarning, match=f"{name}/bad was set aside in .*") as caught:
        frame = WAYS[way](name, fleet)
    assert frame["a"].tolist() == [1, 2, 3, 4]
    assert reason in str(caught[0].message)
    (place,) = (aside / name).iterdir()
    assert reason in (place / "reason.txt").read_text()
    assert json.loads((place / "meta.json").read_text())["objectID"] == "bad"
    assert not data or (place / "data").read_bytes() == data
    assert left(fleet, name) == []


def test_what_is_no_report_is_left_and_not_fetched_again(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None], monkeypatch: Any
) -> None:
    """It may be meant for another program; it is named each time."""
    name, node = fresh(), fleet.node("node1")
    node.update_object(ObjectMetaData(object_type=name, object_id="odd"), data=b"\xff\x00")
    send(node, name, {"a": [1]}, object_id="table", lies={"format": "arrow"})
    node.update_object(ObjectMetaData(object_type=name, object_id="plain"), data=b'{"a": 2}\n')
    arrived(name, 3)
    with pytest.warns(UserWarning, match=r"(odd|table) was left where it is"):
        assert collect(name, client=fleet.cloud)["a"].tolist() == [2]
    monkeypatch.setattr(fetching, "fetch_span", lambda *_: pytest.fail("it is fetched again"))
    with pytest.warns(UserWarning, match=r"/(odd|table) was left where it is: it is no report"):
        frame = collect(name, client=fleet.cloud)
    assert frame.empty
    assert [one["object_id"] for one in frame.attrs["set_aside"]] == ["odd", "table"]
    assert left(fleet, name) == ["odd", "table"]


def test_column_is_widened_where_nothing_is_lost(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """Whole numbers and fractions are numbers, and the first batch is as the later ones."""
    name, node = fresh(), fleet.node("node1")
    send(node, name, {"a": pa.array([1], pa.int8()), "n": pa.nulls(1)}, first=1, object_id="1")
    send(node, name, {"a": pa.array([2.5], pa.float32()), "n": ["x"]}, first=2, object_id="2")
    send(node, name, {"a": [300]}, first=3, object_id="3")
    arrived(name, 3)
    frame = collect(name, client=fleet.cloud, consume=False)
    assert frame["a"].tolist() == [1.0, 2.5, 300.0]
    assert frame["n"].tolist()[1] == "x"
    batches = list(collect_batches(name, client=fleet.cloud, rows=1, to="arrow"))
    assert [batch.column("a").to_pylist() for batch in batches] == [[1], [2.5], [300.0]]
    assert left(fleet, name) == []


def test_since_nodes_and_columns_choose(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """And nothing is acknowledged that was not kept as a whole."""
    name, early = fresh(), NOW - timedelta(days=1)
    send(fleet.node("node1"), name, {"a": [1], "b": [2]}, at=early, object_id="early")
    send(fleet.node("node1"), name, {"a": [3], "b": [4]}, first=2, object_id="late")
    send(fleet.node("node2"), name, {"a": [5], "b": [6]}, object_id="other")
    arrived(name, 3)
    frame = collect(name, since=NOW, nodes=["node1"], columns=["b", "none"], client=fleet.cloud)
    assert list(frame)[:3] == ["b", "none", "node"]
    assert frame["b"].tolist() == [4]
    assert left(fleet, name) == ["early", "other"]
    frame = collect(name, client=fleet.cloud, index="reported_at")
    assert list(frame.index) == [early, NOW]
    assert frame["b"].tolist() == [2, 6]


def test_clock_that_is_a_year_off_changes_nothing(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """The rows come with the times that they have, also without any."""
    name, node = fresh(), fleet.node("node1")
    for number, at in enumerate((NOW - timedelta(days=400), NOW + timedelta(days=400), None), 1):
        send(node, name, {"a": [number]}, first=number, at=at)
    arrived(name, 3)
    frame = collect(name, client=fleet.cloud, index=None)
    assert sorted(frame["a"]) == [1, 2, 3]
    assert frame["reported_at"].dropna().dt.year.tolist() == [2025, 2027]


@pytest.mark.parametrize(
    ("to", "kind"),
    [("polars", pl.DataFrame), ("arrow", pa.Table), ("dataset", ds.Dataset)],
)
def test_other_libraries_get_the_same_rows(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None], to: str, kind: type
) -> None:
    """As their own kind of table."""
    name = fresh()
    send(fleet.node("node1"), name, {"a": [1, 2]})
    report({"a": 3}, name, client=fleet.node("node2"))
    arrived(name, 2)
    found: Any = collect(name, client=fleet.cloud, to=to, consume=False)
    assert isinstance(found, kind)
    convert = {"polars": "to_arrow", "dataset": "to_table"}.get(to)
    table: Any = getattr(found, convert)() if convert else found
    assert sorted(table.column("a").to_pylist()) == [1, 2, 3]
    assert str(table.schema.field("reported_at").type) == "timestamp[us, tz=UTC]"
    empty: Any = collect(fresh(), client=fleet.cloud, to=to)
    assert isinstance(empty, kind)


def test_batch_is_acknowledged_when_the_next_one_is_asked_for(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """Who leaves in the middle finds what was not worked on."""
    name, node = fresh(), fleet.node("node1")
    for number in range(4):
        send(node, name, {"a": [1, 2, 3]}, first=1 + 3 * number, object_id=f"o{number}")
    arrived(name, 4)
    batches: Any = collect_batches(name, client=fleet.cloud, rows=4)
    assert len(next(batches)) == 4
    assert left(fleet, name) == ["o0", "o1", "o2", "o3"]
    assert len(next(batches)) == 4
    assert left(fleet, name) == ["o1", "o2", "o3"]  # the last row of o1 is in the second
    batches.close()
    assert left(fleet, name) == ["o1", "o2", "o3"]
    rest = [len(batch) for batch in collect_batches(name, client=fleet.cloud, rows=4)]
    assert rest == [4, 4, 1]
    assert left(fleet, name) == []


@pytest.mark.parametrize("limit", [1, 1 << 30], ids=["by-way-of-the-disk", "in-memory"])
def test_large_object_comes_in_pieces(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None], limit: int
) -> None:
    """Larger than what is read with others; every row once, and no file is left behind."""
    name, rows = fresh(), 1_200_000
    numbers = pa.array(range(rows), pa.int64())
    send(
        fleet.node("node1"), name, {"a": numbers}, compression="none", use_dictionary=False,
        row_group_size=100_000,
    )  # fmt: skip
    arrived(name, 1)
    assert (fleet.cloud.watch_arrivals(name).items or [])[0].object_size > 8 << 20
    batches = collect_batches(
        name, client=fleet.cloud, rows=500_000, to="arrow", limit_bytes=limit, columns=["a"]
    )
    tables = list(batches)
    assert [len(table) for table in tables] == [500_000, 500_000, 200_000]
    assert pa.concat_tables(tables).column("a").combine_chunks().equals(numbers)
    assert set(tables[0].column("node").unique().to_pylist()) == {"node1"}
    assert left(fleet, name) == []


def test_large_bad_object_is_set_aside(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """Whole, although it never was in memory."""
    name, data = fresh(), b"PAR1" + bytes(9 << 20)
    send(fleet.node("node1"), name, {"a": [1]}, data=data, object_id="bad")
    arrived(name, 1)
    with pytest.warns(UserWarning, match="cannot be read as parquet"):
        assert collect(name, client=fleet.cloud).empty
    (place,) = (aside / name).iterdir()
    assert (place / "data").read_bytes() == data
    assert left(fleet, name) == []


def test_lines_that_would_fill_the_memory_are_neither_sent_nor_read(
    fleet: LocalFleet,
    aside: Path,
    arrived: Callable[[str, int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python needs many times their size; the rest arrives, and they are set aside."""
    name = fresh()
    report([{"text": "x" * 1000}] * 3, name, client=fleet.node("node1"))
    report({"text": "short"}, name, client=fleet.node("node1"))
    arrived(name, 2)
    for module in (parsing, reporting):
        monkeypatch.setattr(module, "LARGEST_LINES", 2000)
    with pytest.raises(InvalidMetaDataError, match=r"3 rows.*some at a time, or with a Reporter"):
        report([{"text": "x" * 1000}] * 3, name, client=fleet.node("node1"))
    with pytest.warns(UserWarning, match="bytes of JSON, more than 2000 are not read"):
        assert collect(name, client=fleet.cloud)["text"].tolist() == ["short"]
    assert len(list((aside / name).iterdir())) == 1
    assert left(fleet, name) == []


def test_rows_are_returned_if_they_cannot_be_acknowledged(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None], monkeypatch: Any
) -> None:
    """They would be lost with an error if the service did it and only its answer was lost."""
    name = fresh()
    send(fleet.node("node1"), name, {"a": [1]})
    arrived(name, 1)

    def broken(*_: Any) -> None:
        raise ConnectionFailedError("http://css", "the connection broke")

    monkeypatch.setattr(type(fleet.cloud), "mark_objects_consumed", broken)
    with pytest.warns(UserWarning, match="may come again"):
        assert collect(name, client=fleet.cloud)["a"].tolist() == [1]


def test_what_cannot_be_set_aside_is_not_acknowledged(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """A full or unwritable disk loses nothing."""
    name, node = fresh(), fleet.node("node1")
    aside.write_text("a file where the folder should be")
    send(node, name, {"a": [1]}, object_id="bad", lies={"sha256": "0" * 64})
    send(node, name, {"a": [2]}, object_id="good")
    arrived(name, 2)
    with pytest.warns(UserWarning, match=r"left where it is.*could not be set aside"):
        assert collect(name, client=fleet.cloud)["a"].tolist() == [2]
    assert left(fleet, name) == ["bad"]


def test_looking_only_sets_nothing_aside(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """consume=False changes nothing."""
    name = fresh()
    send(fleet.node("node1"), name, {"a": [1]}, object_id="bad", lies={"sha256": "0" * 64})
    arrived(name, 1)
    with pytest.warns(UserWarning, match="SHA-256"):
        assert collect(name, client=fleet.cloud, consume=False).empty
    assert not aside.exists()
    assert left(fleet, name) == ["bad"]


def test_reports_are_fetched_and_acknowledged_by_those_who_keep_them(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """What a table of statistics builds on; nothing is acknowledged by itself."""
    name, node = fresh(), fleet.node("node1")
    send(node, name, {"a": [1, 2]}, first=5, object_id="good", lies={"dropped": 4})
    send(node, name, {"a": [1]}, object_id="lie", lies={"sha256": "0" * 64})
    arrived(name, 2)
    found = {one.meta.object_id: one for one in fetch_reports(name, fleet.cloud)}
    good, lie = found["good"], found["lie"]
    assert isinstance(good, Report)
    assert (good.stream, good.first, good.last, good.dropped) == ("s1", 5, 6, 4)
    assert good.table.column("object_id").to_pylist() == ["good", "good"]
    assert isinstance(lie, Unreadable)
    assert lie.ours
    assert left(fleet, name) == ["good", "lie"]
    acknowledge_reports(fleet.cloud, [good.meta])
    assert left(fleet, name) == ["lie"]


def test_backend_of_joblib_is_the_choice_of_the_user(
    fleet: LocalFleet, aside: Path, arrived: Callable[[str, int], None]
) -> None:
    """Other processes get what they need of the client, and give the same rows."""
    name, node = fresh(), fleet.node("node1")
    for number in range(5):
        send(node, name, {"a": [number]}, first=number + 1, object_id=f"o{number}")
    lines(node, name, "nonsense", "bad")
    arrived(name, 6)
    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        pytest.warns(UserWarning, match="bad was set aside"),
    ):
        frame = collect(name, client=fleet.cloud)
    assert frame["a"].tolist() == [0, 1, 2, 3, 4]
    assert left(fleet, name) == []


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("to", {"to": "excel"}),
        ("index", {"index": "a"}),
        ("index", {"index": "reported_at", "to": "arrow"}),
        ("columns", {"columns": "fps"}),
        ("nodes", {"nodes": "node1"}),
        ("since", {"since": NOW.replace(tzinfo=None)}),
        ("parallel", {"parallel": 0}),
    ],
)
def test_bad_argument_is_refused_before_anything_is_asked(
    field: str, arguments: dict[str, Any]
) -> None:
    """The error names it and the remedy."""
    from syncnb import SyncServiceClient

    nobody = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(InvalidMetaDataError) as caught:
        collect("stats", client=nobody, **arguments)
    assert caught.value.field == field
    with pytest.raises(WrongSideError):
        collect_batches("stats", client=SyncServiceClient("http://127.0.0.1:1"))
    with pytest.raises(InvalidMetaDataError, match="rows"):
        collect_batches("stats", client=nobody, rows=0)


def test_missing_texts_and_times_of_a_frame_are_missing(
    fleet: LocalFleet, arrived: Callable[[str, int], None]
) -> None:
    """And no floats or texts."""
    name = fresh()
    frame = pd.DataFrame(
        {"cam": ["x", None], "at": [pd.Timestamp("2030-01-01"), pd.NaT], "n": [1.5, float("nan")]}
    )
    report(frame, name, client=fleet.node("node1"))
    with pytest.raises(InvalidMetaDataError, match="a name of its own"):
        report(pd.DataFrame([[1, 2]], columns=["a", "a"]), name, client=fleet.node("node1"))
    arrived(name, 1)
    found = collect(name, client=fleet.cloud)
    assert [None if pd.isna(one) else one for one in found["cam"]] == ["x", None]
    assert pd.isna(found["at"][1])
    assert found["n"].isna().tolist() == [False, True]


def test_moments_are_compared_to_the_microsecond(
    fleet: LocalFleet, arrived: Callable[[str, int], None]
) -> None:
    """A row from before `since`, in the same second, is not one from after it."""
    name, node = fresh(), fleet.node("node1")
    before = datetime.now(UTC)
    report({"n": 1}, name, client=node)
    since = datetime.now(UTC)
    report({"n": 2}, name, client=node)
    arrived(name, 2)
    found = collect(name, client=fleet.cloud, since=since)
    assert found["n"].tolist() == [2]
    assert before < since <= found["reported_at"][0] <= datetime.now(UTC)


def test_columns_that_no_report_has_are_refused_and_nothing_is_lost(
    fleet: LocalFleet, arrived: Callable[[str, int], None]
) -> None:
    """A mistyped name would acknowledge rows of which nothing was kept."""
    name = fresh()
    report({"fps": 1.5}, name, client=fleet.node("node1"))
    arrived(name, 1)
    with pytest.raises(InvalidMetaDataError, match="fpz"):
        collect(name, client=fleet.cloud, columns=["fpz"])
    assert collect(name, client=fleet.cloud, columns=["fps", "more"])["fps"].tolist() == [1.5]


def test_several_kinds_of_values_under_a_name_are_not_sent(fleet: LocalFleet) -> None:
    """They could only be set aside in the cloud, where the node does not hear of it."""
    with pytest.raises(InvalidMetaDataError, match=r"v.*here are numbers too"):
        report([{"v": 1}, {"v": None}, {"v": "x"}], fresh(), client=fleet.node("node1"))

"""What does not fit is set aside with its reason; the rest arrives."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from syncnb import LocalFleet, StatisticsTable, publish
from tests.conftest import WaitUntil

from .nodes import NOW, send_data, send_lines, send_stream, waiting


@pytest.fixture
def table(tmp_path: Path) -> StatisticsTable:
    return StatisticsTable(tmp_path)


def reasons(folder: Path) -> dict[str, str]:
    """By the ID of the object."""
    found = [json.loads(path.read_bytes()) for path in folder.glob("_set_aside/*/about.json")]
    return {one["object_id"]: one["reason"] for one in found}


def kept(folder: Path, object_id: str) -> Path:
    """The data of an object that was set aside."""
    for path in folder.glob("_set_aside/*/about.json"):
        if json.loads(path.read_bytes())["object_id"] == object_id:
            return path.with_name("data")
    raise AssertionError(object_id)


def test_rows_that_come_again_in_another_object_are_in_once(
    fleet: LocalFleet, tmp_path: Path, table: StatisticsTable, wait_until: WaitUntil
) -> None:
    """Whole, in part, across reports, and with not-a-number."""
    kind, node = "again", fleet.node("node1")
    nan = float("nan")
    send_stream(node, kind, "s", 1, [1.0, nan, 3.0])
    wait_until(lambda: waiting(fleet, kind) != set())
    table.update(kind, client=fleet.cloud)
    later = NOW + timedelta(milliseconds=1)
    send_stream(node, kind, "s", 1, [1.0, nan, 3.0], object_id="s.other")
    send_stream(node, kind, "s", 2, [nan, 3.0, 4.0, 5.0], object_id="s.part", at=later)
    send_stream(node, kind, "s", 2, [nan, 3.0, 4.0, 5.0], object_id="s.part2", at=later)
    wait_until(lambda: len(waiting(fleet, kind)) == 3)
    done = table.update(kind, client=fleet.cloud)
    assert (done.rows, done.reports, done.set_aside, done.repeated) == (2, 3, 0, 3 + 2 + 4)
    assert sorted(table.read()["sequence"]) == [1, 2, 3, 4, 5]
    assert not waiting(fleet, kind)


def test_second_of_two_cloned_nodes_is_set_aside(
    fleet: LocalFleet, tmp_path: Path, table: StatisticsTable, wait_until: WaitUntil
) -> None:
    """The same numbers with other values: nobody knows which are right, so both are kept."""
    kind, both = "clones", (fleet.node("node1"), fleet.node("node2"))
    send_stream(both[0], kind, "s", 1, [1, 2, 3], object_id="first")
    wait_until(lambda: waiting(fleet, kind) != set())
    table.update(kind, client=fleet.cloud)
    send_stream(both[1], kind, "s", 3, [30, 40], object_id="second")
    send_stream(both[1], kind, "t", 1, [7], object_id="a.good")
    send_stream(both[0], kind, "t", 1, [8], object_id="b.clone")  # in the same update
    wait_until(lambda: len(waiting(fleet, kind)) == 3)
    done = table.update(kind, client=fleet.cloud)
    assert (done.rows, done.set_aside) == (1, 2)
    assert reasons(tmp_path).keys() == {"second", "b.clone"}
    said = reasons(tmp_path)["second"]
    assert said.startswith("duplicate sequence numbers: rows 3 of stream s are in the table")
    assert pq.read_table(kept(tmp_path, "second"))["value"].to_pylist() == [30, 40]
    assert sorted(table.read()["value"]) == [1, 2, 3, 7]
    assert not waiting(fleet, kind)
    assert table.info().set_aside == 2
    assert "duplicate sequence numbers" in repr(table.info())
    assert "duplicate sequence numbers" in table.info()._repr_html_()


def test_column_of_another_type_is_set_aside_and_names_both_types(
    fleet: LocalFleet, tmp_path: Path, table: StatisticsTable, wait_until: WaitUntil
) -> None:
    """Numbers widen where that loses nothing; nothing else changes its type."""
    kind, node = "types", fleet.node("node1")
    rows: list[tuple[str, dict[str, Any]]] = [
        ("a", {"n": 1, "big": 2**60, "flag": True, "list": [1]}),
        ("b", {"n": 1.5, "big": 7, "flag": None, "list": None}),
        ("c", {"n": "text"}),
        ("d", {"big": 0.5}),
        ("e", {"flag": 1}),
        ("f", {"day": "monday", "n": 2}),
        ("g", {"list": "none", "n": 2}),
    ]
    for name, row in rows:
        send_lines(node, kind, f"types.{name}", [row])
    wait_until(lambda: len(waiting(fleet, kind)) == len(rows))
    done = table.update(kind, client=fleet.cloud)
    assert (done.rows, done.set_aside) == (2, 5)
    found = {name.split(".")[1]: why for name, why in reasons(tmp_path).items()}
    assert "'n' is double in the table and string in this report" in found["c"]
    assert "'big' is int64 in the table and double in this report" in found["d"]
    assert "'flag' is bool in the table and int64 in this report" in found["e"]
    assert "'day' is the partition" in found["f"]
    assert "'list'" in found["g"]
    frame = table.read().sort_values("object_id")
    assert frame["n"].tolist() == [1.0, 1.5]
    assert frame["big"].tolist() == [2**60, 7]


def test_object_that_cannot_be_read_is_set_aside_with_its_bytes(
    fleet: LocalFleet, tmp_path: Path, table: StatisticsTable, wait_until: WaitUntil
) -> None:
    """And is not read again; what is no report at all stays for the program that it is for."""
    kind, node = "damaged", fleet.node("node1")
    send_lines(node, kind, "good", [{"value": 1}])
    send_data(node, kind, "cut", b"PAR1", "parquet",
              {"stream": "s", "first": 1, "last": 9})  # fmt: skip
    publish(b"a picture", kind, "picture", client=node)
    wait_until(lambda: len(waiting(fleet, kind)) == 3)
    done = table.update(kind, client=fleet.cloud)
    assert (done.rows, done.set_aside, done.left) == (1, 1, 1)
    assert kept(tmp_path, "cut").read_bytes() == b"PAR1"
    assert "parquet" in reasons(tmp_path)["cut"]
    assert waiting(fleet, kind) == {"picture"}
    assert all(path.parent.name.isalnum() for path in tmp_path.glob("_set_aside/*/*"))


def test_what_was_set_aside_is_no_row_for_other_programs(
    fleet: LocalFleet, tmp_path: Path, table: StatisticsTable, wait_until: WaitUntil
) -> None:
    """Though it is kept as Parquet."""
    kind, node = "hidden", fleet.node("node1")
    send_lines(node, kind, "hidden.a", [{"value": 1}])
    send_lines(node, kind, "hidden.b", [{"value": "x"}])
    wait_until(lambda: len(waiting(fleet, kind)) == 2)
    table.update(kind, client=fleet.cloud)
    files = {path.parent.name for path in tmp_path.rglob("*.parquet")}
    assert all(name.startswith("day=") for name in files)
    assert pq.read_table(kept(tmp_path, "hidden.b"))["value"].to_pylist() == ["x"]


def test_objects_with_other_members_are_set_aside_and_nothing_of_them_is_lost(
    fleet: LocalFleet, tmp_path: Path, table: StatisticsTable, wait_until: WaitUntil
) -> None:
    """Also inside lists; one without members, which Parquet has not, stops nobody."""
    kind, node = "members", fleet.node("node1")
    send_lines(node, kind, "a", [{"s": {"a": 1}, "l": [{"a": 1}]}])
    wait_until(lambda: waiting(fleet, kind) != set())
    table.update(kind, client=fleet.cloud)
    send_lines(node, kind, "b", [{"s": {"a": 1, "b": 2}}])
    send_lines(node, kind, "c", [{"l": [{"a": 2, "b": 3}]}])
    send_lines(node, kind, "d", [{"new": {}}])
    send_lines(node, kind, "e", [{"s": {"a": 2}, "l": []}])
    wait_until(lambda: len(waiting(fleet, kind)) == 4)
    assert table.update(kind, client=fleet.cloud).rows == 1
    assert sorted(one["a"] for one in table.read()["s"]) == [1, 2]
    assert set(reasons(tmp_path)) == {"b", "c", "d"}
    assert "no object without members" in reasons(tmp_path)["d"]
    assert pq.read_table(kept(tmp_path, "b")).column("s").to_pylist() == [{"a": 1, "b": 2}]
    assert json.loads(kept(tmp_path, "d").read_text())["new"] == {}
    assert not waiting(fleet, kind)


def test_empty_list_says_nothing_of_the_type_of_its_column(
    fleet: LocalFleet, table: StatisticsTable, wait_until: WaitUntil
) -> None:
    """What comes later does."""
    kind, node = "lists", fleet.node("node1")
    for object_id, values in (("a", []), ("b", [1, 2])):
        send_lines(node, kind, object_id, [{"l": values, "n": object_id}])
        wait_until(lambda: waiting(fleet, kind) != set())
        assert table.update(kind, client=fleet.cloud).rows == 1
    assert [None if one is None else list(one) for one in table.read()["l"]] == [None, [1, 2]]

"""An updater that is killed at any step, and the one that comes after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncnb import LocalFleet, StatisticsTable
from tests.conftest import WaitUntil

from .faults import CrashError, FragilePlace, crashes
from .nodes import send_data, send_lines, send_stream, waiting

STEPS = 12  # more than an update has


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_update_that_is_killed_at_any_step_neither_loses_nor_doubles(
    fleet: LocalFleet, tmp_path: Path, wait_until: WaitUntil, *, after: bool
) -> None:
    """Rows of both forms, one that does not fit, and one that is damaged."""
    node = fleet.node("node1")
    kinds = [f"crash.{after}.{step}" for step in range(STEPS)]
    for kind in kinds:
        send_lines(node, kind, f"{kind}.a", [{"value": 1}, {"value": 2}])
        send_stream(node, kind, f"{kind}-s", 1, [3, 4, 5])
        send_lines(node, kind, f"{kind}.odd", [{"value": "text"}])
        send_data(
            node, kind, f"{kind}.zip", b"PK", "parquet", {"stream": "z", "first": 1, "last": 1}
        )
    for kind in kinds:
        wait_until(lambda kind=kind: len(waiting(fleet, kind)) == 4)
    crashed = 0
    for step, kind in enumerate(kinds):
        root = tmp_path / kind
        fragile = StatisticsTable(FragilePlace(root, step, after=after))
        crashed += crashes(lambda t=fragile, k=kind: t.update(k, client=fleet.cloud))
        table = StatisticsTable(root)
        table.update(kind, client=fleet.cloud)
        assert sorted(table.read()["value"]) == [1, 2, 3, 4, 5], step
        assert table.info().rows == 5
        assert table.info().set_aside == 2
        assert not waiting(fleet, kind)
        assert not table.info().waiting
        assert len(list(root.glob("_set_aside/*/about.json"))) == 2
        assert len(list(root.glob("_set_aside/*/data"))) == 2
    assert 8 < crashed < STEPS  # each step of it, and at last none


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_second_updater_at_any_step_of_the_first_brings_nothing_twice(
    fleet: LocalFleet, tmp_path: Path, wait_until: WaitUntil, *, after: bool
) -> None:
    """Both have fetched the same reports; the second does all of its update in between."""
    node = fleet.node("node1")
    kinds = [f"second.{after}.{step}" for step in range(STEPS)]
    for kind in kinds:
        send_lines(node, kind, f"{kind}.a", [{"value": 1}, {"value": 2}])
        send_stream(node, kind, f"{kind}-s", 1, [3, 4, 5])
        send_lines(node, kind, f"{kind}.odd", [{"value": "text"}])
    for kind in kinds:
        wait_until(lambda kind=kind: len(waiting(fleet, kind)) == 3)
    met = 0
    for step, kind in enumerate(kinds):
        root = tmp_path / kind
        second: list[int] = []

        def update(root: Path = root, kind: str = kind, second: list[int] = second) -> None:
            second.append(StatisticsTable(root).update(kind, client=fleet.cloud).rows)

        first = StatisticsTable(FragilePlace(root, step, after=after, then=update))
        rows = first.update(kind, client=fleet.cloud).rows
        assert rows + sum(second) == 5, step
        met += bool(second)
        table = StatisticsTable(root)
        assert sorted(table.read()["value"]) == [1, 2, 3, 4, 5], step
        assert table.info().set_aside == 1
        assert not table.info().waiting
        assert not list(root.glob("_staged/*"))
        assert table.update(kind, client=fleet.cloud).rows == 0
    assert 6 < met < STEPS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_compaction_that_is_killed_at_any_step_neither_loses_nor_doubles(
    fleet: LocalFleet, tmp_path: Path, wait_until: WaitUntil, *, after: bool
) -> None:
    """`read` is right at once, and the files are as soon as somebody writes again."""
    kind, node, source = f"compaction.{after}", fleet.node("node1"), tmp_path / "source"
    table = StatisticsTable(source)
    for n in range(3):
        send_lines(node, kind, f"{kind}.{n}", [{"value": n}])
        wait_until(lambda: waiting(fleet, kind) != set())
        table.update(kind, client=fleet.cloud)
    assert len(list(source.glob("day=2*/*.parquet"))) == 3
    crashed = True
    step = 0
    while crashed:
        root = tmp_path / f"copy{step}"
        copy(source, root)
        fragile = StatisticsTable(FragilePlace(root, step, after=after))
        crashed = crashes(fragile.compact)
        table = StatisticsTable(root)
        assert sorted(table.read()["value"]) == [0, 1, 2], step
        assert sorted(table.dataset().to_table()["value"].to_pylist()) == [0, 1, 2]
        table.update(kind, client=fleet.cloud)
        files = list(root.glob("day=2*/*.parquet"))
        assert len(files) in ((1, 3) if crashed else (1,))
        assert table.info().files == len(files)
        table.compact()
        assert sorted(table.read()["value"]) == [0, 1, 2], step
        assert len(list(root.glob("day=2*/*.parquet"))) == 1
        step += 1
    assert step > 6


def copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            to = target / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())


def test_staged_files_of_the_dead_go_and_the_sleeping_begin_again(
    fleet: LocalFleet, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """One died after staging; another slept there for a week while somebody cleaned up."""
    kind, node = "sleeper", fleet.node("node1")
    send_lines(node, kind, "sleeper.a", [{"value": 1}])
    wait_until(lambda: waiting(fleet, kind) != set())
    dead = StatisticsTable(FragilePlace(tmp_path, 1, after=False))
    with pytest.raises(CrashError):
        dead.update(kind, client=fleet.cloud)
    assert len(list(tmp_path.glob("_staged/*"))) == 1

    class Sleeper(FragilePlace):
        def create(self, name: str, data: bytes) -> bool:
            if self._left >= 0:
                self._left = -1
                later = StatisticsTable(
                    tmp_path, clock=lambda: datetime.now(UTC) + timedelta(days=7)
                )
                later.update("nothing", client=fleet.cloud)
                assert not list(tmp_path.glob("_staged/*"))
            return super().create(name, data)

    sleeper = StatisticsTable(Sleeper(tmp_path, 100, after=False))
    assert sleeper.update(kind, client=fleet.cloud).rows == 1
    assert sleeper.read()["value"].tolist() == [1]
    assert not list(tmp_path.glob("_staged/*"))

"""Reporters that are killed, forked, many, and alone for days: each row arrives once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from syncnb import LocalFleet, Reporter
from tests.conftest import WaitUntil
from tests.unit.statistics.reporters import Arrived, FakeClock, arrived, bytes_in, values

PROGRAM = str(Path(__file__).with_name("reporting.py"))
DAY = 86_400


@pytest.fixture
def lone() -> Iterator[LocalFleet]:
    """One node, whose cloud may be killed."""
    with LocalFleet(nodes=1) as running:
        yield running


def run(fleet: LocalFleet, kind: str, how: str, first: int = 0) -> subprocess.CompletedProcess[str]:
    """A program beside node1, to its end."""
    return subprocess.run(
        [sys.executable, PROGRAM, kind, how, str(first)],
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **fleet.environment("node1")},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def collected(
    fleet: LocalFleet, kind: str, numbers: set[int], wait_until: WaitUntil
) -> list[Arrived]:
    """What arrives until all of these numbers have; more would be seen."""
    found: list[Arrived] = []

    def complete() -> bool:
        found.extend(arrived(fleet.cloud, kind))
        return numbers <= set(values(found, "n"))

    wait_until(complete, timeout=60, show=lambda: numbers - set(values(found, "n")))
    return found


def test_kill_at_any_moment_loses_and_doubles_nothing(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """What `report` returned for is there; of the next row nobody knows."""
    kind, rng = f"k{uuid.uuid4().hex[:12]}", random.Random(7)
    said: set[int] = set()
    began = []
    for _ in range(6):
        first = max(said, default=-1) + 2  # the one after the last may be there as well
        began.append(first)
        with TemporaryFile() as out:
            program = subprocess.Popen(
                [sys.executable, PROGRAM, kind, "endlessly", str(first)],
                env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **fleet.environment("node1")},
                stdout=out,
            )
            wait_until(lambda: out.seek(0, 2) > 0)
            time.sleep(rng.uniform(0, 0.6))  # the moment is drawn, nothing is waited for
            program.kill()
            program.wait()
            out.seek(0)
            said |= {int(line) for line in out.read().split(b"\n")[:-1]}
    assert run(fleet, kind, "nothing").returncode == 0
    came = values(collected(fleet, kind, said, wait_until), "n")
    assert len(came) == len(set(came))
    assert len(set(came) - said) <= len(began)
    assert len(said) > 100


def test_program_that_just_ends_hands_over_what_it_has(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """Nobody has to close anything."""
    kind = f"e{uuid.uuid4().hex[:12]}"
    done = run(fleet, kind, "once")
    assert (done.returncode, done.stderr) == (0, "")
    found = collected(fleet, kind, set(range(100)), wait_until)
    assert values(found, "n") == list(range(100))


def test_program_that_ends_without_its_service_leaves_it_to_the_next(
    lone: LocalFleet, wait_until: WaitUntil
) -> None:
    """It does not wait for what is not there."""
    kind = f"e{uuid.uuid4().hex[:12]}"
    lone.kill("node1")
    assert run(lone, kind, "once").returncode == 0
    lone.restart("node1")
    assert run(lone, kind, "once", 100).returncode == 0
    found = collected(lone, kind, set(range(200)), wait_until)
    assert values(found, "n") == list(range(200))
    assert {one.extra["stream"] for one in found} == {found[0].extra["stream"]}


def test_child_of_a_fork_reports_as_well(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """On its own stream and its own connections."""
    kind = f"f{uuid.uuid4().hex[:12]}"
    done = run(fleet, kind, "fork")
    assert done.returncode == 0, done.stderr
    found = collected(fleet, kind, set(range(50)), wait_until)

    def all_there() -> bool:
        found.extend(arrived(fleet.cloud, kind))
        return len(values(found, "n")) == 99

    wait_until(all_there, show=lambda: found)
    assert sorted(values(found, "n")) == sorted([0, *range(1, 50), *range(1, 50)])
    assert len({one.extra["stream"] for one in found}) == 2
    counted = arrived(fleet.cloud, f"{kind}-aggregates")
    assert sum(values(counted, "count")) == 98


def test_processes_side_by_side_have_streams_of_their_own(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """Whatever they write at the same time, no row takes another's number."""
    kind = f"p{uuid.uuid4().hex[:12]}"
    programs = [
        fleet.run("node1", PROGRAM, kind, "endlessly", str(first)) for first in (0, 10**6, 10**7)
    ]
    found: list[Arrived] = []

    def enough() -> bool:
        found.extend(arrived(fleet.cloud, kind))
        return len({one.extra["stream"] for one in found}) == 3

    wait_until(enough, timeout=60, show=lambda: found)
    for program in programs:
        program.kill()
        program.wait()
    for stream in {one.extra["stream"] for one in found}:
        mine = [one for one in found if one.extra["stream"] == stream]
        numbers = [n for one in mine for n in one.sequences]
        assert len(numbers) == len(set(numbers))
        firsts = {n // 10**6 if n < 10**7 else 10 for n in values(mine, "n")}
        assert len(firsts) == 1
    run(fleet, kind, "nothing")


@pytest.mark.parametrize("when_full", ["oldest", "thin"])
def test_three_days_without_a_cloud_stay_within_the_bound(
    lone: LocalFleet,
    wait_until: WaitUntil,
    tmp_path: Path,
    when_full: str,
    request: pytest.FixtureRequest,
) -> None:
    """And everything that was kept arrives afterwards, in order; what was dropped is said."""
    kind, most = "stats", 512 << 10
    clock, node = FakeClock(), lone.node("node1")
    reporter = Reporter(
        kind, every="10m", max_bytes=most, max_rows=2000, client=node, folder=tmp_path / "spool",
        clock=clock, when_full=when_full,  # type: ignore[arg-type]
    )  # fmt: skip
    request.addfinalizer(lambda: reporter.close(timeout=0))
    lone.kill("cloud")
    n = 0
    for _ in range(3 * DAY // 600):
        for _ in range(60):
            n += 1
            reporter.report({"n": n, "temperature": 20.5 + n % 7, "state": "running"})
        clock.advance(600)
        assert bytes_in(tmp_path) <= most
    handed, dropped, waiting = reporter.sent, reporter.dropped, reporter.waiting
    assert handed + dropped + waiting == n == 25_920
    assert len(node.get_objects(kind)) == 64
    assert dropped > 0
    assert f"{waiting} rows wait, {handed} handed over, {dropped} dropped" in repr(reporter)

    lone.restart("cloud")
    found: list[Arrived] = []

    def all_there() -> bool:
        clock.advance(60)
        found.extend(arrived(lone.cloud, kind))
        return reporter.waiting == 0 and len(values(found, "n")) >= handed + waiting

    wait_until(all_there, timeout=120, show=lambda: (reporter, len(values(found, "n"))))
    found.sort(key=lambda one: int(one.extra["first"]))
    came = values(found, "n")
    assert came == [n for one in found for n in one.sequences] == sorted(set(came))
    assert len(came) == handed + waiting
    assert came[:handed] == list(range(1, handed + 1))
    assert n - came[-1] <= 1
    assert found[-1].extra["dropped"] == dropped == reporter.dropped
    if when_full == "oldest":
        assert came[handed:] == list(range(n - waiting + 1, n + 1))
    else:
        assert max(b - a for a, b in pairwise(came)) <= 16
    assert bytes_in(tmp_path) < 20_000

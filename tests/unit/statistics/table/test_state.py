"""What the log adds up to, and the intervals in it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from syncnb.metadata import ObjectMetaData
from syncnb.statistics.columns import column_types
from syncnb.statistics.reports import Report
from syncnb.statistics.table import state as state_module
from syncnb.statistics.table.entries import Entry, Taken
from syncnb.statistics.table.intervals import Intervals, overlap, with_interval
from syncnb.statistics.table.log import Log
from syncnb.statistics.table.names import CHECKPOINTS, key_of
from syncnb.statistics.table.planning import plan
from syncnb.statistics.table.state import State

from .faults import FragilePlace

ENDS = st.tuples(st.integers(1, 40), st.integers(0, 8))


class IntervalMachine(RuleBasedStateMachine):
    """Intervals against a set of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.intervals: Intervals = ()
        self.numbers: set[int] = set()

    @rule(ends=ENDS)
    def add(self, ends: tuple[int, int]) -> None:
        first, last = ends[0], ends[0] + ends[1]
        self.intervals = with_interval(self.intervals, first, last)
        self.numbers |= set(range(first, last + 1))

    @rule(ends=ENDS)
    def look(self, ends: tuple[int, int]) -> None:
        first, last = ends[0], ends[0] + ends[1]
        both = {n for a, b in overlap(self.intervals, first, last) for n in range(a, b + 1)}
        assert both == self.numbers & set(range(first, last + 1))

    @invariant()
    def same(self) -> None:
        assert {n for a, b in self.intervals for n in range(a, b + 1)} == self.numbers
        assert all(b + 1 < c for (_, b), (c, _) in pairwise(self.intervals))


TestIntervals = IntervalMachine.TestCase


def rows(first: int, values: list[int], stream: str | None, name: str) -> Report:
    count = len(values)
    table = pa.table(
        {
            "value": pa.array(values, pa.int64()),
            **{name: pa.nulls(count, kind) for name, kind in column_types().items()},
        }
    )
    at = table.column_names.index("sequence")
    numbers = pa.array(range(first, first + count), pa.int64())
    table = table.set_column(at, "sequence", numbers)
    meta = ObjectMetaData(object_type="t", object_id=name, instance_id=1)
    if stream is None:
        return Report(meta, table)
    return Report(meta, table, stream, first, first + count - 1)


@given(pieces=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 6)), max_size=8))
def test_each_number_of_a_stream_is_planned_once(pieces: list[tuple[int, int]]) -> None:
    """However a node cuts its rows into objects, in whatever order they come."""
    nothing = rows(1, [], "s", "none").table
    reports = [
        rows(first, [n * n for n in range(first, first + count)], "s", f"o{n}")
        for n, (first, count) in enumerate(pieces)
    ]
    made = plan(State(), "acme", reports, lambda *_: nothing)
    assert not made.aside
    numbers = sorted(n for table in made.fitted() for n in table["sequence"].to_pylist())
    assert numbers == sorted({n for first, count in pieces for n in range(first, first + count)})
    assert made.repeated == sum(count for _, count in pieces) - len(numbers)
    assert sum(one.rows for one in made.taken) == len(numbers)


TAKEN = st.builds(
    lambda name, first, count, stream, reason: Taken(
        key=key_of("acme", ObjectMetaData(object_type="t", object_id=name)), org_id="acme",
        object_type="t", object_id=name, instance_id=1, origin_id="node1", stream=stream,
        first=first, last=first + count, reason=reason,
    ),
    st.text("abc", min_size=1, max_size=2), st.integers(1, 30), st.integers(0, 5),
    st.sampled_from(["s", "t"]), st.sampled_from([None, None, "no"]),
)  # fmt: skip


@given(entries=st.lists(st.lists(TAKEN, max_size=4), max_size=12), done=st.sets(st.integers(1, 12)))
def test_checkpoint_is_what_the_log_adds_up_to(entries: list[list[Taken]], done: set[int]) -> None:
    """State and entries survive JSON."""
    state = State()
    for objects in entries:
        entry = Entry(kind="append", at="2026-11-29T10:00:00+00:00", objects=tuple(objects))
        state.apply(Entry.from_bytes(entry.to_bytes()))
    for number in sorted(done):
        state.apply(Entry(kind="done", at="", of=number))
    again = State.from_bytes(state.to_bytes())
    assert again == state
    assert set(again.pending) == set(range(1, len(entries) + 1)) - done
    assert all(again.has(one.key) for objects in entries for one in objects)


def test_what_is_remembered_is_bounded_but_not_for_what_is_pending() -> None:
    """A fleet may report for years."""
    many = state_module.REMEMBERED + 10
    objects = tuple(
        Taken(key=f"{n:032x}", org_id="a", object_type="t", object_id=str(n), instance_id=1)
        for n in range(many)
    )
    state = State()
    state.apply(Entry(kind="append", at="", objects=objects))
    assert len(state.seen) == state_module.REMEMBERED
    assert state.has(objects[0].key)
    state.apply(Entry(kind="done", at="", of=1))
    assert not state.has(objects[0].key)
    assert state.has(objects[-1].key)


def test_log_is_read_from_the_last_checkpoint_on(tmp_path: Path) -> None:
    """So that beginning costs the same after a year; few checkpoints stay."""

    class Counting(FragilePlace):
        reads = 0

        def read(self, name: str) -> bytes | None:
            self.reads += 1
            return super().read(name)

    place = Counting(tmp_path, -1, after=False)
    log = Log(place)
    for n in range(205):
        number = log.state().number + 1
        assert log.append(Entry(kind="clean", at="", writer=f"{n:016x}"), number)
        log.keep_checkpoint()
    assert len(place.names(CHECKPOINTS)) == 2
    place.reads = 0
    assert Log(place).state().number == 205
    assert place.reads <= 22
    assert not log.append(Entry(kind="clean", at=""), 205)
    assert Log(place).append(Entry(kind="clean", at=""), 206)
    assert not log.append(Entry(kind="clean", at=""), 206)

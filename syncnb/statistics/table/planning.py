"""What becomes of each report: pure, but for looking up rows that come again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncnb.metadata import ObjectMetaData
from syncnb.statistics.reports import Report
from syncnb.statistics.table.duplicates import same, within
from syncnb.statistics.table.entries import Taken
from syncnb.statistics.table.intervals import Intervals, overlap, with_interval
from syncnb.statistics.table.names import key_of
from syncnb.statistics.table.schemas import (
    ConflictError,
    fitted,
    grown,
    to_text,
    wide_columns,
)
from syncnb.statistics.table.state import State

if TYPE_CHECKING:
    import pyarrow as pa

Stored = Callable[["pa.Table", str, Intervals], "pa.Table"]
DUPLICATE = "duplicate sequence numbers"
_PIECE = 1 << 18  # rows


@dataclass
class Plan:
    """What an entry will bring.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the table then.
    wide : frozenset of str
        Columns of integers that a float cannot hold.
    tables : list of pyarrow.Table
        New rows.
    taken : list of Taken
        The objects that they are of, and those that are set aside.
    aside : list of (Taken, pyarrow.Table)
        What is set aside, with its rows.
    again : list of ObjectMetaData
        Instances that are in already, and only to be acknowledged.
    repeated : int
        Rows that were in already.
    """

    schema: pa.Schema
    wide: frozenset[str]
    tables: list[pa.Table] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    aside: list[tuple[Taken, pa.Table]] = field(default_factory=list)
    again: list[ObjectMetaData] = field(default_factory=list)
    repeated: int = 0

    def grew(self, state: State) -> str | None:
        """The schema as text, if it is another one."""
        text = to_text(self.schema)
        return None if text == state.schema_text else text

    def fitted(self) -> Iterator[pa.Table]:
        """All new rows, some at a time, since a table may be a map of a file of any size."""
        import pyarrow as pa

        waiting: list[pa.Table] = []
        for table in self.tables:
            for start in range(0, len(table), _PIECE):
                waiting.append(fitted(table.slice(start, _PIECE), self.schema))
                if sum(map(len, waiting)) >= _PIECE:
                    yield pa.concat_tables(waiting)
                    waiting.clear()
        if waiting:
            yield pa.concat_tables(waiting)


def plan(state: State, org_id: str, reports: Iterable[Report], stored: Stored) -> Plan:
    """Decide on each report.

    Parameters
    ----------
    state : State
        Of the table; not changed.
    org_id : str
        Of the client.
    reports : iterable of Report
        What came.
    stored : callable
        Rows of the table of a stream, as ``stored(table, stream, intervals)``.

    Returns
    -------
    Plan
        Nothing of it is done yet.
    """
    made = Plan(state.schema, state.wide)
    new: dict[str, tuple[Intervals, list[pa.Table]]] = {}
    keys: set[str] = set()
    for report in reports:
        key = key_of(org_id, report.meta)
        if key in keys or state.has(key):
            made.again.append(report.meta)
            continue
        keys.add(key)
        try:
            _take(made, state, report, key, org_id, stored, new)
        except ConflictError as conflict:
            taken = taken_of(report.meta, org_id, key, reason=str(conflict))
            made.taken.append(taken)
            made.aside.append((taken, report.table))
    return made


def taken_of(
    meta: ObjectMetaData, org_id: str, key: str, *, rows: int = 0, reason: str | None = None
) -> Taken:
    """An object for the log."""
    return Taken(
        key=key, org_id=org_id, object_type=meta.object_type, object_id=meta.object_id,
        instance_id=meta.instance_id, data_id=meta.data_id, origin_type=meta.origin_type,
        origin_id=meta.origin_id, rows=rows, reason=reason,
    )  # fmt: skip


def _take(
    made: Plan,
    state: State,
    report: Report,
    key: str,
    org_id: str,
    stored: Stored,
    new: dict[str, tuple[Intervals, list[pa.Table]]],
) -> None:
    import pyarrow.compute as pc

    schema = grown(made.schema, report.table, made.wide)
    table = fitted(report.table, schema)
    if report.stream is not None and report.first is not None and report.last is not None:
        was = state.streams.get(report.stream)
        intervals, tables = new.get(report.stream, (was.intervals if was else (), []))
        known = overlap(intervals, report.first, report.last)
        if known:
            again = within(table, known)
            ours = stored(report.table, report.stream, known)
            ours = _with(ours, tables, known)
            theirs = table.filter(again)
            if not same(fitted(ours, schema), theirs):
                raise ConflictError(
                    f"{DUPLICATE}: rows {_shown(known)} of stream {report.stream} are in the table "
                    "with other values; give a node that was cloned a folder of its own for what "
                    "it reports"
                )
            table = table.filter(pc.invert(again))
            made.repeated += len(theirs)
        intervals = with_interval(intervals, report.first, report.last)
        new[report.stream] = (intervals, [*tables, table])
    made.schema, made.wide = schema, made.wide | wide_columns(table)
    made.tables.append(table)
    taken = taken_of(report.meta, org_id, key, rows=len(table))
    made.taken.append(
        Taken(
            **{
                **vars(taken),
                "stream": report.stream,
                "first": report.first,
                "last": report.last,
                "dropped": report.dropped,
            }
        )
    )


def _with(ours: pa.Table, tables: Iterable[pa.Table], known: Intervals) -> pa.Table:
    """Also what the same plan brings."""
    import pyarrow as pa

    found = [table.filter(within(table, known)) for table in tables]
    return pa.concat_tables([ours, *found], promote_options="permissive")


def _shown(known: Intervals) -> str:
    said = [f"{first}" if first == last else f"{first} to {last}" for first, last in known[:3]]
    return ", ".join(said) + (", ..." if len(known) > 3 else "")

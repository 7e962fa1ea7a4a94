"""Bringing a table up to date, so that each row is in once, whatever is interrupted.

The order: rows are staged; an entry of the log names them; they go into their places; the objects
are acknowledged; the log says that this is done. Whoever comes next carries out what an entry says
and is not done, and each step may be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape

from syncnb.metadata import ObjectMetaData
from syncnb.statistics.reports import Report
from syncnb.statistics.table.duplicates import stored
from syncnb.statistics.table.entries import Entry, Taken, new_writer
from syncnb.statistics.table.log import Log
from syncnb.statistics.table.names import STAGED, staged
from syncnb.statistics.table.place import Place
from syncnb.statistics.table.planning import Plan, plan
from syncnb.statistics.table.setting_aside import set_aside
from syncnb.statistics.table.staging import show_schema, stage
from syncnb.statistics.table.state import State

Acknowledge = Callable[[Sequence[ObjectMetaData]], None]
Clock = Callable[[], datetime]
_FORGOTTEN = timedelta(days=1)  # after which a staged file belongs to an updater that died


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class TableUpdate:
    """What an update brought.

    Parameters
    ----------
    rows : int
        New in the table.
    reports : int
        Objects that were taken, without those that were set aside.
    set_aside : int
        Objects that the table could not take; they are in its ``_set_aside``.
    repeated : int
        Rows that came again and were in already.
    left : int
        Objects of the type that are no reports, or could not be fetched: left where they are.

    Examples
    --------
    >>> TableUpdate(rows=20, reports=2)
    20 new rows of 2 reports
    """

    rows: int = 0
    reports: int = 0
    set_aside: int = 0
    repeated: int = 0
    left: int = 0

    def __add__(self, other: TableUpdate) -> TableUpdate:
        return TableUpdate(*(a + b for a, b in zip(self._all(), other._all(), strict=True)))

    def _all(self) -> tuple[int, ...]:
        return (self.rows, self.reports, self.set_aside, self.repeated, self.left)

    def __repr__(self) -> str:
        more = {
            "set aside": self.set_aside,
            "rows that were in already": self.repeated,
            "objects left where they are": self.left,
        }
        said = "".join(f", {count:,} {what}" for what, count in more.items() if count)
        return f"{self.rows:,} new rows of {self.reports:,} reports{said}"

    def _repr_html_(self) -> str:
        return f"<div>{escape(repr(self))}</div>"


class Updater:
    """Writes to a table.

    Parameters
    ----------
    place : Place
        Where the table is.
    log : Log
        Its log.
    org_id : str
        Whose objects `acknowledge` is for.
    acknowledge : callable, optional
        Marks objects consumed. Without it, what waits for that goes on waiting.
    clock : callable
        Gives the time.
    """

    def __init__(
        self,
        place: Place,
        log: Log,
        *,
        org_id: str = "",
        acknowledge: Acknowledge | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._place, self._log, self._clock = place, log, clock
        self._org_id, self._acknowledge = org_id, acknowledge

    def finish(self) -> State:
        """Carry out what earlier entries say and is not done; returns the state after it."""
        while True:
            state = self._log.state()
            before = state.number
            for number, entry in list(state.pending.items()):
                self._carry_out(number, entry)
            if self._log.state().number == before:
                return state

    def commit(self, reports: Sequence[Report], bad: Sequence[Taken] = ()) -> TableUpdate:
        """Bring reports into the table, and acknowledge them.

        Parameters
        ----------
        reports : sequence of Report
            All that an entry of the log is to bring.
        bad : sequence of Taken
            What was set aside already, and is to be acknowledged.
        """
        while True:
            state, now = self.finish(), self._clock()
            look_up = partial(stored, self._place, state.schema, now)
            made = plan(state, self._org_id, reports, look_up)
            new = [one for one in bad if not state.has(one.key)]
            known_bad = [one.meta for one in bad if state.has(one.key)]
            if not made.taken and not new:
                break
            number = state.number + 1
            entry = self._staged(made, state, now, new)
            if self._log.append(entry, number):
                self._carry_out(number, entry)
                break
            for file in entry.adds:  # somebody was faster, perhaps with the same reports
                self._place.remove(staged(file.staged))
        again = [*made.again, *known_bad]
        if again and self._acknowledge is not None:
            self._acknowledge(again)
        self._log.keep_checkpoint()
        return TableUpdate(
            rows=sum(one.rows for one in made.taken),
            reports=sum(one.reason is None for one in made.taken),
            set_aside=len(made.aside) + len(new),
            repeated=made.repeated,
        )

    def clean(self) -> None:
        """Remove staged files of updaters that died before an entry named them.

        An entry says it first: an updater that only slept then finds its number taken, and stages
        its rows again.
        """
        before = self._clock() - _FORGOTTEN
        old = [one.name for one in self._place.names(STAGED) if one.modified < before]
        if not old:
            return
        state = self._log.state()
        number = state.number + 1
        wanted = {staged(file.staged) for e in state.pending.values() for file in e.adds}
        names = tuple(name.rsplit("/", 1)[1] for name in old if name not in wanted)
        entry = Entry(kind="clean", at=self._at(), clean=names, writer=new_writer())
        if names and self._log.append(entry, number):
            for name in names:
                self._place.remove(staged(name))

    def compacted(self, entry: Entry, number: int) -> bool:
        """Log a compaction and carry it out; False if there is another entry meanwhile."""
        if not self._log.append(entry, number):
            return False
        self._carry_out(number, entry)
        return True

    def _staged(self, made: Plan, state: State, now: datetime, bad: Iterable[Taken]) -> Entry:
        for taken, table in made.aside:
            set_aside(self._place, taken, table)
        return Entry(
            kind="append",
            at=now.isoformat(timespec="seconds"),
            adds=stage(self._place, made.fitted(), made.schema, state.number + 1, now),
            objects=(*made.taken, *bad),
            schema=made.grew(state),
            wide=tuple(sorted(made.wide - state.wide)),
            writer=new_writer(),
        )

    def _carry_out(self, number: int, entry: Entry) -> None:
        for file in entry.adds:
            self._place.move(staged(file.staged), file.name)
        for gone in entry.removes:
            self._place.remove(gone.name)
        if entry.schema is not None:
            show_schema(self._place, self._log.state().schema)
        if entry.objects:
            if self._acknowledge is None or entry.objects[0].org_id != self._org_id:
                return  # for an updater that can reach the service
            self._acknowledge([one.meta for one in entry.objects])
        while number in (state := self._log.state()).pending:
            done = Entry(kind="done", at=self._at(), of=number, writer=new_writer())
            if self._log.append(done, state.number + 1):
                return

    def _at(self) -> str:
        return self._clock().isoformat(timespec="seconds")

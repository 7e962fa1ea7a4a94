"""What a table of nodes says at one moment, before anything is drawn.

Text, still HTML and the live table all draw a `Snapshot`, so they agree on words, order and counts.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple, Protocol

from syncnb.errors import SyncError

# How each status is drawn. The order is that of the summary and of the progress bar.
TONES: Mapping[str, str] = {
    "consumed": "good",
    "handled": "good",
    "done": "good",
    "up to date": "good",
    "delivered": "near",
    "arrived": "near",
    "running": "near",
    "behind": "waiting",
    "delivering": "waiting",
    "pending": "waiting",
    "sent": "waiting",
    "error": "bad",
    "failed": "bad",
    "silent": "bad",
    "deleted": "gone",
}
GOAL = "consumed"  # the status that the progress bar counts
NO_ROWS = "No nodes yet: each appears here as soon as the service knows that the object goes there."
UNKNOWN = "What is there is not known."
# What a reader looks for first when there is no room for all rows.
_URGENCY = {"bad": 0, "waiting": 1, "near": 2, "gone": 3, "good": 4}


class TableSource(Protocol):
    """What can be shown as a table: a publication, or anything else with these five members.

    A text `notice` may say why there are no rows, and a text `empty` what is to be expected instead
    of the usual; `goal` names another status than ``consumed`` that all rows are to reach, and a
    mapping `names` gives columns other titles.

    Values of the columns ``status``, ``since`` (ISO 8601) and ``message`` are drawn in their own
    way; the first column names the row.

    Examples
    --------
    >>> class Printers:
    ...     title, columns = "Printers", ("printer", "status")
    ...
    ...     def rows(self):
    ...         return [{"printer": "a", "status": "consumed"}, {"printer": "b", "status": "sent"}]
    ...
    ...     def wait_for_change(self, timeout):
    ...         return False
    ...
    ...     def done(self):
    ...         return True
    >>> snapshot(Printers()).summary
    '1 of 2 consumed, 1 sent'
    """

    @property
    def title(self) -> str:
        """One line above the table."""

    @property
    def columns(self) -> Sequence[str]:
        """Keys of a row, in the order in which they are drawn."""

    def rows(self) -> Sequence[Mapping[str, str]]:
        """Return the rows as they are now; a missing key is drawn as an empty cell."""

    def wait_for_change(self, timeout: float) -> bool:
        """Block until the rows may have changed, at most `timeout` seconds; return whether."""

    def done(self) -> bool:
        """Return whether the rows will not change any more."""


class Count(NamedTuple):
    """How many rows have a status."""

    status: str
    tone: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A table at one moment.

    Parameters
    ----------
    title : str
        One line above the table.
    columns : sequence of str
        Without ``message``, which is drawn below its row.
    rows : sequence of mapping
        Text only, in the order of the source.
    done : bool, default False
        Whether nothing will change any more.
    notice : str, default ""
        Why the rows may be out of date, such as a service that does not answer.
    empty : str
        What stands in place of the rows while there are none.
    goal : str, default "consumed"
        The status that all rows are to reach.
    names : mapping, optional
        Titles of columns that are not called as their keys.
    at : datetime
        Aware; when the rows were read.

    Examples
    --------
    >>> rows = [{"node": "n1", "status": "consumed"}, {"node": "n2", "status": "sent"}]
    >>> Snapshot(title="model/defects", columns=("node", "status"), rows=rows).summary
    '1 of 2 consumed, 1 sent'
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Mapping[str, str]] = ()
    done: bool = False
    notice: str = ""
    empty: str = NO_ROWS
    goal: str = GOAL
    names: Mapping[str, str] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def counts(self) -> list[Count]:
        """The statuses that occur, in the order of the summary."""
        return count(self.rows)

    @property
    def summary(self) -> str:
        """One sentence, such as ``"2 of 3 consumed, 1 error"``."""
        if not self.rows:
            return "no nodes yet" if self.empty == NO_ROWS else ""
        counts = self.counts
        reached = sum(number for status, _, number in counts if status == self.goal)
        said = [f"{reached} of {len(self.rows)} {self.goal}"]
        said += [f"{number} {status}" for status, _, number in counts if status != self.goal]
        return ", ".join(said)

    @property
    def labels(self) -> list[str]:
        """Column titles; times are drawn in UTC, and the title says so."""
        return [
            self.names.get(name, name) + (" (UTC)" if name == "since" and self._since else "")
            for name in self.columns
        ]

    def cells(self, row: Mapping[str, str]) -> list[str]:
        """Return the texts of one row, in the order of `columns`."""
        return [
            self._clock(row.get(name, "")) if name == "since" else row.get(name, "")
            for name in self.columns
        ]

    def pick(self, limit: int) -> tuple[list[Mapping[str, str]], str]:
        """Choose the rows to draw when there is room for `limit`, and sum up the others.

        Errors come first, then unfinished rows, because those are what a reader looks for.

        Examples
        --------
        >>> rows = [{"node": f"n{i}", "status": "consumed"} for i in range(8)]
        >>> rows.append({"node": "n8", "status": "error"})
        >>> Snapshot(title="", columns=("node", "status"), rows=rows).pick(1)
        ([{'node': 'n8', 'status': 'error'}], '8 more: 8 consumed')
        """
        if len(self.rows) <= limit:
            return list(self.rows), ""
        ordered = sorted(self.rows, key=lambda row: _URGENCY[tone(row.get("status", ""))])
        rest = ordered[limit:]
        said = ", ".join(f"{number} {status}" for status, _, number in count(rest))
        return ordered[:limit], f"{len(rest)} more: {said}"

    @cached_property
    def _since(self) -> list[datetime]:
        """Every time in the rows; empty if one cannot be read, and then they are drawn as sent."""
        texts = [text for row in self.rows if (text := row.get("since", ""))]
        times = [time for text in texts if (time := parse_time(text))]
        return times if len(times) == len(texts) else []

    def _clock(self, text: str) -> str:
        time = parse_time(text) if self._since else None
        return text if time is None else time.strftime(self._clock_format)

    @cached_property
    def _clock_format(self) -> str:
        one_day = len({time.date() for time in self._since}) == 1
        return "%H:%M:%S" if one_day else "%Y-%m-%d %H:%M:%S"


def snapshot(source: TableSource | Snapshot) -> Snapshot:
    """Read a source once.

    Parameters
    ----------
    source : TableSource or Snapshot
        A snapshot is handed back as it is.

    Returns
    -------
    Snapshot
        If the source cannot be read because of a `SyncError`, one without rows whose `notice` says
        why: looking at an object must not raise.

    Examples
    --------
    >>> table = Snapshot(title="model/defects", columns=("node", "status"))
    >>> snapshot(table) is table
    True
    """
    if isinstance(source, Snapshot):
        return source
    try:
        return read(source)
    except SyncError as error:
        return Snapshot(
            title=source.title, columns=_above(source.columns), notice=str(error), empty=UNKNOWN
        )


def read(source: TableSource, last: Snapshot | None = None) -> Snapshot:
    """Read a source once, and let its errors through.

    Parameters
    ----------
    source : TableSource
        What to read. Where its rows are a tuple, a mapping that was in it before is taken to be
        unchanged, and so is all of the tuple if it is the one of before.
    last : Snapshot, optional
        What was read before.

    Returns
    -------
    Snapshot
        Its columns are those of the source without ``message``.

    Raises
    ------
    Exception
        Whatever the source raises, such as `ConnectionFailedError`.
    """
    done = source.done()  # before the rows, or the last change could be missing from a done table
    found = source.rows()
    rows: Sequence[Mapping[str, str]]
    if last is None or found is not last.rows:
        rows = tuple(_as_text(row, kept=isinstance(found, tuple)) for row in found)
        if isinstance(found, tuple) and all(map(operator.is_, rows, found)):
            rows = found
    else:
        rows = found
    notice = "" if rows else str(getattr(source, "notice", ""))  # a source may say why
    return Snapshot(
        title=source.title,
        columns=_above(source.columns),
        rows=rows,
        done=done,
        notice=notice,
        empty=str(getattr(source, "empty", "")) or NO_ROWS,
        goal=str(getattr(source, "goal", GOAL)),
        names=getattr(source, "names", {}),
    )


def _as_text(row: Mapping[str, str], *, kept: bool) -> Mapping[str, str]:
    if kept and all(type(value) is str for value in row.values()):
        return row  # as before, so that nobody has to compare it
    return {key: str(value) for key, value in row.items()}


def _above(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in columns if name != "message")


def tone(status: str) -> str:
    """Say how a status is drawn: ``good``, ``near``, ``waiting``, ``bad`` or ``gone``.

    Examples
    --------
    >>> tone("consumed"), tone("error"), tone("a status of a newer service")
    ('good', 'bad', 'waiting')
    """
    return TONES.get(status, "waiting")


def count(rows: Iterable[Mapping[str, str]]) -> list[Count]:
    """Count the rows of each status, in the order of the summary.

    Examples
    --------
    >>> [tuple(c) for c in count([{"status": "error"}, {"status": "sent"}, {"status": "error"}])]
    [('sent', 'waiting', 1), ('error', 'bad', 2)]
    """
    found = Counter(row.get("status", "") or "unknown" for row in rows)
    order = list(TONES)
    known = sorted(found, key=lambda name: (order.index(name) if name in TONES else 99, name))
    return [Count(name, tone(name), found[name]) for name in known]


def parse_time(text: str) -> datetime | None:
    """Read an ISO 8601 time, as UTC if it has no zone; None if it is no time.

    Examples
    --------
    >>> parse_time("2026-11-24T15:00:00+01:00").isoformat()
    '2026-11-24T14:00:00+00:00'
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def shorten(text: str, limit: int) -> str:
    """Cut a text that is longer than `limit` characters, and say so.

    Examples
    --------
    >>> shorten("disk full on node1", 9)
    'disk full ... (9 characters more)'
    """
    return (
        text if len(text) <= limit else f"{text[:limit]} ... ({len(text) - limit} characters more)"
    )

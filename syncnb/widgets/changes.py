"""What travels to the browser: all rows once, and from then on what changed in them.

A row travels as one line of text: its cells, its message and its history, with tabs between them. A
status is a number into the list of statuses, a time is milliseconds since the epoch; both are what
makes ten thousand rows fit into a notebook.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from syncnb.widgets.table import Snapshot, parse_time

STEPS = 8  # of the history of a row that are kept
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class _Line:
    row: Mapping[str, str]
    steps: list[tuple[int, int]]  # number of a status, and when it was reached, in ms
    text: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    r"""What changed between two snapshots.

    Parameters
    ----------
    serial : int
        Grows by one with each patch; who missed one needs all rows.
    at : list of int
        Places of the rows that are new or changed, in the order after `runs`.
    rows : str
        They, a line each.
    runs : list of [int, int]
        How the rows of before are arranged: from which place on, how many; a place of -1 stands for
        rows that are new, which `at` names. Empty if all are where they were, or new ones come
        behind them.

    Examples
    --------
    >>> Patch(serial=2, at=[0], rows="camera/n1\t0").to_wire()
    {'serial': 2, 'at': [0], 'rows': 'camera/n1\t0', 'runs': []}
    """

    serial: int
    at: list[int]
    rows: str
    runs: list[list[int]] = field(default_factory=list)

    def to_wire(self) -> dict[str, Any]:
        """As a front end gets it."""
        return {"serial": self.serial, "at": self.at, "rows": self.rows, "runs": self.runs}


class Changes:
    """The rows of a table as the browser has them.

    Parameters
    ----------
    first : Snapshot
        What it gets at first.

    Attributes
    ----------
    statuses : list of str
        All that occurred, in the order of their numbers.

    Examples
    --------
    >>> rows = [{"node": "n1", "status": "sent"}, {"node": "n2", "status": "sent"}]
    >>> table = Snapshot(title="", columns=("node", "status"), rows=rows)
    >>> changes = Changes(table)
    >>> rows = [rows[0], {"node": "n2", "status": "consumed"}]
    >>> changes.turn_to(Snapshot(title="", columns=("node", "status"), rows=rows)).at
    [1]
    """

    def __init__(self, first: Snapshot) -> None:
        self.statuses: list[str] = []
        self.serial = 0
        self._numbers: dict[str, int] = {}
        self._lines: dict[str, _Line] = {}
        self._columns, self._rows = tuple(first.columns), first.rows
        for key, row in _named(first):
            self._lines[key] = self._line(row, None)

    @property
    def length(self) -> int:
        """Characters of all rows."""
        return sum(len(line.text) + 1 for line in self._lines.values())

    def begin_again(self, new: Snapshot) -> None:
        """Take over a snapshot with other columns."""
        before, self._columns, self._lines = self._lines, tuple(new.columns), {}
        self._rows = new.rows
        self.serial += 1
        for key, row in _named(new):
            self._lines[key] = self._line(row, before.get(key))

    def everything(self) -> str:
        """All rows, behind a line with the serial number."""
        return "\n".join([str(self.serial), *(line.text for line in self._lines.values())])

    def turn_to(self, new: Snapshot) -> Patch | None:
        """Take over the next snapshot; None if its rows are those of before."""
        if new.rows is self._rows:
            return None
        self._rows = new.rows
        before, self._lines = self._lines, {}
        places = {key: place for place, key in enumerate(before)}
        at: list[int] = []
        came_from: list[int] = []
        for place, (key, row) in enumerate(_named(new)):
            line = before.get(key)
            if line is None or not (line.row is row or line.row == row):
                line = self._line(row, line)
                at.append(place)
            self._lines[key] = line
            came_from.append(places.get(key, -1))
        runs = _runs(came_from, len(before))
        if not at and not runs:
            return None
        self.serial += 1
        lines = list(self._lines.values())
        return Patch(self.serial, at, "\n".join(lines[place].text for place in at), runs)

    def _line(self, row: Mapping[str, str], before: _Line | None) -> _Line:
        status = self._number(row.get("status", ""))
        when = _milliseconds(row.get("since", ""))
        steps = list(before.steps) if before is not None else []
        if "status" in self._columns and (not steps or steps[-1][0] != status):
            steps = [*steps, (status, when or 0)][-STEPS:]
        line = _Line(row, steps)
        line.text = "\t".join(
            [
                *(self._cell(row, name, status, when) for name in self._columns),
                row.get("message", "").translate(_ESCAPES),
                _history(steps),
            ]
        )
        return line

    def _cell(self, row: Mapping[str, str], name: str, status: int, when: int | None) -> str:
        if name == "status":
            return str(status)
        if name == "since" and when is not None:
            return str(when)
        return row.get(name, "").translate(_ESCAPES)

    def _number(self, status: str) -> int:
        if status not in self._numbers:
            self._numbers[status] = len(self.statuses)
            self.statuses = [*self.statuses, status]
        return self._numbers[status]


def _named(table: Snapshot) -> Iterable[tuple[str, Mapping[str, str]]]:
    """Rows by what is in their first column; another of the same name is told apart by its turn."""
    first, seen = table.columns[0], set[str]()
    for row in table.rows:
        key = row.get(first, "")
        while key in seen:
            key += "\0"
        seen.add(key)
        yield key, row


def _history(steps: Sequence[tuple[int, int]]) -> str:
    """Each step as the number of its status and the seconds since the one before.

    Examples
    --------
    >>> _history([(0, 5_000), (2, 17_000)])
    '0 2:12'
    """
    said: list[str] = []
    last = 0
    for status, when in steps:
        gap = max(0, round((when - last) / 1000)) if said and when and last else 0
        said.append(f"{status}:{gap}" if gap else str(status))
        last = when
    return " ".join(said)


@lru_cache(4096)  # thousands of rows share their seconds
def _milliseconds(text: str) -> int | None:
    time = parse_time(text) if text else None
    return round(time.timestamp() * 1000) if time is not None else None


def _runs(came_from: Sequence[int], before: int) -> list[list[int]]:
    """Where rows come from, as runs; nothing if they only got company behind them.

    Examples
    --------
    >>> _runs([0, 1, -1, 2], 3)
    [[0, 2], [-1, 1], [2, 1]]
    >>> _runs([0, 1, 2, -1], 3)
    []
    >>> _runs([], 3)
    [[0, 0]]
    """
    if before and not came_from:
        return [[0, 0]]
    if [*came_from[:before]] == [*range(before)]:
        return []
    runs: list[list[int]] = []
    for place in came_from:
        if runs and (place == runs[-1][0] == -1 or -1 < runs[-1][0] == place - runs[-1][1]):
            runs[-1][1] += 1
        else:
            runs.append([place, 1])
    return runs

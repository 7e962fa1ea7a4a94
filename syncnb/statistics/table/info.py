"""What a table has, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from syncnb.metadata.values import table as html_table
from syncnb.statistics.table.state import State

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, repr=False)
class TableInfo:
    """What a `StatisticsTable` has.

    Parameters
    ----------
    place : str
        Where it is.
    rows, size, files : int
        How much: rows, bytes on disk, files.
    days : tuple of str
        With rows, as ``YYYY-MM-DD``, sorted.
    streams : int
        Spools of reporters that rows came from.
    nodes : int
        Nodes that these were on; those that only use `report` are not counted.
    columns : tuple of str
        Their names.
    updated : str
        When rows came last, as RFC 3339; empty if none came.
    waiting : int
        Steps that the next update has to finish.
    set_aside : int
        Objects that could not be taken.
    reasons : tuple of mapping
        Of the latest 20 of them: ``at``, ``node``, ``object_id``, ``reason``, and ``key``, the name
        of the folder below ``_set_aside``.

    Examples
    --------
    >>> TableInfo.of("/var/lib/stats", State()).rows
    0
    """

    place: str
    rows: int
    size: int
    files: int
    days: tuple[str, ...]
    streams: int
    nodes: int
    columns: tuple[str, ...]
    updated: str
    waiting: int
    set_aside: int
    reasons: tuple[Mapping[str, str], ...]

    @classmethod
    def of(cls, place: str, state: State) -> TableInfo:
        """What a state says."""
        days = state.days
        return cls(
            place=place,
            rows=sum(day.rows for day in days.values()),
            size=sum(day.size for day in days.values()),
            files=sum(day.files for day in days.values()),
            days=tuple(sorted(days)),
            streams=len(state.streams),
            nodes=len({(one.node_type, one.node) for one in state.streams.values()}),
            columns=tuple(state.schema.names),
            updated=state.updated,
            waiting=len(state.pending),
            set_aside=state.set_aside,
            reasons=state.reasons,
        )

    def __repr__(self) -> str:
        lines = [f"StatisticsTable at {self.place}"]
        lines += [f"  {name:<12} {value}" for name, value in self._facts()]
        lines += [
            f"    {one['node']} {one['object_id']}: {one['reason']}" for one in self._latest()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [{"": name, " ": value} for name, value in self._facts()]
        title = f"StatisticsTable at {self.place}"
        shown = html_table(["", " "], rows, 0, title)
        if self.reasons:
            columns = ["at", "node", "object_id", "reason"]
            latest = self._latest()
            shown += html_table(columns, latest, self.set_aside - len(latest), "set aside")
        return f"<div>{shown}</div>"

    def _latest(self) -> Sequence[Mapping[str, str]]:
        return self.reasons[-5:]

    def _facts(self) -> list[tuple[str, str]]:
        span = " to ".join(dict.fromkeys((*self.days[:1], *self.days[-1:])))
        facts = [
            ("rows", f"{self.rows:,}"),
            ("days", f"{len(self.days):,}: {span}" if span else "0"),
            ("streams", f"{self.streams:,} of {self.nodes:,} nodes"),
            ("size", f"{_size(self.size)} in {self.files:,} files"),
            ("columns", ", ".join(self.columns)),
            ("last update", self.updated or "never"),
            ("set aside", f"{self.set_aside:,} objects"),
        ]
        if self.waiting:
            facts.append(("to finish", f"{self.waiting:,} steps, by the next update"))
        return facts


def _size(size: float) -> str:
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {_UNITS[unit]}"


def brief(info: TableInfo) -> str:
    """One line."""
    return (
        f"<StatisticsTable {info.place}: {info.rows:,} rows of {len(info.days):,} days, "
        f"{info.set_aside:,} objects set aside>"
    )


def brief_html(place: str, problem: str) -> str:
    """Where a table is that cannot be read now."""
    return f"<div>StatisticsTable at {escape(place)}: {escape(problem)}</div>"

"""What the log of a table adds up to. Its size depends on the nodes, not on the rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from syncnb.statistics.table.entries import Entry, Taken
from syncnb.statistics.table.intervals import Intervals, with_interval
from syncnb.statistics.table.names import day_of
from syncnb.statistics.table.schemas import first_schema, from_text

if TYPE_CHECKING:
    import pyarrow as pa

REMEMBERED = 100_000  # instances of objects that are known to be in after they are acknowledged
_REASONS = 20  # of what was set aside, that are remembered here; all are in the folder
_FORMAT = 1


@dataclass(frozen=True)
class Stream:
    """What is in of a spool.

    Parameters
    ----------
    node_type, node : str
        Who sent it first.
    intervals : tuple of (int, int)
        Sequence numbers that are in.
    dropped : int
        Rows that the node dropped so far.
    """

    node_type: str
    node: str
    intervals: Intervals = ()
    dropped: int = 0


@dataclass(frozen=True)
class Day:
    """How much a day has."""

    rows: int = 0
    size: int = 0
    files: int = 0


@dataclass
class State:
    """A table after an entry of its log.

    Parameters
    ----------
    number : int
        Of the entry.
    schema_text : str
        The columns, as `schemas.to_text` writes them; empty before the first rows.
    streams : dict of str to Stream
        By their ID.
    seen : dict of str to None
        Keys of the instances that are in, the latest last.
    pending : dict of int to Entry
        Entries that may not be carried out yet.
    days : dict of str to Day
        How much there is.
    wide : frozenset of str
        Columns of integers that a float cannot hold.
    set_aside : int
        How many objects were set aside so far.
    reasons : tuple of dict
        Of the latest of them: at, node, object_id, reason, key.
    updated : str
        When rows came last.
    """

    number: int = 0
    schema_text: str = ""
    streams: dict[str, Stream] = field(default_factory=dict)
    seen: dict[str, None] = field(default_factory=dict)
    pending: dict[int, Entry] = field(default_factory=dict)
    days: dict[str, Day] = field(default_factory=dict)
    wide: frozenset[str] = frozenset()
    set_aside: int = 0
    reasons: tuple[Mapping[str, str], ...] = ()
    updated: str = ""

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns."""
        return from_text(self.schema_text) if self.schema_text else first_schema()

    def apply(self, entry: Entry) -> None:
        """Go on by the next entry."""
        self.number += 1
        if entry.kind == "done":
            self.pending.pop(entry.of, None)
            return
        if entry.kind == "clean":
            return
        self.pending[self.number] = entry
        if entry.schema is not None:
            self.schema_text = entry.schema
            self.__dict__.pop("schema", None)
        self.wide |= frozenset(entry.wide)
        for one in entry.adds:
            self._count(one.name, one.rows, one.size, 1)
        for gone in entry.removes:
            self._count(gone.name, -gone.rows, -gone.size, -1)
        if entry.kind == "append":
            self.updated = entry.at
            self._take(entry.objects, entry.at)

    def _count(self, name: str, rows: int, size: int, files: int) -> None:
        day = day_of(name)
        was = self.days.get(day, Day())
        now = Day(was.rows + rows, was.size + size, was.files + files)
        if now.files:
            self.days[day] = now
        else:
            self.days.pop(day, None)

    def _take(self, objects: Iterable[Taken], at: str) -> None:
        for one in objects:
            self.seen.pop(one.key, None)
            self.seen[one.key] = None
            if one.reason is not None:
                self.set_aside += 1
                about = {
                    "at": at, "node": one.origin_id, "object_id": one.object_id,
                    "reason": one.reason, "key": one.key,
                }  # fmt: skip
                self.reasons = (*self.reasons, about)[-_REASONS:]
            elif one.stream is not None and one.first is not None and one.last is not None:
                was = self.streams.get(one.stream, Stream(one.origin_type, one.origin_id))
                self.streams[one.stream] = Stream(
                    was.node_type,
                    was.node,
                    with_interval(was.intervals, one.first, one.last),
                    max(was.dropped, one.dropped),
                )
        for key in list(islice(self.seen, max(0, len(self.seen) - REMEMBERED))):
            del self.seen[key]

    def has(self, key: str) -> bool:
        """Whether an instance of an object is in, or set aside."""
        return key in self.seen or any(
            one.key == key for entry in self.pending.values() for one in entry.objects
        )

    def to_bytes(self) -> bytes:
        """For a checkpoint."""
        value = {
            "format": _FORMAT,
            "number": self.number,
            "schema": self.schema_text,
            "streams": {
                name: [one.node_type, one.node, one.intervals, one.dropped]
                for name, one in self.streams.items()
            },
            "seen": list(self.seen),
            "pending": {number: one.to_json() for number, one in self.pending.items()},
            "days": {day: [one.rows, one.size, one.files] for day, one in self.days.items()},
            "wide": sorted(self.wide),
            "set_aside": self.set_aside,
            "reasons": self.reasons,
            "updated": self.updated,
        }
        return json.dumps(value, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` made.

        Raises
        ------
        ValueError, KeyError, TypeError
            It is none.
        """
        value: Any = json.loads(data)
        if value["format"] != _FORMAT:
            raise ValueError("a later syncnb wrote it; update this one")
        return cls(
            number=int(value["number"]),
            schema_text=value["schema"],
            streams={
                name: Stream(kind, node, tuple((a, b) for a, b in intervals), dropped)
                for name, (kind, node, intervals, dropped) in value["streams"].items()
            },
            seen=dict.fromkeys(value["seen"]),
            pending={int(n): Entry.from_json(one) for n, one in value["pending"].items()},
            days={day: Day(*one) for day, one in value["days"].items()},
            wide=frozenset(value["wide"]),
            set_aside=value["set_aside"],
            reasons=tuple(value["reasons"]),
            updated=value["updated"],
        )

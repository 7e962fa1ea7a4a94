"""What one side has, read from its tables and files."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from tests.model.stage import Place

Pair = tuple[str, str]
_OUTBOX = ("update", "updated", "received", "consumed", "delete", "deleted")
_TRANSIENT = ("updatePending", "deletePending", "consumedPending", "deletedPending", "error")


@dataclass(frozen=True)
class Stored:
    """One object as a side has it."""

    status: str
    sender: bool
    instance: int
    description: str
    size: int
    deleted: bool
    payload: bytes | None = field(repr=False, default=None)


@dataclass
class Side:
    """One side of the link.

    Attributes
    ----------
    objects : dict
        Type and ID -> object.
    deliveries : dict
        Type and ID -> node -> status.
    notices : list of (Pair, str, str, int)
        Object, node, state and instance of each.
    files, named, begun : set of str
        What lies in its folder, what its records name, and what is only about to be filled.
    """

    name: str
    objects: dict[Pair, Stored] = field(default_factory=dict)
    deliveries: dict[Pair, dict[str, str]] = field(default_factory=dict)
    notices: list[tuple[Pair, str, str, int]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)
    contents: int = 0
    blobs: int = 0

    def unfinished(self) -> list[str]:
        """What is still under way here, or left over."""
        pending = _TRANSIENT if self.name == "css" else _OUTBOX
        found = [
            f"{self.name}: {state} of {key} for {node}"
            for key, node, state, instance in self.notices
            if state in pending and not self._is_stale(key, state, instance)
        ]
        found += [
            f"{self.name}: {key} is {one.status}"
            for key, one in self.objects.items()
            if one.status in ("objconsumed",)
        ]
        if self.files - self.named - self.begun:
            found.append(f"{self.name}: files without a record: {self.files - self.named}")
        if self.named - self.files:
            found.append(f"{self.name}: records without a file: {self.named - self.files}")
        if self.contents != self.blobs:
            found.append(f"{self.name}: {self.contents} contents, {self.blobs} in use")
        return found

    def _is_stale(self, key: Pair, state: str, instance: int) -> bool:
        """Whether it is about an instance that was replaced by one that is not announced yet."""
        one = self.objects.get(key)
        return state in ("updatePending", "error") and one is not None and one.instance != instance

    def left_over(self) -> list[str]:
        """What must have gone after everything was consumed or deleted."""
        found = [
            f"{self.name}: {key} is {one}"
            for key, one in self.objects.items()
            if one.status != "consumedByDest" or one.payload is not None
        ]
        found += [
            f"{self.name}: {state} of {key} for {node}" for key, node, state, _ in self.notices
        ]
        found += [f"{self.name}: {key} goes to {to}" for key, to in self.deliveries.items()]
        return found + [f"{self.name}: the file {file}" for file in sorted(self.files)]


def rows(place: Place, sql: str) -> list[tuple[Any, ...]]:
    """Rows of its database, as they are committed."""
    records = sqlite3.connect(f"file:{place.folder}/records.sqlite?mode=ro", uri=True)
    with closing(records):
        return records.execute(sql).fetchall()


def look(place: Place) -> Side:
    """Read everything that a machine has."""
    side = Side(place.name)
    contents: dict[str, bytes | None] = {}
    for blob, file, content in rows(place, "SELECT blob, file, content FROM contents"):
        if file is not None:
            path = place.folder / "blobs" / file
            contents[blob] = path.read_bytes() if path.exists() else None
            side.named.add(file)
        else:
            contents[blob] = bytes(content)
    used = set()
    for kind, name, status, sender, meta, blob, partial, ranges in rows(
        place,
        "SELECT object_type, object_id, status, sender, meta, blob, partial, ranges FROM objects",
    ):
        values = json.loads(meta)
        if blob is not None:
            used.add(blob)
        if partial is not None:
            (side.begun if ranges == "[]" else side.named).add(partial)
        side.objects[kind, name] = Stored(
            status=status,
            sender=bool(sender),
            instance=values["instanceID"],
            description=values["description"],
            size=values["objectSize"],
            deleted=values["deleted"],
            payload=None if blob is None else contents.get(blob) or b"",
        )
    side.contents, side.blobs = len(contents), len(used)
    for kind, name, node, status in rows(
        place, "SELECT object_type, object_id, dest_id, status FROM deliveries"
    ):
        side.deliveries.setdefault((kind, name), {})[node] = status
    side.notices = [
        ((kind, name), node, state, instance)
        for kind, name, node, state, instance in rows(
            place, "SELECT object_type, object_id, dest_id, state, instance_id FROM notices"
        )
    ]
    side.files = {path.name for path in (place.folder / "blobs").iterdir()}
    return side

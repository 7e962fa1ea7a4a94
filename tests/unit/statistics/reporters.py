"""What the tests of reporters share: a clock that runs through days, and what has arrived."""

from __future__ import annotations

import io
import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from syncnb import Manifest, SyncServiceClient
from syncnb.statistics.clock import Clock
from syncnb.statistics.segments import Line, read_lines, segments_in
from syncnb.statistics.spool import Spool, WhenFull
from syncnb.statistics.stream import Limits, Stream

LIMITS = Limits(max_rows=100, max_bytes=1 << 20, when_full="oldest")


class FakeClock(Clock):
    """Stands still until it is moved; the threads of a reporter sleep by it."""

    def __init__(self) -> None:
        self._seconds, self._ahead = 0.0, 1_700_000_000.0
        self._changed = threading.Condition()
        self._asleep: dict[int, tuple[threading.Event, float]] = {}

    def microseconds(self) -> int:
        return int((self._seconds + self._ahead) * 1e6)

    def monotonic(self) -> float:
        return self._seconds

    def wait(self, bell: threading.Event, seconds: float | None) -> None:
        me, until = (
            threading.get_ident(),
            self._seconds + (math.inf if seconds is None else seconds),
        )
        with self._changed:
            self._asleep[me] = (bell, until)
            self._changed.notify_all()
            while not bell.is_set() and self._seconds < until:
                self._changed.wait(0.002)
            del self._asleep[me]

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock of the machine."""
        self._ahead += seconds

    def advance(self, seconds: float, *, threads: int = 2) -> None:
        """Time passes; returns when the threads have done what is due."""
        with self._changed:
            self._seconds += seconds
            self._changed.notify_all()
        self.settle(threads)

    def settle(self, threads: int = 2) -> None:
        deadline = time.monotonic() + 60
        with self._changed:
            while not (len(self._asleep) == threads and not any(map(self._wakes, self._asleep))):
                assert time.monotonic() < deadline, "the threads of the reporter do not rest"
                self._changed.wait(0.002)

    def _wakes(self, thread: int) -> bool:
        bell, until = self._asleep[thread]
        return bell.is_set() or self._seconds >= until


@dataclass(frozen=True)
class Arrived:
    """An object that came to the cloud."""

    object_id: str
    node: str
    extra: dict[str, Any]
    table: pa.Table

    @property
    def sequences(self) -> list[int]:
        return list(self.table["sequence"].to_pylist())


def arrived(cloud: SyncServiceClient, object_type: str, *, consume: bool = True) -> list[Arrived]:
    """What came and was not consumed yet, in order of stream and sequence."""
    found = []
    for meta in cloud.get_updated_objects(object_type, received=True):
        manifest = Manifest.from_description(meta.description)
        assert manifest is not None
        table = pq.read_table(io.BytesIO(cloud.read_object_data(meta)))
        found.append(Arrived(meta.object_id, meta.origin_id, dict(manifest.extra), table))
        if consume:
            cloud.mark_object_consumed(meta)
    return sorted(found, key=lambda one: (one.extra["stream"], one.extra["first"]))


def values(found: list[Arrived], name: str) -> list[Any]:
    """One column of all rows."""
    return [value for one in found for value in one.table[name].to_pylist()]


def spool_in(
    folder: Path,
    *,
    floor: int = 0,
    max_rows: int = 1000,
    max_bytes: int = 1 << 20,
    when_full: WhenFull = "oldest",
) -> Spool:
    return Spool(
        folder, floor=floor, max_rows=max_rows, max_bytes=max_bytes, when_full=when_full,
        clock=Clock(), ring=lambda: None,
    )  # fmt: skip


def stream_in(folder: Path, lock: int) -> Stream:
    return Stream(folder, lock, LIMITS, Clock(), lambda: None)


def lines_in(folder: Path) -> list[Line]:
    """All rows of complete segments."""
    return [line for one in segments_in(folder) for line in read_lines(one.path)]


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

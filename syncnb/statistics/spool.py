"""The rows of one stream on disk: written by the program, taken away when they are handed over.

What the program calls does one `write` and no more. What takes longer (syncing, dropping, reading)
is done by other threads, one at a time.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Literal

from syncnb.statistics.clock import Clock
from syncnb.statistics.segments import (
    OPEN,
    PART,
    Segment,
    encoded,
    lines_of,
    read_lines,
    sealed_name,
    segments_in,
    sync_folder,
    write_whole,
)

log = logging.getLogger("syncnb")
WhenFull = Literal["oldest", "thin"]
LEAST_BYTES = 256 << 10
_LARGEST_SEGMENT = 1 << 20  # bytes
_PARTS = 16  # of the bound; a segment is one of them
_RESERVE = 4  # parts that stay free for what is being written and handed over
_SAYING = 60.0  # seconds between two lines of the log about what is dropped
_AT_ONCE = 4  # parts that go into one object


@dataclass
class _Open:
    """The segment that is being written."""

    fd: int
    path: Path
    first: int
    since: float  # on the monotonic clock
    last: int = 0
    rows: int = 0
    size: int = 0
    dirty: bool = False


class Spool:
    """The rows of one stream that wait on this node.

    Parameters
    ----------
    folder : Path
        Of the stream, which is this process's alone.
    floor : int
        Highest sequence number that has left the spool.
    max_rows : int
        Rows of one object.
    max_bytes : int
        That the folder may have.
    when_full : {"oldest", "thin"}
        What goes when it has more.
    clock : Clock
        Where the time comes from.
    ring : callable
        Called when there is something to do for another thread.
    """

    def __init__(
        self,
        folder: Path,
        *,
        floor: int,
        max_rows: int,
        max_bytes: int,
        when_full: WhenFull,
        clock: Clock,
        ring: Callable[[], None],
    ) -> None:
        self.folder, self.max_rows, self.max_bytes = folder, max_rows, max_bytes
        self._when_full, self._clock, self._ring = when_full, clock, ring
        self._part = max(min(max_bytes // _PARTS, _LARGEST_SEGMENT), 1)
        self._lock = threading.Lock()  # of what follows; held for microseconds
        self._now: _Open | None = None
        self._full: deque[_Open] = deque()
        self._sealed: deque[Segment] = deque()
        self._size = self._rows = 0
        self._unsaid, self._said_at = 0, -_SAYING
        self.beside = 0  # bytes that lie in the folder beside the segments
        self.problem: OSError | None = None  # why rows could not be written, the last time
        self._tidying = threading.Lock()  # for whoever seals, drops or takes
        self._next = self._recover(floor) + 1

    # --------------------------------------------------------------- the program

    def append(self, rows: list[str], version: str) -> None:
        """Write rows; if the disk does not take them, they are counted as dropped.

        Parameters
        ----------
        rows : list of str
            Each as one line of JSON.
        version : str
            Of the model in use, as JSON.
        """
        with self._lock:
            first = self._next
            data = encoded(first, self._clock.microseconds(), version, rows)
            self._next += len(rows)
            if self._size + self.beside + len(data) > self.max_bytes:
                self._ring()
                return
            try:
                now = self._now = self._now or self._begin(first)
                _write(now.fd, data, now.size)
            except OSError as error:
                self._fail(error)
                return
            now.last, now.rows, now.size = (
                self._next - 1,
                now.rows + len(rows),
                now.size + len(data),
            )
            self._rows += len(rows)
            self._size += len(data)
            self.problem = None
            fresh, now.dirty = not now.dirty, True
            if now.size >= self._part or now.rows >= self.max_rows:
                self._full.append(now)
                self._now, fresh = None, True
        if fresh:
            self._ring()

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._rows

    @property
    def size(self) -> int:
        """Bytes of the segments."""
        return self._size

    @property
    def next_sequence(self) -> int:
        """The number of the next row."""
        return self._next

    @property
    def backlog(self) -> bool:
        """Whether there are complete segments."""
        return bool(self._sealed)

    def _begin(self, first: int) -> _Open:
        path = self.folder / f"{first:016d}{OPEN}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(path, flags, 0o600)
        return _Open(fd, path, first, self._clock.monotonic())

    def _fail(self, error: OSError) -> None:
        """The disk does not take what was to be written; the next row gets a file of its own."""
        if self.problem is None or self.problem.errno != error.errno:
            log.warning("rows are dropped, since %s does not take them: %s", self.folder, error)
        self.problem = error
        now, self._now = self._now, None
        if now is not None and now.rows:
            self._full.append(now)
        elif now is not None:
            os.close(now.fd)
            with contextlib.suppress(OSError):
                now.path.unlink()

    # ------------------------------------------------------------- other threads

    def age(self) -> float | None:
        """Seconds since the first row was written of what is not complete yet; None: nothing is."""
        now = self._now
        return None if now is None else self._clock.monotonic() - now.since

    def sync(self) -> None:
        """What was written is there after a loss of power.

        Raises
        ------
        OSError
            The disk does not do it.
        """
        with self._tidying:
            now = self._now
            if now is not None and now.dirty:
                now.dirty = False
                os.fsync(now.fd)

    @property
    def dirty(self) -> bool:
        """Whether something was written that is not synced."""
        now = self._now
        return now is not None and now.dirty

    def seal(self, *, everything: bool = False) -> bool:
        """Complete the segments that are full, or also the one that is being written.

        Returns
        -------
        bool
            Whether there was one.

        Raises
        ------
        OSError
            The disk does not do it; to be tried again.
        """
        with self._tidying:
            with self._lock:
                if everything and self._now is not None:
                    self._full.append(self._now)
                    self._now = None
            if not self._full:
                return False
            while self._full:
                one = self._full[0]
                path = self.folder / sealed_name(one.first, one.last, one.rows)
                os.fsync(one.fd)
                one.path.rename(path)
                os.close(one.fd)
                with self._lock:
                    self._full.popleft()
                    self._sealed.append(Segment(path, one.first, one.last, one.rows, one.size))
            sync_folder(self.folder)
        return True

    def shrink(self) -> int:
        """Drop rows as long as there are too many bytes.

        Returns
        -------
        int
            How many rows.

        Raises
        ------
        OSError
            A file cannot be removed or written.
        """
        dropped = 0
        with self._tidying:
            bound = self.max_bytes - _RESERVE * (self.max_bytes // _PARTS)
            while self._size + self.beside > bound and self._sealed:
                thinner = self._thinner() if self._when_full == "thin" else None
                dropped += self._thin(*thinner) if thinner else self._drop(self._sealed[0])
        self._say(dropped)
        return dropped

    def _say(self, dropped: int) -> None:
        """Log what is dropped, once a minute."""
        self._unsaid += dropped
        now = self._clock.monotonic()
        if self._unsaid and now - self._said_at >= _SAYING:
            log.warning("%s is full: %d rows are dropped", self.folder, self._unsaid)
            self._unsaid, self._said_at = 0, now

    def take(self) -> list[Segment]:
        """The oldest complete segments, as many as an object may have rows of; they stay.

        Returns
        -------
        list of Segment
            Whoever takes them calls `discard` before the next `take`, and `holding` around both.
        """
        taken: list[Segment] = []
        rows = size = 0
        for one in self._sealed:
            rows, size = rows + one.rows, size + one.size
            if taken and (rows > self.max_rows or size > _AT_ONCE * self._part):
                break
            taken.append(one)
        return taken

    def discard(self, segments: list[Segment]) -> None:
        """Remove what was taken.

        Raises
        ------
        OSError
            A file cannot be removed.
        """
        for one in segments:
            self._drop(one)

    @property
    def holding(self) -> threading.Lock:
        """To be held while segments are taken: nobody else drops them then."""
        return self._tidying

    def close(self) -> None:
        """Complete what was written, as far as the disk does it, and close the files."""
        with contextlib.suppress(OSError):
            self.seal(everything=True)
        self.abandon()

    def abandon(self) -> None:
        """Close the files, without a word to the disk; in a child process they are the parent's."""
        for one in (*self._full, *([self._now] if self._now is not None else [])):
            with contextlib.suppress(OSError):
                os.close(one.fd)
        self._full.clear()
        self._now = None

    def _drop(self, one: Segment) -> int:
        one.path.unlink(missing_ok=True)
        with self._lock:
            self._sealed.remove(one)
            self._size -= one.size
            self._rows -= one.rows
        return one.rows

    def _thinner(self) -> tuple[Segment, Segment] | None:
        """The oldest two neighbours that were thinned out least; None: there is nothing to thin."""
        pairs = zip(self._sealed, list(self._sealed)[1:], strict=False)
        dense = [pair for pair in pairs if sum(one.rows for one in pair) > 2]
        return min(dense, key=_thinness, default=None)

    def _thin(self, one: Segment, other: Segment) -> int:
        """Make one segment of two, with every second of their rows."""
        lines = [*lines_of(one.path.read_bytes()), *lines_of(other.path.read_bytes())]
        kept = lines[::2]
        data = b"".join(line + b"\n" for line in kept)
        path = self.folder / sealed_name(one.first, other.last, len(kept))
        write_whole(path, data)
        made = Segment(path, one.first, other.last, len(kept), len(data))
        before = one.rows + other.rows
        for old in (one, other):
            old.path.unlink(missing_ok=True)
        with self._lock:
            at = self._sealed.index(one)
            self._sealed[at] = made
            self._sealed.remove(other)
            self._size += made.size - one.size - other.size
            self._rows += made.rows - before
        return before - made.rows

    # ------------------------------------------------------------- after a crash

    def _recover(self, floor: int) -> int:
        """Make sense of what an earlier process left; returns the highest sequence number."""
        highest = floor
        for path in sorted(self.folder.iterdir()):
            if path.name.endswith(PART):
                path.unlink()
            elif path.suffix == OPEN:
                _complete(path)
        for one in segments_in(self.folder):
            highest = max(highest, one.last)
            if one.last <= floor:
                one.path.unlink()
                continue
            self._sealed.append(one)
            self._size += one.size
            self._rows += one.rows
        if self._sealed:
            sync_folder(self.folder)
        return highest


def _write(fd: int, data: bytes, size: int) -> None:
    """All of it, or nothing.

    Raises
    ------
    OSError
        The disk does not take it; what was written before is whole.
    """
    written = 0
    try:
        while written < len(data):
            written += os.write(fd, data[written:] if written else data)
    except OSError:
        if written:
            with contextlib.suppress(OSError):  # a torn line is left out by whoever reads it
                os.ftruncate(fd, size)
        raise


def _complete(path: Path) -> None:
    """Seal a segment whose process ended while it wrote."""
    lines = read_lines(path)
    if not lines:
        path.unlink()
        return
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    first, last = lines[0].sequence, lines[-1].sequence
    path.rename(path.with_name(sealed_name(first, last, len(lines))))


def _thinness(pair: tuple[Segment, Segment]) -> int:
    """How often the thinner one was halved; pairs that are as thin as each other go by age."""
    return max(round(log2((one.last - one.first + 1) / one.rows)) for one in pair)

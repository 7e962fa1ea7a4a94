"""Large data over several connections, part by part, into one file."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import IO

from syncnb.client.download import compare, pieces
from syncnb.client.interrupting import Interrupt
from syncnb.client.progress import Meter
from syncnb.client.ranges import PIECE, NotRanged, RemoteData
from syncnb.errors import ServiceUnavailableError

PART = 32 << 20  # bytes; some services hold a whole range in memory (rest-api.md, 4.16)
CONNECTIONS = 4
_TICK = 0.1  # seconds between two looks at the progress


def fill(
    data: RemoteData,
    file: IO[bytes],
    digest: str | None,
    meter: Meter,
    *,
    connections: int,
    retries: int,
) -> None:
    """Read all the data into an empty file.

    Large ones are read in parts, over several connections, where the service gives parts.

    Raises
    ------
    DigestMismatchError
        They are others than were expected.
    """
    with _following(file.fileno(), digest) as follower:
        if data.size is None or data.size < 2 * PART or connections < 2 or not data.ranged:
            _whole(data, file, meter, retries, follower)
        else:
            try:
                _Parts(data, file, follower, connections, retries).read(meter)
                data.check()
            except NotRanged:
                meter.restart()
                _whole(data, file, meter, retries, follower)
        if follower is not None:
            compare(data, digest or "", follower.hexdigest(os.fstat(file.fileno()).st_size))


def _whole(
    data: RemoteData, file: IO[bytes], meter: Meter, retries: int, follower: Follower | None
) -> None:
    file.seek(0)
    file.truncate()
    for piece in pieces(data, retries=retries, check_end=follower is None):
        file.write(piece)
        meter.add(len(piece))
        if follower is not None:
            follower.reached(file.tell())


class _Parts:
    """The parts that are still to be read, and what is known of those that were."""

    def __init__(
        self,
        data: RemoteData,
        file: IO[bytes],
        follower: Follower | None,
        connections: int,
        retries: int,
    ) -> None:
        self._data, self._file, self._follower, self._retries = data, file, follower, retries
        size = data.size or 0
        self._waiting = [(at, min(at + PART, size)) for at in range(0, size, PART)]
        self._done: set[int] = set()
        self._lock = threading.Lock()
        self._proven = threading.Event()  # that the service gives parts
        self._stop = Interrupt()  # of all the others, when one of them fails
        self._workers = min(connections, len(self._waiting))

    def read(self, meter: Meter) -> None:
        """Read all of them; one alone until the service has shown that it gives parts."""
        with ThreadPoolExecutor(self._workers, "syncnb-download") as pool:
            running = {pool.submit(self._work, meter) for _ in range(self._workers)}
            try:
                while running:
                    done, running = wait(running, _TICK, FIRST_EXCEPTION)
                    for one in done:
                        one.result()
                    meter.show()
            finally:
                self._stop.set()
                self._proven.set()

    def _work(self, meter: Meter) -> None:
        with self._stop.requests():
            self._take_parts(meter)

    def _take_parts(self, meter: Meter) -> None:
        while not self._stop.is_set():
            with self._lock:
                if not self._waiting:
                    return
                first, end = self._waiting.pop(0)
            if first > 0:
                self._proven.wait()
            try:
                self._part(first, end, meter)
            except ServiceUnavailableError:  # it takes fewer at a time
                with self._lock:
                    if self._workers == 1:
                        raise
                    self._workers -= 1
                    self._waiting.insert(0, (first, end))
                return

    def _part(self, first: int, end: int, meter: Meter) -> None:
        at, descriptor = first, self._file.fileno()
        for piece in pieces(self._data, first, end, retries=self._retries, strict=True):
            self._proven.set()
            if self._stop.is_set():
                return
            view = memoryview(piece)
            while view:
                written = os.pwrite(descriptor, view, at)
                at, view = at + written, view[written:]
            meter.count(len(piece))
        if self._follower is not None:
            with self._lock:
                self._done.add(first)
                while self._follower.end in self._done:
                    self._follower.reached(min(self._follower.end + PART, self._data.size or 0))


class Follower:
    """The SHA-256 of a file that grows, computed in a thread beside those that write it.

    Parameters
    ----------
    descriptor : int
        Of the file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor, self._sha256 = descriptor, hashlib.sha256()
        self.end = 0  # every byte before it is there
        self._last = False
        self._changed = threading.Condition()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="syncnb-digest", daemon=True)
        self._thread.start()

    def reached(self, end: int) -> None:
        """Every byte before `end` is there."""
        with self._changed:
            self.end = end
            self._changed.notify()

    def hexdigest(self, size: int) -> str:
        """The digest of the file, once it has been read up to `size`."""
        self.reached(size)
        self.stop()
        if self._error is not None:
            raise self._error
        return self._sha256.hexdigest()

    def stop(self) -> None:
        """End the thread, after what is there."""
        with self._changed:
            self._last = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        done = 0
        try:
            while (end := self._wait(done)) > done:
                piece = os.pread(self._descriptor, min(PIECE, end - done), done)
                if not piece:
                    raise OSError(f"the file ends at byte {done}, {end} were written")
                self._sha256.update(piece)
                done += len(piece)
        except OSError as error:
            self._error = error

    def _wait(self, done: int) -> int:
        """Where the bytes end that are there; no further than before if there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self.end > done or self._last)
            return self.end


@contextmanager
def _following(descriptor: int, digest: str | None) -> Iterator[Follower | None]:
    """A follower if there is a digest to compare with; its thread ends with the block."""
    if digest is None:
        yield None
        return
    follower = Follower(descriptor)
    try:
        yield follower
    finally:
        follower.stop()

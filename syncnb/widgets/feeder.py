"""One thread that follows a source and hands on what it says."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from syncnb.errors import ConnectionFailedError, ServiceError, SyncError
from syncnb.widgets.table import Snapshot, TableSource, read

LOGGER = logging.getLogger("syncnb")
WAIT = 5.0  # seconds that the source may block; a stop is noticed at the latest after them
FIRST_PAUSE, LAST_PAUSE = 0.5, 5.0  # seconds between attempts while the service does not answer
# Between two snapshots at least so many seconds, and so many that this thread takes no more than
# this share of a core: ten times a second for a few nodes, about once a second for ten thousand.
SHORTEST_GAP, SHARE = 0.1, 0.2


class Feeder:
    """Follow a source in a daemon thread until it is done or told to stop.

    Parameters
    ----------
    source : TableSource
        What to follow.
    draw : callable
        Called in the thread with each new `Snapshot`; the last one has ``done=True`` unless the
        feeder was stopped or the source failed for good.
    ended : callable
        Called in the thread once, after the last `draw`.
    gap : float
        Seconds between two snapshots, at the least.

    Notes
    -----
    While the service does not answer, the last rows stay, with a notice that says why nothing new
    comes, and the feeder tries again. What a pause does not heal, such as wrong credentials, ends
    the thread; the notice then says so.
    """

    def __init__(
        self,
        source: TableSource,
        draw: Callable[[Snapshot], None],
        ended: Callable[[], None] = lambda: None,
        *,
        gap: float = SHORTEST_GAP,
    ) -> None:
        self._source, self._draw, self._ended, self._gap = source, draw, ended, gap
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="syncnb-live-table", daemon=True)

    def start(self, last: Snapshot) -> None:
        """Begin to follow; `last` is what is drawn already."""
        self._last = last
        self._thread.start()

    def stop(self) -> None:
        """Hand on nothing more; returns at once, the thread ends when its wait is over."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the thread; whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def _run(self) -> None:
        try:
            self._follow()
        finally:
            self._ended()

    def _follow(self) -> None:
        pause = FIRST_PAUSE
        drawn_at, worked, busy = 0.0, time.thread_time(), 0.0
        while not self._stop.is_set() and not self._last.done:
            try:
                self._source.wait_for_change(WAIT)
                gap = max(self._gap, busy / SHARE)
                self._stop.wait(max(0.0, drawn_at + gap - time.monotonic()))
                new = read(self._source, self._last)
                pause, drawn_at = FIRST_PAUSE, time.monotonic()
            except (ConnectionFailedError, ServiceError) as error:
                if isinstance(error, ServiceError) and error.status < 500 and error.status != 429:
                    self._fail(error)
                    return
                if not self._last.notice:
                    # No warning: it would be printed below whatever cell runs at the moment.
                    LOGGER.info("The live table has no news of %s: %s", self._last.title, error)
                new = replace(self._last, notice=f"No news at the moment: {error}")
            except Exception as error:  # noqa: BLE001  nobody sees a thread die: the table says it
                self._fail(error)
                return
            self._hand_on(new)
            busy, worked = time.thread_time() - worked, time.thread_time()
            if new.notice:
                self._stop.wait(pause)
                pause = min(2 * pause, LAST_PAUSE)

    def _fail(self, error: Exception) -> None:
        level = logging.INFO if isinstance(error, SyncError) else logging.ERROR
        LOGGER.log(level, "The live table of %s stopped", self._last.title, exc_info=error)
        said = str(error) or type(error).__name__
        self._hand_on(replace(self._last, notice=f"This table stopped: {said}"))

    def _hand_on(self, new: Snapshot) -> None:
        if not self._stop.is_set():
            self._last = new
            self._draw(new)

"""What a service knows of its own state: its database, and on a node the link to the CSS."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit, urlunsplit

from syncnb.metadata import Json
from syncnb.service.store import Store, StoreError
from syncnb.service.wire import format_time

GREEN, YELLOW, RED = "green", "yellow", "red"
_RED_FOR, _YELLOW_FOR = 12, 60  # resend intervals after an error (rest-api.md, 4.1)
_PROBE = 2.0  # seconds that the database has to answer a question about nothing
_LONGEST_ERROR = 500  # characters


class DatabaseHealth:
    """Counts what the database failed at; called by any thread.

    Parameters
    ----------
    resend_interval : float
        Seconds; how long an error colours the report is a multiple of it.
    clock : callable, default time.monotonic
        Seconds.
    """

    def __init__(self, resend_interval: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval, self._clock = resend_interval, clock
        self._lock = threading.Lock()
        self.read_failures = 0
        self.write_failures = 0
        self._failed_at: float | None = None
        self._away_since: float | None = None
        self._last_outage = 0.0

    def on_read(self, seconds: float, error: StoreError | None) -> None:
        """A read has ended after so many seconds."""
        if error is not None:
            with self._lock:
                self.read_failures += 1
        self._note(error)

    def on_commit(self, writes: int, seconds: float, error: StoreError | None) -> None:
        """A transaction of so many writes has ended after so many seconds."""
        if error is not None:
            with self._lock:
                self.write_failures += 1
        self._note(error)

    def _note(self, error: StoreError | None) -> None:
        if error is None and self._away_since is None:
            return
        with self._lock:
            now = self._clock()
            if error is None:
                if self._away_since is not None:
                    self._last_outage = now - self._away_since
                self._away_since = None
                return
            self._failed_at = now
            if not error.full and self._away_since is None:  # a full disk is there all the same
                self._away_since = now

    @property
    def disconnected(self) -> bool:
        """Whether nothing has succeeded since the last failure."""
        return self._away_since is not None

    @property
    def colour(self) -> str:
        """``dbStatus``."""
        if self.disconnected:
            return RED
        if self._failed_at is None:
            return GREEN
        ago = self._clock() - self._failed_at
        if ago <= _RED_FOR * self._interval:
            return RED
        return YELLOW if ago <= _YELLOW_FOR * self._interval else GREEN

    def report(self) -> dict[str, Json]:
        """The member ``dbHealth`` (rest-api.md, 4.1)."""
        report: dict[str, Json] = {
            "dbStatus": self.colour,
            "disconnectedFromDB": self.disconnected,
        }
        outage = int(self._last_outage * 1000)
        if outage:
            report["lastDisconnectFromDBDuration"] = outage
        report["dbReadFailures"] = self.read_failures
        report["dbWriteFailures"] = self.write_failures
        ago = 0 if self._failed_at is None else int(self._clock() - self._failed_at)
        if ago:
            report["timeSinceLastReadWriteError"] = ago
        return report


class Probe:
    """Asks the database whether it answers; callers at the same time share one question.

    Parameters
    ----------
    store : Store
        The database.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asking: asyncio.Task[bool] | None = None

    async def answers(self) -> bool:
        """Whether it answered within two seconds."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        try:
            return await asyncio.wait_for(asyncio.shield(self._asking), _PROBE)
        except TimeoutError:
            return False

    async def _ask(self) -> bool:
        try:
            await self._store.read(lambda tx: tx.flag("probe"))
        except StoreError:
            return False
        return True


CONNECTING, CONNECTED, UNREACHABLE, REFUSED = "connecting", "connected", "unreachable", "refused"
LINK_STATES = (CONNECTING, CONNECTED, UNREACHABLE, REFUSED)


class LinkHealth:
    """How a node stands with its CSS.

    Parameters
    ----------
    css_url : str
        Shown in the report, without credentials.
    clock : callable
        Seconds since the epoch.

    Attributes
    ----------
    state : str
        ``connecting``, ``connected``, ``unreachable`` or ``refused``.
    downloads : int
        Downloads that are under way or pause before their next try.
    """

    def __init__(self, css_url: str, clock: Callable[[], float]) -> None:
        self.css_url = without_credentials(css_url)
        self._clock = clock
        self.state = CONNECTING
        self.downloads = 0
        self._since = clock()
        self._error = ""

    def connected(self) -> None:
        """The CSS took a call of this node."""
        self._become(CONNECTED)

    def lost(self, error: Exception, *, refused: bool = False) -> None:
        """A call failed; `refused` if the CSS does not take this node's credentials."""
        self._error = str(error).replace("\n", " ")[:_LONGEST_ERROR]
        self._become(REFUSED if refused else UNREACHABLE)

    def _become(self, state: str) -> None:
        if state != self.state:
            self.state, self._since = state, self._clock()

    @property
    def colour(self) -> str:
        """Yellow while the node is on its own: its applications go on working."""
        return YELLOW if self.state in (UNREACHABLE, REFUSED) else GREEN

    def report(self, outbox: Mapping[str, int] | None = None) -> dict[str, Json]:
        """The member ``link``; with what waits in the outbox, by state, if that is known."""
        report: dict[str, Json] = {
            "state": self.state,
            "since": format_time(self._since),
            "cssUrl": self.css_url,
        }
        if self._error:
            report["lastError"] = self._error
        waits = self._waits_for()
        if waits:
            report["waitsFor"] = waits
        if outbox is not None:
            report["outbox"] = dict(outbox)
            report["downloads"] = self.downloads
        return report

    def _waits_for(self) -> str:
        if self.state == REFUSED:
            return f"the CSS at {self.css_url} to accept this node's credentials"
        return "" if self.state == CONNECTED else f"the CSS at {self.css_url} to answer"


def without_credentials(url: str) -> str:
    """A URL without user, password, query and fragment.

    Examples
    --------
    >>> without_credentials("https://key:secret@css.example.com:9443/sync?token=1")
    'https://css.example.com:9443/sync'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

"""How long to wait before the next look: growing while a service is away, never a busy loop."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING

from syncnb.errors import ServiceError

if TYPE_CHECKING:
    from syncnb.client.interrupting import Interrupt

log = logging.getLogger("syncnb")
_FIRST = 0.1  # seconds; doubled with each failure
_LONGEST = 5.0  # seconds between two tries to reach a service that is away
_LONGEST_ASKED = 60.0  # seconds; a service that asks for more (Retry-After) is not believed
_FREE_LOOKS = 5  # answers in a row that may come at once and bring nothing


class Pauses:
    """The pauses of one loop.

    Parameters
    ----------
    interrupt : Interrupt
        Ends a pause.
    poll_interval : float
        Seconds between two looks at a service that cannot wait; varied by a tenth, so that the
        nodes of a fleet do not look all at once.
    """

    def __init__(self, interrupt: Interrupt, poll_interval: float) -> None:
        self._interrupt, self._poll_interval = interrupt, poll_interval
        self._failures = self._empty = 0

    def after_failure(self, error: Exception, left: float) -> None:
        """The service is away: pause, longer each time; one line in the log for an outage."""
        if not self._failures:
            log.warning("no updates for now, trying again: %s", error)
        self._failures += 1
        most = min(_FIRST * 2 ** min(self._failures, 10), _LONGEST)
        retry_after = error.retry_after if isinstance(error, ServiceError) else None
        asked = min(retry_after or 0.0, _LONGEST_ASKED)
        self._pause(max(most, asked) * random.uniform(0.7, 1.0), left)

    def is_over(self) -> bool:
        """The service answers; whether it was away before."""
        was_away, self._failures = self._failures > 0, 0
        return was_away

    def after_nothing(self, *, waited: bool, seconds: float, left: float) -> None:
        """A look brought nothing new.

        Parameters
        ----------
        waited : bool
            Whether the service says that it can wait.
        seconds : float
            That the answer took.
        left : float
            The longest pause.
        """
        if not waited:
            self._pause(self._poll_interval * random.uniform(0.9, 1.1), left)
            return
        self._empty = self._empty + 1 if seconds < _FIRST else 0
        if self._empty > _FREE_LOOKS:  # something answers in its place, and does not wait
            grown = _FIRST * 2 ** min(self._empty - _FREE_LOOKS, 10)
            self._pause(min(grown, self._poll_interval), left)

    def after_news(self) -> None:
        """A look brought something."""
        self._empty = 0

    def _pause(self, seconds: float, left: float) -> None:
        self._interrupt.wait(max(min(seconds, left), 0.0))


class Quiet:
    """Ends a loop that has brought nothing for a while.

    Parameters
    ----------
    timeout : float, optional
        Seconds; None: never.
    """

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self.begins()

    def begins(self) -> None:
        """Something was handed out, and the caller asks for more."""
        self._since = time.monotonic()

    def left(self) -> float:
        """Seconds until the end."""
        if self._timeout is None:
            return float("inf")
        return self._since + self._timeout - time.monotonic()

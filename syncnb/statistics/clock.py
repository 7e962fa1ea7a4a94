"""Where a reporter takes the time from."""

from __future__ import annotations

import threading
import time


class Clock:
    """The clock of this machine; tests have one that runs through days.

    Examples
    --------
    >>> Clock().microseconds() > 0
    True
    """

    def microseconds(self) -> int:
        """Microseconds since 1970, UTC; it may jump."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def wait(self, bell: threading.Event, seconds: float | None) -> None:
        """A pause that the bell ends.

        Parameters
        ----------
        bell : threading.Event
            Rung by another thread.
        seconds : float or None
            Its length; None: until the bell rings.
        """
        bell.wait(seconds)

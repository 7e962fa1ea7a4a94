"""Calls that are made again while the service is away, as it is during a restart."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from syncnb.client.interrupting import is_interrupted, pause
from syncnb.errors import ConnectionFailedError, ServiceUnavailableError

T = TypeVar("T")
log = logging.getLogger("syncnb")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds


def persistently(call: Callable[[], T], *, timeout: float) -> T:
    """Make a call that may safely be repeated, until the service answers.

    Parameters
    ----------
    call : callable
        Raises `ConnectionFailedError` or `ServiceUnavailableError` while the service is away.
    timeout : float
        Seconds from its first failure after which it gives up.

    Returns
    -------
    object
        What the call returned.

    Raises
    ------
    ConnectionFailedError, ServiceUnavailableError
        The last one, with a note that says how long it was tried.

    Examples
    --------
    >>> persistently(lambda: "answer", timeout=1.0)
    'answer'
    """
    seconds, away_since = _FIRST_PAUSE, None
    while True:
        try:
            return call()
        except (ConnectionFailedError, ServiceUnavailableError) as error:
            if is_interrupted():
                raise
            now = time.monotonic()
            if away_since is None:
                away_since = now
                log.warning("%s Trying again for %g s ...", error, timeout)
            if now - away_since > timeout:
                error.add_note(f"Tried for {timeout:g} s (timeout={timeout:g}).")
                raise
        pause(seconds * random.uniform(0.7, 1.0))
        seconds = min(seconds * 2, _LONGEST_PAUSE)

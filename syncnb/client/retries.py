"""Which requests may be sent again, and after how long (rest-api.md, 14.1)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

REFUSED = (429, 503)  # the service did nothing
DOUBTFUL = (502, 504)  # a gateway does not know whether it did
# The second may fail, do it again, or count as that of another application (rest-api.md, 8.3).
_NOT_TWICE = ("received", "consumed", "deleted", "activate")


@dataclass(frozen=True)
class Retries:
    """How often and after which pauses a call is tried again.

    Parameters
    ----------
    tries : int
        Requests of one call at most.
    first_pause, longest_pause : float
        Seconds; each pause is about twice the one before.
    longest_wait : float
        Seconds of ``Retry-After`` that are waited; a service that asks for more is not tried again.

    Examples
    --------
    >>> 0.05 <= Retries().pause(1) <= 0.1
    True
    >>> Retries().pause(1, retry_after=7.0), Retries().pause(1, retry_after=3600.0)
    (7.0, None)
    """

    tries: int = 4
    first_pause: float = 0.1
    longest_pause: float = 2.0
    longest_wait: float = 30.0

    def pause(
        self, done: int, *, retry_after: float | None = None, left: float | None = None
    ) -> float | None:
        """Seconds until the next try.

        Parameters
        ----------
        done : int
            Tries that were made.
        retry_after : float, optional
            What the service asked for.
        left : float, optional
            Seconds in which the call has to be over.

        Returns
        -------
        float or None
            None: give up.
        """
        if done >= self.tries:
            return None
        pause = min(self.first_pause * 2 ** (done - 1), self.longest_pause)
        pause *= random.uniform(0.5, 1.0)
        if retry_after is not None:
            if retry_after > self.longest_wait:
                return None
            pause = max(pause, retry_after)
        return None if left is not None and pause >= left else pause


def may_repeat(method: str, segments: Sequence[str], *, doubt: bool) -> bool:
    """Whether a request may be sent again.

    Parameters
    ----------
    method : str
        HTTP method.
    segments : sequence of str
        Path behind ``/api/v1``.
    doubt : bool
        Whether the service may have done it already: the connection broke before it answered.

    Returns
    -------
    bool
        True for GET, and for PUT unless doing it twice is not the same as once. Never for DELETE:
        nodes keep an object for ever that was deleted twice (rest-api.md, 13, D9).

    Examples
    --------
    >>> may_repeat("PUT", ("objects", "acme", "model", "m"), doubt=True)
    True
    >>> may_repeat("PUT", ("objects", "model", "m", "consumed"), doubt=True)
    False
    >>> may_repeat("DELETE", ("objects", "model", "m"), doubt=False)
    False
    """
    if method in ("GET", "HEAD"):
        return True
    return method == "PUT" and not (doubt and segments and segments[-1] in _NOT_TWICE)


def retry_after(value: str | None) -> float | None:
    """Seconds of a header ``Retry-After``.

    Parameters
    ----------
    value : str or None
        A number of seconds or an HTTP date (RFC 9110, 10.2.3).

    Returns
    -------
    float or None
        Not negative; None if there is none or it is neither.

    Examples
    --------
    >>> retry_after("120"), retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), retry_after("soon")
    (120.0, 0.0, None)
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)

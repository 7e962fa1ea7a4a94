"""How often each identity may call: a bucket of tokens for each, refilled at a steady rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

_MOST_BUCKETS = 10_000  # identities; beyond, those whose buckets are full again are forgotten


class Rates:
    """The buckets of one service.

    Parameters
    ----------
    per_second : float
        Calls a second; 0 for no limit.
    burst : int
        Calls that may come at once; 0 for two seconds' worth.
    clock : callable, default time.monotonic
        Seconds.

    Examples
    --------
    >>> now = 0.0
    >>> rates = Rates(2, 1, clock=lambda: now)
    >>> rates.take("me"), rates.take("me"), rates.take("you")
    (0.0, 0.5, 0.0)
    """

    def __init__(
        self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._clock = per_second, clock
        self._most = float(burst or max(1.0, 2 * per_second))
        self._buckets: dict[Hashable, tuple[float, float]] = {}  # tokens, and when that was

    def take(self, who: Hashable) -> float:
        """Take a token; returns the seconds until there will be one, 0 if it was there."""
        if not self._rate:
            return 0.0
        now = self._clock()
        tokens = self._level(*self._buckets.get(who, (self._most, now)), now)
        if tokens < 1:
            return (1 - tokens) / self._rate
        if len(self._buckets) >= _MOST_BUCKETS and who not in self._buckets:
            self._buckets = {
                one: bucket
                for one, bucket in self._buckets.items()
                if self._level(*bucket, now) < self._most
            }
        self._buckets[who] = (tokens - 1, now)
        return 0.0

    def _level(self, tokens: float, since: float, now: float) -> float:
        return min(tokens + (now - since) * self._rate, self._most)

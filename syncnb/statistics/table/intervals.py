"""Which sequence numbers are in: closed intervals of integers, sorted, apart from each other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

Interval = tuple[int, int]
Intervals = tuple[Interval, ...]


def with_interval(intervals: Sequence[Interval], first: int, last: int) -> Intervals:
    """The intervals with one more; those that touch become one.

    Parameters
    ----------
    intervals : sequence of (int, int)
        Sorted; no two overlap or touch.
    first, last : int
        Both ends are in.

    Examples
    --------
    >>> with_interval([(1, 3), (8, 9)], 4, 5)
    ((1, 5), (8, 9))
    """
    left = bisect_left(intervals, first - 1, key=lambda one: one[1])
    right = bisect_right(intervals, last + 1, key=lambda one: one[0])
    if left < right:
        first, last = min(first, intervals[left][0]), max(last, intervals[right - 1][1])
    return (*intervals[:left], (first, last), *intervals[right:])


def overlap(intervals: Sequence[Interval], first: int, last: int) -> Intervals:
    """What of ``first`` to ``last`` is in the intervals.

    Examples
    --------
    >>> overlap([(1, 3), (8, 9)], 3, 8)
    ((3, 3), (8, 8))
    """
    left = bisect_left(intervals, first, key=lambda one: one[1])
    right = bisect_right(intervals, last, key=lambda one: one[0])
    return tuple((max(first, a), min(last, b)) for a, b in intervals[left:right])

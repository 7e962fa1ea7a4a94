"""Which rows of which stream have come already."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from syncnb.statistics.parsing import Rows

if TYPE_CHECKING:
    import pyarrow as pa


class Intervals:
    """A set of numbers, as intervals that neither touch nor overlap.

    Examples
    --------
    >>> seen = Intervals()
    >>> seen.add(1, 3)
    >>> seen.add(4, 6)
    >>> len(seen), seen.overlaps(6, 9), 7 in seen
    (1, True, False)
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __len__(self) -> int:
        return len(self._starts)

    def __contains__(self, number: int) -> bool:
        return self.overlaps(number, number)

    def overlaps(self, first: int, last: int) -> bool:
        """Whether one of the numbers from `first` to `last` is in it."""
        place = bisect_left(self._ends, first)
        return place < len(self._starts) and self._starts[place] <= last

    def missing(self, numbers: Any) -> Any:
        """Which numbers of an array are not in it, as an array of booleans."""
        import numpy as np

        starts, ends = np.array([*self._starts, 2**63 - 1]), np.array([*self._ends, 2**63 - 1])
        return starts[np.searchsorted(ends, numbers)] > numbers

    def add(self, first: int, last: int) -> None:
        """The numbers from `first` to `last` are in it."""
        low = bisect_left(self._ends, first - 1)
        high = low
        while high < len(self._starts) and self._starts[high] <= last + 1:
            first, last = min(first, self._starts[high]), max(last, self._ends[high])
            high += 1
        self._starts[low:high] = [first]
        self._ends[low:high] = [last]


class Seen:
    """What has come of each stream of each node.

    A cloned node counts as another one: it has an ID of its own, and so its rows stay, although
    their stream and numbers are those of the original.
    """

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str, str], Intervals] = {}

    def new_rows(self, rows: Rows) -> pa.Table:
        """Those that had not come; they count as come from now on.

        Parameters
        ----------
        rows : Rows
            Of one object, in the order of their numbers.
        """
        import pyarrow as pa

        table, stream = rows.table, rows.form.stream
        if stream is None or not len(table):
            return table
        key = (rows.meta.origin_type, rows.meta.origin_id, stream)
        known = self._streams.setdefault(key, Intervals())
        numbers = table.column("sequence").to_numpy()
        if known.overlaps(int(numbers[0]), int(numbers[-1])):
            new = known.missing(numbers)
            table, numbers = table.filter(pa.array(new)), numbers[new]
        for first, last in _runs(numbers):
            known.add(first, last)
        return table


def _runs(numbers: Any) -> list[tuple[int, int]]:
    """Numbers that grow, as runs without gaps."""
    if not len(numbers):
        return []
    if int(numbers[-1] - numbers[0]) == len(numbers) - 1:
        return [(int(numbers[0]), int(numbers[-1]))]
    ends = (numbers[1:] - numbers[:-1] > 1).nonzero()[0].tolist()
    starts = [0, *(end + 1 for end in ends)]
    return [
        (int(numbers[start]), int(numbers[end]))
        for start, end in zip(starts, [*ends, len(numbers) - 1], strict=True)
    ]

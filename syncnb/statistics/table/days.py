"""The day that a row belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

AHEAD = timedelta(days=1)  # a clock that is further ahead is wrong
BEHIND = timedelta(days=30)  # an older row comes of a wrong clock, or of a node that was away long


class Bucket(NamedTuple):
    """A day, and whether rows are in it because they came then."""

    day: str
    odd_clock: bool


def split(table: pa.Table, now: datetime) -> Iterator[tuple[Bucket, pa.Table]]:
    """The rows of each day, by when they were reported, in UTC.

    Parameters
    ----------
    table : pyarrow.Table
        With ``reported_at``.
    now : datetime
        Aware; when the rows came. Where ``reported_at`` cannot be right, or is missing, the day is
        that of `now`.

    Yields
    ------
    bucket : Bucket
        The day, as ``YYYY-MM-DD``.
    table : pyarrow.Table
        Its rows, in their order.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    when = table.column("reported_at")
    after, before = (pa.scalar(one, when.type) for one in (now - BEHIND, now + AHEAD))
    good = pc.and_(pc.greater_equal(when, after), pc.less_equal(when, before))
    good = pc.fill_null(good, False)
    days = pc.if_else(good, when.cast(pa.date32(), safe=False), pa.scalar(None, pa.date32()))
    for day in pc.unique(days):
        if day.is_valid:
            part = table.filter(pc.fill_null(pc.equal(days, day), False))
            yield Bucket(day.as_py().isoformat(), False), part
        else:
            arrived = now.astimezone(UTC).date().isoformat()
            yield Bucket(arrived, True), table.filter(pc.is_null(days))


def around(table: pa.Table, now: datetime) -> list[str]:
    """The days in which rows may be that came before and are the same."""
    lately = [now.astimezone(UTC).date() - timedelta(days=n) for n in range(8)]
    days = {bucket.day for bucket, _ in split(table, now)}
    return sorted(days | {day.isoformat() for day in lately})

"""Whether rows that come again are the same rows."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from syncnb.errors import TableError
from syncnb.statistics.table.datasets import dataset_of
from syncnb.statistics.table.days import around
from syncnb.statistics.table.intervals import Intervals
from syncnb.statistics.table.names import is_data_file
from syncnb.statistics.table.place import Place
from syncnb.statistics.table.schemas import ConflictError, fitted

if TYPE_CHECKING:
    import pyarrow as pa

_TRIES = 20
_OF_TRAVEL = ("object_id", "node", "node_type")  # how rows came, not what they say


def within(table: pa.Table, intervals: Intervals) -> pa.ChunkedArray:
    """Which rows have a sequence number in the intervals."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = table.column("sequence")
    found = pa.chunked_array([pa.repeat(False, len(table))])
    for first, last in intervals:
        inside = pc.and_(pc.greater_equal(numbers, first), pc.less_equal(numbers, last))
        found = pc.or_(found, pc.fill_null(inside, False))
    return found


def stored(
    place: Place,
    schema: pa.Schema,
    now: datetime,
    table: pa.Table,
    stream: str,
    intervals: Intervals,
) -> pa.Table:
    """The rows of a stream that are in, of the days on which those of a report would be.

    Only for what comes again: it opens the files of these days.
    """
    import pyarrow.dataset as pads

    number = pads.field("sequence")
    wanted = pads.scalar(False)
    for first, last in intervals:
        wanted = wanted | ((number >= first) & (number <= last))
    for again in range(_TRIES):
        found = [one for day in around(table, now) for one in place.names(f"day={day}")]
        files = [one for one in found if is_data_file(one.name)]
        try:
            return dataset_of(place, schema, files).to_table(
                columns=schema.names, filter=(pads.field("stream") == stream) & wanted
            )
        except FileNotFoundError:  # compacted meanwhile
            time.sleep(0.01 * again)
    raise TableError(f"the table {place.shown}", "it changes all the time", "try again")


def same(ours: pa.Table, theirs: pa.Table) -> bool:
    """Whether two tables have the same rows by their sequence, whichever way they came."""
    if len(ours) != len(theirs):
        return False
    try:
        theirs = fitted(theirs, ours.schema)
    except ConflictError:
        return False
    ours, theirs = ours.sort_by("sequence"), theirs.sort_by("sequence")
    return all(
        _equal(ours.column(name), theirs.column(name))
        for name in ours.column_names
        if name not in _OF_TRAVEL
    )


def _equal(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    """As `equals`, and not-a-number is the same as itself."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(one.type):
        nans = [pc.fill_null(pc.is_nan(column), False) for column in (one, other)]
        if not nans[0].equals(nans[1]):
            return False
        one, other = (
            pc.if_else(mask, pa.scalar(0.0, column.type), column)
            for mask, column in zip(nans, (one, other), strict=True)
        )
    return bool(one.equals(other))

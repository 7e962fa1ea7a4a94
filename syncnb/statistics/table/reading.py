"""Reading a table as it is at one moment, also while others write."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from syncnb.errors import InvalidMetaDataError, TableError
from syncnb.statistics.table.datasets import dataset_of
from syncnb.statistics.table.log import Log
from syncnb.statistics.table.names import day_of, has_odd_clock, is_data_file
from syncnb.statistics.table.place import Found, Place
from syncnb.statistics.table.schemas import PARTITION
from syncnb.statistics.table.state import State

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads

_TRIES = 20
_AT_ONCE = 16  # folders that are listed at a time; a request each in S3


def live_files(
    place: Place, log: Log, since: datetime | None = None, until: datetime | None = None
) -> list[Found]:
    """The files with the rows of the table, each row in one of them.

    Parameters
    ----------
    place, log : Place, Log
        The table.
    since, until : datetime, optional
        Aware; files of other days are left out.

    Raises
    ------
    TableError
        It cannot be read, or changes all the time.
    """
    for again in range(_TRIES):
        before = log.state().number
        days = [day for day in place.days() if _within(day_of(day), since, until)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            lists = list(pool.map(place.names, days))
        found = {one.name: one for names in lists for one in names if is_data_file(one.name)}
        state = log.state()
        if state.number == before and _settle(state, found, since, until):
            return sorted(found.values(), key=lambda one: one.name)
        time.sleep(0.01 * again)  # somebody writes; the list may be of two moments
    raise TableError(f"the table {place.shown}", "it changes all the time", "try again")


def _settle(
    state: State, found: dict[str, Found], since: datetime | None, until: datetime | None
) -> bool:
    """Leave out what a compaction that is under way has replaced, or will put there."""
    for entry in state.pending.values():
        if entry.kind != "compact":
            continue
        adds = {file.name for file in entry.adds}
        removes = {one.name for one in entry.removes}
        if not _within(day_of(min(adds)), since, until):
            continue
        if adds <= found.keys():
            gone = removes
        elif removes <= found.keys():
            gone = adds
        else:
            return False
        for name in gone:
            found.pop(name, None)
    return True


def read_table(
    place: Place,
    log: Log,
    *,
    columns: Sequence[str] | None,
    since: datetime | None,
    until: datetime | None,
    nodes: Collection[str] | None,
) -> pa.Table:
    """Rows, by when they were reported."""
    import pyarrow as pa
    import pyarrow.dataset as pads

    for _ in range(_TRIES):
        files = live_files(place, log, since, until)
        schema = log.state().schema
        wanted = _columns(schema, columns)
        taken = list(dict.fromkeys([*wanted, "reported_at"]))
        tables = []
        try:
            for odd in (False, True):
                some = [one for one in files if has_odd_clock(one.name) is odd]
                chosen = None
                if nodes is not None:
                    chosen = pads.field("node").isin(pa.array(list(nodes), pa.string()))
                # Where a clock was wrong, the day of arrival is all that is known.
                for limit in () if odd else _limits(since, until):
                    chosen = limit if chosen is None else chosen & limit
                dataset = dataset_of(place, schema, some)
                tables.append(dataset.to_table(columns=taken, filter=chosen))
        except FileNotFoundError:  # compacted meanwhile
            continue
        return pa.concat_tables(tables).sort_by("reported_at").select(wanted)
    raise TableError(f"the table {place.shown}", "it changes all the time", "try again")


def _columns(schema: pa.Schema, columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        return list(schema.names)
    given: object = columns
    if isinstance(given, str):
        raise InvalidMetaDataError("columns", columns, f"give a list, such as [{columns!r}]")
    for name in columns:
        if name not in schema.names and name != PARTITION:
            raise InvalidMetaDataError("columns", name, f"the table has {', '.join(schema.names)}")
    return list(columns)


def _limits(since: datetime | None, until: datetime | None) -> Iterable[pads.Expression]:
    import pyarrow as pa
    import pyarrow.dataset as pads

    when, kind = pads.field("reported_at"), pa.timestamp("us", tz="UTC")
    if since is not None:
        yield when >= pa.scalar(since, kind)
    if until is not None:
        yield when < pa.scalar(until, kind)


def _within(day: str, since: datetime | None, until: datetime | None) -> bool:
    after = since is None or day >= since.astimezone(UTC).date().isoformat()
    return after and (until is None or day <= until.astimezone(UTC).date().isoformat())

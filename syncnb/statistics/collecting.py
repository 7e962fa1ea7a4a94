"""In the cloud: everything that nodes reported, as one DataFrame or in batches."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.errors import InvalidMetaDataError, ObjectNotFoundError, SyncError, WrongSideError
from syncnb.metadata import ObjectMetaData, check_name
from syncnb.statistics.acknowledging import acknowledge_reports
from syncnb.statistics.columns import COLUMNS, DIFFERENT, OF_STREAMS, SAME, column_types
from syncnb.statistics.fetching import LIMIT, Instance, Query, fetch, nodes_of, wanted_of
from syncnb.statistics.parsing import Rows, completed, constant
from syncnb.statistics.reports import Unreadable
from syncnb.statistics.rows import is_finite
from syncnb.statistics.sequences import Seen
from syncnb.statistics.setting_aside import set_aside
from syncnb.statistics.targets import TARGETS, check_target
from syncnb.statistics.unifying import fitted, unified

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from syncnb.client.progress import Progress

_BATCH = 100_000  # rows
_AT_ONCE = 1 << 20  # rows whose constant columns are made in one piece
_LONGEST_LOOK = 20.0  # seconds of one wait for news


def collect(
    object_type: str,
    *,
    since: datetime | None = None,
    nodes: Collection[str] | None = None,
    columns: Sequence[str] | None = None,
    client: SyncServiceClient | None = None,
    consume: bool = True,
    timeout: float = 0.0,
    min_rows: int = 1,
    to: str = "pandas",
    index: str | None = None,
    parallel: int | None = None,
    progress: Progress = None,
) -> Any:
    """Everything that nodes have reported and that was not collected yet, as one DataFrame.

    Parameters
    ----------
    object_type : str
        What was given to `report` or to a ``Reporter``.
    since : datetime, optional
        Aware. Rows that were reported earlier, by the node's clock, are left out. An object that
        has such rows is not acknowledged: it was not kept as a whole.
    nodes : collection of str, optional
        IDs of the nodes whose reports are wanted; the others stay where they are.
    columns : sequence of str, optional
        Of the reported columns those that are wanted. The others are lost with ``consume=True``.
    client : SyncServiceClient, optional
        The CSS; by default the one of the settings.
    consume : bool, default True
        Acknowledge the reports, so that they come once; else they come again.
    timeout : float, default 0
        Seconds to wait for `min_rows`; what is there by then is returned.
    min_rows : int, default 1
        How many rows are waited for.
    to : {"pandas", "polars", "arrow", "dataset", "dask"}, default "pandas"
        What is made of them: a DataFrame of one of the libraries, a `pyarrow.Table`, or an Arrow
        dataset in memory.
    index : {"reported_at"}, optional
        Make the times the index of a pandas DataFrame, in their order.
    parallel : int, optional
        How many fetch at a time; by default as `joblib.parallel_config` says, which also chooses
        other processes or a Dask cluster instead of threads, else 4.
    progress : callable or bool, optional
        As for a transfer: by default a bar where a person looks on.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame, pyarrow.Table, pyarrow.dataset.Dataset or \
dask.dataframe.DataFrame
        A row a reported row, in the order of the reports. Behind the reported columns ``node``,
        ``node_type``, ``reported_at`` (UTC, by the node's clock) and ``object_id``, and where a
        ``Reporter`` reported, ``sequence``, ``stream`` and ``model_version``. Whole numbers with
        gaps are ``Int64``. Empty, with these columns, if there is nothing.
        ``frame.attrs["set_aside"]`` (of an Arrow table, its metadata) lists what could not be read.

    Raises
    ------
    WrongSideError
        The client is one of an ESS, to which no reports come.
    InvalidMetaDataError
        An argument is no good; or no report has any of the `columns`. Nothing is acknowledged.
    MissingDependencyError
        The library that `to` names is not installed.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not give them; nothing is acknowledged then.

    Warns
    -----
    UserWarning
        For objects of the type that are no reports, which are left where they are; for reports
        that cannot be read, or have a column of another type than the others, which are set aside
        (``SYNCNB_SET_ASIDE``) and acknowledged; and if reports could not be acknowledged: their
        rows are returned, and come again.

    See Also
    --------
    collect_batches : The same in bounded memory.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet:
    ...     collect("stats", client=fleet.cloud).empty
    True
    """
    check_target(to, index)
    client = client_or_default(client)
    query = _query(object_type, since, nodes, columns, parallel)
    found = _found(client, query, timeout, min_rows, progress, aside=consume)
    table, metas = found.table(client)
    asked = set(columns or ()) - set(COLUMNS)
    if asked and len(table) and not asked & set(table.column_names):
        raise InvalidMetaDataError(
            "columns", sorted(asked), "no report has them, and nothing was acknowledged: look first"
        )
    result = TARGETS[to](_shown(table, columns), found.listed(), index)
    for line in found.lines():
        warnings.warn(line, stacklevel=2)
    if consume:
        problem = _acknowledged(client, metas + found.kept_aside())
        if problem:
            warnings.warn(problem, stacklevel=2)
    return result


def gather(
    object_type: str,
    client: SyncServiceClient,
    *,
    timeout: float = 0.0,
    min_rows: int = 1,
    consume: bool = True,
    progress: Progress = None,
) -> tuple[pd.DataFrame, list[ObjectMetaData]]:
    """As `collect`, for callers who keep the rows before they acknowledge the reports.

    Parameters
    ----------
    object_type, client, timeout, min_rows, progress
        As for `collect`.
    consume : bool, default True
        Whether the caller will acknowledge: then what cannot be read is set aside.

    Returns
    -------
    pandas.DataFrame
        As `collect`.
    list of ObjectMetaData
        The reports that it has the rows of, and those set aside, for `acknowledge_reports`.

    Raises
    ------
    WrongSideError
        The client is one of a node.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not give them.

    Warns
    -----
    UserWarning
        As `collect`.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet:
    ...     frame, reports = gather("stats", fleet.cloud)
    ...     acknowledge_reports(fleet.cloud, reports)
    """
    query = _query(object_type, None, None, None, None)
    found = _found(client, query, timeout, min_rows, progress, aside=consume)
    table, metas = found.table(client)
    frame: pd.DataFrame = TARGETS["pandas"](_shown(table, None), found.listed(), None)
    for line in found.lines():
        warnings.warn(line, stacklevel=2)
    return frame, metas + found.kept_aside()


def collect_batches(
    object_type: str,
    *,
    rows: int = _BATCH,
    since: datetime | None = None,
    nodes: Collection[str] | None = None,
    columns: Sequence[str] | None = None,
    client: SyncServiceClient | None = None,
    consume: bool = True,
    to: str = "pandas",
    parallel: int | None = None,
    limit_bytes: int = LIMIT,
    progress: Progress = None,
) -> Iterator[Any]:
    """The same as `collect`, some rows at a time, for more than memory holds.

    A report is acknowledged when the batch that has its last row was worked on: when the next one
    is asked for. Who leaves the loop gets that batch again the next time.

    Parameters
    ----------
    object_type : str
        What was given to `report` or to a ``Reporter``.
    rows : int, default 100,000
        Of a batch, at most.
    since, nodes, columns, client, consume, to, parallel, progress
        As for `collect`.
    limit_bytes : int, default 256 MiB
        Data that are held in memory at a time, as they travel. Larger objects go by way of the
        disk, where their rows are read from.

    Yields
    ------
    pandas.DataFrame, or what `to` says
        As `collect` returns it. The types of columns are those of the batches before, or wider.

    Raises
    ------
    WrongSideError, InvalidMetaDataError, MissingDependencyError
        As `collect`, before anything is fetched.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not give them, or does not take the acknowledgement.

    Warns
    -----
    UserWarning
        As `collect`.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet:
    ...     sum(len(batch) for batch in collect_batches("stats", client=fleet.cloud))
    0
    """
    check_target(to, None)
    if type(rows) is not int or rows < 1:
        raise InvalidMetaDataError("rows", rows, "give a whole number from 1 on")
    client = client_or_default(client)
    if not client.org_id:
        raise WrongSideError("collect_batches", "CSS")
    query = replace(_query(object_type, since, nodes, columns, parallel), limit=limit_bytes)
    return _batches(client, query, rows, columns, to, progress, consume=consume)


def _batches(
    client: SyncServiceClient,
    query: Query,
    rows: int,
    columns: Sequence[str] | None,
    to: str,
    progress: Progress,
    *,
    consume: bool,
) -> Iterator[Any]:
    types: dict[str, pa.DataType] = {}
    seen, aside = Seen(), _Aside(keep=consume)
    waiting: list[pa.Table] = []
    done: list[ObjectMetaData] = []

    def batch() -> Any:
        tables = [fitted(table, types, COLUMNS) for table in waiting]
        made = TARGETS[to](_shown(_joined(tables), columns), aside.listed(), None)
        waiting.clear()
        return made

    def acknowledge() -> None:
        for line in aside.lines():
            warnings.warn(line, stacklevel=3)
        if consume:
            acknowledge_reports(client, done + aside.kept())
        done.clear()
        aside.clear()

    for found in fetch(query, client, progress=progress):
        if isinstance(found, Unreadable):
            aside.add(found)
            continue
        wider, losers = unified([found.table], types)
        problem = losers.get(0, "")
        if not problem:
            try:
                fitted(found.table, wider, DIFFERENT)
            except ValueError as error:
                problem = str(error)
        if problem:
            aside.add_rows(client, found, problem)
            continue
        types = wider
        table = replace(found, table=seen.new_rows(found)).report().table
        start, room = 0, rows - sum(map(len, waiting))
        while len(table) - start >= room:
            waiting.append(table.slice(start, room))
            start += room
            if start == len(table) and found.whole:
                done.append(found.meta)
            yield batch()
            acknowledge()
            room = rows
        if start < len(table) or not len(table):
            waiting.append(table.slice(start))
            if found.whole:
                done.append(found.meta)
    if sum(map(len, waiting)):
        yield batch()
    acknowledge()


def _query(
    object_type: str,
    since: datetime | None,
    nodes: Collection[str] | None,
    columns: Sequence[str] | None,
    parallel: int | None,
) -> Query:
    check_name("object_type", object_type)
    if parallel is not None and (type(parallel) is not int or parallel == 0):
        raise InvalidMetaDataError("parallel", parallel, "give a number, or -1 for one a core")
    return Query(object_type, wanted_of(since, columns), nodes_of(nodes), parallel=parallel)


def _found(
    client: SyncServiceClient,
    query: Query,
    timeout: float,
    min_rows: int,
    progress: Progress,
    *,
    aside: bool,
) -> _Found:
    """Fetch until there are enough rows, or the time is over."""
    if not client.org_id:
        raise WrongSideError("collect", "CSS")
    for field_name, number in (("timeout", timeout), ("min_rows", min_rows)):
        if not is_finite(number):
            raise InvalidMetaDataError(field_name, number, "give a number")
    deadline = time.monotonic() + timeout
    found = _Found(_Aside(keep=aside))
    known: set[Instance] = set()
    query = replace(query, limit=1 << 62, skip=known)  # all of them are held in the end
    etag = ""
    while True:
        for one in fetch(query, client, progress=progress):
            known.add((one.meta.object_id, one.meta.instance_id))
            if isinstance(one, Unreadable):
                found.aside.add(one)
            else:
                found.rows[one.meta.object_id] = one
        left = deadline - time.monotonic()
        if found.count() >= min_rows or left <= 0:
            return found
        watched = client.watch_arrivals(
            query.object_type, received=True, etag=etag, wait=min(left, _LONGEST_LOOK)
        )
        etag = watched.etag
        if not watched.waited:
            time.sleep(min(1.0, left))


@dataclass
class _Aside:
    """What could not be read: set aside if it is a report, and otherwise left where it is."""

    keep: bool
    found: dict[Instance, tuple[Unreadable, Path | None]] = field(default_factory=dict)

    def add(self, one: Unreadable) -> None:
        """Keep it, with its data; it counts as kept only if that works."""
        place = None
        if self.keep and one.ours:
            try:
                place = set_aside(one)
            except OSError as error:
                one = replace(one, reason=f"{one.reason} (it could not be set aside: {error})")
        self.found[(one.meta.object_id, one.meta.instance_id)] = (one, place)

    def add_rows(self, client: SyncServiceClient, rows: Rows, reason: str) -> None:
        """The same, of rows that do not fit the others: the data are fetched once more."""
        one = Unreadable(rows.meta, reason, None, rows.form.manifest is not None)
        if not self.keep or not one.ours:
            self.add(one)
            return
        with tempfile.TemporaryDirectory(prefix="syncnb-") as folder:
            try:
                path = client.download_object_data(rows.meta, Path(folder) / "data", progress=False)
            except ObjectNotFoundError:  # somebody else has taken it
                return
            self.add(replace(one, path=path))

    def kept(self) -> list[ObjectMetaData]:
        """What may be acknowledged."""
        return [one.meta for one, place in self.found.values() if place is not None]

    def listed(self) -> list[dict[str, str | None]]:
        """For programs."""
        return [
            {
                "object_id": one.meta.object_id,
                "node": one.meta.origin_id,
                "reason": one.reason,
                "path": None if place is None else str(place),
            }
            for one, place in self.found.values()
        ]

    def lines(self) -> list[str]:
        """For people."""
        lines = []
        for one, place in sorted(self.found.values(), key=lambda pair: pair[0].meta.object_id):
            name = f"{one.meta.object_type}/{one.meta.object_id}"
            where = "left where it is" if place is None else f"set aside in {place}"
            lines.append(f"object {name} was {where}: {one.reason}")
        return lines

    def clear(self) -> None:
        """Begin anew."""
        self.found.clear()


@dataclass
class _Found:
    """What was fetched for one call."""

    aside: _Aside
    rows: dict[str, Rows] = field(default_factory=dict)

    def count(self) -> int:
        """How many rows."""
        return sum(len(one.table) for one in self.rows.values())

    def table(self, client: SyncServiceClient) -> tuple[pa.Table, list[ObjectMetaData]]:
        """All rows, each once, and the reports that they are of."""
        ordered = sorted(self.rows.values(), key=_when)
        types, losers = unified([one.table for one in ordered])
        seen, kept = Seen(), []
        metas, tables = [], []
        for place, one in enumerate(ordered):
            try:
                if place in losers:
                    raise ValueError(losers[place])
                table = fitted(one.table, types, DIFFERENT)
            except ValueError as error:
                self.aside.add_rows(client, one, str(error))
                continue
            table = seen.new_rows(replace(one, table=table))
            kept.append(one)
            tables.append(table)
            if one.whole:
                metas.append(one.meta)
        if not tables:
            return _joined([]), metas
        joined = _joined(tables)
        lengths = [len(table) for table in tables]
        return completed(joined, _constants(kept, lengths)), metas

    def listed(self) -> list[dict[str, str | None]]:
        """What could not be read, for programs."""
        return self.aside.listed()

    def lines(self) -> list[str]:
        """The same for people."""
        return self.aside.lines()

    def kept_aside(self) -> list[ObjectMetaData]:
        """What was set aside, and may be acknowledged."""
        return self.aside.kept()


def _when(rows: Rows) -> tuple[int, str]:
    """When the first row was reported, and the ID of the object."""
    moment = rows.table.column("reported_at")[0].value if len(rows.table) else None
    return moment if moment is not None else -(2**63), rows.meta.object_id


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    import pyarrow as pa

    if tables:
        return pa.concat_tables(tables)
    return pa.table({name: pa.array([], kind) for name, kind in column_types().items()})


def _constants(rows: Sequence[Rows], lengths: Sequence[int]) -> dict[str, pa.ChunkedArray]:
    """The columns that are the same in all rows of an object, of many objects."""
    import numpy as np
    import pyarrow as pa

    total = sum(lengths)
    said = {name: [one.said[name] for one in rows] for name in SAME}
    if total > len(rows) * _AT_ONCE:  # large objects, which share blocks
        return {
            name: pa.chunked_array(
                [
                    chunk
                    for text, length in zip(texts, lengths, strict=True)
                    for chunk in constant(text, length).chunks
                ],
                pa.string(),
            )
            for name, texts in said.items()
        }
    places = np.repeat(np.arange(len(rows)), lengths)
    found = {}
    for name, texts in said.items():
        values = pa.array(texts, pa.string())
        pieces = [
            values.take(pa.array(places[start : start + _AT_ONCE]))
            for start in range(0, total, _AT_ONCE)
        ]
        found[name] = pa.chunked_array(pieces, pa.string())
    return found


def _shown(table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """Wanted columns in the wanted order; those of streams only where there are streams."""
    import pyarrow as pa

    if columns is not None:
        for name in columns:
            if name not in table.schema.names:
                table = table.append_column(name, pa.nulls(len(table)))
        wanted = [name for name in dict.fromkeys(columns) if name not in COLUMNS]
        table = table.select([*wanted, *COLUMNS])
    if table.column("stream").null_count == len(table):
        table = table.drop_columns(list(OF_STREAMS))
    return table


def _acknowledged(client: SyncServiceClient, metas: Sequence[ObjectMetaData]) -> str:
    """Acknowledge; says what went wrong, for then the rows must not be lost with an error."""
    try:
        acknowledge_reports(client, metas)
    except SyncError as error:
        return f"the reports could not be acknowledged, and may come again: {error}"
    return ""

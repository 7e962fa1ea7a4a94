"""In the cloud: the reports that wait there, many at a time and within bounded memory."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncnb.client import SyncServiceClient
from syncnb.client.bulk import Arrival
from syncnb.client.progress import Meter, metering
from syncnb.errors import (
    DigestMismatchError,
    InvalidManifestError,
    InvalidMetaDataError,
    ObjectNotFoundError,
    ObjectReplacedError,
    WrongSideError,
)
from syncnb.metadata import ObjectMetaData, in_utc
from syncnb.metadata.bundles import PAGE
from syncnb.statistics.parsing import NoReportError, Rows, Wanted, parse_report
from syncnb.statistics.reports import Form, Report, Unreadable
from syncnb.statistics.setting_aside import left_alone, remember_left

if TYPE_CHECKING:
    from syncnb.client.progress import Progress

log = logging.getLogger("syncnb")

LIMIT = 256 << 20  # bytes of data that are held at a time
_SPAN = 4 << 20  # bytes of a unit of work
_MOST = 500  # objects of a unit of work
_LARGE = 8 << 20  # bytes from which data go to the disk
_THREADS = 4
_NO_REPORT = "it is no report of syncnb"
Instance = tuple[str, int]  # object ID and instance ID


def fetch_reports(
    object_type: str,
    client: SyncServiceClient,
    *,
    since: datetime | None = None,
    nodes: Collection[str] | None = None,
    columns: Sequence[str] | None = None,
    parallel: int | None = None,
    limit_bytes: int = LIMIT,
) -> Iterator[Report | Unreadable]:
    """What nodes reported and nobody acknowledged, read but not acknowledged.

    Parameters
    ----------
    object_type : str
        What was given to `report`, or to a ``Reporter``.
    client : SyncServiceClient
        The CSS.
    since : datetime, optional
        Aware. Rows that were reported before it, by the clock of the node, are left out; an object
        that has only such rows is not yielded.
    nodes : collection of str, optional
        IDs of the nodes whose reports are wanted.
    columns : sequence of str, optional
        What of the reported columns is wanted; those of `COLUMNS` always come.
    parallel : int, optional
        How many threads fetch at a time; by default as `joblib.parallel_config` says, else 4.
    limit_bytes : int, default 256 MiB
        Data that are held in memory at a time, as they travel. The table of an object that has
        more is mapped from a temporary file, which goes with the table.

    Yields
    ------
    Report or Unreadable
        About in the order of the object IDs.

    Raises
    ------
    WrongSideError
        The client is one of a node.
    InvalidMetaDataError
        An argument is no good.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not give them.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=0) as fleet:
    ...     list(fetch_reports("stats", fleet.cloud))
    []
    """
    query = Query(object_type, wanted_of(since, columns), nodes_of(nodes), limit_bytes, parallel)
    for found in fetch(query, client, progress=False):
        yield found.report() if isinstance(found, Rows) else found


@dataclass(frozen=True)
class Query:
    """What is fetched, and how.

    Parameters
    ----------
    object_type : str
        Of the reports.
    wanted : Wanted
        Which rows and columns.
    nodes : frozenset of str or None
        IDs of the nodes.
    limit : int
        Bytes of data that are held at a time.
    parallel : int or None
        How many fetch at a time.
    skip : collection of (str, int)
        Instances that are known, and not to be fetched again.
    """

    object_type: str
    wanted: Wanted = field(default_factory=Wanted)
    nodes: frozenset[str] | None = None
    limit: int = LIMIT
    parallel: int | None = None
    skip: Collection[Instance] = ()

    def wants(self, node: str) -> bool:
        """Whether the reports of a node are wanted."""
        return self.nodes is None or node in self.nodes


def wanted_of(since: datetime | None, columns: Sequence[str] | None) -> Wanted:
    """Rows and columns as users name them.

    Raises
    ------
    InvalidMetaDataError
        They cannot be meant.
    """
    if columns is not None and (isinstance(columns, str) or not _are_texts(columns)):
        raise InvalidMetaDataError("columns", columns, 'give a list of names such as ["fps"]')
    moment = None if since is None else in_utc("since", since, exact=True)
    return Wanted(moment, None if columns is None else tuple(columns))


def nodes_of(nodes: Collection[str] | None) -> frozenset[str] | None:
    """Nodes as users name them.

    Raises
    ------
    InvalidMetaDataError
        They cannot be meant.
    """
    if nodes is None:
        return None
    if isinstance(nodes, str) or not _are_texts(nodes):
        raise InvalidMetaDataError("nodes", nodes, 'give a list of IDs such as ["node1"]')
    return frozenset(nodes)


def _are_texts(values: Collection[str]) -> bool:
    given: object = values
    return isinstance(given, Collection) and all(isinstance(one, str) for one in given)


@dataclass(frozen=True)
class _Span:
    """A unit of work: neighbours in the order of IDs, or known metadata."""

    after: str
    last: str
    size: int
    metas: tuple[ObjectMetaData, ...] = ()


@dataclass(frozen=True)
class _Bad:
    """An object that cannot be read, with its data."""

    meta: ObjectMetaData
    reason: str
    data: bytes | None
    ours: bool


_Outcome = Rows | _Bad | ObjectMetaData  # the last: it is large, fetch it on its own


def fetch(
    query: Query, client: SyncServiceClient, *, progress: Progress
) -> Iterator[Rows | Unreadable]:
    """The same as `fetch_reports`, of one query and with what is the same in all rows left out.

    Parameters
    ----------
    query : Query
        What is wanted.
    client : SyncServiceClient
        The CSS.
    progress : callable, bool or None
        As for a transfer.

    Yields
    ------
    Rows or Unreadable
        About in the order of the object IDs.
    """
    if not client.org_id:
        raise WrongSideError("collect", "CSS")
    with (
        tempfile.TemporaryDirectory(prefix="syncnb-") as name,
        metering(f"{query.object_type} of the nodes", None, progress) as meter,
        closing(_outcomes(query, client, meter)) as outcomes,
    ):
        folder = Path(name)
        left: list[Unreadable] = []
        for outcome in outcomes:
            found = _settled(client, outcome, query, folder, meter)
            if isinstance(found, Unreadable) or (found and (found.whole or len(found.table))):
                yield found
            if isinstance(found, Unreadable):
                if found.path is not None:
                    found.path.unlink(missing_ok=True)  # whoever wants it has copied it
                if not found.ours:
                    left.append(Unreadable(found.meta, found.reason, None, ours=False))
        _remember(query.object_type, left)


def _remember(object_type: str, left: Sequence[Unreadable]) -> None:
    """Not to fetch again what is no report; it costs time only if that cannot be written."""
    known = left_alone(object_type)
    new = [one for one in left if (one.meta.object_id, one.meta.instance_id) not in known]
    if new:
        try:
            remember_left(new, object_type)
        except OSError as error:
            log.warning("what is no report will be fetched again: %s", error)


def _settled(
    client: SyncServiceClient, outcome: _Outcome, query: Query, folder: Path, meter: Meter
) -> Rows | Unreadable | None:
    """What a unit of work brought, with the data in a file of what cannot be read."""
    if isinstance(outcome, Rows):
        return outcome
    if isinstance(outcome, ObjectMetaData):
        return _fetch_large(client, outcome, query, folder, meter)
    path = None
    if outcome.data is not None:
        path = folder / "data"
        path.write_bytes(outcome.data)
    return Unreadable(outcome.meta, outcome.reason, path, outcome.ours)


def _outcomes(query: Query, client: SyncServiceClient, meter: Meter) -> Generator[_Outcome]:
    """What units of work bring, run by joblib; so many at a time that memory holds them."""
    from joblib import Parallel, delayed

    known = left_alone(query.object_type)
    passed: list[_Bad] = []
    spans = _spans(query, client, meter, known, passed)
    sent = replace(query, skip=())  # it may travel to another process with each unit of work
    with Parallel(_workers(query.parallel), prefer="threads", return_as="generator") as run:
        while wave := _wave(spans, query.limit):
            work = run(delayed(fetch_span)(client, sent, span) for span in wave)
            with closing(work):
                for span, outcomes in zip(wave, work, strict=True):
                    meter.add(span.size)
                    yield from outcomes
    yield from passed


def _workers(wanted: int | None) -> int | None:
    """As many as the caller or `joblib.parallel_config` says."""
    from joblib.parallel import get_active_backend

    if wanted is not None:
        return wanted
    backend, workers = get_active_backend(prefer="threads")
    return _THREADS if workers == 1 and type(backend).__name__ == "ThreadingBackend" else None


def _wave(spans: Iterator[_Span], limit: int) -> list[_Span]:
    wave: list[_Span] = []
    while sum(span.size for span in wave) < limit and (span := next(spans, None)) is not None:
        wave.append(span)
    return wave


def _spans(
    query: Query,
    client: SyncServiceClient,
    meter: Meter,
    known: Mapping[Instance, str],
    passed: list[_Bad],
) -> Iterator[_Span]:
    """What waits, divided into units of work; what is known as no report goes to `passed`."""
    after, total = "", 0
    while True:
        found = client.watch_arrivals(query.object_type, received=True, after=after).items or []
        wanted = [one for one in found if query.wants(one.origin_id) and one.key not in query.skip]
        passed += (_left(query, one, known[one.key]) for one in wanted if one.key in known)
        new = {one.object_id for one in wanted if one.key not in known}
        total += sum(one.object_size for one in found if one.object_id in new)
        meter.expect(total)
        yield from _divided(found, new, after)
        if len(found) < PAGE or found[-1].meta is not None:
            return
        after = found[-1].object_id


def _left(query: Query, one: Arrival, reason: str) -> _Bad:
    meta = ObjectMetaData(
        object_type=query.object_type,
        object_id=one.object_id,
        instance_id=one.instance_id,
        object_size=one.object_size,
        origin_type=one.origin_type,
        origin_id=one.origin_id,
    )
    return _Bad(meta, reason, None, ours=False)


def _divided(found: Sequence[Arrival], new: Collection[str], after: str) -> Iterator[_Span]:
    group: list[Arrival] = []
    size = 0
    for one in found:
        wanted = one.object_id in new
        large = one.object_size > _LARGE  # is not read with the others
        if group and (not wanted or large or size + one.object_size > _SPAN or len(group) == _MOST):
            yield _span(group, after)
            after, group, size = group[-1].object_id, [], 0
        if wanted:
            group.append(one)
            size += one.object_size
        else:
            after = one.object_id
    if group:
        yield _span(group, after)


def _span(group: Sequence[Arrival], after: str) -> _Span:
    size = sum(one.object_size for one in group if one.object_size <= _LARGE)
    metas = tuple(one.meta for one in group if one.meta is not None)
    return _Span(after, group[-1].object_id, size, metas)


def fetch_span(client: SyncServiceClient, query: Query, span: _Span) -> list[_Outcome]:
    """One unit of work; in another process, or on another machine, if joblib says so."""
    items: Any = ((meta, None) for meta in span.metas)
    if not span.metas:
        items = client.read_arrivals(
            query.object_type, received=True, after=span.after, last=span.last
        )
    outcomes = (
        _fetch(client, meta, data, query.wanted)
        for meta, data in items
        if query.wants(meta.origin_id)
    )
    return [outcome for outcome in outcomes if outcome is not None]


def _fetch(
    client: SyncServiceClient, meta: ObjectMetaData, data: bytes | None, wanted: Wanted
) -> _Outcome | None:
    form, reason = _form(meta)
    ours = bool(reason) or (form is not None and form.manifest is not None)
    if form is None and not ours:
        return _Bad(meta, _NO_REPORT, None, ours=False)
    if meta.object_size > _LARGE:
        return meta
    if data is None:
        try:
            data = client.read_object_data(meta)
        except DigestMismatchError as error:
            return _Bad(meta, str(error), _whatever(client, meta), ours)
        except ObjectNotFoundError:  # somebody else was faster
            return _Bad(meta, "it has no data", None, ours=False) if meta.no_data else None
        except ObjectReplacedError:  # in this moment: the new instance comes next
            return None
    if form is None:
        return _Bad(meta, reason, data, ours)
    try:
        return parse_report(meta, form, data, wanted)
    except NoReportError as error:
        return _Bad(meta, str(error) if ours else f"{_NO_REPORT}: {error}", data, ours)


def _form(meta: ObjectMetaData) -> tuple[Form | None, str]:
    """What a manifest says, and what is wrong with it."""
    try:
        return Form.of(meta), ""
    except InvalidManifestError as error:
        return None, str(error)


def _whatever(client: SyncServiceClient, meta: ObjectMetaData) -> bytes:
    """The data as they are, of whatever digest."""
    return b"".join(client.iter_object_data(meta))


def _fetch_large(
    client: SyncServiceClient, meta: ObjectMetaData, query: Query, folder: Path, meter: Meter
) -> Rows | Unreadable | None:
    """An object that is too large for memory, by way of the disk."""
    path, spill = folder / "large", folder / "rows"
    form, reason = _form(meta)
    ours = bool(reason) or (form is not None and form.manifest is not None)
    shown = 0

    def arrived(done: int, _: int | None) -> None:
        nonlocal shown
        meter.add(done - shown)
        shown = done

    try:
        # One connection: a service sends whole data by the kernel, parts by its own hands.
        client.download_object_data(meta, path, connections=1, progress=arrived, durable=False)
    except DigestMismatchError as error:
        reason = str(error)
        _write_whatever(client, meta, path)
        return Unreadable(meta, reason, path, ours)
    except (ObjectNotFoundError, ObjectReplacedError):  # the new instance comes next
        return None
    if form is None:
        return Unreadable(meta, reason, path, ours)
    try:
        where = spill if meta.object_size > query.limit else None
        rows = parse_report(meta, form, path, query.wanted, spill=where)
    except NoReportError as error:
        return Unreadable(meta, str(error) if ours else f"{_NO_REPORT}: {error}", path, ours)
    finally:
        spill.unlink(missing_ok=True)
    path.unlink()
    return rows


def _write_whatever(client: SyncServiceClient, meta: ObjectMetaData, path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(client.iter_object_data(meta))

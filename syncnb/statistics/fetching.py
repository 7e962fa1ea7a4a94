"""In the cloud: the reports that wait there, one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from syncnb.client import SyncServiceClient
from syncnb.errors import DataError, InvalidManifestError, ObjectNotFoundError, WrongSideError
from syncnb.metadata import ObjectMetaData, in_utc
from syncnb.statistics.parsing import NoReportError, Wanted, parse_report
from syncnb.statistics.reports import Form, Report, Unreadable

LIMIT = 256 << 20  # bytes of data that are held at a time


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
        What was given to `report`, or to a `Reporter`.
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
        How many fetch at a time.
    limit_bytes : int, default 256 MiB
        Data that are held in memory at a time, as they travel.

    Yields
    ------
    Report or Unreadable
        In the order of the object IDs.

    Raises
    ------
    WrongSideError
        The client is one of a node.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not give them.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=0) as fleet:
    ...     list(fetch_reports("stats", fleet.cloud))
    []
    """
    if not client.org_id:
        raise WrongSideError("collect", "CSS")
    since = None if since is None else in_utc("since", since)
    wanted = Wanted(since, None if columns is None else tuple(columns))
    with tempfile.TemporaryDirectory(prefix="syncnb-") as folder:
        watched = client.watch_updated_objects(object_type, received=True)
        for meta in watched.items or ():
            if meta.deleted or (nodes is not None and meta.origin_id not in nodes):
                continue
            found = _fetch(client, meta, Path(folder), wanted)
            if isinstance(found, Unreadable) or (found and (found.whole or len(found.table))):
                yield found


def _fetch(
    client: SyncServiceClient, meta: ObjectMetaData, folder: Path, wanted: Wanted
) -> Report | Unreadable | None:
    ours = True
    try:
        form = Form.of(meta)
    except InvalidManifestError as error:
        form, reason = None, str(error)
    else:
        reason = "it is no report of syncnb"
        ours = form is not None and form.manifest is not None
    if form is None and not ours:
        return Unreadable(meta, reason, None, ours=False)
    try:
        data = client.read_object_data(meta)
    except ObjectNotFoundError:
        return None
    except DataError as error:
        return Unreadable(meta, str(error), None, ours)
    if form is not None:
        try:
            return parse_report(meta, form, data, wanted)
        except NoReportError as error:
            reason = str(error)
    path = folder / "data"
    path.write_bytes(data)
    return Unreadable(meta, reason, path, ours)

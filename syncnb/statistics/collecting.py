"""In the cloud: everything that nodes reported, as one DataFrame."""

from __future__ import annotations

import json
import time
import warnings
from typing import TYPE_CHECKING, Any

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.errors import InvalidManifestError, ObjectNotFoundError, WrongSideError
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData
from syncnb.statistics.acknowledging import acknowledge_reports
from syncnb.statistics.columns import COLUMNS

if TYPE_CHECKING:
    import pandas as pd


def collect(
    object_type: str,
    *,
    client: SyncServiceClient | None = None,
    consume: bool = True,
    timeout: float = 0.0,
    min_rows: int = 1,
) -> pd.DataFrame:
    """Everything that nodes have reported and that was not collected yet, as one DataFrame.

    Parameters
    ----------
    object_type : str
        What was given to `report`.
    client : SyncServiceClient, optional
        The CSS; by default the one of the settings.
    consume : bool, default True
        Acknowledge the reports, so that they come once; else they come again.
    timeout : float, default 0
        Seconds to wait for `min_rows`; what is there by then is returned.
    min_rows : int, default 1
        How many rows are waited for.

    Returns
    -------
    pandas.DataFrame
        A row a reported row, in the order of the reports. Beside the reported columns ``node``,
        ``node_type``, ``reported_at`` (UTC, by the node's clock) and ``object_id``. Empty, with
        these columns, if there is nothing.

    Raises
    ------
    WrongSideError
        The client is one of an ESS, to which no reports come.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not give them; nothing is acknowledged then.

    Warns
    -----
    UserWarning
        For objects of the type that are no reports; they are left where they are.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet:
    ...     collect("stats", client=fleet.cloud).empty
    True
    """
    client = client_or_default(client)
    frame, reports = gather(object_type, client, timeout=timeout, min_rows=min_rows)
    if consume:
        acknowledge_reports(client, reports)
    return frame


def gather(
    object_type: str, client: SyncServiceClient, *, timeout: float = 0.0, min_rows: int = 1
) -> tuple[pd.DataFrame, list[ObjectMetaData]]:
    """As `collect`, for callers who keep the rows before they acknowledge the reports.

    Parameters
    ----------
    object_type, client, timeout, min_rows
        As for `collect`.

    Returns
    -------
    pandas.DataFrame
        As `collect`.
    list of ObjectMetaData
        The reports that it has the rows of, for `acknowledge_reports`.

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
    import pandas as pd

    if not client.org_id:
        raise WrongSideError("collect", "CSS")
    deadline = time.monotonic() + timeout
    read: dict[str, tuple[ObjectMetaData, list[dict[str, Any]]]] = {}
    odd: set[str] = set()
    etag = ""
    while True:
        left = max(deadline - time.monotonic(), 0.0)
        watched = client.watch_updated_objects(
            object_type, received=True, etag=etag, wait=min(left, 20.0)
        )
        etag = watched.etag
        for meta in watched.items or ():
            if not meta.deleted and meta.object_id not in read and meta.object_id not in odd:
                rows = _read(client, meta)
                if rows is None:
                    odd.add(meta.object_id)
                else:
                    read[meta.object_id] = (meta, rows)
        if sum(len(rows) for _, rows in read.values()) >= min_rows or left <= 0:
            break
        if not watched.waited:
            time.sleep(min(1.0, left))
    for name in sorted(odd):
        warnings.warn(
            f"object {object_type}/{name} is no report of syncnb and was left where it is",
            stacklevel=3,  # the caller of `collect`
        )
    ordered = sorted(read.values(), key=lambda one: (_reported_at(one[0]), one[0].object_id))
    frame = pd.DataFrame([row for _, rows in ordered for row in rows])
    if frame.empty:
        frame = pd.DataFrame(columns=list(COLUMNS))
    frame["reported_at"] = pd.to_datetime(frame["reported_at"], utc=True)
    frame = frame[[c for c in frame if c not in COLUMNS] + list(COLUMNS)]
    return frame, [meta for meta, _ in ordered]


def _reported_at(meta: ObjectMetaData) -> str:
    manifest = Manifest.from_description(meta.description)
    return str(manifest.extra.get("reported_at", "")) if manifest is not None else ""


def _read(client: SyncServiceClient, meta: ObjectMetaData) -> list[dict[str, Any]] | None:
    """The rows of a report; None if it is none."""
    try:
        reported_at = _reported_at(meta)
        lines = client.read_object_data(meta).decode().splitlines()
        rows = [json.loads(line) for line in lines]
    except (ValueError, InvalidManifestError, ObjectNotFoundError):
        return None
    if not all(isinstance(row, dict) for row in rows):
        return None
    about = {
        "node": meta.origin_id,
        "node_type": meta.origin_type,
        "reported_at": reported_at or None,
        "object_id": meta.object_id,
    }
    return [row | about for row in rows]

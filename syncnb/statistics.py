"""What nodes learn: reported on the edge, collected into one DataFrame in the cloud."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import socket
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.client.patience import persistently
from syncnb.codecs.registry import is_instance
from syncnb.errors import (
    InvalidManifestError,
    InvalidMetaDataError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RequestRefusedError,
    WrongSideError,
)
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
_FORMAT = "jsonl"
_COLUMNS = ("node", "node_type", "reported_at", "object_id")
_REPORT_TIMEOUT = 60.0  # seconds that the service may be away while something is reported


def report(
    values: Row | Sequence[Row] | pd.DataFrame,
    object_type: str,
    *,
    client: SyncServiceClient | None = None,
) -> str:
    """Report what a node has learned; it travels to the cloud when there is a connection.

    Parameters
    ----------
    values : mapping, sequence of mappings or DataFrame
        One row, or several; names are strings, values are what JSON has, numbers of numpy too.
    object_type : str
        What `collect` will ask for.
    client : SyncServiceClient, optional
        The service of this node; by default the one of the settings.

    Returns
    -------
    str
        ID of the object that carries it, different for each report.

    Raises
    ------
    InvalidMetaDataError
        There is no row, or a value that JSON does not have.
    WrongSideError
        The client is one of a CSS, which would send the report to every node.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not take it, or is away for a minute.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet:
    ...     name = report({"fps": 29.8}, "stats", client=fleet.node("node1"))
    ...     collect("stats", client=fleet.cloud, timeout=10)["fps"].tolist()
    [29.8]
    """
    rows = _rows(values)
    lines = [_line(row) for row in rows]
    client = client_or_default(client)
    if client.org_id:
        raise WrongSideError("report", "ESS")
    data = "".join(f"{line}\n" for line in lines).encode()
    now = datetime.now(UTC)
    manifest = {"text": f"{len(rows)} rows", "syncnb": _manifest(data, now)}
    meta = ObjectMetaData(
        object_type=object_type,
        object_id=_fresh_id(),
        description=json.dumps(manifest, separators=(",", ":")),
    ).check()
    tries = 0

    def once() -> None:
        nonlocal tries
        tries += 1
        try:
            client.update_object(meta, data=data)
        except RequestRefusedError:
            # The answer to an earlier try was lost, and the cloud has consumed the report since.
            if tries == 1 or not _arrived(client, meta):
                raise

    persistently(once, timeout=_REPORT_TIMEOUT)
    return meta.object_id


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
        frame = pd.DataFrame(columns=list(_COLUMNS))
    frame["reported_at"] = pd.to_datetime(frame["reported_at"], utc=True)
    frame = frame[[c for c in frame if c not in _COLUMNS] + list(_COLUMNS)]
    return frame, [meta for meta, _ in ordered]


def acknowledge_reports(client: SyncServiceClient, reports: Sequence[ObjectMetaData]) -> None:
    """Acknowledge what `gather` returned, so that it does not come again.

    Parameters
    ----------
    client : SyncServiceClient
        The CSS.
    reports : sequence of ObjectMetaData
        As `gather` returned them.

    Raises
    ------
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not take it.
    """
    for meta in reports:
        # another collector was faster
        with contextlib.suppress(RequestRefusedError, PreconditionFailedError):
            client.mark_object_consumed(meta)


def _rows(values: Any) -> list[Row]:
    if is_instance(values, "pandas", "DataFrame"):
        values = values.to_dict("records")
    rows = [values] if isinstance(values, Mapping) else values
    good = isinstance(rows, Sequence) and not isinstance(rows, str | bytes)
    if not good or not rows or not all(isinstance(row, Mapping) and row for row in rows):
        raise InvalidMetaDataError(
            "values", values, 'give one row such as {"fps": 29.8}, or a list of rows'
        )
    for row in rows:
        for name in row:
            if not isinstance(name, str) or name in _COLUMNS:
                raise InvalidMetaDataError(
                    "values", name, f"name the value by a string that is none of {_COLUMNS}"
                )
    return list(rows)


def _line(row: Row) -> str:
    for name, value in row.items():
        try:
            json.dumps(value, default=_plain)
        except (TypeError, ValueError) as error:
            raise InvalidMetaDataError(
                name, value, f"report what JSON has: text, numbers, lists ({error})"
            ) from error
    return json.dumps(row, default=_plain)


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy, and times, as JSON has them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def _manifest(data: bytes, now: datetime) -> dict[str, Any]:
    return {
        "manifest": 1,
        "format": _FORMAT,
        "codec": f"{_FORMAT}/1",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "extra": {"reported_at": now.isoformat()},
    }


def _fresh_id() -> str:
    """An ID that no other report has; all nodes share one name space (sync-http.md, 17.2)."""
    node = os.environ.get("SYNCNB_NODE") or socket.gethostname()
    node = re.sub(r"[^A-Za-z0-9_-]", "-", node)[:64] or "node"
    return f"{node}.{time.time_ns():x}.{secrets.token_hex(4)}"


def _arrived(client: SyncServiceClient, meta: ObjectMetaData) -> bool:
    try:
        client.get_object_status(meta.object_type, meta.object_id)
    except ObjectNotFoundError:
        return False
    return True


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

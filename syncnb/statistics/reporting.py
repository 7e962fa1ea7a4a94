"""On the edge: a few rows as one object."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.client.patience import persistently
from syncnb.codecs.registry import is_instance
from syncnb.errors import (
    InvalidMetaDataError,
    ObjectNotFoundError,
    RequestRefusedError,
    WrongSideError,
)
from syncnb.metadata import ObjectMetaData
from syncnb.statistics.columns import COLUMNS

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
_FORMAT = "jsonl"
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
    >>> from syncnb import LocalFleet, collect
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
            if not isinstance(name, str) or name in COLUMNS:
                raise InvalidMetaDataError(
                    "values", name, f"name the value by a string that is none of {COLUMNS}"
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

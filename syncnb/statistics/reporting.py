"""On the edge: a few rows as one object."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.client.patience import persistently
from syncnb.errors import (
    InvalidMetaDataError,
    ObjectNotFoundError,
    RequestRefusedError,
    WrongSideError,
)
from syncnb.metadata import ObjectMetaData
from syncnb.statistics.columns import LARGEST_LINES
from syncnb.statistics.rows import Row, line_of, rows_of

if TYPE_CHECKING:
    import pandas as pd

_FORMAT = "jsonl"
_KINDS = {bool: "booleans", str: "texts", list: "lists", dict: "objects"}
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
        There is no row, a value that JSON does not have, or a name with several kinds of values; or
        they are more than 64 MiB as JSON.
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
    rows = rows_of(values)
    lines = [line_of(row) for row in rows]
    client = client_or_default(client)
    if client.org_id:
        raise WrongSideError("report", "ESS")
    _check_kinds(lines)
    data = "".join(f"{line}\n" for line in lines).encode()
    if len(data) > LARGEST_LINES:
        raise InvalidMetaDataError(
            "values",
            f"{len(rows)} rows",
            f"they are {len(data)} bytes as JSON, and {LARGEST_LINES} may travel together: report "
            "some at a time, or with a Reporter",
        )
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


def _check_kinds(lines: Sequence[str]) -> None:
    """A column has one type, or the cloud could not make one of it."""
    kinds: dict[str, str] = {}
    for line in lines if len(lines) > 1 else ():
        for name, value in json.loads(line).items():
            kind = _KINDS.get(type(value), "numbers")
            if value is not None and kinds.setdefault(name, kind) != kind:
                raise InvalidMetaDataError(
                    name,
                    value,
                    f"report one kind of value under a name: here are {kinds[name]} too",
                )


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
    return f"{node_label()}.{time.time_ns():x}.{secrets.token_hex(4)}"


def node_label() -> str:
    """What this node calls itself, for people; which node an object is from says the service.

    Returns
    -------
    str
        ``SYNCNB_NODE`` or the name of the host, as a part of an object's ID.

    Examples
    --------
    >>> 0 < len(node_label()) <= 64
    True
    """
    node = os.environ.get("SYNCNB_NODE") or socket.gethostname()
    return re.sub(r"[^A-Za-z0-9_-]", "-", node)[:64] or "node"


def _arrived(client: SyncServiceClient, meta: ObjectMetaData) -> bool:
    try:
        client.get_object_status(meta.object_type, meta.object_id)
    except ObjectNotFoundError:
        return False
    return True

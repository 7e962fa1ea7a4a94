"""What arrives on a node or in the cloud, as it arrives."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from syncnb.client import SyncServiceClient
from syncnb.client.bulk import Arrival
from syncnb.client.connecting import client_or_default
from syncnb.client.progress import size
from syncnb.errors import ObjectNotFoundError
from syncnb.metadata import ObjectMetaData, check_stored_name
from syncnb.metadata.bundles import PAGE
from syncnb.tables.view import TableView, shared

_LONG_WAIT = 20.0  # seconds
_INTERVAL = 1.0  # seconds between two looks at a service that cannot wait
_KEPT = 10_000  # rows


def watch(object_type: str, *, client: SyncServiceClient | None = None) -> TableView:
    """Updates of a type as they arrive on a node or in the cloud, and what becomes of them.

    It only looks: it acknowledges nothing, so that the program that works on them misses none.

    Parameters
    ----------
    object_type : str
        Which type.
    client : SyncServiceClient, optional
        The ESS of a node, or the CSS; by default the one of the settings.

    Returns
    -------
    TableView
        A row for each object that has arrived: ``arrived`` until a program has acknowledged it,
        then ``handled``.

    Raises
    ------
    InvalidMetaDataError
        There is no such name of a type.
    SettingsError
        There is no client, and no settings say which service.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish, watch
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish(b"data", "note", "a", dest_type="edge", client=fleet.cloud)
    ...     last = done.wait("delivered")
    ...     watch("note", client=fleet.node("node1")).to_pandas()["status"].tolist()
    ['arrived']
    """
    check_stored_name("object_type", object_type)
    client = client_or_default(client)
    key = ("arrivals", client.url, client.org_id, object_type)
    return TableView(shared(key, lambda: Arrivals(client, object_type)))


class Arrivals:
    """What `watch` shows.

    Parameters
    ----------
    client : SyncServiceClient
        The service.
    object_type : str
        Which type.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet:
    ...     Arrivals(fleet.node("node1"), "note").rows()
    ()
    """

    columns: Sequence[str] = ("object", "version", "size", "from", "status", "since", "message")
    goal = "handled"

    def __init__(self, client: SyncServiceClient, object_type: str) -> None:
        self._client, self._type = client, object_type
        side = f"the cloud, {client.org_id}" if client.org_id else "this node"
        self.title = f"Updates of {object_type!r} in {side}"
        self.empty = "Nothing has arrived yet: each update appears here as it does."
        self._rows: dict[tuple[str, int], Mapping[str, str]] = {}
        self._etag, self._looked = "", False

    def rows(self) -> Sequence[Mapping[str, str]]:
        """The newest first."""
        if not self._looked:
            self.wait_for_change(0)
        return tuple(reversed(self._rows.values()))

    def wait_for_change(self, timeout: float) -> bool:
        """Wait until something arrives or is acknowledged."""
        started, wait = time.monotonic(), min(timeout, _LONG_WAIT)
        watched = self._client.watch_arrivals(
            self._type, received=True, etag=self._etag, wait=wait if self._looked else 0
        )
        self._etag, first = watched.etag, not self._looked
        self._looked = True
        if watched.items is not None:
            return self._note(self._all(watched.items)) or first
        pause = min(_INTERVAL, timeout) - (time.monotonic() - started)
        if not watched.waited and pause > 0:
            time.sleep(pause)
        return False

    def done(self) -> bool:
        """There may always be more."""
        return False

    def _all(self, items: list[Arrival]) -> list[Arrival]:
        """Also those of the next pages, of which the list that was waited for has the first."""
        found, page = list(items), items
        while len(page) == PAGE:
            more = self._client.watch_arrivals(self._type, received=True, after=found[-1].object_id)
            page = more.items or []
            found += page
        return found

    def _note(self, found: list[Arrival]) -> bool:
        now, before = datetime.now(UTC).isoformat(timespec="seconds"), self._rows
        here = {one.key for one in found}
        rows = {
            key: row if key in here or row["status"] == "handled" else _handled(row, now)
            for key, row in before.items()
        }
        for one in found:
            if one.key not in rows:
                rows[one.key] = self._row(one, now)
        for key in list(rows)[: max(0, len(rows) - _KEPT)]:
            del rows[key]
        self._rows = rows
        return rows != before

    def _row(self, one: Arrival, now: str) -> Mapping[str, str]:
        meta = one.meta or self._meta(one)
        origin = f"{one.origin_type}/{one.origin_id}".strip("/")
        return {
            "object": one.object_id,
            "version": meta.version if meta is not None else "",
            "size": size(one.object_size),
            "from": origin,
            "status": "arrived",
            "since": now,
        }

    def _meta(self, one: Arrival) -> ObjectMetaData | None:
        try:
            return self._client.get_object_metadata(self._type, one.object_id)
        except ObjectNotFoundError:  # acknowledged and gone meanwhile
            return None


def _handled(row: Mapping[str, str], now: str) -> Mapping[str, str]:
    return {**row, "status": "handled", "since": now}

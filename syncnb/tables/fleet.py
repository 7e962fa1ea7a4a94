"""The nodes of an organisation: when they were seen, and which versions they have."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from syncnb.client import SyncServiceClient
from syncnb.client.checks import check_seconds
from syncnb.client.connecting import client_or_default
from syncnb.errors import AccessDeniedError, InvalidMetaDataError, WrongSideError
from syncnb.feedback import OBJECT_TYPE, Failure, failures, mark_of
from syncnb.metadata import Destination, DestinationStatus, ObjectMetaData, natural
from syncnb.tables.view import TableView, shared

_INTERVAL = 2.0  # seconds between two looks
_SILENT = 7500.0  # seconds; a node gives a sign of life each hour
_Node = tuple[str, str]
_Name = tuple[str, str]


def fleet_table(
    client: SyncServiceClient | None = None,
    *,
    object_types: Sequence[str] | None = None,
    dest_type: str | None = None,
    silent_after: float = _SILENT,
) -> TableView:
    """The nodes of an organisation: last sign of life, version of each model, and health.

    Parameters
    ----------
    client : SyncServiceClient, optional
        The CSS; by default the one of the settings.
    object_types : sequence of str, optional
        Types of the objects that get a column each; by default all that go from the cloud to nodes.
    dest_type : str, optional
        Only nodes of this type.
    silent_after : float, default 7500
        Seconds without a sign of life after which a node counts as silent. By default, nodes give
        one an hour. Only syncnb's own service says when that was.

    Returns
    -------
    TableView
        A row a node. Its ``status`` is ``failed`` (it cannot use something, ``message`` says what
        and why), ``silent``, ``behind`` (something is on its way) or ``up to date``. A version
        alone was consumed; else its state stands behind it.

    Raises
    ------
    WrongSideError
        The client is one of an ESS.
    InvalidMetaDataError
        `object_types` is one text.
    SettingsError
        `silent_after` is no time, or there is no client and no settings say which service.

    Examples
    --------
    >>> from syncnb import LocalFleet, fleet_table, publish
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish(b"data", "note", "a", dest_type="edge", client=fleet.cloud)
    ...     last = done.wait("delivered")
    ...     fleet_table(fleet.cloud).to_pandas().loc[0, ["status", "note/a"]].tolist()
    ['behind', '1 delivered']
    """
    client = client_or_default(client)
    if not client.org_id:
        raise WrongSideError("fleet_table", "CSS")
    check_seconds("silent_after", silent_after)
    if isinstance(object_types, str):
        raise InvalidMetaDataError("object_types", object_types, f"give a list: [{object_types!r}]")
    types = None if object_types is None else tuple(object_types)
    key = ("fleet", client.url, client.org_id, types, dest_type, silent_after)
    return TableView(
        shared(key, lambda: Fleet(client, types, dest_type, timedelta(seconds=silent_after)))
    )


class Fleet:
    """What `fleet_table` shows.

    Parameters
    ----------
    client : SyncServiceClient
        The CSS.
    object_types : sequence of str or None
        Which objects get a column.
    dest_type : str or None
        Only nodes of this type.
    silent_after : timedelta
        Without a sign of life.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet:
    ...     Fleet(fleet.cloud, None, None, timedelta(hours=2)).rows()[0]["status"]
    'up to date'
    """

    goal = "up to date"
    empty = "No nodes yet: each appears here when it has registered."
    names: Mapping[str, str] = {"since": "last seen"}

    def __init__(
        self,
        client: SyncServiceClient,
        object_types: Sequence[str] | None,
        dest_type: str | None,
        silent_after: timedelta,
    ) -> None:
        self._client, self._types, self._dest_type = client, object_types, dest_type
        self._silent_after = silent_after
        self.title = f"Nodes of {client.org_id}" + (f", {dest_type}" if dest_type else "")
        self._objects: Sequence[_Name] = ()
        self._rows: Sequence[Mapping[str, str]] | None = None
        self._pause = threading.Event()

    @property
    def columns(self) -> Sequence[str]:
        """Those of a node, and one for each object."""
        return ("node", "status", *map(_column, self._objects), "since", "message")

    def rows(self) -> Sequence[Mapping[str, str]]:
        """By node."""
        if self._rows is None:
            self._look()
        return self._rows or ()

    def wait_for_change(self, timeout: float) -> bool:
        """Look again after a while; no service can wait for all of this."""
        self._pause.wait(min(_INTERVAL, max(timeout, 0)))
        before = self._rows
        self._look()
        return self._rows is not before

    def done(self) -> bool:
        """There may always be more nodes."""
        return False

    def _look(self) -> None:
        nodes = [
            node
            for node in self._client.get_destinations(seen=True)
            if self._dest_type in (None, node.dest_type)
        ]
        metas = self._published()
        reached = self._reached(metas)
        failed = self._failed(metas)
        known = {row["node"]: row for row in self._rows or ()}
        rows = []
        for node in sorted(nodes, key=lambda one: (one.dest_type, natural(one.dest_id))):
            row = self._row(node, metas, reached, failed)
            before = known.get(row["node"])
            rows.append(row if before is None or before != row else before)
        found = tuple(rows)
        objects = sorted({name for of in reached.values() for name in of})
        if found != self._rows or objects != self._objects:
            self._objects, self._rows = objects, found

    def _published(self) -> Mapping[_Name, ObjectMetaData]:
        """What goes from the cloud to nodes."""
        if self._types is None:
            metas = [*self._client.get_objects_with_filters()]
        else:
            metas = [m for one in self._types for m in self._client.objects(one)]
        return {
            (m.object_type, m.object_id): m
            for m in metas
            if not m.deleted and m.origin_type in ("", "Cloud")
        }

    def _reached(
        self, metas: Mapping[_Name, ObjectMetaData]
    ) -> Mapping[_Node, Mapping[_Name, DestinationStatus]]:
        found: dict[_Node, dict[_Name, DestinationStatus]] = defaultdict(dict)
        for object_type in sorted({object_type for object_type, _ in metas}):
            for one in self._client.get_objects(object_type):
                name = (one.object_type, one.object_id)
                for status in one.destinations if name in metas else ():
                    if status.status != "deleted":
                        found[status.dest_type, status.dest_id][name] = status
        return found

    def _failed(
        self, metas: Mapping[_Name, ObjectMetaData]
    ) -> Mapping[_Node, Mapping[_Name, Failure]]:
        found: dict[_Node, dict[_Name, Failure]] = defaultdict(dict)
        try:
            told = failures(self._client.get_updated_objects(OBJECT_TYPE, received=True))
        except AccessDeniedError:  # that must not hide what is known of deliveries
            return found
        for one in told:
            meta = metas.get((one.object_type, one.object_id))
            if meta is not None and one.mark == mark_of(meta):
                found[one.dest_type, one.dest_id][one.object_type, one.object_id] = one
        return found

    def _row(
        self,
        node: Destination,
        metas: Mapping[_Name, ObjectMetaData],
        reached: Mapping[_Node, Mapping[_Name, DestinationStatus]],
        failed: Mapping[_Node, Mapping[_Name, Failure]],
    ) -> Mapping[str, str]:
        here = (node.dest_type, node.dest_id)
        cells, said, behind = {}, [], False
        for name, one in sorted(reached.get(here, {}).items()):
            status, why = str(one.status), one.message
            if status != "consumed" and (failure := failed.get(here, {}).get(name)):
                status, why = "failed", failure.reason
            version = metas[name].version
            cells[_column(name)] = f"{version} {'' if status == 'consumed' else status}".strip()
            if status in ("failed", "error"):
                said.append(f"{_column(name)} {version}: {why}")
            behind = behind or status != "consumed"
        seen = node.last_seen
        status = "behind" if behind else self.goal
        silent = seen is not None and datetime.now(UTC) - seen > self._silent_after
        return {
            "node": f"{node.dest_type}/{node.dest_id}",
            "status": "failed"
            if said
            else "silent"
            if silent
            else "behind"
            if behind
            else self.goal,
            **cells,
            "since": seen.isoformat(timespec="seconds") if seen is not None else "",
            "message": "\n".join(said),
        }


def _column(name: _Name) -> str:
    return f"{name[0]}/{name[1]}"

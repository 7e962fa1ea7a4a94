"""What was published, and how far it got at every node."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Self

from syncnb.archive import ArchiveKey
from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    InvalidManifestError,
    InvalidMetaDataError,
    ObjectNotFoundError,
    ServiceUnavailableError,
    SyncError,
    WaitTimeoutError,
    WrongSideError,
)
from syncnb.failures import FailureWatch
from syncnb.feedback import mark_of
from syncnb.manifest import Manifest
from syncnb.metadata import DestinationStatus, ObjectMetaData, natural
from syncnb.past import before, keeping_of, send_again
from syncnb.signing import signer_from
from syncnb.versioning import check_version

if TYPE_CHECKING:
    import pandas as pd

    from syncnb.archive.opening import ArchiveSource
    from syncnb.signing.signers import SignerSource
    from syncnb.widgets import LiveTable

log = logging.getLogger("syncnb")

_LONG_WAIT = 20.0  # seconds
_INTERVAL = 1.0  # seconds between two looks at a service that cannot wait
_TYPES = 5  # of nodes, that a notice lists
_IN_CLOUD = (
    "It went to the cloud, as all that an edge node publishes; how far it gets from there only a "
    "client of the CSS, which has an org_id, can say."
)
_Drawn = dict[tuple[str, str], tuple["DeliveryRow", Mapping[str, str]]]
_COLUMNS = ("dest_type", "dest_id", "status", "message", "version", "since")
# A node that consumed an object had it delivered.
_SHOWN = {"delivering": "sent"}  # what the table calls it
_REACHED = {
    "delivered": ("delivered", "consumed"),
    "consumed": ("consumed",),
    "failed": ("failed",),
}


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """An object at one node.

    Parameters
    ----------
    dest_type, dest_id : str
        The node.
    status : str
        ``pending``, ``delivering``, ``delivered``, ``consumed``, ``error`` or ``deleted``, or
        ``failed``: the node has it and cannot use it.
    message : str
        Why, when the status is ``error`` or ``failed``.
    version : str
        Of what was published.
    since : datetime
        Aware; when this process first saw the status, since services keep no times.

    Examples
    --------
    >>> row = DeliveryRow(dest_type="edge", dest_id="node1", status="consumed", message="",
    ...                   version="1.0.0", since=datetime(2030, 1, 1, tzinfo=UTC))
    >>> row.dest_id
    'node1'
    """

    dest_type: str
    dest_id: str
    status: str
    message: str
    version: str
    since: datetime


class Publication:
    """What was published, and how far it got. In a notebook it shows itself as a live table.

    Publishing functions make it; `rows` and `status` look, `wait` waits. When another version takes
    its place, the title says so, and the rows stay as they were.

    Parameters
    ----------
    meta_data : ObjectMetaData
        As they were sent.
    manifest : Manifest
        What travels beside the data.
    client : SyncServiceClient
        Where it was published.
    archive, signer
        As in `syncnb.publish`; for `rollback`.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=1) as fleet:
    ...     publication = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...     [row.dest_id for row in publication.delivery_rows()]
    ['node1']
    """

    columns: Sequence[str] = ("node", "version", "status", "since", "message")

    def __init__(
        self,
        meta_data: ObjectMetaData,
        manifest: Manifest,
        client: SyncServiceClient,
        *,
        archive: ArchiveSource | bool | None = None,
        signer: SignerSource = None,
    ) -> None:
        self.meta_data, self.manifest, self.client = meta_data, manifest, client
        self._archive, self._signer = archive, signer
        self.published_at = datetime.now(UTC)
        self._seen: dict[tuple[str, str], DeliveryRow] = {}
        # What `rows` made of what was seen; what did not change stays the very same.
        self._drawn: tuple[_Drawn, object, Sequence[Mapping[str, str]]] = ({}, None, ())
        self._steps: list[DeliveryRow] = []
        self._found: Sequence[DestinationStatus] = ()
        self._etag = ""
        self._replaced_by = ""  # what has taken its place; its rows stay as they were then
        self._failures = FailureWatch(client, meta_data)
        self._changed = threading.Condition()

    @classmethod
    def of(
        cls,
        object_type: str,
        name: str,
        *,
        client: SyncServiceClient | None = None,
        archive: ArchiveSource | bool | None = None,
        signer: SignerSource = None,
    ) -> Self:
        """What somebody published before.

        Parameters
        ----------
        object_type, name : str
            Type and ID of the object.
        client : SyncServiceClient, optional
            The CSS; by default the one of the settings.
        archive, signer
            As in `syncnb.publish`; for `rollback`.

        Returns
        -------
        Publication
            Of the version that is there now. Its manifest has no format if another tool published
            it, or if what is there is broken: that can be looked at, and rolled back.

        Raises
        ------
        ObjectNotFoundError
            There is no such object.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     Publication.of("example", "one", client=fleet.cloud).manifest == done.manifest
        True
        """
        client = client_or_default(client)
        meta = client.get_object_metadata(object_type, name)
        text = meta.description
        try:
            manifest = Manifest.from_description(text)
        except InvalidManifestError as error:
            log.warning("what is there as %s/%s is broken: %s", object_type, name, error)
            manifest, text = None, ""
        if manifest is None:
            manifest = Manifest(format="", codec="", sha256="", size=meta.object_size, text=text)
        return cls(meta, manifest, client, archive=archive, signer=signer)

    @property
    def object_type(self) -> str:
        """The object's type."""
        return self.meta_data.object_type

    @property
    def object_id(self) -> str:
        """The object's ID."""
        return self.meta_data.object_id

    @property
    def version(self) -> str:
        """The version that was published."""
        return self.meta_data.version

    @property
    def title(self) -> str:
        """Type, name and version, for people, and what has taken its place, if something has."""
        after = f", replaced by {self._replaced_by}" if self._replaced_by else ""
        return self._name + after

    @property
    def table(self) -> LiveTable | None:
        """The live table that shows it in the notebook; None if none does, or not any more."""
        from syncnb.widgets import table_of

        return table_of(self)

    def delivery_rows(self) -> list[DeliveryRow]:
        """How far it got at each node, as values.

        Returns
        -------
        list of DeliveryRow
            By node.

        Raises
        ------
        ServiceError, ConnectionFailedError
            The service does not say.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     done.delivery_rows()[0].dest_id
        'node1'
        """
        if self.client.org_id:  # an edge node sends to its cloud, and does not say how far that is
            self._failures.look(0)
            self._note(self.client.get_object_destinations(self.object_type, self.object_id))
        return self._rows()

    def status(self) -> pd.DataFrame:
        """How far it got at each node, as a table.

        Returns
        -------
        pandas.DataFrame
            A row a node, with the columns ``dest_type``, ``dest_id``, ``status``, ``message``,
            ``version`` and ``since`` (UTC; when this process first saw the status).

        Raises
        ------
        ServiceError, ConnectionFailedError
            The service does not say.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     list(done.status().columns)
        ['dest_type', 'dest_id', 'status', 'message', 'version', 'since']
        """
        return _frame(self.delivery_rows())

    def history(self) -> pd.DataFrame:
        """What happened at each node so far, as a table.

        Returns
        -------
        pandas.DataFrame
            A row for each status of each node, oldest first, with the columns of `status`. Services
            keep no times: ``since`` is when this process saw it, so it has to look on, in `wait` or
            a live table, while nodes get on.

        See Also
        --------
        syncnb.plots.rollout, syncnb.plots.delivery_times : Pictures of it.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     last = done.wait("delivered", timeout=30)
        ...     done.history()["status"].iloc[-1]
        'delivered'
        """
        with self._changed:
            return _frame(self._steps)

    def wait(
        self, status: str = "consumed", *, timeout: float = 60.0, nodes: int | None = None
    ) -> pd.DataFrame:
        """Wait until every node got there.

        Parameters
        ----------
        status : {"consumed", "delivered", "failed"}
            Where; what was consumed was delivered. ``"failed"`` is for what nodes are to refuse.
        timeout : float, default 60
            Seconds to wait at the longest.
        nodes : int, optional
            How many nodes at least; by default one.

        Returns
        -------
        pandas.DataFrame
            As `status`.

        Raises
        ------
        WaitTimeoutError
            Some did not; it names them with their status and message. A node that failed is waited
            for too, since it may recover; the log says so at once. Raised at once if another
            version has taken its place, since those nodes never get there then.
        InvalidMetaDataError
            There is no such status to wait for.
        WrongSideError
            An edge node published it, which is not told how far it gets.
        AccessDeniedError
            The credentials are not accepted any more.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     done.wait("delivered", timeout=30)["status"].tolist()
        ['delivered']
        """
        if status not in _REACHED:
            raise InvalidMetaDataError("status", status, f"wait for one of {sorted(_REACHED)}")
        if not self.client.org_id:
            raise WrongSideError("Publication.wait", "CSS")
        deadline = time.monotonic() + timeout
        while True:
            rows = self._rows()
            late = [row for row in rows if row.status not in _REACHED[status]]
            if rows and not late and len(rows) >= (nodes or 1):
                return _frame(rows)
            if self._replaced_by:
                raise WaitTimeoutError(
                    self._name, status, timeout, [_said(row) for row in late], self._replaced_by
                )
            left = deadline - time.monotonic()
            if left <= 0:
                missing = [_said(row) for row in late]
                if not rows and (nobody := self.notice):
                    missing = [nobody.rstrip(".")]
                elif not missing and nodes:
                    missing = [f"{len(rows)} of {nodes} nodes are registered for it"]
                raise WaitTimeoutError(self.title, status, timeout, missing)
            try:
                self.wait_for_change(left)
            except (ConnectionFailedError, ServiceUnavailableError):  # it may be restarting
                time.sleep(min(_INTERVAL, left))

    def delete(self) -> None:
        """Delete the object; the nodes are told.

        Raises
        ------
        ObjectNotFoundError
            It is gone already.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=0) as fleet:
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     done.delete()
        ...     len(fleet.cloud.get_objects("example"))
        0
        """
        self.client.delete_object(self.object_type, self.object_id)

    def rollback(self, to: str | None = None, *, timeout: float = 60.0) -> Publication:
        """Publish an older version again, to the same addresses.

        Its bytes come from the archive or, if it is there still, from the service.

        Parameters
        ----------
        to : str, optional
            The version; by default the newest older than what the service has now.
        timeout : float, default 60
            Seconds that the service may be away.

        Returns
        -------
        Publication
            Of that version, with a new sequence, marked as a rollback, and signed anew if there is
            a signer. If the service has it already, nothing is sent.

        Raises
        ------
        ArchiveError
            There is no such version any more; those that are known are named.
        SignatureError
            Its record was changed since it was signed.
        InvalidMetaDataError, DataError, ServiceError, ConnectionFailedError
            As `syncnb.publish`.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     for data in (b"good", b"bad"):
        ...         done = publish(data, "example", "one", dest_type="edge", client=fleet.cloud)
        ...     back = done.rollback()
        ...     back.version, back.manifest.rollback, fleet.cloud.read_object_data(back.meta_data)
        ('1', True, b'good')
        """
        keeping = keeping_of(self.client, self._archive)
        key = ArchiveKey(self.client.org_id, self.object_type, self.object_id)
        addresses = self.client.get_object_metadata(self.object_type, self.object_id)
        meta, manifest = send_again(
            key,
            [key],
            before(self.client, key, keeping) if to is None else check_version(to),
            addresses=addresses,
            client=self.client,
            keeping=keeping,
            signer=signer_from(self._signer),
            timeout=timeout,
        )
        return Publication(meta, manifest, self.client, archive=self._archive, signer=self._signer)

    # ----------------------------------------- what the table draws (TableSource)

    def rows(self) -> Sequence[Mapping[str, str]]:
        """How far it got at each node, as the live table shows it; asks nobody.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     done.rows()[0]["node"]
        'edge/node1'
        """
        if not self._seen:
            self.wait_for_change(0)
        with self._changed:
            before, of, rows = self._drawn
            if of is not self._seen:
                drawn = {
                    node: known
                    if (known := before.get(node)) and known[0] is row
                    else (row, _drawn(row))
                    for node, row in self._seen.items()
                }
                rows = tuple(shown for _, shown in drawn.values())
                self._drawn = drawn, self._seen, rows
        return rows

    def wait_for_change(self, timeout: float) -> bool:
        """Wait until something changed at a node, at most `timeout` seconds.

        Parameters
        ----------
        timeout : float
            Seconds.

        Returns
        -------
        bool
            Whether something changed.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     done.wait_for_change(timeout=10)  # the first look always brings something
        True
        """
        if not self.client.org_id:  # see delivery_rows
            time.sleep(min(_INTERVAL, max(timeout, 0)))
            return False
        wait = min(timeout, _LONG_WAIT)
        started = time.monotonic()
        with self._failures.beside(wait) as own:
            watched = own(
                lambda seconds: self.client.watch_object_destinations(
                    self.object_type, self.object_id, etag=self._etag, wait=seconds
                )
            )
        self._etag = watched.etag
        changed = self._note(self._found if watched.items is None else watched.items)
        pause = min(_INTERVAL, timeout) - (time.monotonic() - started)
        if not changed and not watched.waited and pause > 0:
            time.sleep(pause)
        return changed

    @property
    def notice(self) -> str:
        """Why there are no rows, if no node has the type that it goes to; asks the service."""
        dest_type = self.meta_data.dest_type
        if self._seen or not dest_type or not self.client.org_id:
            return ""
        try:
            found = Counter(node.dest_type for node in self.client.get_destinations())
        except SyncError:  # it does not answer, or not to this caller
            return ""
        return "" if dest_type in found else _nobody(dest_type, found)

    @property
    def empty(self) -> str:
        """What the table says while it has no rows, where the usual would be wrong."""
        if self._replaced_by:
            return "Its place was taken before it was looked at."
        return "" if self.client.org_id else _IN_CLOUD

    def done(self) -> bool:
        """Whether nothing more is expected to change.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     done.done()  # nobody has consumed it
        False
        """
        if not self.client.org_id or self._replaced_by:  # see delivery_rows
            return True
        rows = self._rows()
        return bool(rows) and all(row.status in ("consumed", "deleted") for row in rows)

    # ------------------------------------------------------------------ details

    def _note(self, found: Sequence[DestinationStatus]) -> bool:
        now, before = datetime.now(UTC), self._seen
        seen = {(one.dest_type, one.dest_id): self._row(one, before, now) for one in found}
        if seen.keys() == before.keys():
            seen = {node: seen[node] for node in before}
        else:
            seen = dict(sorted(seen.items(), key=lambda item: (item[0][0], natural(item[0][1]))))
        if seen == before:
            self._found = found
            return False
        newer = self._newer()  # asked after the statuses, so that these are of this one if it is
        with self._changed:
            self._found = found
            if newer or self._replaced_by:
                self._replaced_by = self._replaced_by or newer
                # Its own rows stay; what nodes refused in its place is the publisher's concern.
                refused = {n: row for n, row in seen.items() if row.status in ("failed", "error")}
                seen = {**before, **refused}
            self._steps += [row for node, row in seen.items() if row is not before.get(node)]
            self._seen = seen
            return True

    def _newer(self) -> str:
        """What has taken the place of this publication; empty if nothing has.

        Statuses are those of the newest version, and services do not say of which that is.
        """
        try:
            meta = self.client.get_object_metadata(self.object_type, self.object_id)
        except (ObjectNotFoundError, AccessDeniedError):  # deleted, or not for this caller
            return ""
        if mark_of(meta) == mark_of(self.meta_data):
            return ""
        return meta.version if meta.version not in ("", self.version) else "another publication"

    @property
    def _name(self) -> str:
        return f"{self.object_type}/{self.object_id} {self.version}".rstrip()

    def _row(
        self,
        one: DestinationStatus,
        before: Mapping[tuple[str, str], DeliveryRow],
        now: datetime,
    ) -> DeliveryRow:
        status, message = one.status, one.message
        failure = self._failures.of(one.dest_type, one.dest_id)
        if failure is not None and status not in ("consumed", "deleted"):
            status, message = "failed", failure.reason
        known = before.get((one.dest_type, one.dest_id))
        if known is not None and known.status == status and known.message == message:
            return known
        return DeliveryRow(
            dest_type=one.dest_type,
            dest_id=one.dest_id,
            status=status,
            message=message,
            version=self.version,
            since=now,
        )

    def _rows(self) -> list[DeliveryRow]:
        return list(self._seen.values())

    def __repr__(self) -> str:
        from syncnb.widgets import to_text

        self._refresh()
        return to_text(self)

    def _repr_html_(self) -> str:
        from syncnb.widgets import to_html

        self._refresh()
        return to_html(self)

    def _ipython_display_(self) -> None:
        from syncnb.widgets import show

        self._refresh()
        show(self)

    def _refresh(self) -> None:
        """Look once, so that what is shown is true now; a service that is away shows the last."""
        with contextlib.suppress(SyncError):
            self.wait_for_change(0)


def _drawn(row: DeliveryRow) -> Mapping[str, str]:
    return {
        "node": f"{row.dest_type}/{row.dest_id}",
        "version": row.version,
        "status": _SHOWN.get(row.status, row.status),
        "since": row.since.isoformat(timespec="seconds"),
        "message": row.message,
        "dest_id": row.dest_id,
    }


def _nobody(dest_type: str, found: Mapping[str, int]) -> str:
    """That no node has a type, and which types there are.

    Examples
    --------
    >>> _nobody("camrea", {"camera": 3, "gate": 1})
    "No node of type 'camrea' is registered, but 'camera' (3), 'gate' (1). Did you mean 'camera'?"
    """
    shown = ", ".join(f"{name!r} ({found[name]})" for name in sorted(found)[:_TYPES])
    shown += ", ..." if len(found) > _TYPES else ""
    said = f"No node of type {dest_type!r} is registered" + (f", but {shown}" if shown else "")
    near = get_close_matches(dest_type, found, n=1)
    return f"{said}. Did you mean {near[0]!r}?" if near else f"{said}."


def _frame(rows: Sequence[DeliveryRow]) -> pd.DataFrame:
    import pandas as pd

    values = [[getattr(row, column) for column in _COLUMNS] for row in rows]
    frame = pd.DataFrame(values, columns=list(_COLUMNS))
    return frame.astype({"since": "datetime64[us, UTC]"})


def _said(row: DeliveryRow) -> str:
    return f"{row.dest_type}/{row.dest_id}: {row.status}" + (
        f" ({row.message})" if row.message else ""
    )

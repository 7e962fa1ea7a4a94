"""In the cloud: which nodes said that they cannot use what was published."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from syncnb.client import SyncServiceClient
from syncnb.client.interrupting import Interrupt
from syncnb.errors import AccessDeniedError, ConnectionFailedError, SyncError
from syncnb.feedback import OBJECT_TYPE, Failure, failures, mark_of
from syncnb.metadata import ObjectMetaData

T = TypeVar("T")
log = logging.getLogger("syncnb")


class FailureWatch:
    """What nodes told about one publication.

    Parameters
    ----------
    client : SyncServiceClient
        The CSS.
    meta_data : ObjectMetaData
        Of what was published.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...     watch = FailureWatch(fleet.cloud, done.meta_data)
    ...     watch.look(0), watch.of("edge", "node1")
    (False, None)
    """

    def __init__(self, client: SyncServiceClient, meta_data: ObjectMetaData) -> None:
        self._client = client
        self._name = (meta_data.object_type, meta_data.object_id)
        self._mark, self._instance = mark_of(meta_data), meta_data.instance_id
        self._found: Mapping[tuple[str, str], Failure] = {}
        self._etag, self._denied = "", False

    def of(self, dest_type: str, dest_id: str) -> Failure | None:
        """What a node told, when this looked last."""
        return self._found.get((dest_type, dest_id))

    def look(self, wait: float) -> bool:
        """Look, or wait until there is something new.

        Parameters
        ----------
        wait : float
            Seconds to wait at the longest.

        Returns
        -------
        bool
            Whether something changed. False too if the service does not say: that nothing is known
            of failures must not hide what is known of deliveries.
        """
        if self._denied:
            return False
        try:
            watched = self._client.watch_updated_objects(
                OBJECT_TYPE, received=True, etag=self._etag, wait=wait
            )
        except AccessDeniedError as error:
            self._denied = True
            log.info("what nodes report about %s/%s cannot be seen: %s", *self._name, error)
            return False
        except SyncError:
            return False
        self._etag = watched.etag
        if watched.items is None:
            return False
        self._confirm(watched.items)
        found = {
            (one.dest_type, one.dest_id): self._as_seen(one)
            for one in failures(watched.items)
            if (one.object_type, one.object_id) == self._name and self._concerns(one)
        }
        for node in found.keys() - self._found.keys():
            log.warning("%s/%s failed at %s/%s: %s", *self._name, *node, found[node].reason)
        changed, self._found = found != self._found, found
        return changed

    @contextmanager
    def beside(self, wait: float) -> Iterator[Callable[[Callable[[float], T]], T]]:
        """Wait for something else, and for what nodes tell at the same time.

        Parameters
        ----------
        wait : float
            Seconds to wait at the longest.

        Yields
        ------
        callable
            Makes the other wait, which is given its seconds; what a node tells ends it, and it is
            made again with 0 seconds then.
        """
        if wait <= 0 or self._denied:
            self.look(0)
            yield lambda call: call(max(wait, 0.0))
            return
        mine, other = Interrupt(), Interrupt()

        def work() -> None:
            with mine.requests():
                if self.look(wait):
                    other.set()

        def own(call: Callable[[float], T]) -> T:
            with contextlib.suppress(ConnectionFailedError), other.requests():
                return call(wait)
            return call(0.0)  # broken off; or the service restarts, which an ordinary call survives

        thread = threading.Thread(target=work, name="syncnb-failures", daemon=True)
        thread.start()
        try:
            yield own
        finally:
            mine.set()
            thread.join()

    def _concerns(self, one: Failure) -> bool:
        """Whether it is about this publication, or about what came in its place later.

        Its publisher may not know of that: an older version that somebody put there again, say.
        """
        return one.mark == self._mark or 0 < self._instance < one.instance_id

    def _as_seen(self, one: Failure) -> Failure:
        if one.mark == self._mark:
            return one
        what = f"version {one.version}" if one.version else "something else"
        return replace(one, reason=f"{what} came in its place: {one.reason}")

    def _confirm(self, items: list[ObjectMetaData]) -> None:
        """Nobody else tells a node that its report is gone here too."""
        for meta in items:
            if meta.deleted and meta.origin_id and meta.origin_type != "Cloud":
                with contextlib.suppress(SyncError):
                    self._client.mark_object_deleted(meta)

"""Calls that wait for updates in the background."""

from __future__ import annotations

import inspect
import os
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, cast

from syncnb.client.calls import Calls
from syncnb.client.given import Given
from syncnb.client.interrupting import Interrupt
from syncnb.client.iterate import iter_updates
from syncnb.client.newest import NameOf
from syncnb.client.poller import Poller, UpdateQueue
from syncnb.client.processed import Processed
from syncnb.client.transport import Transport
from syncnb.errors import SettingsError

if TYPE_CHECKING:
    from syncnb.client.client import SyncServiceClient
    from syncnb.client.webhook_receiver import WebhookReceiver
    from syncnb.metadata import ObjectMetaData


class PollingCalls(Calls):
    """Pollers of this client; any number, each independent of the others."""

    def __init__(self, transport: Transport, org_id: str) -> None:
        super().__init__(transport, org_id)
        self._pollers: list[Poller] = []
        self._pollers_lock = threading.Lock()

    def start_polling_for_updates(
        self,
        object_type: str,
        to: Callable[[ObjectMetaData], object] | UpdateQueue,
        *,
        poll_interval: float = 10.0,
        only_latest: bool | NameOf = False,
        acknowledge: bool = False,
        on_error: Literal["stop", "again"] = "stop",
        state: str | os.PathLike[str] | None = None,
        webhook: WebhookReceiver | None = None,
    ) -> Poller:
        """Hand every update of a type to a callback or a queue, from a thread, until stopped.

        Each update is handed out once, however long it stays unmarked; a new version or a
        deletion is a new update. What an earlier run marked received comes again once.

        Parameters
        ----------
        object_type : str
            Which type.
        to : callable or queue.Queue
            Gets the `ObjectMetaData` of each update. A callback runs in the poller's thread, one
            call at a time. A queue that is full holds the poller up; what does not fit is not
            lost.
        poll_interval : float, default 10
            Seconds between two looks at a service that cannot wait, varied by a tenth.
        only_latest : bool or callable, default False
            As for `syncnb.updates`.
        acknowledge : bool, default False
            Mark an update consumed (a deletion: deleted) when the callback has returned, if no
            newer version has arrived meanwhile. By default marking is the application's affair.
        on_error : {"stop", "again"}
            What an exception of the callback does: ``"stop"`` (the default) ends the poller and
            is raised by `Poller.stop`; ``"again"`` is logged, kept in `Poller.errors`, and the
            update comes again after five seconds.
        state : path, optional
            A small file that remembers what the callback has processed, also over a restart.
        webhook : WebhookReceiver, optional
            Makes a service that cannot wait tell when something arrives.

        Returns
        -------
        Poller
            Running; stop it, or use it in a ``with`` block.

        Raises
        ------
        InvalidMetaDataError, SettingsError
            The type is no name; `to` is neither; `poll_interval` is not positive; `state` or
            `acknowledge` with a queue, which cannot say what was processed; `state` is in use.

        See Also
        --------
        syncnb.updates : The same as an iterator, which checks and loads as well.

        Notes
        -----
        The loop of rest-api.md, 9.1.

        Examples
        --------
        >>> from threading import Event
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     node, came = fleet.node("node1"), Event()
        ...     poller = node.start_polling_for_updates("example", lambda meta: came.set())
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     came.wait(20), poller.stop()
        (True, True)
        """
        _check(to, acknowledge, on_error, state)
        client = cast("SyncServiceClient", self)
        interrupt = Interrupt()
        with ExitStack() as opened:
            processed = None if state is None else opened.enter_context(Processed(state))

            def updates(
                given: Given, on_outage: Callable[[Exception], object]
            ) -> Generator[ObjectMetaData]:
                found = iter_updates(
                    client,
                    object_type,
                    poll_interval=poll_interval,
                    only_latest=only_latest,
                    processed=processed,
                    webhook=webhook,
                    stop=interrupt,
                    given=given,
                    on_outage=on_outage,
                )
                return _closing(found, opened.pop_all())

            with self._pollers_lock:  # its callback may want to stop it at once, and has to find it
                poller = Poller(
                    client,
                    object_type,
                    updates,
                    to,
                    interrupt,
                    acknowledges=acknowledge,
                    on_error=on_error,
                    processed=processed,
                )
                kept = [one for one in self._pollers if one.running or one.has_to_tell]
                self._pollers = [*kept, poller]
        return poller

    def stop_polling_for_updates(self, object_type: str | None = None) -> None:
        """Stop the pollers of this client; nothing happens if there are none.

        Parameters
        ----------
        object_type : str, optional
            Only those of this type; by default all.

        Raises
        ------
        Exception
            What ended one of them before, if nobody was told yet; all have been stopped then.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet:
        ...     node = fleet.node("node1")
        ...     poller = node.start_polling_for_updates("example", print)
        ...     node.stop_polling_for_updates("example")
        ...     poller.running
        False
        """
        with self._pollers_lock:
            chosen = [p for p in self._pollers if object_type in (None, p.object_type)]
            self._pollers = [p for p in self._pollers if p not in chosen]
        with ExitStack() as stack:  # every one is stopped, whatever one of them raises
            for poller in chosen:
                stack.callback(poller.stop)


def _closing(found: Iterator[ObjectMetaData], resources: ExitStack) -> Generator[ObjectMetaData]:
    with resources:
        yield from found


def _check(to: object, acknowledge: bool, on_error: str, state: object) -> None:
    if inspect.iscoroutinefunction(to) or inspect.iscoroutinefunction(getattr(to, "put", None)):
        raise SettingsError(
            "to", f"{to!r} is for asyncio", "use syncnb.updates_async, or a plain function"
        )
    if not callable(to) and not isinstance(to, UpdateQueue):
        raise SettingsError("to", f"{to!r} takes no updates", "give a function or a queue.Queue")
    if isinstance(to, UpdateQueue) and (state is not None or acknowledge):
        raise SettingsError(
            "state" if state is not None else "acknowledge",
            "a queue cannot say what was processed",
            "give a function",
        )
    if on_error not in ("stop", "again"):
        raise SettingsError("on_error", repr(on_error), "choose 'stop' or 'again'")

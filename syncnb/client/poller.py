"""A thread that waits for updates and hands them to a callback or a queue."""

from __future__ import annotations

import html
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, runtime_checkable

from syncnb.client.acknowledging import Mark, acknowledge
from syncnb.client.given import Given
from syncnb.client.interrupting import Interrupt
from syncnb.client.patience import persistently
from syncnb.errors import ConnectionFailedError, ServiceError, ServiceUnavailableError

if TYPE_CHECKING:
    from syncnb.client.client import SyncServiceClient
    from syncnb.client.processed import Processed
    from syncnb.metadata import ObjectMetaData

log = logging.getLogger("syncnb")
_SLICE = 0.1  # seconds; a stop is noticed after it while a queue is full
_AGAIN_AFTER = 5.0  # seconds after which an update comes again whose callback failed
_ACKNOWLEDGE_TIMEOUT = 120.0  # seconds that the service may be away
_GRACE = 2.0  # seconds that an acknowledgement has after a stop
_MOST_ERRORS = 100  # that are kept


@runtime_checkable
class UpdateQueue(Protocol):
    """What takes updates as `queue.Queue` does."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item, or raise `queue.Full` after `timeout` seconds."""


class Poller:
    """Waits for the updates of a type, in a thread of its own, until it is stopped.

    `SyncServiceClient.start_polling_for_updates` makes it. In a ``with`` block it is stopped at
    the end.

    Errors of the network never end it; they are in `errors` and, a line for each outage, in the
    log. What ends it: `stop`; a refusal of the first look, such as wrong credentials; and, unless
    ``on_error="again"``, an exception of the callback. That is logged when it happens, and raised
    by `stop`, `join` or the end of the ``with`` block, whichever comes first.

    Examples
    --------
    >>> import queue
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=1) as fleet:
    ...     arrived = queue.Queue()
    ...     with fleet.node("node1").start_polling_for_updates("example", arrived) as poller:
    ...         done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...         print(arrived.get(timeout=20).object_id, poller.errors)
    one ()
    """

    def __init__(
        self,
        client: SyncServiceClient,
        object_type: str,
        updates: Callable[[Given, Callable[[Exception], object]], Generator[ObjectMetaData]],
        deliver: Callable[[ObjectMetaData], object] | UpdateQueue,
        interrupt: Interrupt,
        *,
        acknowledges: bool,
        on_error: Literal["stop", "again"],
        processed: Processed | None,
    ) -> None:
        self._client, self.object_type = client, object_type
        self._deliver, self._interrupt = deliver, interrupt
        self._acknowledges, self._on_error = acknowledges, on_error
        self._processed = processed
        self._errors: deque[Exception] = deque(maxlen=_MOST_ERRORS)
        self._fatal: BaseException | None = None
        self._raised = False
        self._acknowledging = Interrupt()
        self._given = Given(None)
        self.handed_out = 0  # updates, each time that one was
        self._updates = updates(self._given, self._errors.append)
        self._thread = threading.Thread(
            target=self._run, name=f"syncnb-poller-{object_type}", daemon=True
        )
        self._thread.start()

    @property
    def errors(self) -> tuple[Exception, ...]:
        """The last hundred errors, the oldest first: of the network, and of the callback."""
        return tuple(self._errors)

    @property
    def running(self) -> bool:
        """Whether it waits or hands out; False after a stop and after an error that ended it."""
        return self._thread.is_alive()

    @property
    def has_to_tell(self) -> bool:
        """Whether it was ended by an error that was not raised yet."""
        return self._fatal is not None and not self._raised

    def stop(self, timeout: float | None = None) -> bool:
        """End it: a wait is broken off at once, a callback that runs is waited for.

        An acknowledgement under way has two seconds; if it is broken off, the update comes again.

        It may be called from any thread, also by the callback (which is not waited for then), and
        again.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait for a callback that runs; by default as long as it takes.

        Returns
        -------
        bool
            Whether it has ended.

        Raises
        ------
        Exception
            What ended it before, if nobody was told yet.
        """
        self._interrupt.set()
        if threading.current_thread() is self._thread:
            return False
        grace = _GRACE if timeout is None else min(timeout, _GRACE)
        self._thread.join(grace)
        self._acknowledging.set()
        return self.join(None if timeout is None else timeout - grace)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it ends by itself.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; by default for ever.

        Returns
        -------
        bool
            Whether it has ended.

        Raises
        ------
        Exception
            What ended it, if nobody was told yet.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            return False
        if self._fatal is not None and not self._raised:
            self._raised = True
            raise self._fatal
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.stop()
        else:  # the exception of the block is not to be replaced; the other is in the log
            with suppress(Exception):
                self.stop()

    def __repr__(self) -> str:
        times = f"{self.handed_out} update{'' if self.handed_out == 1 else 's'}"
        return f"<Poller of {self.object_type!r} at {self._client.url}: {self._state}, {times}>"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"

    @property
    def _state(self) -> str:
        if self._fatal is not None:
            return f"ended by {type(self._fatal).__name__}"
        return "running" if self.running else "stopped"

    def _run(self) -> None:
        try:
            with closing(self._updates) as updates:
                for meta in updates:
                    if not self._hand_out(meta):
                        return
        except BaseException as error:  # noqa: BLE001  raised again by stop() or join()
            self._end(error)

    def _hand_out(self, meta: ObjectMetaData) -> bool:
        """Whether to go on."""
        if isinstance(self._deliver, UpdateQueue):
            if self._put(self._deliver, meta):
                self.handed_out += 1
            return not self._interrupt.is_set()
        self.handed_out += 1
        try:
            self._deliver(meta)
        except Exception as error:
            if self._on_error == "stop":
                raise
            self._errors.append(error)
            log.exception("the callback failed for %s, it comes again", _name(meta))
            self._given.again(meta, _AGAIN_AFTER)
            return True
        self._finish(meta)
        return True

    def _put(self, target: UpdateQueue, meta: ObjectMetaData) -> bool:
        while not self._interrupt.is_set():
            try:
                target.put(meta, timeout=_SLICE)
            except queue.Full:
                continue
            return True
        return False

    def _finish(self, meta: ObjectMetaData) -> None:
        mark: Mark | None = None
        if self._acknowledges:
            mark = "deleted" if meta.deleted else "consumed"
        if self._processed is not None:
            self._processed.add(meta, mark)
        if mark is None:
            return
        try:
            with self._cut_after_stop(), self._acknowledging.requests():
                persistently(
                    lambda: acknowledge(self._client, meta, mark), timeout=_ACKNOWLEDGE_TIMEOUT
                )
        except (ConnectionFailedError, ServiceUnavailableError) as error:
            self._errors.append(error)
            log.warning("%s is not acknowledged, it comes again: %s", _name(meta), error)
            self._given.again(meta, _AGAIN_AFTER)
        except ServiceError as error:
            self._errors.append(error)
            log.warning("%s cannot be acknowledged: %s", _name(meta), error)
        else:
            if self._processed is not None:
                self._processed.acknowledged(meta)

    @contextmanager
    def _cut_after_stop(self) -> Iterator[None]:
        """An acknowledgement has its two seconds also if it begins after the stop."""
        if not self._interrupt.is_set():
            yield
            return
        self._acknowledging = Interrupt()
        with self._acknowledging.after(_GRACE):
            yield

    def _end(self, error: BaseException) -> None:
        self._fatal = error
        if isinstance(error, Exception):
            self._errors.append(error)
        log.error("polling for %r has ended: %s", self.object_type, error, exc_info=error)


def _name(meta: ObjectMetaData) -> str:
    return f"object {meta.object_type}/{meta.object_id}"

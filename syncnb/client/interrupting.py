"""Requests and pauses that another thread can cut short.

A thread that waits for an answer sleeps in the kernel, and only its connection can wake it. So the
connections of the pool take note of the request that they serve, and an `Interrupt` shuts the
connection of a request down: the wait ends at once, with an error of the network.

The interrupt is bound to the thread (`Interrupt.requests`) instead of being passed through every
call between the loop that waits and the socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

if TYPE_CHECKING:
    from urllib3.connectionpool import HTTPConnectionPool

_SLICE = 0.1  # seconds; an event of the caller's is noticed after it at the latest
_bound = threading.local()


class Interrupt:
    """Ends the pauses and the requests of a loop, from any thread.

    Examples
    --------
    >>> interrupt = Interrupt()
    >>> interrupt.set()
    >>> interrupt.wait(60.0)
    >>> interrupt.is_set()
    True
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._is_set = self._has_rung = False
        self._requests: set[_Request] = set()

    def set(self) -> None:
        """End the pause and break off the request under way, and all later ones."""
        with self._condition:
            self._is_set = True
            self._condition.notify_all()
            for request in self._requests:
                request.cut()

    def is_set(self) -> bool:
        """Whether it was."""
        return self._is_set

    def ring(self) -> None:
        """End the pause under way, or the next one; nothing else."""
        with self._condition:
            self._has_rung = True
            self._condition.notify_all()

    def unring(self) -> None:
        """Forget what rang before, since the loop looks now."""
        self._has_rung = False

    def wait(self, seconds: float) -> None:
        """A pause that `set` and `ring` end.

        Parameters
        ----------
        seconds : float
            Its length.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._is_set or self._has_rung, seconds)

    @contextmanager
    def requests(self) -> Iterator[None]:
        """Inside of it, `set` breaks off what this thread requests; nothing is sent twice."""
        request, outer = _Request(self), current()
        _bound.request = request
        with self._condition:
            self._requests.add(request)
        try:
            yield
        finally:
            _bound.request = outer
            with self._condition:
                self._requests.discard(request)
                request.detach()

    @contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        """Inside of it, this is set when so many seconds have passed.

        Parameters
        ----------
        seconds : float
            How long the block may take.
        """
        timer = threading.Timer(seconds, self.set)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    @contextmanager
    def following(self, event: threading.Event | None) -> Iterator[None]:
        """Inside of it, this is set soon after an event of the caller's is.

        Parameters
        ----------
        event : threading.Event or None
            None: nothing is followed.
        """
        if event is None:
            yield
            return
        over = threading.Event()

        def follow() -> None:
            while not event.wait(_SLICE):
                if over.is_set():
                    return
            self.set()

        thread = threading.Thread(target=follow, name="syncnb-stop", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            if thread is not threading.current_thread():  # a collector runs where it likes
                thread.join()

    def abandonable(self, connect: Callable[[], socket.socket]) -> socket.socket:
        """A connection, unless this is set before it is there.

        Neither the search for a name nor a connect can be broken off, so a thread does both, and
        is left to itself when nobody wants the connection any more.
        """
        made: list[socket.socket] = []
        failed: list[BaseException] = []

        def work() -> None:
            try:
                made.append(connect())
            except BaseException as error:  # noqa: BLE001  raised again where it is awaited
                failed.append(error)
            with self._condition:
                if self._is_set and made:
                    made.pop().close()
                self._condition.notify_all()

        if not self._is_set:
            threading.Thread(target=work, name="syncnb-connect", daemon=True).start()
        with self._condition:
            self._condition.wait_for(lambda: self._is_set or made or failed)
            if self._is_set:
                if made:
                    made.pop().close()
                raise ConnectionAbortedError("the wait was broken off")
        if failed:
            raise failed[0]
        return made[0]


class _Request:
    """What a thread requests at the moment."""

    def __init__(self, interrupt: Interrupt) -> None:
        self.interrupt = interrupt
        self._handle: socket.socket | None = None

    def attach(self, connection: Any) -> None:
        """Take note of an open connection, to be cut."""
        with self.interrupt._condition:
            if self.interrupt.is_set():
                raise ConnectionAbortedError("the wait was broken off")
            self.detach()
            # A handle of our own: TLS takes the descriptor out of the socket while it greets.
            self._handle = socket.socket(fileno=os.dup(connection.fileno()))

    def cut(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def detach(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None


def current() -> _Request | None:
    """What this thread requests, if that can be broken off."""
    return getattr(_bound, "request", None)


def is_interruptible() -> bool:
    """Whether what this thread does can be broken off; then nobody else makes it try again.

    Examples
    --------
    >>> is_interruptible()
    False
    """
    return current() is not None


def is_interrupted() -> bool:
    """Whether what this thread does was broken off, so that no further try is wanted.

    Examples
    --------
    >>> is_interrupted()
    False
    """
    request = current()
    return request is not None and request.interrupt.is_set()


def pause(seconds: float) -> None:
    """Sleep, or until what this thread does is broken off.

    Parameters
    ----------
    seconds : float
        How long.

    Examples
    --------
    >>> pause(0.001)
    """
    request = current()
    if request is None:
        time.sleep(seconds)
    else:
        request.interrupt.wait(seconds)


class InterruptibleAdapter(HTTPAdapter):
    """An adapter of `requests` whose connections an `Interrupt` can cut."""

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> HTTPConnectionPool:
        """The pool for a request."""
        found = super().get_connection_with_tls_context(*args, **options)
        pool = cast("HTTPConnectionPool", found)
        kind = pool.ConnectionCls  # looked at once, since another thread may change it here too
        if not issubclass(kind, _Attaching):
            setattr(pool, "ConnectionCls", _attaching(kind))  # noqa: B010
        return pool


class _Attaching(HTTPConnection):
    """A connection that takes note of the request that it serves."""

    def _new_conn(self) -> socket.socket:
        request = current()
        if request is None:
            return super()._new_conn()
        made = request.interrupt.abandonable(super()._new_conn)
        request.attach(made)
        return made

    def connect(self) -> None:
        """Open it."""
        super().connect()
        request = current()
        if request is not None:
            request.attach(self.sock)

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request."""
        request = current()
        if request is not None and self.sock is not None:
            request.attach(self.sock)
        super().request(*args, **options)


@lru_cache(maxsize=32)
def _attaching(kind: type[HTTPConnection]) -> type[HTTPConnection]:
    return type(kind.__name__, (_Attaching, kind), {})

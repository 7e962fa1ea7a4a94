"""Connections under `requests`: unix sockets, and answers that end in time, however slow."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import socket
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from syncnb.client.interrupting import InterruptibleAdapter

POOL = 32  # connections that stay open
_adapters: weakref.WeakSet[Adapter] = weakref.WeakSet()


class Limit:
    """The moment at which an exchange has to be over.

    Parameters
    ----------
    seconds : float or None
        From now; None has no end.
    sent : bool, default True
        Whether what is sent counts; if not, the time begins with the wait for the answer.

    Examples
    --------
    >>> Limit(None).left() is None, Limit(0.0).over()
    (True, True)
    >>> limit = Limit(0.0, sent=False)
    >>> limit.left() is None, limit.wait() or limit.over()
    (True, True)
    """

    def __init__(self, seconds: float | None, *, sent: bool = True) -> None:
        self.seconds, self._sent = seconds or 0.0, sent
        self.until = None if seconds is None or not sent else time.monotonic() + seconds

    def wait(self) -> None:
        """The request was sent."""
        if not self._sent:
            self.until = time.monotonic() + self.seconds

    def left(self) -> float | None:
        """Seconds until then."""
        return None if self.until is None else self.until - time.monotonic()

    def over(self) -> bool:
        """Whether it has passed."""
        left = self.left()
        return left is not None and left <= 0

    def lift(self) -> None:
        """From now on there is none."""
        self.until = None


_limit: ContextVar[Limit | None] = ContextVar("limit", default=None)


@contextmanager
def limited(limit: Limit) -> Iterator[None]:
    """What this thread reads from connections of ours has to be over in time.

    Parameters
    ----------
    limit : Limit
        Answers that begin in the block obey it until their end.
    """
    token = _limit.set(limit)
    try:
        yield
    finally:
        _limit.reset(token)


class _TimelyReader(io.RawIOBase):
    """Reads from a socket; the timeout of the socket alone would begin anew with each byte."""

    def __init__(self, sock: socket.socket, limit: Limit) -> None:
        self._sock, self._limit = sock, limit
        self._inner = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left, silence = self._limit.left(), self._sock.gettimeout()
        if left is None or (silence is not None and silence <= left):
            return self._inner.readinto(buffer)
        if left <= 0:
            raise TimeoutError("the answer is not complete in time")
        self._sock.settimeout(left)
        try:
            return self._inner.readinto(buffer)
        finally:
            self._sock.settimeout(silence)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


class _Lines:
    """Reads lines, and remembers the last one."""

    def __init__(self, fp: io.BufferedReader) -> None:
        self._fp, self.last = fp, b""

    def readline(self, most: int = -1) -> bytes:
        self.last = self._fp.readline(most)
        return self.last

    def close(self) -> None:
        self._fp.close()


class _TimelyResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        limit = _limit.get()
        if limit is not None and isinstance(sock, socket.socket):
            limit.wait()
            self.fp.close()
            self.fp = io.BufferedReader(_TimelyReader(sock, limit))

    def begin(self) -> None:
        """Read the head; http.client would take one that is cut for one without a length."""
        fp: Any = self.fp
        self.fp = lines = cast(Any, _Lines(fp))
        try:
            super().begin()
        finally:
            if self.fp is lines:
                self.fp = fp
        if lines.last not in (b"\r\n", b"\n"):
            raise http.client.HTTPException("the head of the answer is cut")
        fields = ",".join(self.headers.get_all("Content-Length", ()))
        lengths = {length.strip() for length in fields.split(",")} - {""}
        if len(lengths) > 1 or not all(one.isascii() and one.isdigit() for one in lengths):
            # http.client would read on to the end of the connection (RFC 9112, 6.3)
            raise http.client.HTTPException("the answer has an impossible length")


class _Connection(HTTPConnection):
    response_class = _TimelyResponse


class _SecureConnection(HTTPSConnection):
    response_class = _TimelyResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Adapter(InterruptibleAdapter):
    """Sends the requests of one client.

    Parameters
    ----------
    socket_path : str, default ""
        The unix socket to which all of them go, whatever their host; empty for TCP.
    """

    def __init__(self, socket_path: str = "") -> None:
        self._socket_path = socket_path
        self._pools = (
            _unix_pools(socket_path) if socket_path else {"http": _Pool, "https": _SecurePool}
        )
        super().__init__(POOL, POOL)
        _adapters.add(self)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make pools of our connections."""
        super().init_poolmanager(*args, **kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:
        """Make those of a proxy too, except of one that speaks SOCKS and has its own."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = self._pools
        return manager

    def forget(self) -> None:
        """In a child process: leave the connections to the parent, whose answers they carry."""
        self.init_poolmanager(POOL, POOL)
        self.proxy_manager.clear()

    def close(self) -> None:
        """Close the connections now; urllib3 would wait until nobody refers to them."""
        for manager in (self.poolmanager, *self.proxy_manager.values()):
            for key in manager.pools.keys():  # noqa: SIM118 - it is no dict
                if (pool := manager.pools.get(key)) is not None:
                    pool.close()
        super().close()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one; a unix socket has no proxy."""
        if self._socket_path:
            proxies = None
        return super().send(request, stream, timeout, verify, cert, proxies)


def _unix_pools(path: str) -> dict[str, type[HTTPConnectionPool]]:
    class Connection(_Connection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, path)

    class SecureConnection(_SecureConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, path)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


def _connected(connection: HTTPConnection, path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    timeout = connection.timeout
    sock.settimeout(timeout if isinstance(timeout, int | float) else None)
    try:
        sock.connect(path)
    except TimeoutError as error:
        sock.close()
        raise ConnectTimeoutError(connection, f"no connection within {timeout} s") from error
    except OSError as error:
        sock.close()
        raise NewConnectionError(connection, str(error)) from error
    return sock


def _forget() -> None:
    for adapter in list(_adapters):
        adapter.forget()


with contextlib.suppress(AttributeError):
    os.register_at_fork(after_in_child=_forget)

"""A server in a thread with one path, which is a secret: POST there calls a function."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
import threading
from collections.abc import Callable

_SILENCE = 5.0  # seconds that one call may take
_PIECE = 16 * 1024  # bytes read at once
_MOST_HEAD = 16 * 1024  # bytes of a request's head
_MOST_BODY = 1024 * 1024  # bytes; the metadata of one object are a few KB
_MOST_CALLS = 16  # at a time; more are cut off
_REASONS = {
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
}


class WebhookServer:
    """Listens from its making to `stop`.

    Parameters
    ----------
    host, port : str and int
        Where; port 0 takes a free one.
    secret : str
        Last part of the path.
    called : callable
        Called, in the server's thread, for each POST to it; must return at once.

    Raises
    ------
    OSError
        The address cannot be listened at.

    Examples
    --------
    >>> server = WebhookServer("127.0.0.1", 0, "secret", lambda: None)
    >>> server.port > 0
    True
    >>> server.stop()
    """

    def __init__(self, host: str, port: int, secret: str, called: Callable[[], object]) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listening = socket.create_server((host, port), family=family)
        self._listening.setblocking(False)
        self.port = int(self._listening.getsockname()[1])
        self._secret, self._called = secret.encode(), called
        self._calls: set[asyncio.Task[None]] = set()
        self._loop, self._over = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="syncnb-webhook", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; what is connected is cut."""
        with contextlib.suppress(RuntimeError):  # stopped before
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        # asyncio's own server leaves a connection open that comes while it closes.
        with self._listening:
            self._loop.add_reader(self._listening, self._accept)
            await self._over.wait()
            self._loop.remove_reader(self._listening)
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return  # it is gone again
        if len(self._calls) >= _MOST_CALLS:
            connection.close()
            return
        connection.setblocking(False)
        call = self._loop.create_task(self._answer(connection))
        self._calls.add(call)

        def over(call: asyncio.Task[None]) -> None:  # also of one that never began
            self._calls.discard(call)
            connection.close()

        call.add_done_callback(over)

    async def _answer(self, connection: socket.socket) -> None:
        try:
            async with asyncio.timeout(_SILENCE):
                status = await self._status(connection)
                await self._loop.sock_sendall(connection, _response(status))
                connection.shutdown(socket.SHUT_WR)
                # Closed while something is unread, the connection would lose the answer.
                for _ in range(_MOST_BODY // _PIECE):
                    if not await self._loop.sock_recv(connection, _PIECE):
                        break
        except (OSError, TimeoutError):
            pass  # it is gone, or too slow to be waited for

    async def _status(self, connection: socket.socket) -> int:
        """Read one request, and act on it."""
        head, rest = b"", b""
        while not rest:
            piece = await self._loop.sock_recv(connection, _PIECE)
            if not piece:
                return 400
            head, rest, body = (head + piece).partition(b"\r\n\r\n")
            if len(head) > _MOST_HEAD:
                return 431
        request, *lines = head.split(b"\r\n")
        parts = request.split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return 400
        method, target = parts[0], parts[1].partition(b"?")[0]
        if not hmac.compare_digest(target.rpartition(b"/")[2], self._secret):
            return 404
        if method != b"POST":
            return 405
        lengths = {v.strip() for k, _, v in (line.partition(b":") for line in lines)
                   if k.lower() == b"content-length"}  # fmt: skip
        if not lengths:
            return 411
        length = lengths.pop()
        if lengths or not length.isdigit() or len(length) > 18:
            return 400
        if int(length) > _MOST_BODY:
            return 413
        left = int(length) - len(body)
        while left > 0:
            piece = await self._loop.sock_recv(connection, min(left, _PIECE))
            if not piece:
                return 400
            left -= len(piece)
        self._called()
        return 204


def _response(status: int) -> bytes:
    allow = "Allow: POST\r\n" if status == 405 else ""
    length = "" if status == 204 else "Content-Length: 0\r\n"
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{allow}{length}Connection: close\r\n\r\n"
    return head.encode()

"""One HTTP/1.1 connection: uvicorn's, with limits on size and on silence."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from syncnb.service.admission import Admission
from syncnb.service.bodies import Body
from syncnb.service.config import ServiceConfig

log = logging.getLogger("syncnb.service")

_LINGER = 2.0  # seconds that what a caller goes on sending is read and thrown away
_PATIENCE = 5.0  # seconds that a connection too many has for its request


class Connection(HttpToolsProtocol):
    """A connection of one service.

    uvicorn reads a header of any size for ever. This one answers 408, 414 or 431, ends bodies and
    callers that stand still, and lets a caller who is still sending read an early answer.

    Parameters
    ----------
    config : uvicorn.Config
        Of the server.
    state : uvicorn.server.ServerState
        What its connections share.
    settings : ServiceConfig
        The limits.
    admission : Admission
        Counts the connections of the service.
    """

    def __init__(
        self, config: Config, state: ServerState, settings: ServiceConfig, admission: Admission
    ) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._limits, self._admission = settings, admission
        self._address: str | None = None
        self._head: asyncio.TimerHandle | None = None  # runs until a header is complete
        self._head_size = 0
        self._awaits_head = True
        self._body: asyncio.TimerHandle | None = None  # looks at whether a body still moves
        self._body_moved = 0.0
        self._body_pending = False
        self._unsent: asyncio.TimerHandle | None = None  # looks at whether the caller still reads
        self._closing: asyncio.TimerHandle | None = None
        self._discards = False
        self._refusal: tuple[int, str] | None = None

    # ------------------------------------------------------------ begin and end

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit it, or make it one that is only told why not."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else None
        too_many = self._admission.enter(self._address)
        if self._admission.is_flooded:
            transport.abort()
            return
        patience = self._limits.header_timeout
        if too_many is not None:
            self.app = _refusing(*too_many)
            patience = min(patience, _PATIENCE)
        self._head = self.loop.call_later(patience, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._admission.leave(self._address)
        for timer in (self._head, self._body, self._unsent, self._closing):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    # ----------------------------------------------------------------- reading

    def data_received(self, data: bytes) -> None:
        """Parse, and look at how much of a header has come."""
        if self._discards:
            return
        if not self._awaits_head and not self._body_pending and self._is_idle():
            self._await_head()
        awaited = self._awaits_head
        super().data_received(data)
        if awaited and self._awaits_head:  # a header that is complete is measured by its fields
            self._head_size += len(data)
            if self._head_size > self._limits.max_header_size:
                self._refuse(431, self._too_large())
        elif self._body_pending and self._body is None:
            self._watch_body()

    def on_message_begin(self) -> None:
        """Start to measure a header."""
        super().on_message_begin()
        self._await_head()
        self._head_size = 0

    def on_url(self, url: bytes) -> None:
        """Take a part of the request target."""
        super().on_url(url)
        if len(self.url) > self._limits.max_request_line:
            self._stop(414, f"the URL is longer than {self._limits.max_request_line} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field; those behind a chunked body are ignored."""
        self._head_size += len(name) + len(value) + 4
        if self._head_size > self._limits.max_header_size:
            self._stop(431, self._too_large())
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on."""
        self._awaits_head = False
        self._head_size = 0
        if self._head is not None:
            self._head.cancel()
            self._head = None
        self._body_pending = True
        super().on_headers_complete()
        if not self.cycle.keep_alive:
            self.cycle.transport = _Courteous(self)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body_moved = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._body_pending = False
        if self._body is not None:
            self._body.cancel()
            self._body = None
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        """Hand a request on; one that was queued may have collected a body already."""
        body = Body(cycle)
        body += bytes(cycle.body)
        cycle.body = body  # type: ignore[assignment]

        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, body.receive, send)

        super()._start_asgi_task(cycle, run)  # type: ignore[arg-type]

    # ----------------------------------------------------------------- answers

    def on_response_complete(self) -> None:
        """Go on with the next request, if the body of this one ends soon."""
        super().on_response_complete()
        if self._body_pending and self._closing is None and not self.transport.is_closing():
            self._closing = self.loop.call_later(_LINGER, self._stop_reading)

    def _stop_reading(self) -> None:
        self._closing = None
        if self._body_pending:
            self.transport.close()
        elif self._is_idle() and self.timeout_keep_alive_task is None and not self._awaits_head:
            # The rest of the body has ended the keep-alive timer that the answer had begun.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def pause_writing(self) -> None:
        """The caller reads more slowly than we write."""
        super().pause_writing()
        left = self.transport.get_write_buffer_size()
        self._unsent = self.loop.call_later(self._limits.body_timeout, self._look_at_unsent, left)

    def resume_writing(self) -> None:
        """The caller has read most of it."""
        if self._unsent is not None:
            self._unsent.cancel()
            self._unsent = None
        super().resume_writing()

    def _look_at_unsent(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left >= before:
            self.transport.abort()
            return
        self._unsent = self.loop.call_later(self._limits.body_timeout, self._look_at_unsent, left)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, or is too large."""
        status, reason = self._refusal or (400, msg)
        self._refuse(status, reason)

    # ----------------------------------------------------------------- details

    def _await_head(self) -> None:
        self._awaits_head = True
        if self._head is None:
            self._head = self.loop.call_later(self._limits.header_timeout, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head = None
        if self.flow.read_paused:  # it is the service that does not read: an answer comes first
            self._await_head()
        elif self._head_size:
            self._refuse(408, f"no complete header within {self._limits.header_timeout:g} s")
        else:
            self.transport.close()

    def _watch_body(self) -> None:
        self._body_moved = self.loop.time()
        self._body = self.loop.call_later(self._limits.body_timeout, self._look_at_body)

    def _look_at_body(self) -> None:
        now = self.loop.time()
        if self.flow.read_paused:  # it is the service that does not read
            self._body_moved = now
        left = self._body_moved + self._limits.body_timeout - now
        if left > 0:
            self._body = self.loop.call_later(left, self._look_at_body)
        else:
            self._refuse(408, f"the body stood still for {self._limits.body_timeout:g} s")

    @property
    def _current(self) -> RequestResponseCycle | None:
        return self.cycle  # none before the first request, whatever its type says

    def _is_idle(self) -> bool:
        current = self._current
        return current is None or (current.response_complete and not self.pipeline)

    def _too_large(self) -> str:
        return f"the header is larger than {self._limits.max_header_size} bytes"

    def _stop(self, status: int, reason: str) -> None:
        """End the parsing from inside one of its callbacks."""
        self._refusal = (status, reason)
        raise ValueError(reason)

    def _refuse(self, status: int, reason: str) -> None:
        """Answer and close, whatever state the request is in."""
        if self.transport.is_closing() or self._discards:
            return
        log.debug("a connection of %s ends: %d, %s", self._address or "a socket", status, reason)
        current = self._current
        if current is not None and not current.response_complete:
            current.disconnected = True
            current.message_event.set()
            if current.response_started:
                self.transport.abort()  # in the middle of another answer, nothing can be said
                return
        self.transport.write(_raw_answer(status, reason))
        self.linger()

    def linger(self) -> None:
        """Close, but not before the caller could read the answer.

        A socket that is closed with unread data in it is reset, and the answer with it.
        """
        self._discards = True
        if not self.transport.is_closing():
            if self._closing is not None:
                self._closing.cancel()
            self.flow.resume_reading()
            with contextlib.suppress(NotImplementedError, RuntimeError):
                if self.transport.can_write_eof():
                    self.transport.write_eof()
            self._closing = self.loop.call_later(_LINGER, self.transport.close)

    @property
    def is_sending(self) -> bool:
        """Whether the caller is in the middle of a body."""
        return self._body_pending


class _Courteous:
    """What one answer is written to: its end does not cut off a caller who is still sending.

    Parameters
    ----------
    connection : Connection
        Where it goes.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.write: Callable[[bytes], None] = connection.transport.write
        self.is_closing: Callable[[], bool] = connection.transport.is_closing

    def close(self) -> None:
        if self._connection.is_sending:
            self._connection.linger()
        else:
            self._connection.transport.close()


def _refusing(status: int, reason: str) -> ASGIApp:
    """An application that answers every request alike."""
    body = f"{reason}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", b"2"),
        (b"connection", b"close"),
    ]

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return refuse


def _raw_answer(status: int, reason: str) -> bytes:
    body = f"{reason}\n".encode()
    return (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "content-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    ).encode() + body

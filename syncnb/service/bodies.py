"""Bodies of requests on their way to the application, without being copied."""

from __future__ import annotations

from collections import deque
from typing import Self

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Body:
    """The body of one request, as the pieces in which it arrived.

    It takes the place of the buffer in uvicorn's state of the request: that joins what has arrived
    and copies it once more for the application, which costs a large upload a good part of its time.

    Parameters
    ----------
    cycle : RequestResponseCycle
        That state.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._ended = False

    def __iadd__(self, piece: bytes) -> Self:
        self._pieces.append(piece)
        self._size += len(piece)
        return self

    def __len__(self) -> int:
        return self._size

    async def receive(self) -> Message:
        """What ASGI calls ``receive``: the next piece, and in the end the leaving of the caller."""
        cycle = self._cycle
        while not (cycle.disconnected or cycle.response_complete):
            if cycle.waiting_for_100_continue and not cycle.transport.is_closing():
                cycle.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                cycle.waiting_for_100_continue = False
            if not self._ended and (self._pieces or not cycle.more_body):
                return self._next()
            cycle.flow.resume_reading()
            cycle.message_event.clear()
            await cycle.message_event.wait()
        return {"type": "http.disconnect"}

    def _next(self) -> Message:
        piece = self._pieces.popleft() if self._pieces else b""
        self._size -= len(piece)
        more = bool(self._pieces) or self._cycle.more_body
        self._ended = not more
        return {"type": "http.request", "body": piece, "more_body": more}

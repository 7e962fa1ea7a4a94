"""One exchange of a request and its answer, and the connection to the client that makes it."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from .faults import Busy, Fault, Seen

EMPTY = "Content-Length: 0\r\n\r\n"


@dataclass
class Exchange:
    """One request, and what became of it."""

    method: str
    target: str
    fault: Fault
    began: float  # when its first bytes came, of time.monotonic
    seen: Seen = Seen.BROKEN
    service_status: int | None = None  # None if the service did not get the whole request
    status: int | None = None  # what the client was told
    ended: float = 0.0
    not_before: float = 0.0  # when the client may ask again, if it was told so

    @property
    def done(self) -> bool:
        """Whether the service did what it was asked."""
        return self.service_status is not None and 200 <= self.service_status < 300


class Client:
    """The connection to a client.

    Parameters
    ----------
    reader, writer
        Of asyncio.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer
        self.ended = False

    @property
    def gone(self) -> bool:
        """Whether it hung up."""
        return self.reader.at_eof() or self._writer.is_closing()

    async def send(self, data: bytes) -> None:
        """Send, or raise OSError."""
        self._writer.write(data)
        await self._writer.drain()

    async def hang_up(self) -> None:
        """Wait until it does."""
        with suppress(OSError):
            while await self.reader.read(1 << 16):
                pass

    def end(self, *, reset: bool = False) -> None:
        """Hang up."""
        if self.ended:
            return
        self.ended = True
        if reset:
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        else:
            self._writer.close()


def busy_answer(fault: Busy, exchange: Exchange, more: str = "") -> bytes:
    """What somebody says who is busy; the exchange notes when to come again."""
    exchange.seen, exchange.status = Seen.OTHER, fault.status
    now = time.monotonic()
    if fault.retry_after == "date":
        moment = (datetime.now(UTC) + timedelta(seconds=1)).replace(microsecond=0)
        exchange.not_before = now + (moment - datetime.now(UTC)).total_seconds()
        more += f"Retry-After: {format_datetime(moment, usegmt=True)}\r\n"
    elif fault.retry_after:
        exchange.not_before = now + int(fault.retry_after)
        more += f"Retry-After: {fault.retry_after}\r\n"
    return f"HTTP/1.1 {fault.status} X\r\n{more}{EMPTY}".encode()

"""Bytes on a socket, for what a proper client would never send."""

from __future__ import annotations

import base64
import re
import socket
import time
from types import TracebackType
from typing import Self

from tests.service.conftest import ADMIN, Running

BASIC = base64.b64encode(":".join(ADMIN).encode()).decode()
HEALTH = f"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {BASIC}\r\n\r\n".encode()


class Raw:
    """One connection."""

    def __init__(self, service: Running) -> None:
        self._socket = socket.create_connection(("127.0.0.1", service.port), 20)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def head(self) -> bytes:
        """The header of one answer, and what came with it."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self._socket.recv(65536)
            if not piece:
                break
            data += piece
        return data

    def answer(self) -> bytes:
        """One answer."""
        data = self.head()
        found = re.search(rb"(?i)content-length: (\d+)", data)
        size = data.find(b"\r\n\r\n") + 4 + (int(found.group(1)) if found else 0)
        while len(data) < size:
            piece = self._socket.recv(65536)
            assert piece, "the answer is not complete"
            data += piece
        return data

    def status(self) -> int:
        """Of one answer; 0 if the connection ended without one."""
        data = self.answer()
        return int(data.split()[1]) if data else 0

    def receive(self, most: int) -> bytes:
        """What has come, at most so many bytes."""
        return self._socket.recv(most)

    def rest(self) -> int:
        """Bytes until the other side closes the connection."""
        size = 0
        try:
            while piece := self._socket.recv(1 << 20):
                size += len(piece)
        except ConnectionResetError:
            pass
        return size

    def ends_after(self) -> float:
        """Seconds until the other side closes the connection."""
        began = time.monotonic()
        self.rest()
        return time.monotonic() - began

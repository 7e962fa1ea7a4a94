"""A small HTTP/1.1 client that costs the load generator almost nothing."""

from __future__ import annotations

import asyncio
from base64 import b64encode


class Http:
    """One connection that stays open; one request at a time."""

    def __init__(self, host: str, port: int, key: str, secret: str, **headers: str) -> None:
        self._where = (host, port)
        basic = b64encode(f"{key}:{secret}".encode()).decode()
        lines = {"Host": f"{host}:{port}", "Authorization": f"Basic {basic}", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._reader: asyncio.StreamReader | None = None

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: str = ""
    ) -> tuple[int, bytes]:
        if self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(*self._where, limit=1 << 20)
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\n{self._head}{headers}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            length = int(head[at + 15 : head.index(b"\r\n", at)])
            return status, await self._reader.readexactly(length) if length else b""
        if b"transfer-encoding: chunked" not in lower:
            return status, b""
        pieces = []
        while size := int(await self._reader.readline(), 16):
            pieces.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readexactly(2)
        return status, b"".join(pieces)

    def close(self) -> None:
        if self._reader is not None:
            self._writer.close()

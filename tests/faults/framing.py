"""Where HTTP/1.1 messages end, and what they look like with other framing."""

from __future__ import annotations

import asyncio
import re

import h11

_PIECE = 1 << 16
_LARGEST_HEAD = 1 << 16
_LENGTH = re.compile(rb"(?i)\r\ncontent-length:[ \t]*([0-9]+)[ \t]*(?=\r\n)")
_ASSUMED = 300_000  # bytes of a message that does not say how long it is


class Message:
    """A request or an answer that is being read.

    Parameters
    ----------
    reader : asyncio.StreamReader
        Where it comes from.
    method : bytes, optional
        Of the request that an answer is to; without, this is a request.
    """

    def __init__(self, reader: asyncio.StreamReader, method: bytes | None = None) -> None:
        self._reader = reader
        self.raw = bytearray()
        self.head: h11.Request | h11.Response | None = None
        self.complete = False
        role = h11.SERVER if method is None else h11.CLIENT
        self._h11 = h11.Connection(role, max_incomplete_event_size=_LARGEST_HEAD)
        if method is not None:
            asked = h11.Request(method=method, target=b"/", headers=[(b"Host", b"x")])
            self._h11.send(asked)
            self._h11.send(h11.EndOfMessage())

    async def read_head(self) -> bool:
        """Read up to the end of the head; False if there is nothing more to come."""
        while self.head is None:
            if not await self._more():
                return False
        return True

    async def read(self, size: int | None = None) -> bool:
        """Read to the end, or so many bytes; False if they do not come."""
        while not self.complete and (size is None or len(self.raw) < size):
            if not await self._more():
                return False
        return True

    @property
    def size(self) -> int:
        """Bytes of all of it, as far as its head says."""
        if self.complete:
            return len(self.raw)
        length = dict(self.head.headers).get(b"content-length") if self.head else None
        return _ASSUMED if length is None else self.raw.index(b"\r\n\r\n") + 4 + int(length)

    async def _more(self) -> bool:
        try:
            piece = await self._reader.read(_PIECE)
        except OSError:
            return False
        if not piece:
            return False
        self.raw += piece
        self._h11.receive_data(piece)
        while True:
            event = self._h11.next_event()
            if isinstance(event, h11.Request | h11.Response):
                self.head = event
            elif isinstance(event, h11.EndOfMessage):
                self.complete = True
                return True
            elif event is h11.NEED_DATA:
                return True


def rechunked(answer: bytes, chunks: int) -> bytes:
    """The same answer in so many chunks; as it is if it has no length to begin with."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if chunks < 1 or not _LENGTH.search(head + b"\r\n"):
        return answer
    head = _LENGTH.sub(b"", head + b"\r\n") + b"Transfer-Encoding: chunked\r\n\r\n"
    step = max(-(-len(body) // chunks), 1)
    pieces = (body[i : i + step] for i in range(0, len(body), step))
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + coded + b"0\r\n\r\n"


def with_length(answer: bytes, more: int) -> bytes:
    """The same answer with another length in its head; as it is if it has none."""
    head, end, body = answer.partition(b"\r\n\r\n")
    match = _LENGTH.search(head + b"\r\n")
    if match is None:
        return answer
    length = max(int(match[1]) + more, 0)
    return head[: match.start(1)] + str(length).encode() + head[match.end(1) :] + end + body

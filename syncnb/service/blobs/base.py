"""What a place for large data has to offer: under random names, never under what users sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Protocol

from syncnb.service.store import StoredData

DAY = 86400.0  # seconds
_MOST_CHUNKS = 512  # of one gathered write; the operating system takes about 1,000


class BlobsError(OSError):
    """The place where data lie does not answer, or refuses; nothing was changed."""


class TooLarge(Exception):
    """Data that the service can never store."""


class BlobReader(Protocol):
    """A file that is open for reading; reads go on after its deletion where the store allows.

    Attributes
    ----------
    size : int
        Bytes.
    path : Path or None
        Where the operating system finds it, if it does.
    until : int
        The byte before which reads will end; who knows says so, and no more is fetched.
    """

    size: int
    path: Path | None
    until: int

    async def read(self, at: int, length: int) -> bytes:
        """At most `length` bytes from byte `at`; none only at the end."""

    async def close(self) -> None:
        """Close it."""


class Blobs(Protocol):
    """The files of one service. Whatever a method returned would survive a crash.

    Every method raises `OSError`, of which `BlobsError` is one.
    """

    async def check(self) -> None:
        """Raise if data cannot be kept here; to be awaited before the first request."""

    def require_room(self, size: int) -> None:
        """Raise `TooLarge` if so many bytes can never fit, `OSError` (``ENOSPC``) if not now."""

    async def save(self, chunks: AsyncIterator[bytes]) -> StoredData:
        """Store a stream in a new file; whatever the stream raises leaves nothing behind."""

    def new_part(self) -> str:
        """The name of a file that `save_part` is to fill; nothing is there yet."""

    async def save_part(
        self, file: str, chunks: AsyncIterator[bytes], *, at: int, limit: int
    ) -> int:
        """Store at most `limit` bytes of a stream from byte `at` of a file that is being filled.

        Any process may store any part. What is over is read and thrown away: existing nodes pad
        their last chunk (sync-http.md, 9.3). Returns the number of bytes.
        """

    async def finish(self, file: str, size: int) -> StoredData:
        """The data, now that all `size` bytes are there; those of `file` stay until deleted."""

    async def open(self, file: str) -> BlobReader:
        """Open a file; raises `FileNotFoundError`."""

    async def delete(self, file: str) -> None:
        """Remove a file, complete or being filled, if it is there."""

    async def sweep(self, keep: Iterable[str], *, older_than: float) -> None:
        """Remove what a crash left behind between data and record.

        Parameters
        ----------
        keep : iterable of str
            Files that records name.
        older_than : float
            Seconds; younger files may be on their way into a record of any process.
        """

    async def close(self) -> None:
        """Let go of everything; no call may be under way."""


class BytesReader:
    """Data that are in memory already, in the form of a file.

    Parameters
    ----------
    content : bytes
        The data.
    """

    path: Path | None = None

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = self.until = len(content)

    async def read(self, at: int, length: int) -> bytes:
        """A part of them."""
        return self._content[at : at + length]

    async def close(self) -> None:
        """Nothing to do."""


async def gathered(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[list[bytes]]:
    """Gather small chunks until they have `size` bytes, so that all of them cost one hand-over."""
    batch: list[bytes] = []
    length = 0
    async for chunk in chunks:
        if not chunk:
            continue
        batch.append(chunk)
        length += len(chunk)
        if length >= size or len(batch) == _MOST_CHUNKS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


async def pieces_of(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytearray]:
    """The same, joined."""
    async for batch in gathered(chunks, size):
        yield bytearray().join(batch)


async def limited(pieces: AsyncIterator[bytearray], limit: int) -> AsyncIterator[bytes]:
    """The first `limit` bytes; the rest is read and thrown away."""
    left = limit
    async for piece in pieces:
        if left > 0:
            yield bytes(memoryview(piece)[:left])
            left -= len(piece)

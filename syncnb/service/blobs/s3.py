"""Data in an S3-compatible store, for processes and machines that share nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import obstore
from obstore.exceptions import BaseError

from syncnb.s3_store import first_line, s3_store, shown
from syncnb.service.blobs.base import BlobReader, BlobsError, TooLarge, limited, pieces_of
from syncnb.service.blobs.spans import Part, spans_of
from syncnb.service.config import MIB
from syncnb.service.store import StoredData

log = logging.getLogger("syncnb.service")

_PART = 8 * MIB  # bytes of a part of a multipart upload
_MOST_PARTS = 10_000  # of one, in S3
_AT_ONCE = 2  # parts of one upload that are under way; bounds its memory
_LET_GO = 0.3  # seconds
_TRIES = 3  # of a read that breaks
_BEING_FILLED = "part-"


class S3Blobs:
    """Objects below one prefix of a bucket.

    ``data/NAME`` are complete; ``parts/NAME/...`` are the chunks of one that is being filled, each
    an object of its own, so that they may arrive at any process.

    Parameters
    ----------
    url : str
        ``s3://bucket/prefix``. Endpoint, region and keys come from the ``AWS_*`` variables.
    executor : Executor
        Where digests are computed.

    Raises
    ------
    SettingsError
        The URL names no bucket, or the endpoint is not encrypted.
    """

    def __init__(self, url: str, executor: Executor) -> None:
        self._store, self._shown = s3_store(url, "blobs"), shown(url)
        self._executor = executor

    async def check(self) -> None:
        """Look into the bucket."""
        with self._translated():
            async for _ in obstore.list(self._store, "data", chunk_size=1):
                break

    def require_room(self, size: int) -> None:
        """Refuse what a multipart upload cannot hold."""
        if size > _MOST_PARTS * _PART:
            raise TooLarge(f"the store takes objects of {_MOST_PARTS * _PART:,} bytes at most")

    async def save(self, chunks: AsyncIterator[bytes]) -> StoredData:
        """Stream data into a new object."""
        digest, size = hashlib.sha256(), 0

        async def hashed() -> AsyncIterator[bytes]:
            nonlocal size
            async for piece in pieces_of(chunks, MIB):
                await self._run(digest.update, piece)
                size += len(piece)
                yield bytes(piece)

        name = secrets.token_hex(16)
        await self._put(f"data/{name}", hashed())
        return StoredData(digest.hexdigest(), size, name)

    def new_part(self) -> str:
        """A random name, told from that of complete data."""
        return _BEING_FILLED + secrets.token_hex(16)

    async def save_part(
        self, file: str, chunks: AsyncIterator[bytes], *, at: int, limit: int
    ) -> int:
        """Store a chunk as an object of its own."""
        size = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for piece in limited(pieces_of(chunks, MIB), limit):
                size += len(piece)
                yield piece

        # The clock tells which of two chunks for the same bytes came later, as a file would have.
        name = f"parts/{file}/{at}-{time.time_ns()}-{secrets.token_hex(4)}"
        await self._put(name, counted())
        return size

    async def finish(self, file: str, size: int) -> StoredData:
        """Copy the chunks, in order and streamed, into one new object."""
        parts = []
        with self._translated():
            async for batch in obstore.list(self._store, f"parts/{file}"):
                for one in batch:
                    at, written = one["path"].rsplit("/", 1)[1].split("-")[:2]
                    parts.append(Part(one["path"], int(at), one["size"], int(written)))

        async def joined() -> AsyncIterator[bytes]:
            at = 0
            for span in spans_of(parts, size):
                if span.at != at:
                    break
                reader = S3Reader(self, span.name, span.offset + span.length)
                read = 0
                while read < span.length:
                    piece = await reader.read(span.offset + read, MIB)
                    if not piece:
                        raise BlobsError("a chunk of an upload is shorter than it was")
                    read += len(piece)
                    yield piece
                at += span.length
            if at != size:
                raise BlobsError(f"bytes from {at} of an upload of {size} are not there")

        return await self.save(joined())

    async def open(self, file: str) -> BlobReader:
        """Look an object up."""
        path = f"data/{file}"
        with self._translated(reading=True):
            meta = await obstore.head_async(self._store, path)
        return S3Reader(self, path, meta["size"])

    async def delete(self, file: str) -> None:
        """Remove an object, or all chunks of one that is being filled."""
        paths = [f"data/{file}"]
        with self._translated():
            if file.startswith(_BEING_FILLED):
                paths = []
                async for batch in obstore.list(self._store, f"parts/{file}"):
                    paths += [one["path"] for one in batch]
            if paths:
                await obstore.delete_async(self._store, paths)

    async def sweep(self, keep: Iterable[str], *, older_than: float) -> None:
        """Remove older objects that no record names."""
        wanted = set(keep)
        before = datetime.fromtimestamp(time.time() - older_than, UTC)
        with self._translated():
            for folder in ("data", "parts"):
                async for batch in obstore.list(self._store, folder):
                    gone = [
                        one["path"]
                        for one in batch
                        if one["last_modified"] <= before
                        and one["path"].split("/")[1] not in wanted
                    ]
                    if gone:
                        await obstore.delete_async(self._store, gone)

    async def close(self) -> None:
        """Wait until the library's own threads have let go of what they were handed.

        They do so a moment after a call has returned. Before Python 3.14, a process that ends in
        that moment is aborted: https://github.com/python/cpython/issues/87135.
        """
        await asyncio.sleep(_LET_GO)

    async def stream(self, path: str, at: int, until: int) -> AsyncIterator[bytes]:
        """The bytes of an object from `at` up to `until`."""
        with self._translated(reading=True):
            found = await obstore.get_async(self._store, path, options={"range": (at, until)})
            async for piece in found.stream(min_chunk_size=MIB):
                yield bytes(piece)

    async def _put(self, path: str, pieces: AsyncIterator[bytes]) -> None:
        """Store a stream; small ones in one request. What the stream raises stores nothing."""
        start = bytearray()
        async for piece in pieces:
            start += piece
            if len(start) >= _PART:
                break
        first = bytes(start)
        with self._translated():
            if len(first) < _PART:
                await obstore.put_async(self._store, path, first, use_multipart=False)
            else:
                await obstore.put_async(
                    self._store,
                    path,
                    _chained(first, pieces),
                    chunk_size=_PART,
                    max_concurrency=_AT_ONCE,
                )

    async def _run(self, function: Callable[[bytes | bytearray], None], data: bytearray) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, function, data)

    @contextmanager
    def _translated(self, *, reading: bool = False) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if reading:
                raise FileNotFoundError("no such data") from None
            raise BlobsError(f"{self._shown}: {first_line(error)}") from None
        except BaseError as error:
            raise BlobsError(f"{self._shown}: {first_line(error)}") from None


class S3Reader:
    """An object, fetched in one request as long as it is read from front to back.

    Parameters
    ----------
    blobs : S3Blobs
        Where it is.
    path : str
        Its name below the prefix.
    size : int
        Bytes.
    """

    path: Path | None = None

    def __init__(self, blobs: S3Blobs, path: str, size: int) -> None:
        self._blobs, self._name = blobs, path
        self.size = self.until = size
        self._stream: AsyncIterator[bytes] | None = None
        self._at, self._buffer = 0, memoryview(b"")

    async def read(self, at: int, length: int) -> bytes:
        """Read on, or begin a new request elsewhere and after a break."""
        end = min(max(self.until, at), self.size)
        for tries_left in reversed(range(_TRIES)):
            if at >= self.size or length <= 0:
                break
            if self._stream is None or at != self._at:
                self._stream = self._blobs.stream(self._name, at, end if end > at else self.size)
                self._at, self._buffer = at, memoryview(b"")
            try:
                if not self._buffer:
                    self._buffer = memoryview(await anext(self._stream, b""))
            except BlobsError:
                self._stream = None
                if not tries_left:
                    raise
                continue
            if not self._buffer:  # it ended where `until` was before
                self._stream = None
                continue
            piece, self._buffer = bytes(self._buffer[:length]), self._buffer[length:]
            self._at += len(piece)
            return piece
        return b""

    async def close(self) -> None:
        """Break off what is still under way."""
        if self._stream is not None:
            await self._stream.aclose()  # type: ignore[attr-defined]
            self._stream = None


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece

"""Where large data lie: under random names, never under what users sent."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from syncnb.service.config import MIB
from syncnb.service.store import StoredData

P = ParamSpec("P")
T = TypeVar("T")


class BlobReader(Protocol):
    """A file that is open for reading; reads go on after its deletion where the store allows."""

    size: int  # bytes
    path: Path | None  # where the operating system finds it, if it does

    async def read(self, at: int, length: int) -> bytes:
        """At most `length` bytes from byte `at`; none only at the end."""

    async def close(self) -> None:
        """Close it."""


class TooLarge(Exception):
    """Data that the service can never store."""


class Blobs(Protocol):
    """The files of one service. Whatever a method returned would survive a crash."""

    def require_room(self, size: int) -> None:
        """Raise `TooLarge` if so many bytes can never fit, `OSError` (``ENOSPC``) if not now."""

    async def save(self, chunks: AsyncIterator[bytes]) -> StoredData:
        """Store a stream in a new file; whatever the stream raises leaves nothing behind."""

    async def save_part(
        self, file: str | None, chunks: AsyncIterator[bytes], *, at: int, limit: int
    ) -> tuple[str, int]:
        """Store at most `limit` bytes of a stream from byte `at` of a file, or of a new one.

        What is over is read and thrown away: existing nodes pad their last chunk (sync-http.md,
        9.3). Returns the file and the number of bytes.
        """

    async def finish(self, file: str, size: int) -> StoredData:
        """The file, now that all of its bytes are there, cut to `size`."""

    async def open(self, file: str) -> BlobReader:
        """Open a file; raises `FileNotFoundError`."""

    async def delete(self, file: str) -> None:
        """Remove a file, if it is there."""

    async def sweep(self, keep: Iterable[str]) -> None:
        """Remove what a crash left behind between data and record; `keep` are in use."""


class LocalBlobs:
    """Files in one folder of this machine.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    executor : Executor
        Where files are worked on; never on the event loop.
    """

    def __init__(self, folder: Path, executor: Executor) -> None:
        self._folder, self._executor = folder, executor
        folder.mkdir(parents=True, exist_ok=True)

    def require_room(self, size: int) -> None:
        """Refuse data that cannot fit before anything is changed."""
        if size <= 0:
            return
        disk = shutil.disk_usage(self._folder)
        if size > disk.total:
            raise TooLarge(f"{size} bytes are more than the whole disk of the service has")
        if size > disk.free:
            raise OSError(errno.ENOSPC, "no room for the data")

    async def save(self, chunks: AsyncIterator[bytes]) -> StoredData:
        """Stream data into a new file."""
        digest, size = hashlib.sha256(), 0
        name = secrets.token_hex(16)
        file = await self._run(self._create, name)

        def write(piece: bytes | bytearray) -> None:
            _write(file, piece, size)
            digest.update(piece)

        try:
            async for piece in pieces_of(chunks, MIB):
                await self._run(write, piece)
                size += len(piece)
            await self._run(os.fsync, file)
        except BaseException:
            os.close(file)
            await self.delete(name)
            raise
        os.close(file)
        return StoredData(digest.hexdigest(), size, name)

    async def save_part(
        self, file: str | None, chunks: AsyncIterator[bytes], *, at: int, limit: int
    ) -> tuple[str, int]:
        """Write into a file that is being filled."""
        name = file or secrets.token_hex(16)
        out = await self._run(self._create if file is None else self._reopen, name)
        done = 0
        try:
            async for piece in pieces_of(chunks, MIB):
                part = bytes(memoryview(piece)[: limit - done])
                if part:
                    await self._run(_write, out, part, at + done)
                    done += len(part)
            await self._run(os.fsync, out)
        except BaseException:
            if file is None:
                await self.delete(name)
            raise
        finally:
            os.close(out)
        return name, done

    async def finish(self, file: str, size: int) -> StoredData:
        """Read what was filled in once, for its digest."""

        def finished() -> StoredData:
            path = self._folder / file
            if path.stat().st_size > size:
                os.truncate(path, size)
            with path.open("rb") as data:
                digest = hashlib.file_digest(data, "sha256").hexdigest()
            return StoredData(digest, size, file)

        return await self._run(finished)

    async def open(self, file: str) -> BlobReader:
        """Open a file."""
        path = self._folder / file
        number = await self._run(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
        return LocalReader(number, path, self._executor)

    async def delete(self, file: str) -> None:
        """Remove a file; a reader that has it open goes on reading."""
        await self._run((self._folder / file).unlink, True)

    async def sweep(self, keep: Iterable[str]) -> None:
        """Remove every file but these; nobody else uses the folder."""
        wanted = set(keep)

        def swept() -> None:
            for path in self._folder.iterdir():
                if path.name not in wanted:
                    path.unlink(missing_ok=True)

        await self._run(swept)

    def _create(self, name: str) -> int:
        flags = os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
        file = os.open(self._folder / name, flags, 0o600)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    def _reopen(self, name: str) -> int:
        return os.open(self._folder / name, os.O_WRONLY | os.O_CLOEXEC)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: function(*args, **kwargs)
        )


class LocalReader:
    """A file of this machine.

    Parameters
    ----------
    number : int
        Its descriptor.
    path : Path or None
        Where it lies, if a server may send it by that name.
    executor : Executor
        Where it is read.
    """

    def __init__(self, number: int, path: Path | None, executor: Executor) -> None:
        self._number, self._executor = number, executor
        self.path = path
        self.size = os.fstat(number).st_size

    async def read(self, at: int, length: int) -> bytes:
        """Read from the file."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, os.pread, self._number, length, at
        )

    async def close(self) -> None:
        """Close it."""
        os.close(self._number)


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
        self.size = len(content)

    async def read(self, at: int, length: int) -> bytes:
        """A part of them."""
        return self._content[at : at + length]

    async def close(self) -> None:
        """Nothing to do."""


async def pieces_of(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytearray]:
    """Gather small chunks into pieces of about `size` bytes, so that each costs one hand-over."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        if len(buffer) >= size:
            yield buffer
            buffer = bytearray()
    if buffer:
        yield buffer


def _write(file: int, data: bytes | bytearray, at: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done

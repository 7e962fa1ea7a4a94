"""Data in files of one folder: of this machine, or one that several machines mount."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeAlias, TypeVar

from syncnb.service.blobs.base import BlobReader, TooLarge, limited, pieces_of
from syncnb.service.config import MIB
from syncnb.service.store import StoredData

P = ParamSpec("P")
T = TypeVar("T")
_PIECE = 2 * MIB  # bytes that are written and digested at a time
_Work: TypeAlias = asyncio.Future[None]
_FLUSH = 64 * MIB  # bytes after which the disk is set to work
_UNPREDICTABLE = random.SystemRandom()


class LocalBlobs:
    """Files in one folder of this machine.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    executor : Executor
        Where files are worked on; never on the event loop.
    rng : random.Random, default random.SystemRandom()
        Where names come from.
    """

    def __init__(
        self, folder: Path, executor: Executor, rng: random.Random = _UNPREDICTABLE
    ) -> None:
        self._folder, self._executor, self._rng = folder, executor, rng
        folder.mkdir(parents=True, exist_ok=True)

    async def check(self) -> None:
        """The folder is there: it was made."""

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
        digest, size, flushed = hashlib.sha256(), 0, 0
        name = self.new_part()
        file = await self._run(self._create, name)
        writing: list[_Work] = []  # and digesting, while the next ones arrive
        flushing: list[_Work] = []  # so that the sync at the end has little to do
        try:
            async for piece in pieces_of(chunks, _PIECE):
                await _finished(writing)
                if size - flushed >= _FLUSH and all(one.done() for one in flushing):
                    await _finished(flushing)
                    flushing, flushed = [self._begin(os.fdatasync, file)], size
                writing = [
                    self._begin(_write, file, piece, size),
                    self._begin(digest.update, piece),
                ]
                size += len(piece)
            await _finished(writing + flushing)
            # The name as well, but not before the data come: a sync waits for those of others.
            writing = [self._begin(os.fsync, file), self._begin(self._sync_folder)]
            await _finished(writing)
        except BaseException:
            await _stopped(writing + flushing)
            os.close(file)
            await self.delete(name)
            raise
        os.close(file)
        return StoredData(digest.hexdigest(), size, name)

    def new_part(self) -> str:
        """A random name."""
        return f"{self._rng.getrandbits(128):032x}"

    async def save_part(
        self, file: str, chunks: AsyncIterator[bytes], *, at: int, limit: int
    ) -> int:
        """Write into a file that is being filled; made if it is not there."""
        out = await self._run(self._reopen, file)
        done = 0
        writing: list[_Work] = []
        try:
            async for part in limited(pieces_of(chunks, MIB), limit):
                writing = [self._begin(_write, out, part, at + done)]
                await _finished(writing)
                done += len(part)
            writing = [self._begin(os.fsync, out)]
            await _finished(writing)
        finally:
            await _stopped(writing)
            os.close(out)
        return done

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

    async def sweep(self, keep: Iterable[str], *, older_than: float) -> None:
        """Remove every older file but these."""
        wanted, now = set(keep), time.time()

        def swept() -> None:
            for path in self._folder.iterdir():
                with suppress(FileNotFoundError):  # another process was faster
                    if path.name not in wanted and path.stat().st_mtime <= now - older_than:
                        path.unlink()

        await self._run(swept)

    async def close(self) -> None:
        """Nothing is held."""

    def _create(self, name: str) -> int:
        flags = os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
        return os.open(self._folder / name, flags, 0o600)

    def _reopen(self, name: str) -> int:
        path = self._folder / name
        try:
            return os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            file = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_CREAT, 0o600)
        self._sync_folder()
        return file

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._begin(function, *args, **kwargs)

    def _begin(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(
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
        self.size = self.until = os.fstat(number).st_size

    async def read(self, at: int, length: int) -> bytes:
        """Read from the file."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, os.pread, self._number, length, at
        )

    async def close(self) -> None:
        """Close it."""
        os.close(self._number)


async def _finished(work: list[_Work]) -> None:
    """Wait for work in threads; who calls that off does not call off the work."""
    for one in (await asyncio.wait(work))[0] if work else ():
        one.result()


async def _stopped(work: list[_Work]) -> None:
    """Wait until no thread uses a file any more, however its work ends."""
    await asyncio.gather(*map(asyncio.shield, work), return_exceptions=True)


def _write(file: int, data: bytes | bytearray, at: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done

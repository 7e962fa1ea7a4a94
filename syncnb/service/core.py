"""One service without its HTTP: its records, its data, and who waits for them."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ParamSpec, TypeVar

from syncnb.errors import SettingsError
from syncnb.metadata import Json
from syncnb.service.blobs import Blobs, BlobWriter
from syncnb.service.config import MIB, ServiceConfig
from syncnb.service.lifecycle import Site
from syncnb.service.lifecycle.base import CLOUD
from syncnb.service.lifecycle.sending import StoredData
from syncnb.service.security import Authenticator
from syncnb.service.signals import Signals
from syncnb.service.signatures import fits, is_signed
from syncnb.service.store import Node, Store

P = ParamSpec("P")
T = TypeVar("T")
_RESEND_TIMES = (
    6  # an unacknowledged notice is taken up after so many intervals (sync-http.md, 6.1)
)


class Service:
    """The state of one CSS or ESS.

    Parameters
    ----------
    config : ServiceConfig
        What it is.
    executor : Executor
        Where SQL and files are worked on; may be shared by several services.
    clock : callable, default time.time
        Seconds since the epoch.

    Raises
    ------
    SettingsError
        Another process uses the data folder, or the credentials cannot be read.
    """

    def __init__(
        self,
        config: ServiceConfig,
        executor: Executor,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self.is_css = config.role == "css"
        self.authenticator = Authenticator(config.auth)
        self.started = time.monotonic()
        self.client_requests = 0
        self.upload_owner = str(uuid.uuid4())
        self.signals = Signals()
        self._executor = executor
        self._lock = _lock_folder(config)
        self.blobs = Blobs(config.data / "blobs")
        self.store = Store(
            config.data / "records.sqlite",
            executor,
            on_change=self.signals.notify,
            on_dropped=self.blobs.delete,
        )
        self.blobs.sweep(self.store.read_now(lambda tx: tx.blobs()))
        self.site = Site(
            is_css=self.is_css,
            node=CLOUD if self.is_css else Node(config.node_type, config.node_id),
            org=config.org_id,
            chunk_size=config.chunk_size,
            resend_after=_RESEND_TIMES * config.resend_interval,
            clock=clock,
        )

    def close(self) -> None:
        """Close the files; nothing may be under way."""
        self.store.close()
        os.close(self._lock)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what works on files off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: function(*args, **kwargs)
        )

    async def verified(self, stored: StoredData, meta: Mapping[str, Json]) -> StoredData:
        """The same data, with whether they are those that the metadata sign."""
        if not is_signed(meta):
            return stored
        good = await self.run(fits, meta, self.blobs.path(stored.blob))
        return replace(stored, verified=good)

    def require_room(self, size: int) -> None:
        """Refuse data that cannot fit before anything is changed.

        Parameters
        ----------
        size : int
            Bytes that are announced; 0 where nobody knows.

        Raises
        ------
        OSError
            With ``ENOSPC``.
        """
        if size > 0 and size > shutil.disk_usage(self.config.data).free:
            raise OSError(errno.ENOSPC, "no room for the data")

    async def save(self, chunks: AsyncIterator[bytes]) -> StoredData:
        """Stream data into a new blob that is on the disk when this returns.

        Parameters
        ----------
        chunks : async iterator of bytes
            The data; whatever it raises leaves nothing behind.

        Returns
        -------
        StoredData
            The blob and its size in bytes.

        Raises
        ------
        OSError
            The disk is full or broken.
        """
        writer: BlobWriter | None = None
        try:
            async for piece in pieces_of(chunks, MIB):
                if writer is None:
                    writer = await self.run(self.blobs.create)
                await self.run(writer.write, piece, at=writer.size)
            if writer is None:
                writer = await self.run(self.blobs.create)
            await self.run(writer.sync)
        except BaseException:
            if writer is not None:
                writer.close()
                await self.run(self.blobs.delete, writer.blob_id)
            raise
        writer.close()
        return StoredData(writer.blob_id, writer.size)

    @asynccontextmanager
    async def discarding(self, stored: StoredData) -> AsyncIterator[None]:
        """Remove data again if the block, which is to record them, fails."""
        try:
            yield
        except Exception:
            await self.run(self.blobs.delete, stored.blob)
            raise

    async def fill(
        self, writer: BlobWriter, chunks: AsyncIterator[bytes], *, at: int, limit: int
    ) -> int:
        """Write at most `limit` bytes of a stream into a blob from byte `at`.

        What is over is read and thrown away: existing nodes pad their last chunk (sync-http.md,
        9.3).

        Returns
        -------
        int
            Bytes written; they are on the disk.
        """
        done = 0
        async for piece in pieces_of(chunks, MIB):
            part = memoryview(piece)[: limit - done]
            if part:
                await self.run(writer.write, bytes(part), at=at + done)
                done += len(part)
        await self.run(writer.sync)
        return done


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


def _lock_folder(config: ServiceConfig) -> int:
    try:
        config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(config.data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(
            "data",
            f"{config.data} cannot be used ({error.strerror})",
            "name another folder",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise SettingsError(
            "data",
            f"another service uses {config.data}",
            "stop it, or name another folder",
        ) from None
    return lock

"""One service without its HTTP: its records, its data, and who waits for them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from syncnb.errors import SettingsError
from syncnb.metadata import Json
from syncnb.service.authentication import Authentication
from syncnb.service.authenticators import make_authenticator
from syncnb.service.bandwidth import Bandwidth
from syncnb.service.blobs import BlobReader, BytesReader, LocalReader
from syncnb.service.blobs.base import DAY
from syncnb.service.config import MIB, ServiceConfig
from syncnb.service.data_uris import DataFolders
from syncnb.service.health import DatabaseHealth, LinkHealth, Probe
from syncnb.service.lifecycle import Site
from syncnb.service.lifecycle.base import CLOUD
from syncnb.service.metrics import Metrics
from syncnb.service.rates import Rates
from syncnb.service.signals import Signals
from syncnb.service.signatures import fits, is_signed
from syncnb.service.storage import backend_of, blobs_of, is_private, lock_folder, unusable
from syncnb.service.store import Content, Node, Store, StoredData, StoreError, Topic

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("syncnb.service")

_UNPREDICTABLE = random.SystemRandom()
_RESEND_TIMES = (
    6  # an unacknowledged notice is taken up after so many intervals (sync-http.md, 6.1)
)


@dataclass(frozen=True)
class Stop:
    """How a service is to stop (rest-api.md, 4.2).

    Parameters
    ----------
    restart : bool
        Whether it starts again.
    quiesce : float
        Seconds that what is under way still has.
    unregister : bool
        Whether a node tells its CSS that it is gone for good.
    """

    restart: bool = False
    quiesce: float = 0.0
    unregister: bool = False


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
    rng : random.Random, default random.SystemRandom()
        Where names of files and the jitter of pauses come from.
    authentication : Authentication, optional
        Who finds out who is calling; without, whoever `config` names.

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
        rng: random.Random = _UNPREDICTABLE,
        authentication: Authentication | None = None,
    ) -> None:
        self.config, self.rng = config, rng
        self.is_css = config.role == "css"
        self.authenticator = authentication or Authentication(*make_authenticator(config))
        self.started = time.monotonic()
        self.client_requests = 0
        self.upload_owner = str(uuid.uuid4())
        self.signals = Signals()
        self.leaving = False  # it answers 503 to everything but its health
        self._stop: Stop | None = None
        self._stop_asked = asyncio.Event()
        self.rates = Rates(config.rate_limit, config.rate_burst)
        self._executor = executor
        self._deleting: dict[str, asyncio.Task[None]] = {}
        self.data_folders = DataFolders(config.data_uri_folders or (config.data / "files",))
        self.incoming = Bandwidth(config.download_bandwidth)
        self.outgoing = Bandwidth(config.upload_bandwidth)
        self._leave = ExitStack()
        with self._leave:  # whatever fails gives back what was taken before
            self._leave.callback(os.close, lock_folder(config.data))
            self.blobs = blobs_of(config, executor, rng)
            self.store = self._leave.enter_context(self._opened_store(config, executor))
            self._leave = self._leave.pop_all()
        self.site = Site(
            is_css=self.is_css,
            node=CLOUD if self.is_css else Node(config.node_type, config.node_id),
            org=config.org_id,
            chunk_size=config.chunk_size,
            resend_after=_RESEND_TIMES * config.resend_interval,
            clock=clock,
        )
        self.database = DatabaseHealth(config.resend_interval)
        self.link = LinkHealth(config.css_url, clock)
        self.metrics = Metrics(config, self.link)
        self.store.watch(self.database, self.metrics)
        self.probe = Probe(self.store)

    async def open_for_business(self) -> None:
        """Hear the other processes, and remove what a crash left behind.

        To be awaited before the first request.

        Raises
        ------
        SettingsError
            Data cannot be kept where `blobs` says.
        """
        try:
            await self.blobs.check()
        except OSError as error:
            raise SettingsError("blobs", str(error), "check the place and its keys") from error
        loop = asyncio.get_running_loop()

        def heard(topics: set[Topic] | None) -> None:
            loop.call_soon_threadsafe(self._changed_elsewhere, topics)

        self._leave.callback(self.store.backend.listen(heard))
        if is_private(self.config):
            await self._sweep(older_than=0)

    async def clean_up(self) -> None:
        """Remove what crashes left behind, once a day by one of all processes."""
        try:
            await self._sweep(older_than=DAY)
        except (OSError, StoreError):  # tomorrow is another day
            log.exception("files without a record could not be removed")

    def ask_to_stop(self, stop: Stop) -> None:
        """Let whoever runs the service stop it; the first wish counts."""
        self._stop = self._stop or stop
        self._stop_asked.set()

    async def asked_to_stop(self) -> Stop:
        """Wait for such a wish."""
        await self._stop_asked.wait()
        return self._stop or Stop()

    async def finish(self) -> None:
        """Wait for what goes on behind the answers."""
        await asyncio.gather(*self._deleting.values(), return_exceptions=True)
        await self.blobs.close()

    def close(self) -> None:
        """Close the files; nothing may be under way."""
        self._leave.close()
        self.authenticator.close()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run what works on files off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: function(*args, **kwargs)
        )

    async def verified(self, stored: StoredData, meta: Mapping[str, Json]) -> StoredData:
        """The same data, with whether they are those that the metadata sign."""
        if not is_signed(meta):
            return stored
        digest = bytes.fromhex(stored.sha256)
        if meta["hashAlgorithm"] == "SHA1":
            digest = await self._sha1(stored)
        return replace(stored, verified=await self.run(fits, meta, digest))

    async def save(self, chunks: AsyncIterator[bytes]) -> StoredData:
        """Take in data: small ones for the database, others into a file.

        Parameters
        ----------
        chunks : async iterator of bytes
            The data; whatever it raises leaves nothing behind.

        Returns
        -------
        StoredData
            Would survive a crash, once a record names them.

        Raises
        ------
        OSError
            The disk is full or broken.
        """
        small = bytearray()
        async for chunk in chunks:
            small += chunk
            if len(small) > self.config.small_data:
                return await self.blobs.save(_chained(bytes(small), chunks))
        content = bytes(small)
        return StoredData(hashlib.sha256(content).hexdigest(), len(content), content=content)

    async def place(self, uri: str, stored: StoredData) -> None:
        """Put data where a `destinationDataUri` wants them.

        Raises
        ------
        OutsideError, OSError
            As `DataFolders.place`.
        """
        leaving = self._deleting.get(uri)
        if leaving is not None:  # of an earlier version, which must not take this one with it
            await leaving
        content: bytes | Path = stored.content or b""
        if stored.file is None:
            await self.run(self.data_folders.place, uri, content)
            return
        reader = await self.blobs.open(stored.file)
        try:
            if reader.path is None:
                raise OSError("the data are not on this machine")
            await self.run(self.data_folders.place, uri, reader.path)
        finally:
            await reader.close()

    async def open_uri(self, uri: str) -> BlobReader:
        """Data at a file URI, for reading.

        Raises
        ------
        OutsideError, OSError
            As `DataFolders.open`.
        """
        number, _ = await self.run(self.data_folders.open, uri)
        return LocalReader(number, None, self._executor)

    async def open(self, content: Content) -> BlobReader:
        """Data for reading.

        Raises
        ------
        FileNotFoundError
            They went in this very moment, since the object changed.
        """
        if content.file is None:
            return BytesReader(content.content or b"")
        return await self.blobs.open(content.file)

    @asynccontextmanager
    async def discarding(self, stored: StoredData) -> AsyncIterator[None]:
        """Remove data again if the block, which is to record them, fails."""
        try:
            yield
        except Exception as error:
            named = isinstance(error, StoreError) and error.lost  # perhaps: the sweep will know
            if stored.file is not None and not named:
                await self.release(stored.file)
            raise

    async def release(self, file: str) -> None:
        """Remove a file, unless a record names it: the same data may have come twice at once."""
        try:
            if not await self.store.read(lambda tx: tx.is_named(file)):
                await self.blobs.delete(file)
        except StoreError:  # the next sweep will know
            log.exception("a file without a record could not be removed")

    async def _sha1(self, stored: StoredData) -> bytes:
        digest = hashlib.sha1(usedforsecurity=False)
        reader = await self.open(Content(stored.size, stored.file, stored.content))
        try:
            at = 0
            while piece := await reader.read(at, MIB):
                await self.run(digest.update, piece)
                at += len(piece)
        finally:
            await reader.close()
        return digest.digest()

    @contextmanager
    def _opened_store(self, config: ServiceConfig, executor: Executor) -> Iterator[Store]:
        """The records, for as long as this service uses them."""
        backend = backend_of(config)
        with ExitStack() as stack:
            try:
                free = stack.enter_context(backend.occupy(alone=is_private(config)))
                if not free:
                    raise SettingsError(
                        "database",
                        "another process uses it, and data would lie where only one finds them",
                        "give all processes the same blobs, such as s3://bucket/prefix",
                    )
                store = Store(
                    backend,
                    executor,
                    on_change=self.signals.notify,
                    on_dropped=self._delete_files,
                )
            except StoreError as error:
                raise unusable(config, error) from error
            stack.callback(store.close)
            yield store

    def _changed_elsewhere(self, topics: set[Topic] | None) -> None:
        if topics is None:
            self.signals.notify_all()
        else:
            self.signals.notify(topics)

    async def _sweep(self, *, older_than: float) -> None:
        now = self.site.clock()
        files = await self.store.read(lambda tx: None if tx.files_are_held(now) else tx.files())
        if files is not None:
            await self.blobs.sweep(files, older_than=older_than)

    def _delete_files(self, files: set[str]) -> None:
        for file in sorted(files):
            task = asyncio.get_running_loop().create_task(self._delete_file(file))
            self._deleting[file] = task

    async def _delete_file(self, file: str) -> None:
        try:
            if file.startswith("file:"):
                await self.run(self.data_folders.delete, file)
                return
            now = self.site.clock()
            if not await self.store.read(lambda tx: tx.files_are_held(now)):
                await self.blobs.delete(file)
        except (OSError, StoreError):  # the next sweep tries again
            log.exception("a file without a record could not be removed")
        finally:
            self._deleting.pop(file, None)


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk

"""A store: concurrent writes share a commit, and wait until it is on the disk."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from syncnb.service.store.backend import Backend, Connection, StoreError
from syncnb.service.store.records import Topic
from syncnb.service.store.schema import migrate
from syncnb.service.store.transaction import Transaction
from syncnb.service.store.watchers import Watcher, tells_of_commits, tells_of_reads

T = TypeVar("T")
_MOST_PER_COMMIT = 64  # writes; keeps the first of a long queue from waiting for the last


@dataclass(slots=True)
class _Write:
    """A function that waits for its turn, and what came of it."""

    function: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None
    topics: Iterable[Topic] = ()
    dropped: Iterable[str] = ()


class _Spoilt(Exception):
    """One write of several failed after it had changed something."""


class Store:
    """The records of one service.

    Parameters
    ----------
    backend : Backend
        The database.
    executor : Executor
        Where SQL runs; never on the event loop.
    on_change : callable
        Called on the event loop with the topics that a commit changed.
    on_dropped : callable
        Called on the event loop with the files that no record names any more.

    Raises
    ------
    StoreError
        The database cannot be opened or brought to this version.
    """

    def __init__(
        self,
        backend: Backend,
        executor: Executor,
        *,
        on_change: Callable[[set[Topic]], None],
        on_dropped: Callable[[set[str]], None],
    ) -> None:
        self.backend = backend
        self._executor = executor
        self._on_change, self._on_dropped = on_change, on_dropped
        self.watchers: tuple[Watcher, ...] = ()
        self._writer = backend.connect()
        try:
            migrate(self._writer, backend.types)
        except BaseException:
            self._writer.close()
            raise
        self._idle: list[Connection] = []
        self._queue: deque[_Write] = deque()
        self._lock = threading.Lock()
        self._busy = False

    async def write(self, function: Callable[[Transaction], T]) -> T:
        """Run `function` in a transaction and return its result once that is durable.

        Parameters
        ----------
        function : callable
            Takes a `Transaction`. What it raises undoes what it did, and nobody else's work. It may
            run twice, so it changes nothing but the transaction.

        Returns
        -------
        object
            What `function` returned.

        Raises
        ------
        StoreError
            The commit failed, such as on a full disk; nothing was changed, unless `lost`.
        """
        loop = asyncio.get_running_loop()
        write = _Write(function, loop.create_future(), loop)
        with self._lock:
            self._queue.append(write)
            start, self._busy = not self._busy, True
        if start:
            self._executor.submit(self._drain)
        result: T = await write.future
        return result

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run `function`, which changes nothing, on the last committed state."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, self.read_now, function
        )

    @tells_of_reads
    def read_now(self, function: Callable[[Transaction], T]) -> T:
        """The same from a thread."""
        try:
            with self._reader() as reader:
                return function(Transaction(reader.execute))
        except StoreError as error:
            if not error.lost:
                raise
        # The server was restarted: so were all idle connections, and reading twice does no harm.
        with self._lock:
            stale, self._idle = self._idle, []
        for connection in stale:
            connection.close()
        with self._reader() as reader:
            return function(Transaction(reader.execute))

    def watch(self, *watchers: Watcher) -> None:
        """Tell them of every read and every commit from now on."""
        self.watchers += watchers

    def close(self) -> None:
        """Close the database; no call may be under way."""
        for connection in (*self._idle, self._writer):
            connection.close()

    @contextmanager
    def _reader(self) -> Iterator[Connection]:
        with self._lock:
            reader = self._idle.pop() if self._idle else None
        if reader is None:
            reader = self.backend.connect()
        try:
            reader.begin(write=False)
            yield reader
            reader.commit()
        except StoreError:
            reader.close()  # it may be broken: the next read opens another
            raise
        except BaseException:
            reader.rollback()
            self._keep(reader)
            raise
        self._keep(reader)

    def _keep(self, reader: Connection) -> None:
        with self._lock:
            self._idle.append(reader)

    def _drain(self) -> None:
        while True:
            with self._lock:
                batch = [
                    self._queue.popleft() for _ in range(min(len(self._queue), _MOST_PER_COMMIT))
                ]
                if not batch:
                    self._busy = False
                    return
            try:
                self._commit(batch)
            except _Spoilt:
                for write in batch:
                    self._commit([write])
            batch[0].loop.call_soon_threadsafe(self._resolve, batch)

    @tells_of_commits
    def _commit(self, batch: list[_Write]) -> None:
        """Run all writes in one transaction; each alone if one spoils it."""
        writer, committing = self._writer, False
        try:
            writer.begin(write=True)
            topics: set[Topic] = set()
            for write in batch:
                transaction = Transaction(writer.execute)
                write.error = None
                try:
                    write.result = write.function(transaction)
                    write.topics, write.dropped = transaction.topics, transaction.dropped
                    topics |= transaction.topics
                except StoreError:
                    raise
                except Exception as error:  # noqa: BLE001  (the caller's own: handed back to it)
                    write.error = error
                    if transaction.changed:
                        raise _Spoilt from None
            self.backend.notify(writer, topics)
            committing = True
            writer.commit()
        except (StoreError, _Spoilt) as error:
            writer.rollback()
            if committing and isinstance(error, StoreError) and error.lost:
                for write in batch:  # perhaps they happened: none may happen twice
                    write.error = write.error or error
            elif len(batch) > 1:
                raise _Spoilt from None
            else:
                batch[0].error = batch[0].error or error

    def _resolve(self, batch: list[_Write]) -> None:
        topics: set[Topic] = set()
        dropped: set[str] = set()
        for write in batch:
            if write.error is None:
                topics.update(write.topics)
                dropped.update(write.dropped)
            if write.future.done():  # its request was cancelled; the work is done all the same
                continue
            if write.error is not None:
                write.future.set_exception(write.error)
            else:
                write.future.set_result(write.result)
        if topics:
            self._on_change(topics)
        if dropped:
            self._on_dropped(dropped)

"""SQLite under a service: concurrent writes share a commit, and wait until it is on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from syncnb.service.store.records import Topic
from syncnb.service.store.schema import migrate
from syncnb.service.store.transaction import Transaction

T = TypeVar("T")
StoreError = sqlite3.Error  # what a write raises when the disk is full or broken
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


class Store:
    """The records of one service.

    Parameters
    ----------
    path : Path
        The database file; made if it is not there.
    executor : Executor
        Where SQL runs; never on the event loop.
    on_change : callable
        Called on the event loop with the topics that a commit changed.
    on_dropped : callable
        Called in the executor with each blob that no record names any more.
    """

    def __init__(
        self,
        path: Path,
        executor: Executor,
        *,
        on_change: Callable[[set[Topic]], None],
        on_dropped: Callable[[str], None],
    ) -> None:
        self._executor = executor
        self._on_change, self._on_dropped = on_change, on_dropped
        self._writer = _open(path)
        migrate(self._writer)
        self._reader = _open(path)
        self._reading = threading.Lock()
        self._queue: deque[_Write] = deque()
        self._lock = threading.Lock()
        self._busy = False

    async def write(self, function: Callable[[Transaction], T]) -> T:
        """Run `function` in a transaction and return its result once that is durable.

        Parameters
        ----------
        function : callable
            Takes a `Transaction`. What it raises undoes what it did, and nobody else's work.

        Returns
        -------
        object
            What `function` returned.

        Raises
        ------
        StoreError
            The commit failed, such as on a full disk; nothing was changed.
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

    def read_now(self, function: Callable[[Transaction], T]) -> T:
        """The same from a thread."""
        with self._reading:
            self._reader.execute("BEGIN")
            try:
                return function(Transaction(self._reader))
            finally:
                self._reader.execute("COMMIT")

    def close(self) -> None:
        """Close the database; no call may be under way."""
        self._reader.close()
        self._writer.close()

    def _drain(self) -> None:
        while True:
            with self._lock:
                batch = [
                    self._queue.popleft() for _ in range(min(len(self._queue), _MOST_PER_COMMIT))
                ]
                if not batch:
                    self._busy = False
                    return
            self._commit(batch)
            batch[0].loop.call_soon_threadsafe(self._resolve, batch)
            for blob in {blob for write in batch if not write.error for blob in write.dropped}:
                self._on_dropped(blob)

    def _commit(self, batch: list[_Write]) -> None:
        execute = self._writer.execute
        try:
            execute("BEGIN IMMEDIATE")
            for write in batch:
                execute("SAVEPOINT one")
                transaction = Transaction(self._writer)
                try:
                    write.result = write.function(transaction)
                    write.topics, write.dropped = (
                        transaction.topics,
                        transaction.dropped,
                    )
                except Exception as error:  # noqa: BLE001  (the caller's own: handed back to it)
                    write.error = error
                    execute("ROLLBACK TO one")
                execute("RELEASE one")
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                execute("ROLLBACK")
            for write in batch:
                write.error = write.error or error

    def _resolve(self, batch: list[_Write]) -> None:
        topics: set[Topic] = set()
        for write in batch:
            if write.error is None:
                topics.update(write.topics)
            if write.future.done():  # its request was cancelled; the work is done all the same
                continue
            if write.error is not None:
                write.future.set_exception(write.error)
            else:
                write.future.set_result(write.result)
        if topics:
            self._on_change(topics)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
    return connection

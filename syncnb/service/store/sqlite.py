"""SQLite under a store: one file, one process."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from syncnb.service.store.backend import Connection, StoreError, storable
from syncnb.service.store.records import Topic


class SQLiteConnection:
    """One connection.

    Parameters
    ----------
    path : Path
        The database file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=30
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            # A commit is on the disk when it returns.
            self._connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            raise _translated(error) from error

    def begin(self, *, write: bool) -> None:
        """Begin a transaction."""
        self.execute("BEGIN IMMEDIATE" if write else "BEGIN", {})

    def execute(self, sql: str, values: Mapping[str, object], /) -> Any:
        """Run a statement."""
        try:
            return self._connection.execute(sql, {k: storable(v) for k, v in values.items()})
        except sqlite3.Error as error:
            raise _translated(error) from error

    def commit(self) -> None:
        """Make it durable."""
        self.execute("COMMIT", {})

    def rollback(self) -> None:
        """Undo it."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class SQLite:
    """A database in one file.

    Parameters
    ----------
    path : Path
        The file.
    """

    types: Mapping[str, str] = {"text": "TEXT", "float": "REAL", "bytes": "BLOB"}

    def __init__(self, path: Path) -> None:
        self._path = path

    def connect(self) -> Connection:
        """Open a connection."""
        return SQLiteConnection(self._path)

    def notify(self, connection: Connection, topics: set[Topic]) -> None:
        """Nobody else: one process uses the file at a time."""

    def listen(self, heard: Callable[[set[Topic] | None], None]) -> Callable[[], None]:
        """Nobody else: one process uses the file at a time."""
        return lambda: None

    def occupy(self, *, alone: bool) -> AbstractContextManager[bool]:
        """The lock of the data folder does it."""
        return nullcontext(enter_result=True)


def _translated(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    return StoreError(str(error), full=code == sqlite3.SQLITE_FULL)

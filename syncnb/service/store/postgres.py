"""PostgreSQL under a store: one database, any number of processes and machines."""

from __future__ import annotations

import functools
import hashlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int8BinaryDumper

from syncnb.service.store.backend import Connection, StoreError, storable
from syncnb.service.store.payloads import decoded, encoded
from syncnb.service.store.records import Topic

log = logging.getLogger("syncnb.service")

_PLACEHOLDER = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_PATIENCE = {  # a machine that went without a word is noticed within half a minute
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # ms
}
# A process that stands still with the lock of the writers must not stop the others for good, and
# whoever waits for that lock says so in the end. A server that commits to memory only is told to
# commit to the disk; one that waits for its replicas too is left alone.
_SETTINGS = """
SET idle_in_transaction_session_timeout = '30s';
SET lock_timeout = '60s';
SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
_ENDED = ("08", "57P", "25P03")  # states of which the server ends the connection
_LISTEN_TICK = 0.5  # seconds until a listener notices that it is to stop
_LISTEN_PAUSE = 1.0  # seconds between two tries to listen again


class _Rows:
    """What a statement found; its errors come when it is asked, since statements are pipelined."""

    __slots__ = ("_connection", "_cursor")

    def __init__(self, connection: PostgresConnection, cursor: psycopg.Cursor[Any]) -> None:
        self._connection, self._cursor = connection, cursor

    @property
    def description(self) -> Any:
        """The columns, once rows were asked for."""
        return self._cursor.description

    def fetchone(self) -> Sequence[Any] | None:
        """The next row."""
        try:
            row: Sequence[Any] | None = self._cursor.fetchone()
        except psycopg.Error as error:
            raise self._connection.translated(error) from None
        return row

    def fetchall(self) -> list[Any]:
        """All rows."""
        try:
            return self._cursor.fetchall()
        except psycopg.Error as error:
            raise self._connection.translated(error) from None


class PostgresConnection:
    """One connection, opened again by `begin` after it was lost.

    Statements go out in pipeline mode: only one whose rows are asked for costs a round trip.

    Parameters
    ----------
    database : Postgres
        Where to.
    """

    def __init__(self, database: Postgres) -> None:
        self._database = database
        self._connection = database.open()
        self._pipeline: Any = None

    def begin(self, *, write: bool) -> None:
        """Begin a transaction."""
        if self._connection.closed:
            self._connection = self._database.open()
        try:
            self._pipeline = self._connection.pipeline()
            self._pipeline.__enter__()
        except psycopg.Error as error:
            raise self.translated(error) from None
        if write:
            # The rules read, decide and write. One lock for all writers of a schema makes that
            # safe without retries; commits are shared by concurrent requests, which keeps it fast.
            # READ COMMITTED, so that what follows sees whatever the holder before committed.
            self.execute("BEGIN ISOLATION LEVEL READ COMMITTED", {})
            self.execute("SELECT pg_advisory_xact_lock(:key)", {"key": self._database.key(0)})
        else:
            self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", {})

    def execute(self, sql: str, values: Mapping[str, object], /) -> _Rows:
        """Run a statement, at the latest when its rows are asked for."""
        text, names = _translated(sql)
        try:
            found = self._connection.execute(
                text, [storable(values[name]) for name in names], binary=True
            )
        except psycopg.Error as error:
            raise self.translated(error) from None
        return _Rows(self, found)

    def commit(self) -> None:
        """Make it durable."""
        self.execute("COMMIT", {})
        try:
            pipeline, self._pipeline = self._pipeline, None
            pipeline.__exit__(None, None, None)
        except psycopg.Error as error:
            raise self.translated(error) from None
        if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            raise StoreError("the transaction did not end", lost=True)

    def rollback(self) -> None:
        """Undo it."""
        try:
            if self._pipeline is not None:
                pipeline, self._pipeline = self._pipeline, None
                with suppress(psycopg.Error):  # what failed was reported before
                    pipeline.__exit__(None, None, None)
            if self._connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self.close()

    def close(self) -> None:
        """Close it; the server undoes what was not committed."""
        pipeline, self._pipeline = self._pipeline, None
        with suppress(psycopg.Error):
            self._connection.close()
            if pipeline is not None:
                pipeline.__exit__(None, None, None)

    def translated(self, error: psycopg.Error) -> StoreError:
        """What the rest of the service understands."""
        if (error.sqlstate or "").startswith(_ENDED) or self._connection.closed:
            self.close()
        return StoreError(
            self._database.without_password(str(error).strip()),
            full=isinstance(error, psycopg.errors.DiskFull),
            refused=isinstance(error, psycopg.DataError | psycopg.errors.ProgramLimitExceeded),
            lost=self._connection.closed,
        )


class Postgres:
    """A schema of a PostgreSQL database.

    Parameters
    ----------
    url : str
        ``postgresql://user@host:port/database``, with whatever else libpq understands.
    password : str or None
        Instead of one in `url`, in ``PGPASSWORD`` or in libpq's password file.

    Raises
    ------
    StoreError
        The URL is malformed.
    """

    types: Mapping[str, str] = {
        "text": 'TEXT COLLATE "C"',  # in the order of bytes, as SQLite and the protocol sort
        "float": "DOUBLE PRECISION",
        "bytes": "BYTEA",
    }

    def __init__(self, url: str, password: str | None = None) -> None:
        try:
            self._where: dict[str, Any] = {**_PATIENCE, **conninfo_to_dict(url)}
        except psycopg.Error:  # its text would show the password
            raise StoreError("its URL is not one that libpq understands") from None
        if password is not None:
            self._where["password"] = password
        self._where.setdefault("application_name", "syncnb")
        self._schema: str | None = None

    def __repr__(self) -> str:
        shown = {k: self._where[k] for k in ("host", "port", "dbname") if k in self._where}
        return f"Postgres({shown})"

    def connect(self) -> Connection:
        """Open a connection."""
        return PostgresConnection(self)

    def notify(self, connection: Connection, topics: set[Topic]) -> None:
        """Tell the other processes with the commit."""
        channel = self._channel
        for payload in encoded(topics):
            connection.execute(
                "SELECT pg_notify(:channel, :payload)", {"channel": channel, "payload": payload}
            )

    def listen(self, heard: Callable[[set[Topic] | None], None]) -> Callable[[], None]:
        """Hear all processes, this one included, on a connection and a thread of their own."""
        stopping = threading.Event()
        thread = threading.Thread(
            target=self._listen, args=(heard, stopping), name="syncnb-listen", daemon=True
        )
        thread.start()

        def stop() -> None:
            stopping.set()
            thread.join()

        return stop

    @contextmanager
    def occupy(self, *, alone: bool) -> Iterator[bool]:
        """Hold a lock of the session, which the server releases when the process ends."""
        connection = self.open()
        try:
            function = "pg_try_advisory_lock" if alone else "pg_try_advisory_lock_shared"
            found = connection.execute(f"SELECT {function}($1)", [self.key(1)]).fetchone()
            yield bool(found and found[0])
        except psycopg.Error as error:
            raise self._failed(error) from None
        finally:
            connection.close()

    def open(self) -> psycopg.Connection[Any]:
        """A connection as libpq has it."""
        try:
            connection = psycopg.connect(
                **self._where,
                autocommit=True,
                prepare_threshold=2,
                cursor_factory=psycopg.RawCursor,
            )
        except psycopg.Error as error:
            raise self._failed(error) from None
        try:
            connection.adapters.register_dumper(int, Int8BinaryDumper)
            connection.execute(_SETTINGS)
            if self._schema is None:
                self._schema = _schema_of(connection)
        except psycopg.Error as error:
            connection.close()
            raise self._failed(error) from None
        except StoreError:
            connection.close()
            raise
        return connection

    def _failed(self, error: psycopg.Error) -> StoreError:
        return StoreError(self.without_password(str(error).strip()), lost=True)

    def key(self, number: int) -> int:
        """A number for an advisory lock of this schema."""
        name = hashlib.blake2b(f"syncnb {number} {self._schema}".encode(), digest_size=8)
        return int.from_bytes(name.digest(), "big", signed=True)

    def without_password(self, text: str) -> str:
        """A text for people, whatever libpq put into it."""
        password = self._where.get("password")
        return text.replace(str(password), "***") if password else text

    @property
    def _channel(self) -> str:
        return f"syncnb_{self.key(2) & (2**64 - 1):016x}"

    def _listen(
        self, heard: Callable[[set[Topic] | None], None], stopping: threading.Event
    ) -> None:
        complained = False
        while not stopping.is_set():
            try:
                with self.open() as connection:
                    connection.execute(f"LISTEN {self._channel}")
                    heard(None)  # whatever was missed
                    complained = False
                    while not stopping.is_set():
                        for one in connection.notifies(timeout=_LISTEN_TICK):
                            heard(decoded(one.payload))
            except (psycopg.Error, StoreError) as error:
                if not complained:
                    text = self.without_password(str(error).strip())
                    log.warning("other processes are not heard at the moment: %s", text)
                complained = True
                stopping.wait(_LISTEN_PAUSE)


def _schema_of(connection: psycopg.Connection[Any]) -> str:
    """Where the tables are; raises StoreError if they cannot be there."""
    found = connection.execute("SELECT current_schema(), current_setting('server_encoding')")
    schema, encoding = found.fetchone() or (None, "")
    if schema is None:
        raise StoreError("its user has no schema to work in: create it, or set search_path")
    if encoding != "UTF8":
        raise StoreError(f"it stores text as {encoding}: create one with ENCODING 'UTF8'")
    return str(schema)


@functools.lru_cache(maxsize=1024)
def _translated(sql: str) -> tuple[str, tuple[str, ...]]:
    """A statement with ``$1`` for ``:name``, and the names in that order."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PLACEHOLDER.sub(number, sql), tuple(names)

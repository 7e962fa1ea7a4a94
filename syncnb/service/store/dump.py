"""All rows of a database as lines that any other database takes, and back."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from syncnb.service.store.backend import Backend, Connection, StoreError
from syncnb.service.store.schema import MIGRATIONS, TABLES, migrate, migrations_of, run_migrations
from syncnb.service.store.transaction import Transaction

Line = tuple[str, dict[str, Any]]  # table, column -> value

_PAGE = 200  # rows at a time; each may hold 64 KB
_LEASES = "timers"  # they say what processes do at the moment, which is over after a restore
_USED = ("objects", "destinations", "organizations", "acls", "webhooks")


def rows_of(connection: Connection) -> Iterator[Line]:
    """Every row, in a transaction of the caller's.

    What is half uploaded is left out: those who send it begin anew.

    Parameters
    ----------
    connection : Connection
        In a transaction that only reads.

    Yields
    ------
    tuple of (str, dict)
        Table, and values by column.
    """
    for table, key in TABLES.items():
        if table == _LEASES:
            continue
        columns = ", ".join(key)
        names = ", ".join(f":{column}" for column in key)
        order = f"ORDER BY {columns} LIMIT :most"
        after: dict[str, object] = {}
        while True:
            where = f"WHERE ({columns}) > ({names}) " if after else ""
            found = _select(connection, f"SELECT * FROM {table} {where}{order}", after)
            for row in found:
                if table == "objects":
                    row |= {"partial": None, "ranges": "[]"}
                yield table, row
            if len(found) < _PAGE:
                break
            after = {column: found[-1][column] for column in key}


def is_used(connection: Connection) -> bool:
    """Whether anybody has stored anything."""
    connection.begin(write=False)
    try:
        return any(
            connection.execute(f"SELECT 1 FROM {table} LIMIT 1", {}).fetchone() for table in _USED
        )
    finally:
        connection.rollback()


def replace_all(
    backend: Backend,
    connection: Connection,
    migrations: Sequence[str],
    lines: Iterable[Line],
    then: Callable[[Transaction], None],
) -> None:
    """Put these rows in the place of all that is there, or change nothing.

    Parameters
    ----------
    connection : Connection
        Outside a transaction; nobody else uses the database.
    migrations : sequence of str
        The names of those that had run where the rows come from.
    lines : iterable of (str, dict)
        The rows.
    then : callable
        What is to be done in the same transaction.

    Raises
    ------
    StoreError
        The database failed, or the rows are those of a later version.
    """
    known = [name for name, _ in MIGRATIONS]
    if list(migrations) != known[: len(migrations)]:
        raise StoreError("the records were made by a later version of syncnb")
    connection.begin(write=True)
    try:
        for table in (*TABLES, "migrations"):
            connection.execute(f"DROP TABLE IF EXISTS {table}", {})
        run_migrations(connection, backend.types, MIGRATIONS[: len(migrations)])
        for table, row in lines:
            if table not in TABLES or not all(column.isidentifier() for column in row):
                raise StoreError(f"the records name a table {table!r} or columns that do not exist")
            connection.execute(
                f"INSERT INTO {table} ({', '.join(row)}) "
                f"VALUES ({', '.join(f':{column}' for column in row)})",
                row,
            )
        run_migrations(connection, backend.types, MIGRATIONS)
        then(Transaction(connection.execute))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def opened(backend: Backend, *, migrated: bool) -> Connection:
    """A connection to a database of this version.

    Parameters
    ----------
    migrated : bool
        Whether to bring an older one to this version; otherwise it is refused.

    Raises
    ------
    StoreError
        It is of another version, or does not answer.
    """
    connection = backend.connect()
    try:
        if migrated:
            migrate(connection, backend.types)
        elif migrations_of(connection) != [name for name, _ in MIGRATIONS]:
            raise StoreError("it is of another version: start the service once with this one")
    except BaseException:
        connection.close()
        raise
    return connection


def encoded(table: str, row: Mapping[str, Any]) -> bytes:
    r"""One line of JSON.

    Examples
    --------
    >>> encoded("contents", {"blob": "00", "content": b"abc"})
    b'{"table":"contents","row":{"blob":"00","content":{"base64":"YWJj"}}}\n'
    """
    plain = {
        column: {"base64": base64.b64encode(value).decode()} if _is_bytes(value) else value
        for column, value in row.items()
    }
    return msgspec.json.encode({"table": table, "row": plain}) + b"\n"


def decoded(line: bytes) -> Line:
    """The row of a line.

    Examples
    --------
    >>> decoded(encoded("contents", {"blob": "00", "content": b"abc"}))
    ('contents', {'blob': '00', 'content': b'abc'})
    """
    value = msgspec.json.decode(line)
    row = {
        column: base64.b64decode(item["base64"]) if isinstance(item, dict) else item
        for column, item in value["row"].items()
    }
    return value["table"], row


def _select(connection: Connection, sql: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
    found = connection.execute(sql, {**values, "most": _PAGE})
    rows = found.fetchall()
    columns = [column[0] for column in found.description]
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _is_bytes(value: object) -> bool:
    return isinstance(value, bytes | memoryview)

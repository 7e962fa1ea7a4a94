"""What all statements share: running them, and remembering what they changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from syncnb.service.store.records import Topic

Row = Sequence[Any]
Values = Mapping[str, object]
Execute = Callable[[str, Values], Any]  # returns a cursor of DB-API 2.0

THE_OBJECT = "org = :org AND object_type = :object_type AND object_id = :object_id"
THE_NODE = "dest_type = :dest_type AND dest_id = :dest_id"


class Statements:
    """One unit of work: it happens as a whole or not at all.

    Placeholders are named and statements keep to what SQLite and PostgreSQL both run.

    Parameters
    ----------
    execute : callable
        Runs one statement.

    Attributes
    ----------
    topics : set of Topic
        What it changed, for those who wait.
    dropped : set of str
        Files that no record names once it is committed: of the service, or file URIs.
    changed : bool
        Whether anything was written.
    """

    def __init__(self, execute: Execute) -> None:
        self._execute = execute
        self.topics: set[Topic] = set()
        self.dropped: set[str] = set()
        self.changed = False

    def wake(self, topics: Iterable[Topic]) -> None:
        """Wake those who wait for these topics after the commit."""
        self.topics.update(topics)

    def _rows(self, sql: str, values: Values) -> list[Row]:
        found: list[Row] = self._execute(sql, values).fetchall()
        return found

    def _row(self, sql: str, values: Values) -> Row | None:
        found: Row | None = self._execute(sql, values).fetchone()
        return found

    def _change(self, sql: str, values: Values) -> None:
        self.changed = True
        self._execute(sql, values)

    def _put(self, table: str, key: Sequence[str], values: Values) -> None:
        """Store a row over the one with the same `key` columns."""
        others = [column for column in values if column not in key]
        self._change(
            f"INSERT INTO {table} ({', '.join(values)}) "
            f"VALUES ({', '.join(f':{column}' for column in values)}) "
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET "
            + ", ".join(f"{column} = excluded.{column}" for column in others),
            values,
        )


def one_of(column: str, values: Sequence[str]) -> tuple[str, dict[str, str]]:
    """A condition that `column` is one of `values`, and what its placeholders stand for."""
    names = {f"{column}{i}": value for i, value in enumerate(values)}
    return f"{column} IN ({', '.join(f':{name}' for name in names)})", names

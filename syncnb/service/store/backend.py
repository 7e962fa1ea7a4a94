"""What a database has to offer to carry a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from syncnb.service.store.records import Topic


class StoreError(Exception):
    """The database failed; nothing was changed, unless `lost`.

    Parameters
    ----------
    reason : str
        What it said.
    full : bool
        Whether its disk is full.
    refused : bool
        Whether it will never take what it was given, such as a name of thousands of bytes.
    lost : bool
        Whether the connection broke: from a commit it is then unknown whether it happened.
    """

    def __init__(
        self, reason: str, *, full: bool = False, refused: bool = False, lost: bool = False
    ) -> None:
        super().__init__(reason, full, refused, lost)
        self.reason, self.full, self.refused, self.lost = reason, full, refused, lost

    def __str__(self) -> str:
        return f"the database failed: {self.reason}"


class Connection(Protocol):
    """One connection; used by one thread at a time.

    Every method raises `StoreError` and nothing else.
    """

    def begin(self, *, write: bool) -> None:
        """Begin a transaction; with `write`, the only writing one of all processes."""

    def execute(self, sql: str, values: Mapping[str, object], /) -> Any:
        """Run a statement with named placeholders; returns a cursor.

        Of DB-API 2.0, with ``fetchone``, ``fetchall``, and then ``description``.
        """

    def commit(self) -> None:
        """Return when everything since `begin` would survive a power cut."""

    def rollback(self) -> None:
        """Undo everything since `begin`; never fails."""

    def close(self) -> None:
        """Close it."""


class Backend(Protocol):
    """One kind of database."""

    types: Mapping[str, str]  # what {text}, {float} and {bytes} of the schema are called

    def connect(self) -> Connection:
        """Open a connection."""

    def notify(self, connection: Connection, topics: set[Topic]) -> None:
        """Tell the other processes, with the commit, what changed."""

    def listen(self, heard: Callable[[set[Topic] | None], None]) -> Callable[[], None]:
        """Call `heard` with what other processes changed, None for anything; returns a stop."""

    def occupy(self, *, alone: bool) -> AbstractContextManager[bool]:
        """Use the database, `alone` or with others, while the block lasts; False if that fails."""


def storable(value: object) -> object:
    """A value as every database takes it: text without NUL and without halves of characters."""
    if not isinstance(value, str):
        return value
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    if not value.isascii():
        value = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value

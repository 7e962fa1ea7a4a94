"""Telling those who watch a store how its reads and commits end."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from syncnb.service.store.backend import StoreError

P = ParamSpec("P")
T = TypeVar("T")


class Watcher(Protocol):
    """Somebody who wants to know how the database does; called from any thread."""

    def on_read(self, seconds: float, error: StoreError | None, /) -> None:
        """A read has ended after so many seconds, with an error or without."""

    def on_commit(self, writes: int, seconds: float, error: StoreError | None, /) -> None:
        """A transaction of so many writes has ended after so many seconds."""


class Watched(Protocol):
    """A store."""

    watchers: tuple[Watcher, ...]


class Outcome(Protocol):
    """A write that has run."""

    error: BaseException | None


S = TypeVar("S", bound=Watched)
W = TypeVar("W", bound=Outcome)


def tells_of_reads(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], T]:
    """A method that reads, and tells how long that took and whether the database failed."""

    @wraps(method)
    def reads(store: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        started, failure = time.monotonic(), None
        try:
            return method(store, *args, **kwargs)
        except StoreError as error:
            failure = error
            raise
        finally:
            seconds = time.monotonic() - started
            for watcher in store.watchers:
                watcher.on_read(seconds, failure)

    return reads


def tells_of_commits(
    method: Callable[[S, list[W]], None],
) -> Callable[[S, list[W]], None]:
    """A method that commits writes, and tells the same; nothing where all of it was undone."""

    @wraps(method)
    def commits(store: S, batch: list[W]) -> None:
        started = time.monotonic()
        method(store, batch)  # what it raises means that the batch runs again in parts
        errors = [write.error for write in batch if write.error is not None]
        failure = next((error for error in errors if isinstance(error, StoreError)), None)
        if failure is None and errors and len(batch) == 1:
            return
        seconds = time.monotonic() - started
        for watcher in store.watchers:
            watcher.on_commit(len(batch), seconds, failure)

    return commits

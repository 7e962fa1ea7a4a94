"""A place where something happens at the n-th call, before it is done or after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncnb.statistics.table.local_place import LocalPlace


class CrashError(BaseException):
    """As `kill -9`: nothing catches it."""


class FragilePlace(LocalPlace):
    """Crashes, or lets something else happen, at the n-th call that changes something.

    Parameters
    ----------
    root : Path
        The folder.
    at : int
        Which call, counted from 0.
    after : bool
        Whether what was called for is done by then.
    then : callable, optional
        What happens, instead of a crash.
    """

    def __init__(
        self, root: Path, at: int, *, after: bool, then: Callable[[], object] | None = None
    ) -> None:
        super().__init__(root)
        self._left, self._after, self._then = at, after, then or _crash

    def create(self, name: str, data: bytes) -> bool:
        with self._step():
            return super().create(name, data)

    def move(self, name: str, to: str) -> None:
        with self._step():
            super().move(name, to)

    def remove(self, name: str) -> None:
        with self._step():
            super().remove(name)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:  # `write` too
        with self._step(), super().writing(name) as path:
            yield path

    @contextmanager
    def _step(self) -> Iterator[None]:
        crash = self._left == 0
        self._left -= 1
        if crash and not self._after:
            self._then()
        yield
        if crash and self._after:
            self._then()


def _crash() -> None:
    raise CrashError


def crashes(work: Any) -> bool:
    """Whether it crashed."""
    try:
        work()
    except CrashError:
        return True
    return False

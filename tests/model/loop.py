"""Time that passes only when nothing else happens, and a disk whose speed a seed decides."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import Context
from random import Random
from typing import Any, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that jumps to its next timer instead of waiting for it."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self))
        self.slow_callback_duration = float("inf")

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: Unpack[Ts],  # noqa: UP044  (as typeshed has it)
        context: Context | None = None,
    ) -> asyncio.Handle:
        """There are no other threads."""
        return self.call_soon(callback, *args, context=context)


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing will ever happen again")
        if not ready and timeout is not None and timeout > 0:
            self._loop.jump(timeout)
        return ready


class Disk(Executor):
    """Runs what works on files and SQL a moment later, each function at one stroke.

    Parameters
    ----------
    loop : VirtualLoop
        Where it runs.
    rng : random.Random
        How long each function takes to get its turn.
    """

    def __init__(self, loop: VirtualLoop, rng: Random) -> None:
        self._loop, self._rng = loop, rng
        self.gone = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn` soon, unless the process is killed before its turn comes."""
        if self.gone:
            raise RuntimeError("the process was killed")
        future: Future[Any] = Future()
        self._loop.call_later(self._latency(), self._run, future, fn, args, kwargs)
        return future

    def _run(self, future: Future[Any], fn: Callable[..., Any], args: Any, kwargs: Any) -> None:
        if self.gone:
            future.cancel()  # who waits until a file is written has died too
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = fn(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001  (handed on)
            future.set_exception(error)
        else:
            future.set_result(result)

    def _latency(self) -> float:
        draw = self._rng.random()
        return 0.0002 if draw < 0.7 else draw * 0.003 if draw < 0.98 else draw * 0.05

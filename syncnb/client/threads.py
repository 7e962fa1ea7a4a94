"""Blocking calls from asyncio: each in a thread that ends with it, and can be broken off."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from typing import TypeVar, cast

from syncnb.client.interrupting import Interrupt

T = TypeVar("T")
_END = object()


async def in_thread(call: Callable[[], T], interrupt: Interrupt | None = None) -> T:
    """Run a call in a thread of its own; to cancel it breaks off what it requests.

    The threads of `asyncio.to_thread` are few and stay: waits of some loops would use them up.

    Parameters
    ----------
    call : callable
        Blocks.
    interrupt : Interrupt, optional
        What ends the call; by default one that breaks off every request of it.

    Returns
    -------
    object
        What the call returned.

    Raises
    ------
    Exception
        What the call raised.
    asyncio.CancelledError
        The task was cancelled; the thread has ended by then.

    Examples
    --------
    >>> asyncio.run(in_thread(lambda: 1 + 1))
    2
    """
    is_own, interrupt = interrupt is None, interrupt or Interrupt()
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            with interrupt.requests() if is_own else contextlib.nullcontext():
                result = context.run(call)
        except BaseException as error:  # noqa: BLE001  raised again where it is awaited
            settle = partial(outcome.set_exception, error)
        else:
            settle = partial(outcome.set_result, result)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    thread = threading.Thread(target=run, name="syncnb-async", daemon=True)
    thread.start()
    try:
        return await asyncio.shield(outcome)
    except asyncio.CancelledError:
        interrupt.set()
        await asyncio.wait([outcome])
        outcome.exception()  # looked at, so that asyncio does not report it as forgotten
        raise
    finally:
        if outcome.done():
            thread.join()  # it has nothing left to do


async def iterate_in_threads(items: Iterator[T], interrupt: Interrupt) -> AsyncGenerator[T]:
    """An iterator that blocks, for ``async for``.

    Parameters
    ----------
    items : iterator
        Blocks; a generator is closed in the end.
    interrupt : Interrupt
        Ends its wait.

    Yields
    ------
    object
        What it yields.

    Examples
    --------
    >>> async def listed():
    ...     return [item async for item in iterate_in_threads(iter([1, 2]), Interrupt())]
    >>> asyncio.run(listed())
    [1, 2]
    """
    try:
        while (item := await in_thread(lambda: next(items, _END), interrupt)) is not _END:
            yield cast("T", item)
    finally:
        interrupt.set()
        close = getattr(items, "close", None)
        if close is not None:
            close()

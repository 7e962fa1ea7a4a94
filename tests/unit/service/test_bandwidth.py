"""The limit on how fast data travel, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from syncnb.service.bandwidth import Bandwidth
from tests.model.loop import VirtualLoop

MB = 1_000_000


async def pieces(total: int, size: int = MB) -> AsyncIterator[bytes]:
    for at in range(0, total, size):
        yield b"x" * min(size, total - at)


async def passed(limit: Bandwidth, total: int) -> float:
    """Let data pass; returns when the last of them did, in seconds."""
    arrived = 0
    async for part in limit.limited(pieces(total)):
        arrived += len(part)
    assert arrived == total
    return asyncio.get_running_loop().time()


def run(*works: Coroutine[Any, Any, float]) -> list[float]:
    loop = VirtualLoop()
    try:
        return list(loop.run_until_complete(_all(works)))
    finally:
        loop.close()


async def _all(works: tuple[Coroutine[Any, Any, float], ...]) -> list[float]:
    return await asyncio.gather(*works)


def test_data_pass_at_the_rate_that_was_set() -> None:
    (seconds,) = run(passed(Bandwidth(2 * MB), 20 * MB))
    assert seconds == pytest.approx(10, abs=0.3)


def test_transfers_share_the_rate_and_a_small_one_does_not_wait_for_a_large_one() -> None:
    limit = Bandwidth(2 * MB)
    large, small = run(passed(limit, 20 * MB), passed(limit, MB))
    assert large == pytest.approx(10.5, abs=0.4)
    assert small == pytest.approx(1, abs=0.4)


def test_time_in_which_nothing_passed_is_not_saved_up() -> None:
    limit = Bandwidth(MB)

    async def later() -> float:
        await asyncio.sleep(1000)
        return await passed(limit, 5 * MB)

    (end,) = run(later())
    assert end - 1000 == pytest.approx(5, abs=0.3)


def test_no_limit_takes_no_time() -> None:
    limit = Bandwidth(0)
    assert not limit.is_limited
    assert run(passed(limit, 100 * MB)) == [0.0]

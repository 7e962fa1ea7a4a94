"""Updates for asyncio: the loop goes on, and cancelling is at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from syncnb import SyncServiceClient, updates_async
from syncnb.client.threads import in_thread
from syncnb.errors import AccessDeniedError

from .conftest import SOON, connections_to, own_threads, silent_server

WaitUntil = Callable[..., None]
Send = Callable[..., Any]


def test_loop_goes_on_while_it_waits(node: SyncServiceClient, kind: str, send: Send) -> None:
    """Another task ticks all the time."""
    longest = 0.0

    async def ticks() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began)

    async def run() -> list[bytes]:
        ticking = asyncio.create_task(ticks())
        publishing = asyncio.create_task(asyncio.to_thread(send, "one", b"1"))
        got = []
        async for update in updates_async(kind, client=node, timeout=2):
            async with update:
                got.append(await asyncio.to_thread(update.load))
        publication = await publishing
        ticking.cancel()
        rows = await asyncio.to_thread(publication.delivery_rows)
        assert {row.dest_id: row.status for row in rows}["node1"] == "consumed"
        return got

    assert asyncio.run(run()) == [b"1"]
    assert longest < 0.5
    assert not {name for name in own_threads() if name == "syncnb-async"}


def test_cancelled_task_ends_at_once_and_leaves_nothing(
    node: SyncServiceClient, kind: str, wait_until: WaitUntil
) -> None:
    """No thread, no connection."""
    node.close()
    before = connections_to(node.url)

    async def run() -> float:
        async def wait() -> None:
            async for _ in updates_async(kind, client=node):
                pytest.fail("there is none")

        task = asyncio.create_task(wait())
        while not connections_to(node.url) - before:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    assert asyncio.run(run()) < SOON
    assert "syncnb-async" not in own_threads()
    wait_until(lambda: not connections_to(node.url) - before, timeout=5)


def test_break_closes_it(node: SyncServiceClient, kind: str, send: Send) -> None:
    """The update that was not acknowledged comes again."""
    send("one")

    async def first() -> str:
        async for update in updates_async(kind, client=node):
            return update.name
        return ""

    assert [asyncio.run(first()), asyncio.run(first())] == ["one", "one"]
    assert "syncnb-async" not in own_threads()


def test_errors_arrive(kind: str, node: SyncServiceClient) -> None:
    """Wrong credentials."""

    async def run() -> None:
        wrong = SyncServiceClient(node.url, key="x", secret="y")
        async for _ in updates_async(kind, client=wrong):
            pass

    with pytest.raises(AccessDeniedError):
        asyncio.run(run())


def test_exception_in_the_block_is_no_acknowledgement(
    node: SyncServiceClient, kind: str, send: Send
) -> None:
    """It leaves the block as it is."""
    publication = send("one")

    async def run() -> None:
        async for update in updates_async(kind, client=node):
            async with update:
                raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(run())
    assert {r.dest_id: r.status for r in publication.delivery_rows()}["node1"] == "delivered"


def test_call_that_is_cancelled_is_broken_off() -> None:
    """Whatever it requests."""

    async def run(address: str, came: Any) -> None:
        client = SyncServiceClient(f"http://{address}")
        task = asyncio.create_task(in_thread(lambda: client.get_object_status("t", "i")))
        await asyncio.to_thread(came.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with silent_server() as (address, came, gone):
        asyncio.run(run(address, came))
        assert gone.wait(5)

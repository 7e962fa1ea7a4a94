"""What a node remembers of what it has told its CSS, when its registration comes in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from syncnb.service.lifecycle import outbox, sending
from syncnb.service.lifecycle.base import CLOUD, Site
from syncnb.service.store import Key, Node, Notice, Store, Transaction
from syncnb.service.store.sqlite import SQLite
from syncnb.service.wire import decode_meta

KEY = Key("acme", "stats", "a")


def now_of(times: list[float]) -> Callable[[], float]:
    return lambda: times.pop(0) if len(times) > 1 else times[0]


def outcome(folder: Path, work: Callable[[Transaction, Site], Notice | None]) -> Notice | None:
    site = Site(
        is_css=False, node=Node("edge", "node1"), org="acme", chunk_size=120_000,
        resend_after=10.0, clock=now_of([float(second) for second in range(1, 100)]),
    )  # fmt: skip

    async def main() -> Notice | None:
        with ThreadPoolExecutor(1) as executor:
            store = Store(
                SQLite(folder / "records.sqlite"), executor,
                on_change=lambda topics: None, on_dropped=lambda files: None,
            )  # fmt: skip
            try:
                return await store.write(lambda tx: work(tx, site))
            finally:
                store.close()

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("step", "state"),
    [(outbox.on_announcing, outbox.ANNOUNCING), (outbox.on_announced, "updated")],
)
def test_call_under_way_is_remembered_when_the_node_registers_meanwhile(
    tmp_path: Path, step: Callable[[Transaction, Notice], Notice], state: str
) -> None:
    """Else a lost answer would pass for no answer, and the data would never be sent."""

    def work(tx: Transaction, site: Site) -> Notice | None:
        meta = decode_meta({"objectType": "stats", "objectID": "a", "noData": True})
        sending.put_object(tx, site, KEY, meta, None)
        read = tx.notice(KEY, CLOUD)  # the call goes out with this
        assert read is not None
        outbox.on_forgotten(tx, site)
        assert tx.notice(KEY, CLOUD) != read
        assert step(tx, read) == tx.notice(KEY, CLOUD)
        return tx.notice(KEY, CLOUD)

    noted = outcome(tmp_path, work)
    assert noted is not None
    assert noted.state == state


def test_call_about_an_older_instance_changes_nothing(tmp_path: Path) -> None:
    def work(tx: Transaction, site: Site) -> Notice | None:
        meta = decode_meta({"objectType": "stats", "objectID": "a", "noData": True})
        sending.put_object(tx, site, KEY, meta, None)
        present = tx.notice(KEY, CLOUD)
        assert present is not None
        outbox.on_announcing(tx, replace(present, instance_id=present.instance_id - 1))
        return tx.notice(KEY, CLOUD)

    noted = outcome(tmp_path, work)
    assert noted is not None
    assert noted.state == "update"

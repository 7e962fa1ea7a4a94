"""A week in minutes: what expires, activates and deletes itself leaves nothing behind."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from syncnb.service.lifecycle import links, sending
from syncnb.service.lifecycle.base import READY
from syncnb.service.store import Key, Node, StoredData, Transaction
from syncnb.service.wire import decode_meta, format_time
from tests.model.machine import MEMORY
from tests.model.stage import ORG
from tests.model.state import look, rows
from tests.model.world import World

WEEK, DAY = 7 * 86400.0, 86400.0
OBJECTS = 10_000
BATCH = 500  # objects of one transaction
NODE = Node("edge", "camera")


def test_a_week_leaves_neither_a_record_nor_a_file() -> None:
    """10,000 objects that expire, activate and auto-delete; the clock is the only one that waits."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        rare: dict[str, Any] = {"resend_interval": 600.0, "maintenance_interval": 600.0}
        world = World(1, Path(folder), (), small_data=100, **rare)
        try:
            world.advance(1)
            _publish_everything(world)
            assert len(look(world.css).objects) == OBJECTS
            for _ in range(6):
                world.advance(DAY)
                _consume_all_that_is_active(world)
            world.advance(WEEK - 6 * DAY)
            side = look(world.css)
            assert not side.left_over()
            assert not side.contents
            assert not side.files
            for table in ("objects", "deliveries", "notices", "contents", "webhook_calls"):
                assert rows(world.css, f"SELECT count(*) FROM {table}") == [(0,)]
            assert not world.alarms
        finally:
            world.close()


def _publish_everything(world: World) -> None:
    rng, process = Random(1), world.css.process
    assert process is not None
    service, site = process.service, process.service.site

    def register(tx: Transaction) -> None:
        links.register_new(tx, site, ORG, NODE, persistent=True)

    world.run(service.store.write(register))
    for start in range(0, OBJECTS, BATCH):
        made = [_meta(number, rng, site.clock()) for number in range(start, start + BATCH)]
        stored: list[StoredData | None] = []
        for meta in made:
            data = hashlib.sha256(meta["objectID"].encode()).digest() * rng.choice((1, 10))
            stored.append(None if meta["noData"] else world.run(service.save(_chunks(data))))

        def publish(
            tx: Transaction, made: list[Any] = made, stored: list[StoredData | None] = stored
        ) -> None:
            for meta, data in zip(made, stored, strict=True):
                key = Key(ORG, meta["objectType"], meta["objectID"])
                sending.put_object(tx, site, key, meta, data)

        world.run(service.store.write(publish))


def _meta(number: int, rng: Random, now: float) -> dict[str, Any]:
    kind = number % 4
    meta: dict[str, Any] = {"objectID": f"o{number}", "objectType": f"t{kind}"}
    meta |= {"destinationType": NODE.dest_type}
    meta |= {"destinationID": NODE.dest_id, "noData": rng.random() < 0.2}
    if kind < 3:  # 3 goes an hour after it was consumed
        meta["expiration"] = format_time(now + rng.uniform(2 * DAY, 6.5 * DAY))
    if kind in (1, 3):
        meta |= {"inactive": True, "activationTime": format_time(now + rng.uniform(60, 4 * DAY))}
    if kind >= 2:
        meta["autodelete"] = True
    return decode_meta(meta)


def _consume_all_that_is_active(world: World) -> None:
    """What a node does with everything that it is told of; it leaves the plain ones alone."""
    process = world.css.process
    assert process is not None
    site = process.service.site

    def consume(tx: Transaction) -> None:
        for record in tx.objects_in((READY,)):
            notice = tx.notice(record.key, NODE)
            if notice is not None and notice.state == "updatePending":
                call = "consumed" if record.meta["autodelete"] else "received"
                links.on_report(tx, site, record.key, NODE, record.instance_id, call)

    world.run(process.service.store.write(consume))


async def _chunks(data: bytes) -> Any:
    yield data

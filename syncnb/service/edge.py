"""What an ESS does towards its CSS: register, poll, and act on what comes (sync-http.md, 17.2)."""

from __future__ import annotations

import asyncio
import logging
import random

from syncnb.metadata import Json
from syncnb.service.config import MAX_WAIT
from syncnb.service.core import Service
from syncnb.service.downloads import Downloads
from syncnb.service.lifecycle import outbox
from syncnb.service.lifecycle.outbox import Todo
from syncnb.service.link import CssLink, backed_off
from syncnb.service.resend import run_resend
from syncnb.service.sender import Sender
from syncnb.service.store import Key, StoreError, Transaction
from syncnb.service.transport import CountedTransport, LinkDown, LinkRefused, Transport
from syncnb.service.wire import Malformed, decode_meta, is_link_name, is_name, member

log = logging.getLogger("syncnb.service")

_WAIT = MAX_WAIT - 10.0  # seconds that a CSS is asked to keep a poll
_LONGEST_PAUSE = 5.0  # seconds between two tries to reach a CSS that is away
_MOST_REPEATS = 3  # of an item in a row, before polls take their time again
_AT_ONCE = 8  # items that are worked on at the same time
_REGISTERED = "registered"  # flags: this store has been registered once,
_FORGOTTEN = "forgotten"  # and the CSS does not know the node any more


class Edge:
    """The link of one ESS.

    Parameters
    ----------
    service : Service
        The ESS.
    transport : Transport
        What carries its calls; closed at the end.
    """

    def __init__(self, service: Service, transport: Transport) -> None:
        self._service = service
        self._config = service.config
        metrics = service.metrics
        transport = CountedTransport(transport, metrics.link_sent.inc, metrics.link_received.inc)
        self._link = CssLink(service.config, lambda: service.authenticator.login, transport)
        self._downloads = Downloads(service, self._link)
        self._sender = Sender(service, self._link, self._register_again)
        self._register = True
        self._items = asyncio.Semaphore(_AT_ONCE)
        self._seen: dict[int, int] = {}  # items of the last poll, and how often they have come

    async def run(self) -> None:
        """Serve the link until cancelled."""
        loop, health = asyncio.get_running_loop(), self._service.link
        try:
            async with asyncio.TaskGroup() as group:
                self._downloads.start(group)
                group.create_task(self._sender.run(group))
                group.create_task(run_resend(self._service, self._link, self._register_again))
                pinged = loop.time()
                pause = Pause(self._config.poll_interval, self._service.rng)
                while True:
                    try:
                        if self._register:
                            await self._registered()
                        elif loop.time() - pinged > self._config.ping_interval:
                            pinged = loop.time()
                            self._register = not await self._registers("ping", missing=404)
                        # After a failure, an answer at once shows that the link is back.
                        back = pause.failing
                        productive, waited = await self._polled(0.0 if back else _WAIT)
                    except (LinkDown, StoreError) as down:
                        if isinstance(down, LinkDown):
                            health.lost(down, refused=isinstance(down, LinkRefused))
                        pause.failed(down)
                        await self._service.authenticator.refresh()  # it may be the old login
                        await pause.after_failure()
                        continue
                    health.connected()
                    if pause.recovered():
                        self._sender.retry_now()
                    if productive:
                        pause.reset()
                    elif not waited and not back:
                        await pause.between_polls()
        finally:
            await self._link.close()

    def _register_again(self) -> None:
        self._register = True

    async def _registered(self) -> None:
        """Register: as new if the records are, or if the CSS does not know the node."""
        store = self._service.store
        known, forgotten = await store.read(lambda tx: (tx.flag(_REGISTERED), tx.flag(_FORGOTTEN)))
        if not (known and not forgotten and await self._registers("register", missing=404)):
            if known and not forgotten:
                # If the answer to what follows is lost, the CSS knows the node and "register"
                # would do: this remembers that "register-new" has to be said all the same.
                await store.write(lambda tx: tx.set_flag(_FORGOTTEN))
            await self._registers("register-new", persistent=known)
            if not known:
                # The first call made the CSS announce what an earlier store of this node may
                # have had; this one tells it that the store is persistent all the same.
                await self._registers("register")
            await store.write(self._begin_anew)
        self._register = False
        self._service.link.connected()
        log.info("%s is registered at %s", self._config.node, self._config.css_url)
        await self._downloads.resume_all()

    def _begin_anew(self, tx: Transaction) -> None:
        outbox.on_forgotten(tx, self._service.site)
        tx.set_flag(_REGISTERED)
        tx.clear_flag(_FORGOTTEN)

    async def _registers(
        self, call: str, *, persistent: bool = True, missing: int | None = None
    ) -> bool:
        """Make a call that must answer 204; False if it answers `missing`."""
        status = await self._link.register(call, persistent=persistent)
        if status == missing:
            return False
        if status != 204:
            raise _failure(call, status)
        return True

    async def _polled(self, wait: float) -> tuple[bool, bool]:
        """One poll; returns whether something came, and whether the CSS made us wait."""
        self._sender.poll_begins()
        status, items, waited = await self._link.poll(wait)
        if status == 424:
            self._register = True
            return False, False
        if status not in (200, 204, 304):
            raise _failure("poll", status)
        if not items:
            return False, waited
        results = await asyncio.gather(*(self._one_at_a_time(item) for item in items))
        # Poll again at once, as there may be more; but not if nothing could be acknowledged, or
        # what was acknowledged comes again and again.
        repeated = self._count(items) > _MOST_REPEATS
        return any(results) and not repeated, False

    def _count(self, items: list[dict[str, Json]]) -> int:
        """How often the newest of these items has come in a row of polls."""
        names = [hash(str(item)) for item in items]
        self._seen = {name: self._seen.get(name, 0) + 1 for name in names}
        return min(self._seen.values())

    async def _one_at_a_time(self, item: Json) -> bool:
        async with self._items:
            try:
                return await self._handle(item)
            except (LinkDown, StoreError) as down:
                log.warning("an item could not be acknowledged: %s", down)
                return False

    async def _handle(self, item: Json) -> bool:
        """Act on an item and acknowledge it; False if it cannot be understood."""
        try:
            kind = str(member(item, "Type"))
            meta = decode_meta(member(item, "MetaData"))
        except (Malformed, AttributeError):
            log.warning("the CSS sent an item that cannot be understood")
            return False
        key = Key(self._config.org_id, meta["objectType"], meta["objectID"])
        if not all(is_name(name) or is_link_name(name) for name in key[1:]):
            log.warning("the CSS sent an item whose name the link cannot carry")
            return False  # no call about it could be made (sync-http.md, 2.3)
        store = self._service.store
        if kind == "update":
            return await self._update(key, meta)
        if kind == "delete":
            await store.write(lambda tx: outbox.on_delete_item(tx, key, meta))
            return await self._acknowledge(meta, "ackDelete")
        if kind == "consumed":
            await store.write(lambda tx: outbox.on_consumed_item(tx, key, meta["instanceID"]))
            await self._sender.idle(key, meta["instanceID"])
            return await self._acknowledge(meta, "ackconsumed")
        if kind in ("deleted", "received"):
            await self._sender.idle(key, meta["instanceID"])
            return await self._acknowledge(
                meta, "ackDeleted" if kind == "deleted" else "ackreceived"
            )
        return False

    async def _update(self, key: Key, meta: dict[str, Json]) -> bool:
        if self._sender.told_consumed(key, meta["instanceID"]):
            return True
        todo = await self._service.store.write(lambda tx: outbox.on_update_item(tx, key, meta))
        if todo is Todo.REFUSE:
            reason = "this node sends an object of the same type and ID"
            feedback = {"Code": 1, "RetryInterval": 0, "Reason": reason}
            status, _ = await self._link.report(meta, "feedback", feedback)
            return status in (204, 409)
        if todo is Todo.REPORT:
            return await self._acknowledge(meta, "received")
        try:
            acknowledged = await self._acknowledge(meta, "updated")
        finally:  # also if the call was lost: the item may never come again
            if todo in (Todo.FETCH, Todo.CONTINUE):
                self._downloads.fetch(key, meta["instanceID"])
        if todo is Todo.BEHIND and acknowledged:
            await self._service.store.write(lambda tx: tx.set_flag(_FORGOTTEN))
            self._register = True
        return acknowledged

    async def _acknowledge(self, meta: dict[str, Json], action: str) -> bool:
        status, _ = await self._link.report(meta, action)
        if status == 424:
            self._register = True
        return status in (204, 409)


async def unregister(service: Service, transport: Transport) -> None:
    """Tell the CSS that a node is gone for good, if it can be reached (sync-http.md, 3)."""
    link = CssLink(service.config, lambda: service.authenticator.login, transport)
    try:
        status = await link.register("unregister")
        log.info("%s left its CSS (HTTP %d)", service.config.node, status)
    except LinkDown as down:
        log.warning("the CSS could not be told that %s leaves: %s", service.config.node, down)
    finally:
        await link.close()


class Pause:
    """How long to wait before the next call: the cadence of sync-http.md, 4, and back-off.

    Parameters
    ----------
    longest : float
        Seconds between two polls when nothing happens.
    rng : random.Random
        Where jitter comes from.
    """

    def __init__(self, longest: float, rng: random.Random) -> None:
        self._longest, self._rng = longest, rng
        self._idle = 0.0
        self._failures = 0

    def reset(self) -> None:
        """Something came: the next pause is a short one again."""
        self._idle = 0.0

    async def between_polls(self) -> None:
        """Wait longer after each poll that brought nothing."""
        self._idle = min(self._idle + self._longest / 10, self._longest)
        await asyncio.sleep(self._idle)

    @property
    def failing(self) -> bool:
        """Whether the last call failed."""
        return self._failures > 0

    def failed(self, reason: Exception) -> None:
        """Count a failure; only the first of a row is worth a line in the log."""
        if not self._failures:
            log.warning("the link to the CSS does not work, trying again: %s", reason)
        self._failures += 1

    def recovered(self) -> bool:
        """Whether this success ends a row of failures."""
        ended, self._failures = self._failures > 0, 0
        return ended

    async def after_failure(self) -> None:
        """Back off, never longer than the polling interval, with jitter."""
        most = min(_LONGEST_PAUSE, self._longest)
        await asyncio.sleep(backed_off(0.1, self._failures, most, self._rng))


def _failure(call: str, status: int) -> LinkDown:
    if status == 403:
        return LinkRefused(f"{call}: the CSS refuses the node's credentials (HTTP 403)")
    return LinkDown(f"{call}: the CSS answered HTTP {status}")

"""Calls of webhooks: made until they are answered, with a bound (rest-api.md, 9.2).

The calls wait in the database, written there with the very commit that completes the object. Each
process takes those that are due, postpones them in the same transaction so that nobody else makes
them, and removes what was answered. Should it die, they are due again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from syncnb.service.core import Service
from syncnb.service.resolving import Resolver
from syncnb.service.store import StoreError, WebhookCall
from syncnb.service.store.webhooks import WEBHOOK_CALLS

log = logging.getLogger("syncnb.service")

_TIMEOUT = 30.0  # seconds for one call, redirects included
_CONNECT = 10.0  # seconds of it
_CLAIM = 2 * _TIMEOUT  # seconds that a call is out of the reach of other processes
_AT_ONCE = 4  # calls of one receiver
_MOST_TRIES = 10  # over about five hours
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 2.0, 3.0, 4 * 3600.0  # seconds between two tries
_REDIRECTS = 3
_IDLE = 60.0  # seconds after which to look even if nothing rang


class Webhooks:
    """Makes the calls of one service.

    Parameters
    ----------
    service : Service
        Where they are queued.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._busy: Counter[str] = Counter()  # calls under way, by receiver
        self._bell = asyncio.Event()

    async def run(self) -> None:
        """Make calls until cancelled."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT)
        async with (
            aiohttp.ClientSession(
                timeout=timeout,
                connector=aiohttp.TCPConnector(limit=0, resolver=Resolver()),
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as session,
            asyncio.TaskGroup() as group,
        ):
            with self._service.signals.listen(WEBHOOK_CALLS) as bell:
                self._bell = bell
                while True:
                    bell.clear()
                    pause = _IDLE
                    try:
                        pause = await self._start_due(session, group)
                    except StoreError as error:
                        log.warning("webhooks have to wait: %s", error)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):  # wait_for may lose a cancellation
                            await bell.wait()

    async def _start_due(self, session: aiohttp.ClientSession, group: asyncio.TaskGroup) -> float:
        """Begin every call that is due and may run; returns the seconds until the next is due."""
        store, now = self._service.store, self._service.site.clock()
        receivers, first = await store.read(
            lambda tx: (tx.webhook_receivers(now), tx.next_webhook_call())
        )
        for receiver in receivers:
            free = _AT_ONCE - self._busy[receiver]
            if free <= 0:
                continue  # it rings when one of its calls has ended
            for call in await self._claim(receiver, now, free):
                self._busy[receiver] += 1
                group.create_task(self._make(session, receiver, call))
        if first is None or first <= now:
            return _IDLE
        return min(first - now, _IDLE)

    async def _claim(self, receiver: str, now: float, most: int) -> list[WebhookCall]:
        return await self._service.store.write(
            lambda tx: tx.claim_webhook_calls(receiver, now, now + _CLAIM, most)
        )

    async def _make(self, session: aiohttp.ClientSession, receiver: str, call: WebhookCall) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                failure = await _post(session, call)
        except TimeoutError:
            failure = f"no answer within {_TIMEOUT:g} s"
        try:
            await self._settle(receiver, call, failure)
        except StoreError as error:
            log.warning("a webhook will be called once more: %s", error)
        finally:
            self._busy[receiver] -= 1
            if not self._busy[receiver]:
                del self._busy[receiver]
            self._bell.set()

    async def _settle(self, receiver: str, call: WebhookCall, failure: str | None) -> None:
        store, tries = self._service.store, call.tries + 1
        host = receiver.rpartition("@")[2]  # a URL may hold a password
        if failure is None or tries >= _MOST_TRIES:
            await store.write(lambda tx: tx.remove_webhook_call(call.call_id))
            self._count("taken" if failure is None else "given_up")
            if failure is not None:
                log.error("a webhook at %s is given up after %d tries: %s", host, tries, failure)
            return
        pause = min(_FIRST_PAUSE * _GROWTH**call.tries, _LONGEST_PAUSE) * random.uniform(0.7, 1.0)
        due = self._service.site.clock() + pause
        await store.write(lambda tx: tx.postpone_webhook_call(call.call_id, tries, due))
        log.info("a webhook at %s is tried again in %.0f s: %s", host, pause, failure)
        self._count("failed")

    def _count(self, result: str) -> None:
        self._service.metrics.webhook_calls[result].inc()


async def _post(session: aiohttp.ClientSession, call: WebhookCall) -> str | None:
    """Make a call; returns why it failed, or None."""
    url, body = call.url, call.body.encode()
    headers = {"Content-Type": "Application/JSON"}
    try:
        for _ in range(_REDIRECTS + 1):
            async with session.post(
                URL(url), data=body, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status in (307, 308) and "Location" in answer.headers:
                    target = urljoin(url, answer.headers["Location"])
                    if not _may_follow(url, target):
                        return "it redirects to another scheme"
                    url = target
                    continue
                return None if 200 <= answer.status < 300 else f"HTTP {answer.status}"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return type(error).__name__
    return "it redirects without end"


def _may_follow(url: str, target: str) -> bool:
    """Whether a redirect stays as safe as it was: no other scheme but from http to https."""
    before, after = urlsplit(url).scheme, urlsplit(target).scheme
    return after == before or (before, after) == ("http", "https")

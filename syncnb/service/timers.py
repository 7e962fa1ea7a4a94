"""What happens because time passes; each timer runs once for all processes of a service."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from syncnb.service.blobs.base import DAY
from syncnb.service.core import Service
from syncnb.service.lifecycle import links, times
from syncnb.service.store import Transaction

T = TypeVar("T")
log = logging.getLogger("syncnb.service")

_OFTEN_ENOUGH = 3600.0  # seconds between two looks for nodes that fell silent


async def run_timers(service: Service) -> None:
    """Look after what is due, until cancelled."""
    config, site = service.config, service.site
    pause = min(config.resend_interval, config.maintenance_interval) / 2
    longest = config.forget_after
    while True:
        await asyncio.sleep(pause)
        if service.is_css and await _due(service, "resend", config.resend_interval):
            await _guarded(service, lambda tx: links.resend_due(tx, site))
        if await _due(service, "maintenance", config.maintenance_interval):
            while await _guarded(service, lambda tx: times.expire_and_activate(tx, site)):
                pass
            if not service.is_css:
                await _guarded(service, lambda tx: times.trim_consumed(tx, config.consumed_kept))
        if await _due(service, "sweep", DAY):
            await service.clean_up()
        often = min(longest, _OFTEN_ENOUGH)
        if not service.is_css or not longest or time.monotonic() - service.started < 2 * often:
            continue  # a service that was away itself hears of its nodes first
        if await _due(service, "silent nodes", often):
            await _guarded(service, lambda tx: links.forget_silent(tx, site.clock() - longest))


async def _due(service: Service, name: str, interval: float) -> bool:
    now = service.site.clock()
    return bool(await _guarded(service, lambda tx: tx.timer_is_due(name, now, interval)))


async def _guarded(service: Service, function: Callable[[Transaction], T]) -> T | None:
    try:
        return await service.store.write(function)
    except Exception:  # a full disk must not end the timers; the next look tries again
        log.exception("a timer of the %s failed", service.config.role.upper())
        return None

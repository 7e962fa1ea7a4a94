"""What a service does because time passes: the same in a server and in a simulation of one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from syncnb.service.core import Service
from syncnb.service.lifecycle import links, times
from syncnb.service.store import Transaction

T = TypeVar("T")
log = logging.getLogger("syncnb.service")


async def run_timers(service: Service) -> None:
    """Look at the time until cancelled."""
    loop = asyncio.get_running_loop()
    maintained = loop.time()
    while True:
        await asyncio.sleep(service.config.resend_interval)
        await resend(service)
        if loop.time() - maintained >= service.config.maintenance_interval:
            maintained = loop.time()
            await maintain(service)


async def resend(service: Service) -> None:
    """Every `resend_interval`, by one of all processes: what was not acknowledged in time."""

    def due(tx: Transaction) -> None:
        if service.has_turn(tx, "resend", service.config.resend_interval):
            links.resend_due(tx, service.site)

    if service.is_css:
        await _guarded(service, service.store.write(due))


async def maintain(service: Service) -> None:
    """Every `maintenance_interval`, by one of all: what expires, what becomes active, old files."""

    def has_turn(tx: Transaction) -> bool:
        return service.has_turn(tx, "maintenance", service.config.maintenance_interval)

    def expire_and_activate(tx: Transaction) -> bool:
        return times.expire_and_activate(tx, service.site)

    if await _guarded(service, service.store.write(has_turn)):
        while await _guarded(service, service.store.write(expire_and_activate)):
            pass
    await _guarded(service, service.clean_up())


async def _guarded(service: Service, work: Awaitable[T]) -> T | None:
    try:
        return await work
    except Exception:  # a full disk must not end the timers; the next tick tries again
        log.exception("a timer of the %s failed", service.config.role.upper())
        return None

"""One service and what it does by itself, until it is asked to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from syncnb.service.core import Service, Stop
from syncnb.service.edge import Edge, unregister
from syncnb.service.timers import run_timers
from syncnb.service.transport import Transport
from syncnb.service.webhooks import Webhooks

log = logging.getLogger("syncnb.service")

_BEFORE_STOP = 1.0  # seconds in which the answer to the call goes out (rest-api.md, 4.2)
_UNREGISTER = 10.0  # seconds; a CSS that is away finds out by itself


async def run_service(
    service: Service, make_transport: Callable[[], Transport], close_listener: Callable[[], object]
) -> Stop:
    """Run everything but the answering of requests; returns when the service was asked to stop.

    Parameters
    ----------
    service : Service
        Open for business.
    make_transport : callable
        Makes what carries the calls of an ESS.
    close_listener : callable
        Called when the service accepts no more connections.

    Returns
    -------
    Stop
        How it was asked to stop.
    """
    parts: list[Coroutine[Any, Any, None]] = [run_timers(service), Webhooks(service).run()]
    if not service.is_css:
        parts.append(Edge(service, make_transport()).run())
    tasks = [asyncio.create_task(part) for part in parts]
    asked = asyncio.create_task(service.asked_to_stop())
    try:
        await asyncio.wait((asked, *tasks), return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()  # they end by a failure only: raise it
        stop = await asked
        log.info("%s was asked to stop", service.config.role.upper())
        await asyncio.sleep(_BEFORE_STOP)
        service.leaving = True
        service.signals.stop()
        await asyncio.sleep(stop.quiesce)
        close_listener()
    finally:
        for one in (asked, *tasks):
            one.cancel()
        await asyncio.gather(asked, *tasks, return_exceptions=True)
    if stop.unregister and not service.is_css:
        try:
            async with asyncio.timeout(_UNREGISTER):
                await unregister(service, make_transport())
        except TimeoutError:
            log.warning("the CSS did not answer: it will forget the node by itself")
    return stop

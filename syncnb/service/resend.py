"""A node's wish to get everything again, kept until its CSS has taken it (rest-api.md, 4.3)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from syncnb.service.core import Service
from syncnb.service.lifecycle import outbox
from syncnb.service.link import CssLink
from syncnb.service.store import StoreError
from syncnb.service.transport import LinkDown

log = logging.getLogger("syncnb.service")


async def run_resend(service: Service, link: CssLink, register_again: Callable[[], None]) -> None:
    """Pass on each wish, until cancelled.

    Parameters
    ----------
    service : Service
        The ESS.
    link : CssLink
        The CSS.
    register_again : callable
        Called when the CSS does not know the node.
    """
    tries = 0
    with service.signals.listen(outbox.RESEND) as bell:
        while True:
            bell.clear()
            try:
                wish = await service.store.read(outbox.wanted_resend)
                if wish is None:
                    await bell.wait()
                    continue
                await _pass_on(service, link, register_again, wish)
                tries = 0
            except (LinkDown, StoreError) as down:
                tries += 1
                log.info("the CSS is asked later to send everything again: %s", down)
                longest = service.config.resend_interval
                await asyncio.sleep(min(0.5 * 2**tries, longest) * random.uniform(0.7, 1.0))


async def _pass_on(
    service: Service, link: CssLink, register_again: Callable[[], None], wish: int
) -> None:
    status = await link.resend()
    if status == 424:
        register_again()
    if status != 204:
        raise LinkDown(f"the CSS answered HTTP {status}")
    await service.store.write(lambda tx: outbox.on_resent(tx, wish))

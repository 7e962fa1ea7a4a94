"""What a service says about itself: its health, whether it is ready, how much it holds."""

from __future__ import annotations

import asyncio
import time

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.health import GREEN, RED, YELLOW
from syncnb.service.lifecycle.base import SENDING
from syncnb.service.lifecycle.outbox import ANNOUNCING, OUTBOX
from syncnb.service.store import StoreError, Totals

_TOTALS_FOR = 5.0  # seconds that counted rows are good for; whoever asks more often gets the same


async def health_report(service: Service, *, details: bool) -> dict[str, Json]:
    """The answer of ``/api/v1/health`` (rest-api.md, 4.1), and on a node the state of its link.

    Parameters
    ----------
    details : bool
        Whether to count what is stored; members that the database does not tell are left out.
    """
    answers = await service.probe.answers()
    database = service.database.report()
    if not answers:
        database |= {"dbStatus": RED, "disconnectedFromDB": True}
    colours = [database["dbStatus"], GREEN if service.is_css else service.link.colour]
    report: dict[str, Json] = {
        "general": {
            "nodeType": "CSS" if service.is_css else "ESS",
            "healthStatus": next((c for c in (RED, YELLOW) if c in colours), GREEN),
            "upTime": int(time.monotonic() - service.started),
        },
        "dbHealth": database,
    }
    outbox = None
    if details:
        usage = report["usage"] = {"clientRequests": service.client_requests}
        if answers:
            usage |= await _usage(service)
            if not service.is_css:
                notices = await service.store.read(lambda tx: tx.count_notices())
                # To an operator it is the same whether the first try was made or not.
                notices["update"] = notices.get("update", 0) + notices.pop(ANNOUNCING, 0)
                outbox = {s: n for s, n in sorted(notices.items()) if n and s in OUTBOX}
    if not service.is_css:
        report["link"] = service.link.report(outbox)
    return report


async def _usage(service: Service) -> dict[str, Json]:
    nodes, objects = await service.store.read(
        lambda tx: (tx.count_destinations(), tx.count_objects(SENDING))
    )
    return {"registeredESS": nodes if service.is_css else 0, "storedObjects": objects}


async def why_not_ready(service: Service) -> list[str]:
    """What keeps the service from answering its callers; empty if nothing does."""
    reasons = []
    if service.leaving or service.signals.stopping:
        reasons.append("the service stops")
    if not await service.probe.answers():
        reasons.append("the database does not answer")
    return reasons


class Counted:
    """How much is stored; counted at most every five seconds, however many ask.

    Parameters
    ----------
    service : Service
        Whose records are counted.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._totals: Totals | None = None

    async def totals(self) -> Totals | None:
        """The numbers; None if the database does not answer."""
        async with self._lock:
            if time.monotonic() >= self._until:
                self._totals = await self._count()
                self._until = time.monotonic() + _TOTALS_FOR
            return self._totals

    async def _count(self) -> Totals | None:
        if not await self._service.probe.answers():
            return None
        try:
            return await self._service.store.read(lambda tx: tx.totals())
        except StoreError:
            return None

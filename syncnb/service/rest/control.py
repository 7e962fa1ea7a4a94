"""Calls to the service itself: send everything again, and stop (rest-api.md, 4.2 and 4.3)."""

from __future__ import annotations

import math

from starlette.requests import Request
from starlette.responses import Response

from syncnb.service.core import Service, Stop
from syncnb.service.exchange import Denied, empty
from syncnb.service.lifecycle import Refused, outbox
from syncnb.service.rest.callers import identify
from syncnb.service.wire import Malformed, boolean

_QUIESCE = 3.0  # seconds
_LONGEST_QUIESCE = 600.0  # seconds


class Control:
    """The calls ``/resend`` and ``/shutdown``.

    Parameters
    ----------
    service : Service
        What they are about.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def resend(self, request: Request) -> Response:
        """Remember that the CSS is to send everything again; it is told as soon as it is there."""
        service = self._service
        identity = await identify(service, request)
        if identity.kind not in ("admin", "user", "syncadmin"):
            raise Denied
        if request.method != "POST":
            return empty(405)
        if service.is_css:
            raise Refused("a cloud service has nobody to ask: call a node")
        if identity.kind != "syncadmin" and identity.org != service.config.org_id:
            raise Denied
        await service.store.write(outbox.want_all)
        return empty(204)

    async def shutdown(self, request: Request) -> Response:
        """Stop, or stop and start again, soon after the answer."""
        service = self._service
        identity = await identify(service, request)
        if identity.kind != "syncadmin":
            raise Denied
        if request.method != "POST":
            return empty(405)
        query = request.query_params
        try:
            unregister = not service.is_css and boolean(query.get("essunregister"))
        except Malformed:
            return empty(400)
        restart = query.get("restart", "").lower() in ("true", "yes")
        service.ask_to_stop(Stop(restart, _seconds(query.get("quiesce")), unregister))
        return empty(204)


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or _QUIESCE)
    except ValueError:
        return _QUIESCE
    return min(seconds, _LONGEST_QUIESCE) if math.isfinite(seconds) and seconds >= 0 else _QUIESCE

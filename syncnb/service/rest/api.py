"""The paths of the application API (rest-api.md, 3)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from syncnb.service.core import Service
from syncnb.service.exchange import empty, guarded, text
from syncnb.service.rest.acls import AccessLists
from syncnb.service.rest.callers import identify
from syncnb.service.rest.control import Control
from syncnb.service.rest.health import answer_health
from syncnb.service.rest.nodes import Nodes
from syncnb.service.rest.objects import Objects
from syncnb.service.rest.organizations import Organizations

_HEADERS = {
    "Cache-Control": "no-store, no-cache, must-revalidate",
    "Pragma": "no-cache",
    "Syncnb-Calls": "data-first",  # beyond those of the protocol, for who would send data in vain
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains; preload",
}


class RestApi:
    """The application API of one service.

    Parameters
    ----------
    service : Service
        What it works on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._objects = Objects(service)
        self._nodes = Nodes(service)
        self._organizations = Organizations(service)
        self._acls = AccessLists(service)
        self._control = Control(service)

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request; `path` is what follows ``/api/v1/``, percent-decoded."""
        response = await guarded(lambda: self._route(request, path))
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    async def _route(self, request: Request, path: str) -> Response:
        service = self._service
        if path == "health":
            return await answer_health(service, request)
        if path == "shutdown":
            return await self._control.shutdown(request)
        if service.leaving:
            return empty(503)
        if path == "resend":
            return await self._control.resend(request)
        area, _, rest = path.partition("/")
        if area == "objects":
            return await self._objects(request, rest)
        if area == "organizations":
            return await self._organizations(request, await identify(service, request), rest)
        if area == "destinations" and service.is_css:
            return await self._nodes(request, rest)
        if area == "security" and service.is_css:
            return await self._acls(request, rest)
        return text(404, "404 page not found")

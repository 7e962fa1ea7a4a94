"""The ASGI application of a CSS or an ESS."""

from __future__ import annotations

import logging
import posixpath
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from syncnb.service.core import Service
from syncnb.service.exchange import text
from syncnb.service.rest import RestApi
from syncnb.service.spi import Spi
from syncnb.service.watching import Watch

log = logging.getLogger("syncnb.service")


class ServiceApp:
    """The HTTP face of one service.

    Parameters
    ----------
    service : Service
        What it shows.
    """

    def __init__(self, service: Service) -> None:
        self._watch = Watch(service)
        self._with_slash = _WITH_SLASH + (_WITH_SLASH_ON_CSS if service.is_css else ())
        self._rest = RestApi(service)
        self._spi = Spi(service) if service.is_css else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._watch.measured(self._handle, scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request, scope["path"])
        except Exception:  # the last resort: the caller gets an answer, the log the reason
            log.exception("%s %s failed", request.method, scope["path"])
            response = text(500, "the service failed: its log says why")
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response:
        if "\0" in path or b"%00" in request.scope["query_string"]:
            return text(400, "NUL is no part of any name")  # and not every database can hold it
        cleaned = _cleaned(path, self._with_slash)
        if cleaned != path:
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(quote(cleaned, safe="/:@!$&'()*+,;=~") + query, 307)
        if path.startswith("/api/v1/"):
            return await self._rest(request, path.removeprefix("/api/v1/"))
        if path.startswith("/spi/v1/") and self._spi is not None:
            return await self._spi(request, path.removeprefix("/spi/v1/"))
        return await self._watch.answer(request, path) or text(404, "404 page not found")


_WITH_SLASH = ("/api/v1/objects",)
_WITH_SLASH_ON_CSS = (
    "/api/v1/destinations",
    "/api/v1/security",
    "/spi/v1/objects",
    "/spi/v1/register",
)


def _cleaned(path: str, with_slash: tuple[str, ...]) -> str:
    """The path without ``//``, ``/./`` and ``/../`` (rest-api.md, 1.3)."""
    if path in with_slash:
        return path + "/"
    if "//" not in path and "/." not in path:
        return path
    cleaned = posixpath.normpath("/" + path.lstrip("/"))
    return cleaned + "/" if path.endswith("/") and cleaned != "/" else cleaned

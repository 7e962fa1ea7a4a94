"""How a service is watched: probes, metrics and its description, for callers without credentials.

None of them names an organisation, a node or an object.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncnb.service.core import Service
from syncnb.service.exchange import empty, json
from syncnb.service.openapi.templates import Templates
from syncnb.service.reports import Counted, why_not_ready

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH")
_WENT_AWAY = 499  # counted when a caller left before there was an answer
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
_WAITS = re.compile(rb"\bwait\s*=", re.IGNORECASE)


class Watch:
    """Answers the calls that need no credentials, and measures all others.

    Parameters
    ----------
    service : Service
        What is watched.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._counted = Counted(service)
        self._templates = Templates(is_css=service.is_css)
        self._pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/healthz": self._alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
            "/openapi.json": self._description,
            "/swagger.json": self._description,
            "/swagger": self._page,
        }

    async def answer(self, request: Request, path: str) -> Response | None:
        """The answer to a call that needs no credentials; None for every other."""
        handle = self._pages.get(path)
        if handle is None:
            return None
        if request.method not in ("GET", "HEAD"):
            return empty(405)
        return await handle(request)

    async def measured(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `app` answer a request, and count it."""
        metrics = self._service.metrics
        waits = any(name == b"prefer" and _WAITS.search(value) for name, value in scope["headers"])
        status, received, sent, size = _WENT_AWAY, 0, 0, 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status, sent, size
            if message["type"] == "http.response.start":
                status, size = message["status"], _announced(message)
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            else:
                sent += size  # the server sends a file by itself
            await send(message)

        started = time.perf_counter()
        gauges = (metrics.running, metrics.waiting) if waits else (metrics.running,)
        for gauge in gauges:
            gauge.inc()
        try:
            await app(scope, counted_receive, counted_send)
        finally:
            for gauge in gauges:
                gauge.dec()
            metrics.answered(
                self._templates.find(scope["path"]),
                scope["method"] if scope["method"] in _METHODS else "other",
                status,
                seconds=None if waits else time.perf_counter() - started,
                received=received,
                sent=sent,
            )

    async def _alive(self, request: Request) -> Response:
        return json({"status": "alive"})

    async def _ready(self, request: Request) -> Response:
        reasons = await why_not_ready(self._service)
        response = json({"ready": not reasons, "reasons": reasons})
        response.status_code = 503 if reasons else 200
        return response

    async def _metrics(self, request: Request) -> Response:
        access = self._service.config.metrics
        if access == "off" or (access == "local" and not _is_local(request.scope)):
            return empty(404)
        totals = await self._counted.totals()
        body = self._service.metrics.exposition(totals)
        return Response(body, headers={"Content-Type": METRICS_TYPE})

    async def _description(self, request: Request) -> Response:
        from syncnb.service.openapi.description import description  # most services never need it

        return json(description(is_css=self._service.is_css))

    async def _page(self, request: Request) -> Response:
        from syncnb.service.openapi.page import page

        return Response(
            page(is_css=self._service.is_css),
            media_type="text/html",
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )


def _announced(message: Message) -> int:
    for name, value in message.get("headers", ()):
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _is_local(scope: Scope) -> bool:
    """Whether the caller is on this machine, and not a proxy here that calls for somebody else."""
    if any(name in _FORWARDED for name, _ in scope["headers"]):
        return False
    client = scope.get("client")
    if client is None:  # a unix socket
        return True
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback

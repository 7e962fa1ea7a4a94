"""What each request was: an identifier for the log, and a line of it if that is wanted."""

from __future__ import annotations

import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncnb.service.logs import request_id, with_fields

log = logging.getLogger("syncnb.access")

_ID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,64}")


class AccessLog:
    """Gives each request an identifier, and logs it when it is answered.

    The identifier is that of ``X-Request-ID`` if the caller sent one; it appears in the log alone,
    since responses of this protocol carry none (rest-api.md, 1.2).

    Parameters
    ----------
    app : ASGI application
        Answers the requests.
    service : str
        ``css`` or ``ess``, for the log.
    enabled : bool
        Whether there is a line for each.
    """

    def __init__(self, app: ASGIApp, service: str, *, enabled: bool) -> None:
        self._app, self._service, self._enabled = app, service, enabled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id.set(_given_id(scope) or secrets.token_hex(6))
        if not self._enabled:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status: int | None = None
        sent = received = 0

        async def counting_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counting_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, counting_receive, counting_send)
        finally:
            client = scope.get("client")
            log.info(
                "request",
                extra=with_fields(
                    service=self._service,
                    method=scope["method"],
                    path=scope["raw_path"].decode("ascii", "replace"),
                    status=status,  # none: the caller went before there was an answer
                    received=received,
                    sent=sent,
                    seconds=round(time.perf_counter() - began, 4),
                    identity=scope["state"].get("identity"),
                    client=client[0] if client else None,
                ),
            )


def _given_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            text = value.decode("latin-1")
            return text if _ID.fullmatch(text) else ""
    return ""

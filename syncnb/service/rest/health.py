"""How the service is (rest-api.md, 4.1)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from syncnb.service.core import Service
from syncnb.service.exchange import empty, json
from syncnb.service.reports import health_report
from syncnb.service.rest.callers import identify
from syncnb.service.wire import Malformed, boolean


async def answer_health(service: Service, request: Request) -> Response:
    """The report; with ``details=true`` what is stored and registered, too."""
    try:
        details = boolean(request.query_params.get("details"))
    except Malformed:
        return empty(400)
    await identify(service, request)
    return json(await health_report(service, details=details))

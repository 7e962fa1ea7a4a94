"""How the service is (rest-api.md, 4.1)."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.exchange import empty, json
from syncnb.service.lifecycle.base import SENDING
from syncnb.service.rest.callers import identify
from syncnb.service.wire import Malformed, boolean


async def answer_health(service: Service, request: Request) -> Response:
    """The report; with ``details=true`` what is stored and registered, too."""
    try:
        details = boolean(request.query_params.get("details"))
    except Malformed:
        return empty(400)
    await identify(service, request)
    report: dict[str, Json] = {
        "general": {
            "nodeType": "CSS" if service.is_css else "ESS",
            "healthStatus": "green",
            "upTime": int(time.monotonic() - service.started),
        },
        "dbHealth": {
            "dbStatus": "green",
            "disconnectedFromDB": False,
            "dbReadFailures": 0,
            "dbWriteFailures": 0,
        },
    }
    if details:
        counts = await service.store.read(
            lambda tx: (tx.count_destinations(), tx.count_objects(SENDING))
        )
        report["usage"] = {
            "clientRequests": service.client_requests,
            "registeredESS": counts[0] if service.is_css else 0,
            "storedObjects": counts[1],
        }
    return json(report)

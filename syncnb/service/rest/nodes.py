"""The nodes of an organisation, and what they have (rest-api.md, 4.4 and 4.5)."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.metadata.times import format_time
from syncnb.service.core import Service
from syncnb.service.exchange import Denied, empty, json, text, when_new
from syncnb.service.lifecycle import Refused
from syncnb.service.rest.callers import identify
from syncnb.service.store import Node
from syncnb.service.wire import boolean, is_name


class Nodes:
    """What is below ``/destinations/`` on a CSS.

    Parameters
    ----------
    service : Service
        What it works on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request; `path` is what follows ``/api/v1/destinations/``."""
        parts = path.removesuffix("/").split("/") if path else []
        identity = await identify(self._service, request)
        if request.method != "GET":
            return empty(405)
        if len(parts) not in (1, 4):
            return empty(400)
        org = parts[0]
        if not is_name(org):
            raise Refused(f"{org!r} is not a valid organisation ID")
        if identity.kind != "syncadmin" and identity.org != org:
            raise Denied
        if len(parts) == 1:
            return await self._list(request, org)
        return await self._objects_at(org, parts[1], parts[2], parts[3])

    async def _list(self, request: Request, org: str) -> Response:
        seen = boolean(request.query_params.get("seen"))

        async def produce() -> Json:
            found = await self._service.store.read(lambda tx: tx.destinations(org))
            return [
                {
                    "destinationOrgID": org,
                    "destinationType": record.node.dest_type,
                    "destinationID": record.node.dest_id,
                    "communication": record.communication,
                    "codeVersion": record.code_version,
                    **({"lastSeen": _time(record.last_contact)} if seen else {}),
                }
                for record in found
            ]

        return await when_new(self._service, request, ("destinations", org), produce, nothing=404)

    async def _objects_at(self, org: str, dest_type: str, dest_id: str, word: str) -> Response:
        if any(c in dest_type + dest_id for c in "<>\0"):
            raise Refused("the destination holds < or >")
        if word != "objects":
            return text(404, "404 page not found")
        found = await self._service.store.read(
            lambda tx: tx.objects_at(org, Node(dest_type, dest_id))
        )
        if not found:
            return empty(404)
        return json(
            [
                {
                    "orgID": key.org,
                    "objectType": key.object_type,
                    "objectID": key.object_id,
                    "status": status,
                }
                for key, status in found
            ]
        )


def _time(seconds: float) -> str:
    return format_time(datetime.fromtimestamp(seconds, UTC)) if seconds else ""

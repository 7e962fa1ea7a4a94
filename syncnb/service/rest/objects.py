"""What an object URL means: an organisation, a type, an object or an operation (rest-api.md, 3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from syncnb.service.core import Service
from syncnb.service.exchange import empty
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import Refused
from syncnb.service.rest.bulk import get_bundle, list_briefly, mark_many
from syncnb.service.rest.callers import identify
from syncnb.service.rest.data import get_data, put_data
from syncnb.service.rest.data_first import put_data_first
from syncnb.service.rest.deliveries import get_deliveries, post_deliveries, put_deliveries
from syncnb.service.rest.hooks import change_webhook
from syncnb.service.rest.lists import answer_list
from syncnb.service.rest.marks import MARKS, mark
from syncnb.service.rest.metadata import delete_object, get_object, get_status, put_object
from syncnb.service.rest.updates import list_type
from syncnb.service.store import Key
from syncnb.service.wire import boolean, is_name

Handler = Callable[[Service, Request, Identity, Key], Awaitable[Response]]

_OBJECT: dict[str, Handler] = {"GET": get_object, "PUT": put_object, "DELETE": delete_object}
_OPERATIONS: dict[str, dict[str, Handler]] = {
    "status": {"GET": get_status},
    "data": {"GET": get_data, "PUT": put_data},
    "destinations": {"GET": get_deliveries, "PUT": put_deliveries, "POST": post_deliveries},
}


class Objects:
    """What is below ``/objects/``.

    Parameters
    ----------
    service : Service
        What it works on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request; `path` is what follows ``/api/v1/objects/``."""
        service = self._service
        parts = path.split("/")
        if service.is_css:
            if len(parts) == 1:
                identity = await identify(service, request)
                if request.method != "GET":
                    return empty(405)
                return await answer_list(service, request, identity, parts[0])
            org, parts = parts[0], parts[1:]
        else:
            org = service.config.org_id
        if len(parts) > 1 and parts[-1] == "":
            parts.pop()
        if parts == [""]:
            await identify(service, request)
            return empty(404 if service.is_css and request.method == "GET" else 400)
        if len(parts) > 3:
            return empty(400)
        _check_names(org, *parts[:2])
        identity = await identify(service, request)
        service.client_requests += 1
        if len(parts) == 1:
            return await self._type(request, identity, org, parts[0])
        key = Key(org, parts[0], parts[1])
        if len(parts) == 2:
            if request.method == "PUT" and "data" in request.query_params:
                return await put_data_first(service, request, identity, key)
            handler = _OBJECT.get(request.method)
            return await handler(service, request, identity, key) if handler else empty(405)
        return await self._operation(request, identity, key, parts[2].lower())

    async def _type(
        self, request: Request, identity: Identity, org: str, object_type: str
    ) -> Response:
        query = request.query_params
        if request.method == "GET":
            if boolean(query.get("brief")):
                return await list_briefly(self._service, request, identity, org, object_type)
            if boolean(query.get("bundle")):
                return await get_bundle(self._service, request, identity, org, object_type)
            return await list_type(self._service, request, identity, org, object_type)
        if request.method == "PUT":
            if "mark" in query:
                return await mark_many(self._service, request, identity, org, object_type)
            return await change_webhook(self._service, request, identity, org, object_type)
        return empty(405)

    async def _operation(
        self, request: Request, identity: Identity, key: Key, operation: str
    ) -> Response:
        method = request.method
        if operation in MARKS:
            if method != "PUT":
                return empty(405)
            return await mark(self._service, request, identity, key, operation)
        handlers = _OPERATIONS.get(operation)
        if handlers is None:
            return empty(400 if method in ("GET", "PUT", "POST", "DELETE") else 405)
        handler = handlers.get(method)
        return await handler(self._service, request, identity, key) if handler else empty(405)


def _check_names(*names: str) -> None:
    for name, kind in zip(names, ("organisation", "type", "object ID"), strict=False):
        if not is_name(name):
            raise Refused(f"the {kind} in the path is not a valid name")

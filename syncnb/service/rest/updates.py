"""The objects of one type: what is new, or all (rest-api.md, 4.9, 4.10 and 9.1)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.exchange import Denied, empty, when_new
from syncnb.service.identity import Identity
from syncnb.service.lifecycle.base import COMPLETELY_RECEIVED, DELETED, RECEIVED
from syncnb.service.lifecycle.policies import is_named, listed_services
from syncnb.service.rest.deliveries import delivery_list
from syncnb.service.security import Access, object_access, shows, type_access
from syncnb.service.store import ObjectRecord, Transaction
from syncnb.service.wire import Malformed, boolean


async def list_type(
    service: Service, request: Request, identity: Identity, org: str, object_type: str
) -> Response:
    """Answer a poll, or list every object of the type; waits for news if the caller prefers."""
    is_css = service.is_css
    try:
        everything = boolean(request.query_params.get("all_objects"))
        received = not everything and boolean(request.query_params.get("received"))
    except Malformed:
        return empty(400)
    statuses = (COMPLETELY_RECEIVED, DELETED, *((RECEIVED,) if received else ()))

    def sees(tx: Transaction, access: Access, record: ObjectRecord) -> bool:
        if identity.kind == "service":
            access = object_access(tx, identity, record.key, record, is_css=is_css)
        return shows(access, record)

    def look(tx: Transaction) -> Json:
        access = type_access(tx, identity, org, object_type, is_css=is_css)
        if access is Access.DENIED:
            raise Denied
        if everything:
            found = tx.objects(org, object_type)
            return [summary(tx, record) for record in found if sees(tx, access, record)]
        items = []
        for record in tx.objects(org, object_type, statuses):
            if _is_removed(identity, record):
                items.append(record.meta | {"deleted": True})
            elif sees(tx, access, record):
                items.append(record.meta)
        return items

    async def produce() -> Json:
        return await service.store.read(look)

    return await when_new(service, request, ("updates", org, object_type), produce, nothing=404)


def _is_removed(identity: Identity, record: ObjectRecord) -> bool:
    """Whether the policy listed a service once and does so no more (rest-api.md, 8.8)."""
    return (
        identity.kind == "service"
        and is_named(record.removed_services, identity.user)
        and bool(listed_services(record))
        and not is_named(listed_services(record), identity.user)
    )


def summary(tx: Transaction, record: ObjectRecord) -> dict[str, Json]:
    """ObjectDestinationPolicy (rest-api.md, 5.7)."""
    shown: dict[str, Json] = {
        "orgID": record.key.org,
        "objectType": record.key.object_type,
        "objectID": record.key.object_id,
    }
    if record.meta["destinationPolicy"] is not None:
        shown["destinationPolicy"] = record.meta["destinationPolicy"]
    return shown | {"destinations": delivery_list(tx, record.key)}

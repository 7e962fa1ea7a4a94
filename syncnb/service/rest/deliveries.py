"""The destinations of an object (rest-api.md, 4.23-4.25)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.exchange import empty, when_new
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import Refused, sending
from syncnb.service.rest.callers import read_json, readable, writable
from syncnb.service.store import Key, Transaction
from syncnb.service.wire import Malformed, member


async def get_deliveries(
    service: Service, request: Request, identity: Identity, key: Key
) -> Response:
    """How far the object got at each of its destinations."""
    await readable(service, identity, key)
    if not service.is_css:
        return empty(404)

    async def produce() -> Json:
        return await service.store.read(lambda tx: delivery_list(tx, key))

    return await when_new(service, request, ("deliveries", *key), produce, nothing=404)


async def put_deliveries(
    service: Service, request: Request, identity: Identity, key: Key
) -> Response:
    """Exactly these nodes shall have the object."""
    entries = _entries(await _body(service, request, identity, key))
    wanted = {sending.parse_node(entry) for entry in entries}
    await service.store.write(
        lambda tx: sending.change_destinations(tx, service.site, key, lambda _: wanted)
    )
    return empty(204)


async def post_deliveries(
    service: Service, request: Request, identity: Identity, key: Key
) -> Response:
    """These nodes shall have the object too, or no more."""
    if not service.is_css:
        raise Refused("an edge node has no destinations")
    body = await read_json(service, request)
    action = str(member(body, "action") or "").lower() if isinstance(body, dict) else ""
    if action not in ("add", "remove"):
        raise Refused('action is neither "add" nor "remove"')
    named = {sending.parse_node(e) for e in _entries(member(body, "destinations"))}
    await writable(service, identity, key)
    await service.store.write(
        lambda tx: sending.change_destinations(
            tx,
            service.site,
            key,
            lambda before: before | named if action == "add" else before - named,
            named,
        )
    )
    return empty(204)


def delivery_list(tx: Transaction, key: Key) -> list[dict[str, Json]]:
    """DestinationStatus of each destination of an object (rest-api.md, 5.5)."""
    return [
        {
            "destinationType": node.dest_type,
            "destinationID": node.dest_id,
            "status": status,
            "message": message,
        }
        for node, (status, message) in tx.deliveries(key).items()
    ]


async def _body(service: Service, request: Request, identity: Identity, key: Key) -> Json:
    if not service.is_css:
        raise Refused("an edge node has no destinations")
    await writable(service, identity, key)
    return await read_json(service, request)


def _entries(value: Json) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Malformed('the destinations are not an array of "type:id"')
    if any(c in entry for entry in value for c in "<>"):
        raise Refused("a destination holds < or >")
    return list(value)

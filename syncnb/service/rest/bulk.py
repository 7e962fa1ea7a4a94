"""Many small objects in one call; the rights to each are those of the calls for one."""

from __future__ import annotations

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.metadata.bundles import MEDIA_TYPE, MOST_MARKS, PAGE, packed
from syncnb.service.core import Service
from syncnb.service.exchange import Denied, json, when_new
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import Refused, receiving
from syncnb.service.lifecycle.base import COMPLETELY_RECEIVED, RECEIVED
from syncnb.service.rest.callers import read_json
from syncnb.service.security import Access, object_access, shows, type_access
from syncnb.service.store import Key, ObjectRecord, Transaction
from syncnb.service.wire import Malformed, boolean, dumps, int64, is_name, member

_MOST = 1000  # objects of a bundle
_LARGEST = 8 << 20  # bytes of data in a bundle


async def list_briefly(
    service: Service, request: Request, identity: Identity, org: str, object_type: str
) -> Response:
    """What waits, an array of ID, instance, size and origin for each, a page at a time."""
    selection = _Selection(service, identity, org, object_type, request.query_params)

    def look(tx: Transaction) -> Json:
        found = selection.records(tx, PAGE)
        return [[r.key.object_id, r.instance_id, r.meta["objectSize"], *r.origin] for r in found]

    async def produce() -> Json:
        return await service.store.read(look)

    return await when_new(service, request, ("updates", org, object_type), produce, nothing=404)


async def get_bundle(
    service: Service, request: Request, identity: Identity, org: str, object_type: str
) -> Response:
    """Metadata and small data of what waits, one frame an object, as much as fits."""
    selection = _Selection(service, identity, org, object_type, request.query_params)

    def look(tx: Transaction) -> bytes:
        items: list[tuple[bytes, bytes | None]] = []
        size, complete = 0, True
        found = selection.records(tx, _MOST + 1)
        for record in found:
            content = tx.content(record.blob) if record.blob is not None else None
            data = content.content if content is not None else None
            size += len(data or b"")
            if items and (size > _LARGEST or len(items) == _MOST):
                complete = False
                break
            items.append((dumps(record.meta), data))
        return packed(items, complete=complete)

    return Response(await service.store.read(look), media_type=MEDIA_TYPE)


async def mark_many(
    service: Service, request: Request, identity: Identity, org: str, object_type: str
) -> Response:
    """Mark named instances as consumed, in one transaction; says which it did not mark, and why."""
    if request.query_params["mark"] != "consumed":
        raise Refused('mark is not "consumed"')
    wanted = _instances(await read_json(service, request))
    site, is_css = service.site, service.is_css

    def change(tx: Transaction) -> list[Json]:
        left: list[Json] = []
        for object_id, instance_id in wanted:
            key = Key(org, object_type, object_id)
            record = tx.object(key)
            access = object_access(tx, identity, key, record, is_css=is_css)
            if access is not Access.FULL:
                left.append({"objectID": object_id, "status": 403})
            elif record is not None and record.instance_id != instance_id:
                left.append({"objectID": object_id, "status": 412})
            else:
                try:
                    receiving.mark_consumed(tx, site, key)
                except Refused:
                    left.append({"objectID": object_id, "status": 400})
        return left

    return json(await service.store.write(change))


def _instances(body: Json) -> list[tuple[str, int]]:
    if not isinstance(body, list) or len(body) > MOST_MARKS:
        raise Malformed(f"the body is not an array of at most {MOST_MARKS} objects")
    found = []
    for item in body:
        if not isinstance(item, dict):
            raise Malformed("an item of the body is not a JSON object")
        object_id = member(item, "objectID")
        if not isinstance(object_id, str) or not is_name(object_id):
            raise Malformed("an objectID is not a valid name")
        found.append((object_id, int64(member(item, "instanceID"), "instanceID")))
    return found


class _Selection:
    """What of a type a caller sees: what waits, behind one ID and up to another."""

    def __init__(
        self, service: Service, identity: Identity, org: str, object_type: str, query: QueryParams
    ) -> None:
        self._identity, self._org, self._type = identity, org, object_type
        self._is_css = service.is_css
        received = boolean(query.get("received"))
        self._statuses = (COMPLETELY_RECEIVED, *((RECEIVED,) if received else ()))
        self._after, self._last = query.get("after", ""), query.get("last", "")
        for name in (self._after, self._last):
            if name and not is_name(name):
                raise Refused("after or last is not a valid name")

    def records(self, tx: Transaction, most: int) -> list[ObjectRecord]:
        """At most so many, by ID."""
        access = type_access(tx, self._identity, self._org, self._type, is_css=self._is_css)
        if access is Access.DENIED:
            raise Denied
        found: list[ObjectRecord] = []
        after = self._after
        while (left := most - len(found)) > 0:
            page = tx.objects_between(
                self._org, self._type, self._statuses, after=after, last=self._last, most=left
            )
            found += (record for record in page if self._shows(tx, access, record))
            if len(page) < left:
                break
            after = page[-1].key.object_id
        return found

    def _shows(self, tx: Transaction, access: Access, record: ObjectRecord) -> bool:
        if self._identity.kind == "service":
            access = object_access(tx, self._identity, record.key, record, is_css=self._is_css)
        return shows(access, record)

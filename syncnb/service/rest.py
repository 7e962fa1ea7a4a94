"""What applications call: ``/api/v1`` (rest-api.md, 3 and 4). It translates HTTP, no more."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.data_uris import OutsideError
from syncnb.service.exchange import (
    Answer,
    Denied,
    admitted,
    announced_size,
    answer_data,
    answer_uri,
    data_of,
    empty,
    guarded,
    json,
    read_body,
    require_inline,
    text,
    when_new,
)
from syncnb.service.lifecycle import Missing, Refused, receiving, sending
from syncnb.service.lifecycle.base import (
    COMPLETELY_RECEIVED,
    CONSUMED,
    CONSUMED_BY_DEST,
    DELETED,
    RECEIVED,
    SENDING,
    VERIFICATION_FAILED,
    WITHOUT_DATA,
)
from syncnb.service.organizations import Organizations
from syncnb.service.security import Access, Identity, may_write, read_access
from syncnb.service.store import Key, Node, ObjectRecord, Transaction
from syncnb.service.uploads import receive_chunk
from syncnb.service.validation import validate
from syncnb.service.wire import Malformed, boolean, decode_meta, is_name, loads, member

_HEADERS = {
    "Cache-Control": "no-store, no-cache, must-revalidate",
    "Pragma": "no-cache",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains; preload",
}
_GONE = (CONSUMED, CONSUMED_BY_DEST, DELETED)  # data at a file URI are nobody's any more
_MARKS = ("received", "consumed", "deleted", "activate")


class RestApi:
    """The application API of one service.

    Parameters
    ----------
    service : Service
        What it works on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._organizations = Organizations(service)

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request; `path` is what follows ``/api/v1/``, percent-decoded."""
        response = await guarded(lambda: self._route(request, path))
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    async def _route(self, request: Request, path: str) -> Response:
        area, _, rest = path.partition("/")
        if path == "health":
            return await self._health(request)
        if area == "objects":
            return await self._objects(request, rest)
        if area == "destinations" and self._service.is_css:
            return await self._destinations(request, rest)
        if area == "organizations":
            return await self._organizations(request, self._identify(request), rest)
        return text(404, "404 page not found")

    def _identify(self, request: Request) -> Identity:
        identity = self._service.authenticator.identify(request.headers.get("authorization"))
        if identity is None or identity.kind == "edgenode":
            raise Denied
        return admitted(self._service, request, identity)

    # ------------------------------------------------------------ health, nodes

    async def _health(self, request: Request) -> Response:
        try:
            details = boolean(request.query_params.get("details"))
        except Malformed:
            return empty(400)
        self._identify(request)
        service = self._service
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

    async def _destinations(self, request: Request, path: str) -> Response:
        parts = path.removesuffix("/").split("/") if path else []
        identity = self._identify(request)
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
            return await self._list_destinations(request, org)
        return await self._objects_at(org, parts[1], parts[2], parts[3])

    async def _list_destinations(self, request: Request, org: str) -> Response:
        async def produce() -> Json:
            found = await self._service.store.read(lambda tx: tx.destinations(org))
            return [
                {
                    "destinationOrgID": org,
                    "destinationType": record.node.dest_type,
                    "destinationID": record.node.dest_id,
                    "communication": record.communication,
                    "codeVersion": record.code_version,
                }
                for record in found
            ]

        return await when_new(self._service, request, ("destinations", org), produce, nothing=404)

    async def _objects_at(self, org: str, dest_type: str, dest_id: str, word: str) -> Response:
        if any(c in dest_type + dest_id for c in "<>"):
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

    # ------------------------------------------------------------------ objects

    async def _objects(self, request: Request, path: str) -> Response:
        parts = path.split("/")
        if self._service.is_css:
            if len(parts) == 1:
                self._identify(request)
                return empty(405 if request.method != "GET" else 400)
            org, parts = parts[0], parts[1:]
        else:
            org = self._service.config.org_id
        if len(parts) > 1 and parts[-1] == "":
            parts.pop()
        if parts == [""]:
            self._identify(request)
            return empty(404 if self._service.is_css and request.method == "GET" else 400)
        if len(parts) > 3:
            return empty(400)
        for name, kind in zip(
            (org, *parts[:2]), ("organisation", "type", "object ID"), strict=False
        ):
            if not is_name(name):
                raise Refused(f"the {kind} in the path is not a valid name")
        identity = self._identify(request)
        self._service.client_requests += 1
        if len(parts) == 1:
            return await self._type(request, identity, org, parts[0])
        key = Key(org, parts[0], parts[1])
        if len(parts) == 2:
            return await self._object(request, identity, key)
        return await self._operation(request, identity, key, parts[2].lower())

    async def _type(
        self, request: Request, identity: Identity, org: str, object_type: str
    ) -> Response:
        if request.method != "GET":
            return empty(405)
        access = self._access(identity, org)
        if access is Access.DENIED:
            raise Denied
        try:
            everything = boolean(request.query_params.get("all_objects"))
            received = not everything and boolean(request.query_params.get("received"))
        except Malformed:
            return empty(400)
        statuses = (COMPLETELY_RECEIVED, DELETED, *((RECEIVED,) if received else ()))

        def updates(tx: Transaction) -> Json:
            found = tx.objects(org, object_type, statuses)
            return [r.meta for r in found if access is Access.FULL or r.meta["public"]]

        def all_objects(tx: Transaction) -> Json:
            found = tx.objects(org, object_type)
            shown = [r for r in found if access is Access.FULL or r.meta["public"]]
            return [_summary(tx, record) for record in shown]

        async def produce() -> Json:
            return await self._service.store.read(all_objects if everything else updates)

        topic = ("updates", org, object_type)
        return await when_new(self._service, request, topic, produce, nothing=404)

    async def _object(self, request: Request, identity: Identity, key: Key) -> Response:
        if request.method == "GET":
            record = await self._readable(identity, key)
            return json(record.meta)
        if request.method == "PUT":
            return await self._put_object(request, identity, key)
        if request.method == "DELETE":
            return await self._delete(identity, key)
        return empty(405)

    async def _put_object(self, request: Request, identity: Identity, key: Key) -> Response:
        service, is_css = self._service, self._service.is_css
        body = loads(await read_body(request, service.config.max_metadata_size))
        if not isinstance(body, dict):
            raise Malformed("the body is not a JSON object")
        meta = decode_meta(member(body, "meta") or {})
        data = _inline(member(body, "data"))
        if not may_write(identity, key.org, is_css=is_css):
            raise Denied
        require_inline(service, len(data or b""))
        validate(
            meta,
            object_type=key.object_type,
            object_id=key.object_id,
            has_data=data is not None,
            data_is_empty=not data,
            is_css=is_css,
            now=service.site.clock(),
        )
        if meta["sourceDataUri"]:
            meta["objectSize"] = await self._source_size(meta["sourceDataUri"])
        if meta["destinationOrgID"] not in ("", key.org):
            raise Denied  # an object is stored where its URL says, nowhere else
        if is_css:
            meta["ownerID"] = f"{identity.org}/{identity.user}"
        if data is None:
            # A full update discards the data that are there: not for data that will not fit.
            service.blobs.require_room(meta["objectSize"])
            await service.store.write(
                lambda tx: sending.put_object(tx, service.site, key, meta, None)
            )
            return empty(204)

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        stored = await service.verified(await service.save(chunks()), meta)
        async with service.discarding(stored):
            record = await service.store.write(
                lambda tx: sending.put_object(tx, service.site, key, meta, stored)
            )
        return _stored(record)

    async def _source_size(self, uri: str) -> int:
        try:
            reader = await self._service.open_uri(uri)
        except OutsideError as outside:
            raise Refused(str(outside)) from outside
        except OSError as error:
            raise Refused(f"sourceDataUri {uri} cannot be read: {error.strerror}") from error
        await reader.close()
        return reader.size

    async def _delete(self, identity: Identity, key: Key) -> Response:
        service = self._service
        record = await service.store.read(lambda tx: tx.object(key))
        if self._access(identity, key.org) is Access.DENIED:
            raise Denied
        if service.is_css and not may_write(identity, key.org, is_css=True):
            raise Denied
        if record is None and service.is_css and identity.kind == "syncadmin":
            raise Refused(f"there is no object {key}")
        try:
            await service.store.write(lambda tx: sending.delete_object(tx, service.site, key))
        except Missing:
            return empty(404)
        return empty(204)

    async def _operation(
        self, request: Request, identity: Identity, key: Key, operation: str
    ) -> Response:
        method = request.method
        if operation in _MARKS:
            return await self._mark(identity, key, operation) if method == "PUT" else empty(405)
        handlers: dict[tuple[str, str], Callable[[Request, Identity, Key], Awaitable[Response]]] = {
            ("GET", "status"): self._status,
            ("GET", "data"): self._get_data,
            ("PUT", "data"): self._put_data,
            ("GET", "destinations"): self._get_deliveries,
            ("PUT", "destinations"): self._put_deliveries,
            ("POST", "destinations"): self._post_deliveries,
        }
        handler = handlers.get((method, operation))
        if handler is not None:
            return await handler(request, identity, key)
        known = any(name == operation for _, name in handlers)
        return empty(405 if known or method not in ("GET", "PUT", "POST", "DELETE") else 400)

    async def _status(self, request: Request, identity: Identity, key: Key) -> Response:
        record = await self._readable(identity, key)
        return Response(record.status, media_type="plain/text")  # the halves are swapped on purpose

    async def _get_data(self, request: Request, identity: Identity, key: Key) -> Response:
        service = self._service
        record = await self._readable(identity, key)
        if record.status in WITHOUT_DATA:
            return empty(404)
        if record.blob is None:
            # Where this side's data lie: what it sends at the source, what it got at the target.
            uri = record.meta["sourceDataUri" if record.sender else "destinationDataUri"]
            if service.is_css or not uri or record.status in _GONE:
                return empty(404)
            return await answer_uri(service, uri, request.headers.get("range"))
        blob = record.blob
        content = await service.store.read(lambda tx: tx.content(blob))
        if content is None:
            raise Missing("the data have just been replaced: try again")
        return await answer_data(service, content, request.headers.get("range"))

    async def _put_data(self, request: Request, identity: Identity, key: Key) -> Response:
        service = self._service
        if self._access(identity, key.org) is Access.DENIED:
            raise Denied
        record = await service.store.read(lambda tx: tx.object(key))
        if record is None and self._access(identity, key.org) is Access.FULL:
            return empty(404)
        if record is None or not may_write(identity, key.org, is_css=service.is_css):
            raise Denied
        if not record.sender or record.status not in SENDING:
            raise Refused(f"{key} is {record.status}: this side does not send it")
        if record.meta["noData"]:
            raise Refused(f"{key} has noData: true, so it takes no data")
        service.blobs.require_room(announced_size(request))
        spread = request.headers.get("content-range")
        if spread is not None:
            whole = await receive_chunk(service, request, record, spread)
            if whole is not None:
                good = await service.verified(whole, record.meta)
                await service.store.write(lambda tx: sending.put_data(tx, service.site, key, good))
            return empty(204, {"Mms-Upload-Owner": service.upload_owner})
        stored = await service.verified(await service.save(data_of(service, request)), record.meta)
        async with service.discarding(stored):
            changed = await service.store.write(
                lambda tx: sending.put_data(tx, service.site, key, stored)
            )
        return _stored(changed)

    async def _mark(self, identity: Identity, key: Key, operation: str) -> Response:
        site = self._service.site
        if self._access(identity, key.org) is not Access.FULL:
            raise Denied

        def mark(tx: Transaction) -> None:
            if operation == "received":
                receiving.mark_received(tx, key)
            elif operation == "consumed":
                receiving.mark_consumed(tx, site, key)
            elif operation == "deleted":
                receiving.mark_deleted(tx, site, key)
            else:
                sending.activate(tx, site, key)

        await self._service.store.write(mark)
        return empty(204)

    # ------------------------------------------------- destinations of an object

    async def _get_deliveries(self, request: Request, identity: Identity, key: Key) -> Response:
        await self._readable(identity, key)
        if not self._service.is_css:
            return empty(404)

        async def produce() -> Json:
            return await self._service.store.read(lambda tx: _deliveries(tx, key))

        return await when_new(self._service, request, ("deliveries", *key), produce, nothing=404)

    async def _put_deliveries(self, request: Request, identity: Identity, key: Key) -> Response:
        entries = _entries(await self._deliveries_body(request, identity, key))
        wanted = {sending.parse_node(entry) for entry in entries}
        site = self._service.site
        await self._service.store.write(
            lambda tx: sending.change_destinations(tx, site, key, lambda _: wanted)
        )
        return empty(204)

    async def _post_deliveries(self, request: Request, identity: Identity, key: Key) -> Response:
        body = await self._deliveries_body(request, identity, key)
        action = str(member(body, "action") or "").lower() if isinstance(body, dict) else ""
        if action not in ("add", "remove"):
            raise Refused('action is neither "add" nor "remove"')
        named = {sending.parse_node(e) for e in _entries(member(body, "destinations"))}
        site = self._service.site
        await self._service.store.write(
            lambda tx: sending.change_destinations(
                tx,
                site,
                key,
                lambda before: before | named if action == "add" else before - named,
                named,
            )
        )
        return empty(204)

    async def _deliveries_body(self, request: Request, identity: Identity, key: Key) -> Json:
        service = self._service
        if not service.is_css:
            raise Refused("an edge node has no destinations")
        access = self._access(identity, key.org)
        if access is Access.DENIED:
            raise Denied
        record = await service.store.read(lambda tx: tx.object(key))
        if record is None and access is Access.FULL:
            raise Answer(empty(404))
        if not may_write(identity, key.org, is_css=True):
            raise Denied
        return loads(await read_body(request, service.config.max_metadata_size))

    # ------------------------------------------------------------------- access

    def _access(self, identity: Identity, org: str) -> Access:
        return read_access(identity, org, is_css=self._service.is_css)

    async def _readable(self, identity: Identity, key: Key) -> ObjectRecord:
        """The record of an object that the caller may read; 404 or 403 otherwise."""
        access = self._access(identity, key.org)
        if access is Access.DENIED:
            raise Denied
        record = await self._service.store.read(lambda tx: tx.object(key))
        if access is Access.PUBLIC and (record is None or not record.meta["public"]):
            raise Denied
        if record is None:
            raise Answer(empty(404))
        return record


def _stored(record: ObjectRecord) -> Response:
    if record.status == VERIFICATION_FAILED:
        return text(500, "the signature does not fit the data, which were thrown away")
    return empty(204)


def _inline(value: Json) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Malformed("data is not base64")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise Malformed(f"data is not base64: {error}") from None


def _entries(value: Json) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Malformed('the destinations are not an array of "type:id"')
    if any(c in entry for entry in value for c in "<>"):
        raise Refused("a destination holds < or >")
    return list(value)


def _summary(tx: Transaction, record: ObjectRecord) -> dict[str, Json]:
    """ObjectDestinationPolicy (rest-api.md, 5.7)."""
    summary: dict[str, Json] = {
        "orgID": record.key.org,
        "objectType": record.key.object_type,
        "objectID": record.key.object_id,
    }
    if record.meta["destinationPolicy"] is not None:
        summary["destinationPolicy"] = record.meta["destinationPolicy"]
    return summary | {"destinations": _deliveries(tx, record.key)}


def _deliveries(tx: Transaction, key: Key) -> list[dict[str, Json]]:
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

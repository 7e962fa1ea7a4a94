"""What nodes call on a CSS: ``/spi/v1`` (sync-http.md). It translates HTTP, no more."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.exchange import (
    Denied,
    admitted,
    answer_data,
    data_of,
    empty,
    guarded,
    preferred_wait,
    read_body,
    text,
    when_new,
)
from syncnb.service.lifecycle import (
    Conflict,
    Missing,
    NameTaken,
    NoDestination,
    Outdated,
    Refused,
    links,
    receiving,
)
from syncnb.service.lifecycle.base import PARTIALLY_RECEIVED, WITHOUT_DATA
from syncnb.service.link import NEWEST_INSTANCE
from syncnb.service.security import link_node, user_node
from syncnb.service.store import Content, Key, Node, Notice, ObjectRecord, StoreError, Transaction
from syncnb.service.uploads import receive_chunk
from syncnb.service.wire import (
    Malformed,
    boolean,
    content_range,
    decode_meta,
    instance,
    int64,
    is_name,
    loads,
    member,
)

_REGISTRATION = ("register", "register-new", "ping", "unregister")
_REPORTS = (
    "updated",
    "received",
    "consumed",
    "ackDelete",
    "ackconsumed",
    "ackDeleted",
    "ackreceived",
)
_MOST_HANDOUTS = 5  # of one unacknowledged item in a row
_CONTACT = 1800.0  # seconds between two notes of when a node polled
_HOLD_BACK = 5.0  # seconds that it is then held back (sync-http.md, 4, "Danger")


@dataclass(slots=True)
class _Handouts:
    """How often an item was handed out without an acknowledgement, and until when it rests."""

    count: int = 0
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class _Call:
    """A node's call on one instance of an object."""

    node: Node
    key: Key
    instance_id: int
    data_id: int
    action: str


class Spi:
    """The link API of a CSS.

    Parameters
    ----------
    service : Service
        What it works on.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._heard: dict[tuple[str, Node], float] = {}
        self._handouts: dict[tuple[str, Node], dict[tuple[Json, ...], _Handouts]] = {}

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer a request; `path` is what follows ``/spi/v1/``, percent-decoded."""
        return await guarded(lambda: self._route(request, path))

    async def _route(self, request: Request, path: str) -> Response:
        if self._service.leaving:
            return empty(503)
        area, _, rest = path.partition("/")
        if area in _REGISTRATION:
            if request.method != "PUT":
                return empty(405)
            return await self._registration(request, area)
        if area != "objects":
            return text(404, "404 page not found")
        if request.method not in ("GET", "PUT"):
            return empty(405)
        polls = request.method == "GET" and rest == ""
        # A report that is refused is repeated and holds up all others (sync-http.md, 10.1).
        org, node = await self._identify(request, limited=polls)
        if polls:
            try:
                return await self._poll(request, org, node)
            except NoDestination:
                return empty(424)
        parts = rest.split("/")
        if parts[0] != org:
            raise Denied
        if len(parts) == 2 and parts[1] == "resend" and request.method == "PUT":
            site = self._service.site
            await self._service.store.write(lambda tx: links.resend(tx, site, org, node))
            return empty(204)
        call = _parse(node, parts)
        if request.method == "GET":
            return await self._get_data(request, call)
        return await self._put(request, call)

    async def _identify(self, request: Request, *, limited: bool) -> tuple[str, Node]:
        service, headers = self._service, request.headers
        identity = await service.authenticator.identify(headers.get("authorization"))
        if identity is None:
            raise Denied
        # Starlette reads headers as Latin-1; nodes send names as UTF-8.
        header = headers.get("x-sync-service-dest", "").encode("latin-1").decode("utf-8", "replace")
        found = link_node(identity, header)
        if found is None and identity.kind == "user":
            found = await service.store.read(lambda tx: user_node(tx, identity, header))
        if found is None:
            raise Denied
        admitted(service, request, identity, limited=limited)
        return found

    async def _registration(self, request: Request, area: str) -> Response:
        org, node = await self._identify(request, limited=True)
        if not (is_name(node.dest_type) and is_name(node.dest_id)):
            raise Refused(f"{node} is not a valid destination")
        try:
            persistent = boolean(request.query_params.get("persistent-storage"))
        except Malformed:
            if area != "unregister":  # which has no use for it
                return empty(400)
            persistent = False
        site = self._service.site

        def change(tx: Transaction) -> None:
            if area == "register":
                links.register(tx, site, org, node, persistent=persistent)
            elif area == "register-new":
                links.register_new(tx, site, org, node, persistent=persistent)
            elif area == "ping":
                links.touch(tx, site, org, node)
            else:
                links.unregister(tx, site, org, node)

        try:
            await self._service.store.write(change)
        except NoDestination:
            return empty(404)
        self._handouts.pop((org, node), None)
        return empty(204)

    async def _poll(self, request: Request, org: str, node: Node) -> Response:
        await self._note_contact(org, node)
        ours = preferred_wait(request) > 0  # only nodes of this kind ask for it

        async def produce() -> Json:
            items = await self._service.store.read(
                lambda tx: links.poll_items(tx, org, node, renews=ours)
            )
            return self._without_ignored((org, node), items)

        topic = ("notices", org, *node)
        return await when_new(self._service, request, topic, produce, nothing=204)

    async def _note_contact(self, org: str, node: Node) -> None:
        """A poll is a sign of life, too; now and then is often enough to write that down."""
        now, known = asyncio.get_running_loop().time(), self._heard.get((org, node))
        often = min(_CONTACT, self._service.config.forget_after / 4 or _CONTACT)
        if known is None or now - known >= often:
            self._heard[org, node] = now
            when = self._service.site.clock()
            await self._service.store.write(lambda tx: tx.heard_of(org, node, when))

    def _without_ignored(
        self, who: tuple[str, Node], items: list[dict[str, Json]]
    ) -> list[dict[str, Json]]:
        """Hold back what a node was given several times and never acknowledged."""
        now = asyncio.get_running_loop().time()
        before = self._handouts.get(who, {})
        seen: dict[tuple[Json, ...], _Handouts] = defaultdict(_Handouts)
        given = []
        for item in items:
            meta = item["MetaData"]
            name = (
                item["Type"],
                meta["objectType"],
                meta["objectID"],
                meta["instanceID"],
            )
            handouts = seen[name] = before.get(name) or _Handouts()
            if handouts.until > now:
                continue
            handouts.count += 1
            if handouts.count >= _MOST_HANDOUTS:
                handouts.until = now + _HOLD_BACK
            given.append(item)
        self._handouts[who] = seen
        return given

    async def _get_data(self, request: Request, call: _Call) -> Response:
        if call.action != "data":
            return empty(400)

        def look(tx: Transaction) -> tuple[Notice | None, ObjectRecord | None, Content | None]:
            record = tx.object(call.key)
            content = tx.content(record.blob) if record and record.blob else None
            return tx.notice(call.key, call.node), record, content

        notice, record, content = await self._service.store.read(look)
        # First of all: an existing node throws the object away when it hears 404.
        if record is not None and record.instance_id != call.instance_id:
            raise Conflict(f"{call.key} is another instance now")
        if record is None or content is None or record.status in WITHOUT_DATA:
            raise Missing(f"{call.key} has no data")
        if notice is None:
            raise Conflict(f"{call.key} does not go to {call.node}")
        service = self._service
        asked = request.headers.get("range")
        return await answer_data(service, content, asked, service.outgoing)

    async def _put(self, request: Request, call: _Call) -> Response:
        registered = await self._service.store.read(
            lambda tx: tx.destination(call.key.org, call.node)
        )
        if registered is None:
            return empty(424)
        if call.action in _REPORTS:
            return await self._report(call, call.instance_id, call.action)
        handlers = {
            "update": self._update,
            "data": self._put_data,
            "delete": self._delete,
            "deleted": self._deleted,
            "feedback": self._feedback,
        }
        if call.action not in handlers:
            return empty(400)
        return await handlers[call.action](request, call)

    async def _report(self, call: _Call, instance_id: int, action: str) -> Response:
        site = self._service.site
        await self._service.store.write(
            lambda tx: links.on_report(tx, site, call.key, call.node, instance_id, action)
        )
        return empty(204)

    async def _update(self, request: Request, call: _Call) -> Response:
        meta = await self._meta(request, call.key)
        owner = f"{call.key.org}/{call.node.dest_id}"
        try:
            record = await self._service.store.write(
                lambda tx: links.on_update(tx, call.key, call.node, meta, owner)
            )
        except Outdated as outdated:
            newest = {"Upload-Complete": "?1", NEWEST_INSTANCE: str(outdated.newest)}
            return empty(409, newest)
        except NameTaken:
            return empty(409, {"Upload-Complete": "?0"})  # a node that knows it tries again
        except Conflict:
            return empty(409, {"Upload-Complete": "?1"})
        if record.status != PARTIALLY_RECEIVED:
            return empty(204)
        # How much of the data is here already: a node that knows the header goes on from there.
        arrived = record.ranges[0][1] if record.ranges and record.ranges[0][0] == 0 else 0
        return empty(204, {"Upload-Offset": str(arrived)})

    async def _put_data(self, request: Request, call: _Call) -> Response:
        try:
            response, complete = await self._received_data(request, call)
        except (ClientDisconnect, OSError, StoreError):
            await self._distrust(request, call)
            raise
        if not complete:
            await self._distrust(request, call)
        return response

    async def _distrust(self, request: Request, call: _Call) -> None:
        """Have a node register as new, unless it is one of those that repeat what failed."""
        if not request.headers.get("user-agent", "").startswith("syncnb/"):
            with contextlib.suppress(StoreError):
                await self._service.store.write(
                    lambda tx: links.distrust(tx, call.key.org, call.node)
                )

    async def _received_data(self, request: Request, call: _Call) -> tuple[Response, bool]:
        """Store data; the answer, and False if the last chunk has come and others are missing."""
        service = self._service
        record = await service.store.read(lambda tx: tx.object(call.key))
        if record is None or record.sender:
            raise Refused(f"there is no object {call.key} of a node")
        if record.instance_id != call.instance_id or record.origin != call.node:
            raise Conflict(f"{call.key} is another instance now")
        data = data_of(service, request, service.incoming)
        spread = request.headers.get("content-range")
        if spread is not None:
            if record.status != PARTIALLY_RECEIVED:
                raise Conflict(f"{call.key} is {record.status}")
            whole = await receive_chunk(service, data, record, spread)
            if whole is None:
                _, last, total = content_range(spread)
                return empty(204), last < total - 1
            stored = whole
        else:
            stored = await service.save(data)
        stored = await service.verified(stored, record.meta)
        async with service.discarding(stored):
            if not stored.verified:
                await service.store.write(lambda tx: receiving.discard_parts(tx, call.key))
                raise Refused("the signature does not fit the data")
            await service.store.write(
                lambda tx: receiving.store_data(tx, call.key, call.instance_id, stored)
            )
        return empty(204), True

    async def _delete(self, request: Request, call: _Call) -> Response:
        meta = await self._meta(request, call.key)
        await self._service.store.write(lambda tx: links.on_delete(tx, call.key, call.node, meta))
        return empty(204)

    async def _deleted(self, request: Request, call: _Call) -> Response:
        meta = await self._meta(request, call.key)
        return await self._report(call, meta["instanceID"] or call.instance_id, "deleted")

    async def _feedback(self, request: Request, call: _Call) -> Response:
        body = loads(await read_body(request, self._service.config.max_metadata_size))
        if not isinstance(body, dict):
            raise Malformed("feedback is not a JSON object")
        code = int64(member(body, "Code"), "Code")
        interval = int64(member(body, "RetryInterval") or 0, "RetryInterval")
        reason, site = str(member(body, "Reason") or ""), self._service.site
        await self._service.store.write(
            lambda tx: links.on_feedback(
                tx,
                site,
                call.key,
                call.node,
                call.instance_id,
                code=code,
                retry_interval=interval,
                reason=reason,
            )
        )
        return empty(204)

    async def _meta(self, request: Request, key: Key) -> dict[str, Json]:
        body = await read_body(request, self._service.config.max_metadata_size)
        meta = decode_meta(loads(body))
        if meta["destinationOrgID"] not in ("", key.org):
            raise Denied
        if (meta["objectType"], meta["objectID"]) != (key.object_type, key.object_id):
            raise Refused("the body names another object than the path")
        return meta


def _parse(node: Node, parts: list[str]) -> _Call:
    """Organisation, type, ID, instance, data (may be missing) and action of a path."""
    if len(parts) == 5:
        parts = [*parts[:4], "0", parts[4]]
    try:
        org, object_type, object_id, number, data, action = parts
        key = Key(org, object_type, object_id)
        return _Call(node, key, instance(number), instance(data), action)
    except ValueError:
        raise Malformed("the path is not org/type/id/instance/data/action") from None

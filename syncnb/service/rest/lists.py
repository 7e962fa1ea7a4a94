"""Lists over all types of an organisation (rest-api.md, 4.6-4.8); only a CSS has them."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.exchange import Answer, Denied, empty, json
from syncnb.service.identity import Identity
from syncnb.service.lifecycle.base import DELETED
from syncnb.service.rest.filters import Filters, has_service, service_name
from syncnb.service.rest.updates import summary
from syncnb.service.security import Access, shows, type_access
from syncnb.service.store import ObjectRecord, Transaction
from syncnb.service.wire import Malformed, boolean

_SWITCHES = ("destination_policy", "filters", "list_object_type")


async def answer_list(service: Service, request: Request, identity: Identity, org: str) -> Response:
    """Answer a list of an organisation; the first switch that is there says which."""
    query = request.query_params
    switch = next((name for name in _SWITCHES if query.get(name)), None)
    try:
        if switch is None or not boolean(query.get(switch)):
            return empty(400)
    except Malformed:
        return empty(400)
    if identity.kind == "service":
        raise Denied
    service.client_requests += 1
    view = _View(identity, org)
    if switch == "list_object_type":
        items = await service.store.read(view.types)
    elif switch == "filters":
        filters = Filters.of(query)
        items = await service.store.read(lambda tx: view.metadata(tx, filters.select(tx, org)))
    else:
        select = _policies(query)
        items = await service.store.read(lambda tx: view.summaries(tx, select(tx, org)))
    # To a stranger, an organisation without objects and one without public ones look the same.
    if items is None or (not items and identity.org != org and identity.kind != "syncadmin"):
        return empty(404)
    return json(items)


class _View:
    """What one caller sees of an organisation; None stands for nothing at all."""

    def __init__(self, identity: Identity, org: str) -> None:
        self._identity, self._org = identity, org

    def types(self, tx: Transaction) -> list[Json] | None:
        """The types that the caller may read, or that have something public."""
        known = tx.object_types(self._org)
        if not known:
            return None
        full = {t for t in known if self._access(tx, t) is Access.FULL}
        if len(full) == len(known):
            return list(known)
        public = {record.key.object_type for record in tx.public_objects(self._org)}
        return [t for t in known if t in full or t in public]

    def metadata(self, tx: Transaction, records: list[ObjectRecord]) -> list[Json] | None:
        """The metadata of those that the caller may read."""
        return [r.meta for r in self._seen(tx, records)] if records else None

    def summaries(self, tx: Transaction, records: list[ObjectRecord]) -> list[Json] | None:
        """Policies and destinations of those that the caller may read."""
        return [summary(tx, r) for r in self._seen(tx, records)] if records else None

    def _seen(self, tx: Transaction, records: list[ObjectRecord]) -> list[ObjectRecord]:
        types = {record.key.object_type for record in records}
        access = {object_type: self._access(tx, object_type) for object_type in types}
        return [r for r in records if shows(access[r.key.object_type], r)]

    def _access(self, tx: Transaction, object_type: str) -> Access:
        return type_access(tx, self._identity, self._org, object_type, is_css=True)


def _policies(query: QueryParams) -> Callable[[Transaction, str], list[ObjectRecord]]:
    """What ``destination_policy=true`` selects: by time, else by service, else what is unread."""
    since, wanted = query.get("since"), query.get("service")
    if since:
        if not re.fullmatch(r"\d{1,19}", since, re.ASCII) or not 1 <= int(since) < 2**63:
            raise Answer(empty(400))
        moment = int(since)
        return lambda tx, org: tx.objects_with_policy(org, since=moment)
    if wanted:
        service = service_name(wanted)
        return lambda tx, org: [
            record for record in tx.objects_with_policy(org) if has_service(record, service)
        ]
    try:
        received = boolean(query.get("received"))
    except Malformed:
        raise Answer(empty(400)) from None
    return lambda tx, org: [
        record
        for record in tx.objects_with_policy(org, received=received)
        if record.status != DELETED
    ]

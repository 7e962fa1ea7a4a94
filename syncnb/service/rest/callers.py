"""Who is calling, and whether they may: what every handler asks first (rest-api.md, 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from starlette.requests import Request

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.exchange import Answer, Denied, admitted, empty, read_body
from syncnb.service.identity import Identity
from syncnb.service.security import (
    Access,
    may_write,
    object_access,
    shows,
    writes_type,
    writes_without_lists,
)
from syncnb.service.store import Key, ObjectRecord, Transaction
from syncnb.service.wire import loads

T = TypeVar("T")


async def identify(service: Service, request: Request) -> Identity:
    """The caller of an application endpoint; nodes have none there."""
    identity = await service.authenticator.identify(request.headers.get("authorization"))
    if identity is None or identity.kind == "edgenode":
        raise Denied
    return admitted(service, request, identity)


async def read_json(service: Service, request: Request) -> Json:
    """The body, as JSON."""
    return loads(await read_body(request, service.config.max_metadata_size))


async def readable(service: Service, identity: Identity, key: Key) -> ObjectRecord:
    """The record of an object that the caller may read; 404 or 403 otherwise."""
    record, _ = await readable_with(service, identity, key, lambda tx, record: None)
    return record


async def readable_with(
    service: Service,
    identity: Identity,
    key: Key,
    more: Callable[[Transaction, ObjectRecord], T],
) -> tuple[ObjectRecord, T]:
    """The same, and what `more` reads of that object in the same state of the store."""

    def look(tx: Transaction) -> tuple[ObjectRecord, T] | None:
        record = tx.object(key)
        access = object_access(tx, identity, key, record, is_css=service.is_css)
        if record is None and access is Access.FULL:
            return None
        if record is None or not shows(access, record):
            raise Denied
        return record, more(tx, record)

    found = await service.store.read(look)
    if found is None:
        raise Answer(empty(404))
    return found


async def writable(service: Service, identity: Identity, key: Key) -> ObjectRecord:
    """The record of an object that the caller may change; 404 or 403 otherwise."""
    is_css = service.is_css

    def look(tx: Transaction) -> tuple[ObjectRecord | None, Access, bool]:
        record = tx.object(key)
        access = object_access(tx, identity, key, record, is_css=is_css)
        allowed = record is not None and may_write(tx, identity, key, record.meta, is_css=is_css)
        return record, access, allowed and access is not Access.DENIED

    record, access, allowed = await service.store.read(look)
    if record is None and (access is Access.FULL or may_learn_of_absence(identity, key, access)):
        raise Answer(empty(404))
    if record is None or not allowed:
        raise Denied
    return record


def may_learn_of_absence(identity: Identity, key: Key, access: Access) -> bool:
    """Whether a caller without rights may learn that an object of its organisation is not there."""
    return access is Access.PUBLIC and identity.org == key.org


async def require_write(
    service: Service, identity: Identity, key: Key, meta: Mapping[str, Json]
) -> None:
    """Refuse a caller who may not store an object with these metadata (403)."""
    is_css = service.is_css
    verdict = writes_without_lists(identity, key.org, key.object_type, is_css=is_css)
    if verdict is None:
        verdict = await service.store.read(
            lambda tx: may_write(tx, identity, key, meta, is_css=is_css)
        )
    if not verdict:
        raise Denied


async def require_writer(service: Service, identity: Identity, key: Key) -> ObjectRecord | None:
    """The record of an object, if there is one, for whoever may store some object of the type.

    Whether that is one with the metadata that are still to come, `require_write` tells (403).
    """
    is_css = service.is_css

    def look(tx: Transaction) -> tuple[bool, ObjectRecord | None]:
        verdict = writes_without_lists(identity, key.org, key.object_type, is_css=is_css)
        if verdict is None:
            verdict = writes_type(tx, identity, key.org, key.object_type)
        return verdict, tx.object(key)

    allowed, record = await service.store.read(look)
    if not allowed:
        raise Denied
    return record

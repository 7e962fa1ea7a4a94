"""One object: its metadata, its status, storing and deleting it (rest-api.md, 4.12-4.15)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from syncnb.metadata import Json
from syncnb.service.core import Service
from syncnb.service.data_uris import OutsideError
from syncnb.service.exchange import Denied, empty, json, require_inline
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import Missing, Refused, sending
from syncnb.service.rest.callers import (
    may_learn_of_absence,
    read_json,
    readable,
    require_write,
)
from syncnb.service.rest.conditions import Condition, object_tag
from syncnb.service.rest.data import answer_stored
from syncnb.service.security import Access, may_write, object_access
from syncnb.service.store import Key, ObjectRecord, StoredData, Transaction
from syncnb.service.validation import validate
from syncnb.service.wire import Malformed, decode_meta, member


async def get_object(service: Service, request: Request, identity: Identity, key: Key) -> Response:
    """The metadata."""
    record = await readable(service, identity, key)
    answer = json(record.meta)
    answer.headers["ETag"] = object_tag(record)
    return answer


async def get_status(service: Service, request: Request, identity: Identity, key: Key) -> Response:
    """The status, as a bare word."""
    record = await readable(service, identity, key)
    return Response(record.status, media_type="plain/text")  # the halves are swapped on purpose


async def put_object(service: Service, request: Request, identity: Identity, key: Key) -> Response:
    """Store an object, with or without data."""
    condition = Condition.of(request)
    meta, data = parts_of(await read_json(service, request))
    await require_write(service, identity, key, meta)
    require_inline(service, len(data or b""))
    meta = await completed(service, identity, key, meta, size=None if data is None else len(data))

    def store(tx: Transaction, data: StoredData | None) -> ObjectRecord:
        condition.check(tx, key)
        return sending.put_object(tx, service.site, key, meta, data)

    if data is None:
        # A full update discards the data that are there: not for data that will not fit.
        service.blobs.require_room(meta["objectSize"])
        return answer_stored(await service.store.write(lambda tx: store(tx, None)))

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    stored = await service.verified(await service.save(chunks()), meta)
    async with service.discarding(stored):
        return answer_stored(await service.store.write(lambda tx: store(tx, stored)))


def parts_of(body: Json) -> tuple[dict[str, Json], bytes | None]:
    """Metadata and data of an update in JSON."""
    if not isinstance(body, dict):
        raise Malformed("the body is not a JSON object")
    given = member(body, "meta")
    return decode_meta({} if given is None else given), _inline(member(body, "data"))


async def completed(
    service: Service, identity: Identity, key: Key, meta: dict[str, Json], *, size: int | None
) -> dict[str, Json]:
    """The metadata of an update, checked, with what the service says of it.

    Parameters
    ----------
    size : int or None
        Bytes of the data that come with them; None if none do.

    Raises
    ------
    Refused, Denied
        The service does not store such an object.
    """
    validate(
        meta,
        object_type=key.object_type,
        object_id=key.object_id,
        has_data=size is not None,
        data_is_empty=not size,
        is_css=service.is_css,
        now=service.site.clock(),
    )
    if meta["destinationOrgID"] not in ("", key.org):
        raise Denied  # an object is stored where its URL says, nowhere else
    added: dict[str, Json] = {}
    if meta["sourceDataUri"]:
        added["objectSize"] = await _source_size(service, meta["sourceDataUri"])
    if service.is_css:
        added["ownerID"] = f"{identity.org}/{identity.user}"
    return meta | added


async def delete_object(
    service: Service, request: Request, identity: Identity, key: Key
) -> Response:
    """Delete an object; who has it is told."""

    def check(tx: Transaction) -> None:
        record = tx.object(key)
        access = object_access(tx, identity, key, record, is_css=service.is_css)
        if access is Access.DENIED:
            raise Denied
        if not service.is_css:
            return
        if record is None:
            if access is not Access.FULL and not may_learn_of_absence(identity, key, access):
                raise Denied
            if identity.kind == "syncadmin":
                raise Refused(f"there is no object {key}")
            raise Missing(f"there is no object {key}")
        if not may_write(tx, identity, key, record.meta, is_css=True):
            raise Denied

    try:
        await service.store.read(check)
        await service.store.write(lambda tx: sending.delete_object(tx, service.site, key))
    except Missing:
        return empty(404)
    return empty(204)


async def _source_size(service: Service, uri: str) -> int:
    """Bytes of the file that an object is to be sent from."""
    try:
        reader = await service.open_uri(uri)
    except OutsideError as outside:
        raise Refused(str(outside)) from outside
    except OSError as error:
        raise Refused(f"sourceDataUri {uri} cannot be read: {error.strerror}") from error
    await reader.close()
    return reader.size


def _inline(value: Json) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise Malformed("data is not base64")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError as error:
        raise Malformed(f"data is not base64: {error}") from None

"""The data of an object, up and down (rest-api.md, 4.16 and 4.17)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from syncnb.service.core import Service
from syncnb.service.exchange import announced_size, answer_data, answer_uri, data_of, empty, text
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import Refused, sending
from syncnb.service.lifecycle.base import (
    CONSUMED,
    CONSUMED_BY_DEST,
    DELETED,
    SENDING,
    VERIFICATION_FAILED,
    WITHOUT_DATA,
)
from syncnb.service.rest.callers import readable_with, writable
from syncnb.service.rest.conditions import Condition, data_tag, holds, object_tag
from syncnb.service.store import Content, Key, ObjectRecord, StoredData, Transaction
from syncnb.service.uploads import receive_chunk

_GONE = (CONSUMED, CONSUMED_BY_DEST, DELETED)  # data at a file URI are nobody's any more


async def get_data(service: Service, request: Request, identity: Identity, key: Key) -> Response:
    """The data, whole or a range of them."""
    record, content = await readable_with(service, identity, key, _content)
    if record.status in WITHOUT_DATA:
        return empty(404)
    if content is None:
        # Where this side's data lie: what it sends at the source, what it got at the target.
        uri = record.meta["sourceDataUri" if record.sender else "destinationDataUri"]
        if service.is_css or not uri or record.status in _GONE:
            return empty(404)
        return await answer_uri(service, uri, request.headers.get("range"))
    tag = data_tag(record)
    if holds(request.headers.get("if-none-match", ""), tag):
        return empty(304, {"ETag": tag})
    same = request.headers.get("if-range", tag) == tag  # RFC 9110, 13.1.5
    answer = await answer_data(service, content, request.headers.get("range") if same else None)
    answer.headers["ETag"] = tag
    return answer


def _content(tx: Transaction, record: ObjectRecord) -> Content | None:
    return None if record.blob is None else tx.content(record.blob)


async def put_data(service: Service, request: Request, identity: Identity, key: Key) -> Response:
    """Take in the data, whole or a chunk of them."""
    record = await writable(service, identity, key)
    if not record.sender or record.status not in SENDING:
        raise Refused(f"{key} is {record.status}: this side does not send it")
    if record.meta["noData"]:
        raise Refused(f"{key} has noData: true, so it takes no data")
    condition = Condition.of(request, of_data=True)
    condition.require(record, key)  # before the data come; and again when they are stored

    def store(tx: Transaction, data: StoredData) -> ObjectRecord:
        condition.check(tx, key)
        return sending.put_data(tx, service.site, key, data)

    service.blobs.require_room(announced_size(request))
    spread = request.headers.get("content-range")
    if spread is not None:
        whole = await receive_chunk(service, data_of(service, request), record, spread)
        if whole is not None:
            good = await service.verified(whole, record.meta)
            await service.store.write(lambda tx: store(tx, good))
        return empty(204, {"Mms-Upload-Owner": service.upload_owner})
    stored = await service.verified(await service.save(data_of(service, request)), record.meta)
    async with service.discarding(stored):
        changed = await service.store.write(lambda tx: store(tx, stored))
    return answer_stored(changed)


def answer_stored(record: ObjectRecord) -> Response:
    """What the sender is told: the new instance, or that the data are not those signed."""
    if record.status == VERIFICATION_FAILED:
        return text(500, "the signature does not fit the data, which were thrown away")
    return empty(204, {"ETag": object_tag(record)})

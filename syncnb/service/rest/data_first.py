"""An object with its data in one request, the data first: who sends them reads them only once.

What the metadata say of the data, such as their digest, is known when the last byte was read. The
metadata come behind them, and both are stored in one transaction.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from syncnb.service.core import Service
from syncnb.service.exchange import Answer, require_size, text
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import Refused, sending
from syncnb.service.rest.callers import require_write, require_writer
from syncnb.service.rest.conditions import Condition
from syncnb.service.rest.data import answer_stored
from syncnb.service.rest.metadata import completed, parts_of
from syncnb.service.store import Key, ObjectRecord, Transaction
from syncnb.service.wire import Malformed, loads


async def put_data_first(
    service: Service, request: Request, identity: Identity, key: Key
) -> Response:
    """Store an object and its data, or neither."""
    size = _size(request.query_params["data"])
    condition = Condition.of(request)
    record = await require_writer(service, identity, key)
    condition.require(record, key)  # before the data come; and again when they are stored
    require_size(service, size)
    service.blobs.require_room(size)
    body = _Body(request, size)
    stored = await service.save(body.data())
    async with service.discarding(stored):
        meta, inline = parts_of(loads(await body.rest(service.config.max_metadata_size)))
        await require_write(service, identity, key, meta)
        if inline is not None:
            raise Refused("the data came first: there are none in the metadata")
        meta = await completed(service, identity, key, meta, size=size)
        good = await service.verified(stored, meta)

        def store(tx: Transaction) -> ObjectRecord:
            condition.check(tx, key)
            return sending.put_object(tx, service.site, key, meta, good)

        return answer_stored(await service.store.write(store))


class _Body:
    """A body, the first bytes of which are data."""

    def __init__(self, request: Request, size: int) -> None:
        self._chunks, self._left, self._over = request.stream(), size, b""

    async def data(self) -> AsyncIterator[bytes]:
        """As many as were announced."""
        while self._left:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                raise Malformed(f"the body ended {self._left} bytes before the data did")
            part, self._over = chunk[: self._left], chunk[self._left :]
            self._left -= len(part)
            yield part

    async def rest(self, most: int) -> bytes:
        """What follows, at most so many bytes (413)."""
        body = bytearray(self._over)
        async for chunk in self._chunks:
            body += chunk
            if len(body) > most:
                raise Answer(text(413, f"more than {most} bytes of metadata follow the data"))
        return bytes(body)


def _size(given: str) -> int:
    """Bytes of data that come first.

    Examples
    --------
    >>> _size("12")
    12
    """
    if not re.fullmatch(r"[0-9]{1,18}", given):
        raise Malformed(f"data={given[:40]!r} is not the number of bytes that come first")
    return int(given)

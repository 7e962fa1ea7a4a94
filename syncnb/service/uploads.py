"""Data that arrive in several requests with ``Content-Range``, until all bytes are there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from starlette.requests import ClientDisconnect

from syncnb.service.core import Service
from syncnb.service.exchange import require_size
from syncnb.service.lifecycle import Conflict
from syncnb.service.store import Key, ObjectRecord, StoredData, Transaction
from syncnb.service.store.records import Ranges
from syncnb.service.wire import content_range


async def receive_chunk(
    service: Service, data: AsyncIterator[bytes], record: ObjectRecord, header: str
) -> StoredData | None:
    """Store one chunk of the data of an object (rest-api.md, 4.17; sync-http.md, 9.3).

    Parameters
    ----------
    data : async iterator of bytes
        The body.
    record : ObjectRecord
        The object, as it is now.
    header : str
        The ``Content-Range`` header.

    Returns
    -------
    StoredData or None
        The data, once the last missing byte has arrived.

    Raises
    ------
    Malformed
        The header is not ``bytes first-last/total``.
    Conflict
        The object changed while the chunk arrived.
    TooLarge, OSError
        What is missing does not fit.
    """
    first, last, total = content_range(header)
    require_size(service, total)
    service.blobs.require_room(total - sum(end - start for start, end in record.ranges))
    key, instance_id = record.key, record.instance_id
    if record.partial is None:  # so that all chunks, at any process, go into one file
        new = service.blobs.new_part()
        record = await service.store.write(lambda tx: _begun(tx, key, instance_id, new))
    file, limit = record.partial or "", last - first + 1

    def note(tx: Transaction, done: int) -> ObjectRecord:
        present = _present(tx, key, instance_id)
        if present.partial != file:
            raise Conflict(f"{key} has changed meanwhile")
        ranges = with_range(present.ranges, first, first + done)
        changed = replace(present, ranges=ranges)
        tx.put_object(changed)
        return changed

    try:
        done = await service.blobs.save_part(file, _until_broken(data), at=first, limit=limit)
        changed = await service.store.write(lambda tx: note(tx, done))
    except Exception:
        await service.release(file)  # unless it is the data by now, or others go on with it
        raise
    if changed.ranges != ((0, total),):
        return None
    return await service.blobs.finish(file, total)


def _begun(tx: Transaction, key: Key, instance_id: int, new: str) -> ObjectRecord:
    """The object with a file for its chunks: the one that it has, or a new one."""
    present = _present(tx, key, instance_id)
    if present.partial is None:
        present = replace(present, partial=new)
        tx.put_object(present)
    return present


def _present(tx: Transaction, key: Key, instance_id: int) -> ObjectRecord:
    present = tx.object(key)
    if present is None or present.instance_id != instance_id:
        raise Conflict(f"{key} has changed meanwhile")
    return present


async def _until_broken(data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body as far as it came: what has arrived need not be sent again."""
    try:
        async for chunk in data:
            yield chunk
    except ClientDisconnect:
        return


def with_range(ranges: Ranges, first: int, end: int) -> Ranges:
    """Add the bytes from `first` up to `end`, joining what touches.

    Examples
    --------
    >>> with_range(((0, 4),), 4, 8)
    ((0, 8),)
    """
    joined: list[tuple[int, int]] = []
    for start, stop in sorted([*ranges, (first, end)]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        elif stop > start:
            joined.append((start, stop))
    return tuple(joined)

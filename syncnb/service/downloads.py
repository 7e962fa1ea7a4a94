"""Data that an ESS fetches from its CSS: several at a time, in ranges, resumed after a break."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable

from syncnb.metadata import Json
from syncnb.service.config import SMALL
from syncnb.service.core import Service
from syncnb.service.data_uris import OutsideError
from syncnb.service.lifecycle import Conflict, outbox, receiving
from syncnb.service.lifecycle.base import PARTIALLY_RECEIVED
from syncnb.service.link import CssLink, backed_off
from syncnb.service.store import Key, ObjectRecord, StoredData, StoreError, Transaction
from syncnb.service.transport import Answer, LinkDown

log = logging.getLogger("syncnb.service")

_LONGEST_PAUSE = 5.0  # seconds between two tries
_PATH_ERROR = 4  # a code of feedback (sync-http.md, 5.2)
_TRANSIENT = (408, 429, 502, 503, 504, 307)  # sync-http.md, 10.1


class _Hopeless(Exception):
    """The data cannot be had, are wrong or cannot be placed; the CSS is told code and text."""

    def __init__(self, reason: str, *, code: int = 1) -> None:
        super().__init__(reason)
        self.code = code


class Downloads:
    """All downloads of one node.

    Parameters
    ----------
    service : Service
        The ESS.
    link : CssLink
        Where the data are.
    """

    def __init__(self, service: Service, link: CssLink) -> None:
        self._service, self._link = service, link
        self._running: dict[tuple[Key, int], asyncio.Task[None]] = {}
        self._small = asyncio.Semaphore(service.config.small_transfers)
        self._large = asyncio.Semaphore(service.config.transfers)
        self._group: asyncio.TaskGroup | None = None

    def start(self, group: asyncio.TaskGroup) -> None:
        """Run downloads in this group from now on."""
        self._group = group

    def fetch(self, key: Key, instance_id: int) -> None:
        """Begin to fetch an instance, unless that is under way."""
        name = (key, instance_id)
        if self._group is not None and name not in self._running:
            task = self._group.create_task(self._until_done(key, instance_id))
            self._running[name] = task
            task.add_done_callback(lambda _: self._ended(name))
            self._service.link.downloads = len(self._running)

    def _ended(self, name: tuple[Key, int]) -> None:
        self._running.pop(name, None)
        self._service.link.downloads = len(self._running)

    async def resume_all(self) -> None:
        """Go on with everything that a restart interrupted."""
        found = await self._service.store.read(lambda tx: tx.objects_in((PARTIALLY_RECEIVED,)))
        for record in found:
            self.fetch(record.key, record.instance_id)

    async def _until_done(self, key: Key, instance_id: int) -> None:
        tries = 0
        while True:
            record = await self._service.store.read(lambda tx: tx.object(key))
            if (
                record is None
                or record.status != PARTIALLY_RECEIVED
                or record.instance_id != instance_id
            ):
                return
            small = record.meta["objectSize"] <= SMALL
            try:
                async with self._small if small else self._large:
                    await self._attempt(record)
                return
            except (LinkDown, StoreError) as down:
                log.info("the data of %s stopped, going on soon: %s", key, down)
            except Conflict:
                # The CSS has another instance now. That one need not be announced before it
                # expires or is deleted, so nothing may wait for it.
                with contextlib.suppress(StoreError):
                    await self._service.store.write(
                        lambda tx: outbox.forget_failed(tx, key, instance_id)
                    )
                    return
            except OSError as error:
                reason = f"the node cannot store the data: {error.strerror}"
                if await self._give_up(record, 2, reason):
                    return
            except _Hopeless as hopeless:
                if await self._give_up(record, hopeless.code, str(hopeless)):
                    return
            tries += 1
            await asyncio.sleep(backed_off(0.1, tries, _LONGEST_PAUSE, self._service.rng))

    async def _attempt(self, record: ObjectRecord) -> None:
        meta = record.meta
        ranged = 0 < meta["chunkSize"] < meta["objectSize"] and not meta["metaOnly"]
        stored = await (self._ranges(record) if ranged else self._whole(record))
        service = self._service

        uri = meta["destinationDataUri"]

        def complete(tx: Transaction) -> None:
            receiving.store_data(tx, record.key, record.instance_id, stored, placed=bool(uri))
            outbox.report_received(tx, service.site, record.key, record.instance_id)

        async with service.discarding(stored):
            await self._check(meta, stored)
            if uri:
                await self._place(uri, stored)
            await service.store.write(complete)
        if uri and stored.file is not None:
            await service.blobs.delete(stored.file)

    async def _whole(self, record: ObjectRecord) -> StoredData:
        meta = record.meta
        async with self._link.get_data(meta, None) as answer:
            _require(answer, record)
            stored = await self._service.save(self._service.incoming.limited(answer.pieces()))
        if stored.size != meta["objectSize"] and not meta["metaOnly"]:
            async with self._service.discarding(stored):
                raise LinkDown(f"{stored.size} of {meta['objectSize']} bytes arrived")
        return stored

    async def _ranges(self, record: ObjectRecord) -> StoredData:
        """Fetch chunk by chunk; each is on the disk and noted before the next is asked for."""
        service, meta = self._service, record.meta
        size, chunk = meta["objectSize"], meta["chunkSize"]
        file = record.partial or service.blobs.new_part()
        at = record.ranges[0][1] if record.ranges else 0
        while at < size:
            last = min(at + chunk, size) - 1
            async with self._link.get_data(meta, (at, last)) as answer:
                _require(answer, record)
                if answer.status == 200 and (at, last) != (0, size - 1):
                    raise _Hopeless("the CSS ignores ranges of a large object")
                pieces = service.incoming.limited(_until_broken(answer))
                try:
                    at += await service.blobs.save_part(file, pieces, at=at, limit=last - at + 1)
                    await service.store.write(_noting(record, file, at))
                except Exception:
                    await service.release(file)  # also if its deletion came while it was written
                    raise
            if at <= last:
                raise LinkDown(f"the data broke off at byte {at} of {size}")
        return await service.blobs.finish(file, size)

    async def _check(self, meta: dict[str, Json], stored: StoredData) -> None:
        """Compare the bytes with the signature and the digest that came beside them, if any."""
        if not (await self._service.verified(stored, meta)).verified:
            raise _Hopeless("the signature does not fit the data; publish the object again")
        expected = published_digest(meta["description"])
        if expected is not None and stored.sha256 != expected:
            raise _Hopeless(
                f"the data do not have the published SHA-256: expected {expected[:16]}..., "
                f"got {stored.sha256[:16]}...; publish the object again"
            )

    async def _place(self, uri: str, stored: StoredData) -> None:
        try:
            await self._service.place(uri, stored)
        except OutsideError as outside:
            raise _Hopeless(str(outside), code=_PATH_ERROR) from outside
        except (FileNotFoundError, NotADirectoryError) as missing:
            raise _Hopeless(f"the folder of {uri} is not there", code=_PATH_ERROR) from missing

    async def _give_up(self, record: ObjectRecord, code: int, reason: str) -> bool:
        """Tell the CSS why, and forget the object until it announces it again; False to go on."""
        log.warning("%s is refused: %s", record.key, reason)
        feedback = {"Code": code, "RetryInterval": 0, "Reason": reason}
        store = self._service.store
        try:
            present = await store.read(lambda tx: tx.object(record.key))
            if (
                present is None
                or present.instance_id != record.instance_id
                or (present.status != PARTIALLY_RECEIVED)
            ):
                return True  # deleted or replaced meanwhile: nobody wants to know
            status, _ = await self._link.report(record.meta, "feedback", feedback)
            if status in (*_TRANSIENT, 424):
                raise LinkDown(f"the CSS answered HTTP {status}")
            await store.write(lambda tx: outbox.forget_failed(tx, record.key, record.instance_id))
        except (LinkDown, StoreError) as down:
            log.warning("the CSS could not be told that %s is refused: %s", record.key, down)
            return False
        return True


def _noting(record: ObjectRecord, blob: str, arrived: int) -> Callable[[Transaction], None]:
    ranges = ((0, arrived),) if arrived else ()
    return lambda tx: receiving.store_part(tx, record.key, record.instance_id, blob, ranges)


def published_digest(description: str) -> str | None:
    """SHA-256 of the data, if the description is a manifest that has one (design, decision 1).

    Examples
    --------
    >>> published_digest('{"text": "", "syncnb": {"sha256": "00"}}')
    '00'
    >>> published_digest("free text") is None
    True
    """
    if not description.startswith("{"):
        return None
    try:
        digest = json.loads(description)["syncnb"]["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return digest if isinstance(digest, str) else None


def _require(answer: Answer, record: ObjectRecord) -> None:
    if answer.status in (200, 206):
        return
    if answer.status in (204, 409):
        raise Conflict(f"{record.key} is another instance at the CSS now")
    if answer.status in _TRANSIENT:
        raise LinkDown(f"the CSS answered HTTP {answer.status}")
    if answer.status == 404:
        raise _Hopeless("the CSS has no data for this object")
    raise _Hopeless(f"the CSS answered HTTP {answer.status} to the request for the data")


async def _until_broken(answer: Answer) -> AsyncIterator[bytes]:
    """The body as far as it comes: what has arrived need not be fetched again."""
    try:
        async for piece in answer.pieces():
            yield piece
    except LinkDown:
        return

"""The outbox of an ESS: what it has to tell its CSS, kept until that has taken it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from syncnb.metadata import Json
from syncnb.service.blobs import BlobReader
from syncnb.service.config import MIB, SMALL
from syncnb.service.core import Service
from syncnb.service.data_uris import OutsideError
from syncnb.service.lifecycle import outbox
from syncnb.service.lifecycle.base import CLOUD
from syncnb.service.link import NEWEST_INSTANCE, CssLink, backed_off
from syncnb.service.store import Key, Notice, ObjectRecord, StoreError
from syncnb.service.transport import LinkDown
from syncnb.service.wire import upload_offset

log = logging.getLogger("syncnb.service")

_UPLOADS = ("update", outbox.ANNOUNCING, "updated")
_AT_ONCE = 8  # calls and small uploads; large ones queue elsewhere
_LONGEST_PAUSE = 30.0  # seconds between two tries of one call


class Sender:
    """Works off the outbox of one node.

    Parameters
    ----------
    service : Service
        The ESS.
    link : CssLink
        The CSS.
    register_again : callable
        Called when the CSS does not know the node.
    """

    def __init__(self, service: Service, link: CssLink, register_again: Callable[[], None]) -> None:
        self._service, self._link = service, link
        self._register_again = register_again
        self._running: dict[Key, tuple[int, asyncio.Event]] = {}  # instance, and when it is over
        self._later: dict[Notice, tuple[int, float]] = {}  # tries, and when the next is due
        self._small = asyncio.Semaphore(_AT_ONCE)
        self._large = asyncio.Semaphore(service.config.transfers)
        self._bell = asyncio.Event()
        self._consumed: dict[Key, int] = {}  # instances that the CSS was told of during a poll

    def poll_begins(self) -> None:
        """What the CSS has been told before a poll is not among what that brings."""
        self._consumed.clear()

    def told_consumed(self, key: Key, instance_id: int) -> bool:
        """Whether the CSS heard since the poll began that an instance is consumed.

        An item about it then is older than that, and the record that would show it is gone.
        """
        return self._consumed.get(key) == instance_id

    def retry_now(self) -> None:
        """The link is back: do not wait out the pauses."""
        self._later.clear()
        self._bell.set()

    async def idle(self, key: Key, instance_id: int) -> None:
        """Wait while a call about an instance is under way.

        Only then may the node acknowledge that the CSS is done with it: an ``update`` that came
        after the acknowledgement would bring the object back.
        """
        running = self._running.get(key)
        if running is not None and running[0] == instance_id:
            await running[1].wait()

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Send whatever is in the outbox, until cancelled."""
        loop, site = asyncio.get_running_loop(), self._service.site
        with self._service.signals.listen(("notices", site.org, *CLOUD)) as bell:
            self._bell = bell
            while True:
                bell.clear()
                waiting = await self._service.store.read(
                    lambda tx: tx.notices_for(site.org, CLOUD, outbox.OUTBOX)
                )
                self._later = {n: later for n, later in self._later.items() if n in waiting}
                now = loop.time()
                pauses = []
                for notice in waiting:
                    due = self._later.get(notice, (0, now))[1]
                    if due > now:
                        pauses.append(due - now)
                    elif notice.key not in self._running:
                        self._running[notice.key] = (notice.instance_id, asyncio.Event())
                        group.create_task(self._send(notice))
                with contextlib.suppress(TimeoutError):  # a pause is over
                    await asyncio.wait_for(bell.wait(), min(pauses, default=None))

    async def _send(self, notice: Notice) -> None:
        tries = self._later.pop(notice, (0, 0.0))[0] + 1
        try:
            record = await self._service.store.read(lambda tx: tx.object(notice.key))
            uploads = notice.state in _UPLOADS and record is not None
            large = uploads and record is not None and record.meta["objectSize"] > SMALL
            async with self._large if large else self._small:
                await self._deliver(notice)
        except (LinkDown, StoreError, OSError) as down:  # OSError: the blob was just replaced
            pause = backed_off(0.5, tries, _LONGEST_PAUSE, self._service.rng)
            due = asyncio.get_running_loop().time() + pause
            for state in _UPLOADS if notice.state in _UPLOADS else (notice.state,):
                self._later[replace(notice, state=state)] = (tries, due)
            log.info("%s of %s goes out later: %s", notice.state, notice.key, down)
        finally:
            self._running.pop(notice.key)[1].set()
            self._bell.set()

    async def _deliver(self, notice: Notice) -> None:
        store = self._service.store
        present, record = await store.read(
            lambda tx: (tx.notice(notice.key, notice.node), tx.object(notice.key))
        )
        if present != notice:
            return  # something newer has taken its place
        if record is not None and record.instance_id == notice.instance_id:
            if notice.state in _UPLOADS:
                notice = await self._upload(notice, record)
            else:
                body = record.meta if notice.state == "deleted" else None
                if notice.state == "delete":
                    body = self._own(record.meta) | {"deleted": False}
                status, _ = await self._link.report(record.meta, notice.state, body)
                self._require(status, (204, 409))
                if notice.state == "consumed":
                    self._consumed[notice.key] = notice.instance_id
        await store.write(lambda tx: outbox.on_answered(tx, notice))

    async def _upload(self, notice: Notice, record: ObjectRecord) -> Notice:
        """Metadata, then data (sync-http.md, 8); returns the notice as it is now."""
        meta, store = self._own(record.meta), self._service.store
        first = notice.state == "update"
        if first:
            notice = await store.write(lambda tx: outbox.on_announcing(tx, notice))
        status, headers = await self._link.report(meta, "update", meta)
        self._require(status, (204, 409))
        if headers.get("Upload-Complete") == "?0":
            raise LinkDown("the cloud has an object of this name: waiting until it is deleted")
        newest = headers.get(NEWEST_INSTANCE, "")
        if status == 409 and newest.isdecimal() and int(newest) > notice.instance_id:
            site = self._service.site
            await store.write(lambda tx: outbox.renumber(tx, site, notice, int(newest)))
            return notice
        if status == 409 and (first or "Upload-Complete" in headers):
            return notice  # it is there, or a newer one is
        # Another CSS than ours says 409 also to what it has the metadata of, and no data: an
        # earlier answer was lost. It takes data at any time (17.2.9), or says 400 if all is done.
        doubtful = status == 409 and notice.state == outbox.ANNOUNCING
        if status == 204 and notice.state == outbox.ANNOUNCING:
            notice = await store.write(lambda tx: outbox.on_announced(tx, notice))
        offset = upload_offset(headers.get("Upload-Offset"))
        if meta["noData"] or meta["link"]:
            return notice
        if record.blob is not None and (not meta["metaOnly"] or offset is not None):
            await self._put_data(meta, record.blob, offset, doubtful=doubtful)
        elif meta["sourceDataUri"]:
            await self._put_file(meta, doubtful=doubtful)
        return notice

    async def _put_data(
        self, meta: dict[str, Json], blob: str, offset: int | None, *, doubtful: bool
    ) -> None:
        """In ranges to a CSS that said how far it is, whole to any other (sync-http.md, 9.3)."""
        service = self._service
        content = await service.store.read(lambda tx: tx.content(blob))
        if content is None:
            raise LinkDown("the data have just been replaced")
        size, chunk = content.size, service.config.chunk_size
        ranged = offset is not None and size > chunk
        # If every byte is there and only the answer was lost, the last one is sent again.
        at = min(offset or 0, size - 1) if ranged else 0
        reader = await service.open(content)
        try:
            while True:
                end = min(at + chunk, size) if ranged else size
                data = service.outgoing.limited(_pieces(reader, at, end))
                status = await self._link.put_data(meta, data, (at, end), size, ranged=ranged)
                if status == 409 or (doubtful and status == 400):
                    return  # complete, consumed, or replaced by a newer instance
                self._require(status, (204,))
                at = end
                if at >= size:
                    return
        finally:
            await reader.close()

    async def _put_file(self, meta: dict[str, Json], *, doubtful: bool) -> None:
        """Whole, whatever the size: what lies outside may change between two ranges."""
        service = self._service
        try:
            reader = await service.open_uri(meta["sourceDataUri"])
        except (OutsideError, OSError) as error:
            raise LinkDown(f"{meta['sourceDataUri']} cannot be read: {error}") from error
        try:
            size = reader.size
            data = service.outgoing.limited(_pieces(reader, 0, size))
            status = await self._link.put_data(meta, data, (0, size), size, ranged=False)
        finally:
            await reader.close()
        self._require(status, (204, 409, 400) if doubtful else (204, 409))

    def _own(self, meta: dict[str, Json]) -> dict[str, Json]:
        """The metadata as the CSS wants them: this node is destination and origin."""
        config = self._service.config
        own = {"destinationType": config.node_type, "destinationID": config.node_id}
        own |= {"originType": config.node_type, "originID": config.node_id}
        return meta | own | {"consumers": meta["consumers"] or 1}

    def _require(self, status: int, wanted: tuple[int, ...]) -> None:
        if status == 424:
            self._register_again()
        if status not in wanted:
            raise LinkDown(f"the CSS answered HTTP {status}")


async def _pieces(reader: BlobReader, at: int, end: int) -> AsyncIterator[bytes]:
    while at < end:
        piece = await reader.read(at, min(MIB, end - at))
        if not piece:
            raise LinkDown("the stored data are shorter than they were")
        at += len(piece)
        yield piece

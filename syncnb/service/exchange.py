"""What `rest` and `spi` share: answers, errors, bodies, ranges and waiting."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from syncnb.metadata import Json
from syncnb.service.bandwidth import Bandwidth
from syncnb.service.blobs import BlobReader, BlobsError, TooLarge
from syncnb.service.config import MAX_WAIT, MIB
from syncnb.service.core import Service
from syncnb.service.data_uris import OutsideError
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import (
    Changed,
    Conflict,
    Missing,
    NameTaken,
    NoDestination,
    Outdated,
    Refused,
    Rejected,
)
from syncnb.service.store import Content, StoreError, Topic
from syncnb.service.wire import Malformed, byte_range, dumps

log = logging.getLogger("syncnb.service")

_STATUS: dict[type[Rejected], int] = {
    Refused: 400,
    Missing: 404,
    Changed: 412,
    Conflict: 409,
    NameTaken: 409,
    Outdated: 409,
    NoDestination: 424,
}
_READ_SIZE = MIB  # bytes; pieces of 64 KB through a thread cost four times as much
_PATH_SEND = "http.response.pathsend"  # a server that sends files by itself, without copies


class Denied(Exception):
    """The caller may not do this (403)."""


class Answer(Exception):
    """An answer that ends the handling of a request where it stands."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def empty(status: int, headers: dict[str, str] | None = None) -> Response:
    """An answer without a body."""
    return Response(status_code=status, headers=headers)


def text(status: int, reason: str) -> Response:
    """A line of English."""
    return Response(f"{reason}\n", status, media_type="text/plain")


def json(value: Json) -> Response:
    """A JSON document."""
    return Response(dumps(value), media_type="application/json")


def unauthorized() -> Response:
    """The answer to everybody who may not: no 401 in this protocol (rest-api.md, 2.1)."""
    return Response("Unauthorized", 403, media_type="text/plain")


async def guarded(handle: Callable[[], Awaitable[Response]]) -> Response:
    """Run a handler and translate what it raises, completely."""
    try:
        return await handle()
    except Answer as answer:
        return answer.response
    except Denied:
        return unauthorized()
    except Rejected as rejected:
        return text(_STATUS[type(rejected)], str(rejected))
    except Malformed as malformed:
        return text(400, str(malformed))
    except TooLarge as large:
        return text(413, str(large))
    except RecursionError:
        return text(400, "the body is nested too deeply")
    except ClientDisconnect:
        return empty(400)  # nobody is there to read it
    except BlobsError as error:
        log.warning("%s", error)
        return text(503, "the store of the data does not answer: nothing was changed")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        return text(507, "the disk of the service is full: nothing was changed")
    except StoreError as error:
        if error.refused:
            return text(400, "a value is too long or of a kind that the database cannot store")
        if not error.full:
            log.warning("%s", error)
            outcome = "whether it happened is not known" if error.lost else "nothing was changed"
            return text(503, f"the database of the service does not answer: {outcome}")
        return text(507, "the disk of the service is full: nothing was changed")


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` bytes (413)."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            too_large = f"the body is larger than {limit} bytes: upload the data on their own"
            raise Answer(text(413, too_large))
    return bytes(body)


async def data_of(
    service: Service, request: Request, pace: Bandwidth | None = None
) -> AsyncIterator[bytes]:
    """The body of an upload, no larger than the data of an object may be (413).

    Parameters
    ----------
    pace : Bandwidth, optional
        How fast it may come.
    """
    require_size(service, announced_size(request))
    arrived = 0
    chunks = request.stream() if pace is None else pace.limited(request.stream())
    async for chunk in chunks:
        arrived += len(chunk)
        require_size(service, arrived)
        yield chunk


def require_size(service: Service, size: int) -> None:
    """Refuse data that are larger than those of an object may be (413)."""
    if 0 < service.config.max_object_size < size:
        limit = f"the data of an object may have {service.config.max_object_size} bytes here"
        raise Answer(text(413, limit))


def require_inline(service: Service, size: int) -> None:
    """Refuse data inside of a JSON body that should be uploaded on their own (413)."""
    require_size(service, size)
    limit = service.config.max_inline_size
    if size > limit:
        raise Answer(
            text(413, f"more than {limit} bytes are inside of it: upload them on their own")
        )


def admitted(
    service: Service, request: Request, identity: Identity, *, limited: bool = True
) -> Identity:
    """Note for the log who calls, and count the call against what the identity may make (429)."""
    request.state.identity = f"{identity.user}@{identity.org}"
    wait = service.rates.take((identity.kind, identity.org, identity.user)) if limited else 0.0
    if wait:
        too_fast = text(429, f"{service.config.rate_limit:g} requests a second are the limit here")
        too_fast.headers["Retry-After"] = str(math.ceil(wait))
        raise Answer(too_fast)
    return identity


def announced_size(request: Request) -> int:
    """Bytes of the body, 0 if the caller does not say."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def preferred_wait(request: Request) -> float:
    """Seconds of ``Prefer: wait=N`` (RFC 7240, 4.3), 0 if it is not asked for."""
    for value in request.headers.getlist("prefer"):
        found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", value, re.IGNORECASE)
        if found:
            return min(float(found.group(1)), MAX_WAIT)
    return 0.0


async def when_new(
    service: Service,
    request: Request,
    topic: Topic,
    produce: Callable[[], Awaitable[Json]],
    *,
    nothing: int,
) -> Response:
    """Answer a list, and wait for one that is new if the caller prefers that.

    Parameters
    ----------
    topic : Topic
        What changes when the list does.
    produce : callable
        Makes the list.
    nothing : int
        Status of the answer when it is empty.

    Returns
    -------
    Response
        The list; 304 if it is still the one of ``If-None-Match``; `nothing` if it is empty.
    """
    wait = preferred_wait(request)
    known = request.headers.get("if-none-match")
    now = asyncio.get_running_loop().time
    deadline = now() + wait
    with service.signals.listen(topic) as bell:
        while True:
            bell.clear()
            items = await produce()
            response = json(items) if items else empty(nothing)
            fresh = bool(items)
            if items and (wait or known is not None):
                tag = f'"{hashlib.blake2b(bytes(response.body), digest_size=16).hexdigest()}"'
                if tag == known:
                    response, fresh = empty(304), False
                response.headers["ETag"] = tag
            left = deadline - now()
            if fresh or left <= 0 or service.signals.stopping:
                break
            if not await _rings(bell, request, left):
                break
    if wait:
        response.headers["Preference-Applied"] = f"wait={wait:g}"
    return response


async def _rings(bell: asyncio.Event, request: Request, seconds: float) -> bool:
    """Wait for the bell; False if the time is over or the caller has gone."""
    ringing = asyncio.ensure_future(bell.wait())
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((ringing, leaving), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return ringing.done() or not leaving.done()
    finally:
        ringing.cancel()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class DataResponse(Response):
    """Data of an object, streamed; whole or one range (RFC 9110, 14).

    Parameters
    ----------
    reader : BlobReader
        The data; closed when the answer is out.
    size : int
        Bytes that there should be.
    part : tuple of (int, int) or None
        First and last byte; None for the whole.
    pace : Bandwidth, optional
        How fast it may go.
    """

    def __init__(
        self,
        reader: BlobReader,
        size: int,
        part: tuple[int, int] | None,
        pace: Bandwidth | None = None,
    ) -> None:
        self._reader = reader
        self._pace = pace if pace is not None and pace.is_limited else None
        self._whole = part is None or part == (0, size - 1)
        self._first, last = (0, size - 1) if part is None else part
        self._length = last - self._first + 1
        reader.until = last + 1
        super().__init__(None, 200 if self._whole else 206, media_type="application/octet-stream")
        self.headers["Content-Length"] = str(self._length)
        if not self._whole:
            self.headers["Content-Range"] = f"bytes {self._first}-{last}/{size}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        start = {"type": "http.response.start", "status": self.status_code}
        try:
            await send(start | {"headers": self.raw_headers})
            sends_files = self._pace is None and _PATH_SEND in scope.get("extensions", {})
            if self._whole and self._reader.path and sends_files:
                await send({"type": _PATH_SEND, "path": str(self._reader.path)})
                return
            left = self._length
            pieces = self._pieces() if self._pace is None else self._pace.limited(self._pieces())
            async for piece in pieces:
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
            if not self._length:
                await send({"type": "http.response.body", "body": b""})
        finally:
            await self._reader.close()

    async def _pieces(self) -> AsyncIterator[bytes]:
        at, end = self._first, self._first + self._length
        while at < end:
            piece = await self._reader.read(at, min(_READ_SIZE, end - at))
            if not piece:  # shorter than it was: break the connection, do not lie
                raise OSError(errno.EIO, "the data are shorter than their record says")
            at += len(piece)
            yield piece


async def answer_uri(service: Service, uri: str, asked: str | None) -> Response:
    """The answer that streams what lies at a file URI.

    Raises
    ------
    Missing
        There is no such file any more, or it lies outside of the folders for data URIs.
    """
    try:
        reader = await service.open_uri(uri)
    except (OutsideError, OSError) as error:
        raise Missing(f"{uri} cannot be read") from error
    try:
        part = byte_range(asked, reader.size)
    except (IndexError, Malformed) as error:
        await reader.close()
        if isinstance(error, Malformed):
            raise
        return empty(416, {"Content-Range": f"bytes */{reader.size}"})
    return DataResponse(reader, reader.size, part)


async def answer_data(
    service: Service, content: Content, asked: str | None, pace: Bandwidth | None = None
) -> Response:
    """The answer that streams data.

    Parameters
    ----------
    asked : str or None
        The ``Range`` header.
    pace : Bandwidth, optional
        How fast they may go.

    Raises
    ------
    Missing
        They went in this very moment, since the object changed.
    Malformed
        The range is not of the form ``bytes=a-b``, ``bytes=a-`` or ``bytes=-n``.
    """
    try:
        part = byte_range(asked, content.size)
    except IndexError:
        return empty(416, {"Content-Range": f"bytes */{content.size}"})
    try:
        return DataResponse(await service.open(content), content.size, part, pace)
    except FileNotFoundError:
        raise Missing("the data have just been replaced: try again") from None

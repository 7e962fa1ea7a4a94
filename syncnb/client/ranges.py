"""The data of one version of an object at the service, read in requests for parts of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import TracebackType
from typing import Self

import requests
import urllib3

from syncnb.client.transport import Transport
from syncnb.errors import (
    ObjectNotFoundError,
    ObjectReplacedError,
    ServiceError,
    TransferBrokenError,
)
from syncnb.metadata import ObjectMetaData

PIECE = 1 << 18  # bytes read at a time: more costs time, since they leave the processor's cache
_OPERATION = "fetch_object_data"


class Break(Exception):
    """The connection broke; the bytes before `position` have been read."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(position, reason)
        self.position, self.reason = position, reason


class NotRanged(Exception):
    """The service does not give parts of these data."""


class RemoteData:
    """The data of one version of an object.

    Parameters
    ----------
    transport : Transport
        The service.
    segments : tuple of str
        Path of the data.
    subject : str
        The object, for errors.
    meta : ObjectMetaData
        The version. If they name none, since somebody made them by hand, they are looked up.
    latest : callable
        Gets the metadata that the service has now.
    """

    def __init__(
        self,
        transport: Transport,
        segments: tuple[str, ...],
        subject: str,
        meta: ObjectMetaData,
        latest: Callable[[], ObjectMetaData],
    ) -> None:
        self._transport, self._segments, self._latest = transport, segments, latest
        self.subject = subject
        self.meta = meta if meta.instance_id else latest()
        # Some services report 0 after a metaOnly update, and for no data at all (rest-api.md, 8.4).
        self.size = self.meta.object_size or None
        self.ranged = self.size is not None  # until the service shows that it does not

    def open(self, first: int, end: int | None = None, *, strict: bool = False) -> Stream:
        """Ask for the bytes from `first` up to `end`, or up to the last one.

        Services that ignore ``Range``, or answer it oddly, are asked for everything, and what was
        not wanted is read and dropped.

        Parameters
        ----------
        first, end : int
            Within the data.
        strict : bool, default False
            Raise instead of reading more than is wanted.

        Raises
        ------
        NotRanged
            `strict`, and the service does not give parts.
        ObjectReplacedError
            The service has another version by now.
        """
        end = self.size if end is None else end
        if self.size is not None and end is not None and end - first < self.size and self.ranged:
            stream = self._part(first, end, strict)
            if stream is not None:
                return stream
            self.ranged = False
        if strict and (first, end) != (0, self.size):
            raise NotRanged
        response = self._get({})
        length = _length(response)
        if self.size is not None and length not in (None, self.size):
            response.close()
            self.check()
            raise TransferBrokenError(
                self.subject, first, self.size, f"the length is wrong, {length} bytes"
            )
        coding = response.headers.get("Transfer-Encoding", "")
        if self.size is None and length is None and "chunked" not in coding.lower():
            response.close()
            reason = "nothing says how many bytes they are, so a break would be their end"
            raise TransferBrokenError(self.subject, first, -1, reason)
        return Stream(self, response, 0, self.size).skipped(first, end)

    def check(self) -> None:
        """Make sure that the service still has this version.

        Raises
        ------
        ObjectReplacedError
            It has another one, or none.
        """
        try:
            now = self._latest()
        except ObjectNotFoundError as error:
            raise ObjectReplacedError(self.subject, version(self.meta), 0) from error
        if version(now) != version(self.meta):
            raise ObjectReplacedError(self.subject, version(self.meta), version(now))

    def reason(self, error: Exception) -> str:
        """What the network said."""
        return self._transport.translated(error).reason

    def _part(self, first: int, end: int, strict: bool) -> Stream | None:
        """A request with ``Range``; None if the answer is not that part (rest-api.md, 4.16)."""
        try:
            response = self._get({"Range": f"bytes={first}-{end - 1}"})
        except ServiceError as error:
            if error.status in (400, 416):
                return None
            raise
        if response.status_code == 206:
            found = re.fullmatch(
                r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)",
                response.headers.get("Content-Range", ""),
            )
            if found and found[3] in ("*", str(self.size)) and int(found[1]) == first:
                stop = int(found[2]) + 1
                if first < stop <= end and _length(response) in (None, stop - first):
                    return Stream(self, response, first, stop)
        elif _length(response) == self.size and not strict:  # Range was ignored: all the data
            self.ranged = False
            return Stream(self, response, 0, self.size).skipped(first, end)
        # Some services answer 200 with the part alone, so only a length that fits is believed.
        response.close()
        self.check()
        return None

    def _get(self, headers: dict[str, str]) -> requests.Response:
        try:
            response = self._transport.request(
                "GET",
                self._segments,
                headers={"Accept-Encoding": "identity", **headers},
                stream=True,
                operation=_OPERATION,
                subject=self.subject,
            )
        except ServiceError as error:
            if error.status in (404, 409, 416):
                self._replaced_or(error)
            raise
        coding = response.headers.get("Content-Encoding", "identity")
        if response.status_code not in (200, 206) or coding != "identity":
            response.close()
            said = f"the answer is no data, or coded as {coding}"
            raise ServiceError(response.status_code, _OPERATION, self.subject, said)
        return response

    def _replaced_or(self, error: ServiceError) -> None:
        """Say so if the object is there in another version; another error is as it is."""
        try:
            self.check()
        except ObjectReplacedError as replaced:
            if replaced.present:
                raise replaced from error


class Stream:
    """The answer to one request; a context manager.

    Parameters
    ----------
    data : RemoteData
        What it is of.
    response : requests.Response
        The answer, unread.
    position : int
        Byte of the data that it begins with.
    stop : int or None
        Where it ends; None if that is not known.

    Attributes
    ----------
    position : int
        Byte that is read next.
    named : bool
        Whether the answer itself says that it is of this version.
    """

    def __init__(
        self, data: RemoteData, response: requests.Response, position: int, stop: int | None
    ) -> None:
        self._data, self._response, self._stop = data, response, stop
        self.position = position
        # Another tag says nothing: it may be anything (RFC 9110, 8.8.3).
        self.named = response.headers.get("ETag") == f'"{version(data.meta)}"'
        self._end: int | None = None  # nothing is wanted behind it

    def skipped(self, first: int, end: int | None) -> Self:
        """Read up to `first`, and later no further than `end`."""
        self._end = end if end != self._stop else None
        try:
            while self.position < first:
                if not self._read(min(PIECE, first - self.position)):
                    reason = "they end before the first byte that is wanted"
                    raise TransferBrokenError(self._data.subject, self.position, -1, reason)
        except BaseException:
            self._response.close()
            raise
        return self

    def read(self) -> bytes:
        """The next bytes, as soon as there are any; none at the end.

        Raises
        ------
        Break
            The connection broke.
        TransferBrokenError
            The answer is longer than it should be.
        """
        if self._end is None:
            return self._read(PIECE)
        left = self._end - self.position
        return self._read(min(PIECE, left)) if left > 0 else b""

    def _read(self, limit: int) -> bytes:
        try:
            piece: bytes = self._response.raw.read1(limit, decode_content=False) or b""
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Break(self.position, self._data.reason(error)) from error
        self.position += len(piece)
        if self._stop is not None:
            if not piece and self.position < self._stop:
                raise Break(self.position, "the answer ended early")
            if self.position > self._stop:
                self._data.check()
                raise TransferBrokenError(
                    self._data.subject,
                    self._stop,
                    self._data.size or -1,
                    "the length is wrong, there are more bytes",
                )
        return piece

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._response.close()


def version(meta: ObjectMetaData) -> int:
    """What changes with the data of an object, and never comes back (rest-api.md, 5.1).

    Examples
    --------
    >>> version(ObjectMetaData(object_type="t", object_id="i", instance_id=7, data_id=5))
    5
    """
    return meta.data_id or meta.instance_id


def _length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text[:20]) if text.isascii() and text.isdecimal() else None

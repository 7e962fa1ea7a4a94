"""Data of objects, up and down, in pieces."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Protocol, runtime_checkable

import requests
import urllib3

from syncnb.client.transport import Transport
from syncnb.errors import (
    ConnectionFailedError,
    InvalidMetaDataError,
    ServiceUnavailableError,
    TransferBrokenError,
)
from syncnb.metadata import ObjectMetaData


@runtime_checkable
class SupportsRead(Protocol):
    """A binary file, or what reads like one."""

    def read(self, size: int = ..., /) -> bytes:
        """The next bytes."""

    def seekable(self) -> bool:
        """Whether its length can be found."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Go to a byte."""

    def tell(self) -> int:
        """Where it stands."""


PIECE = 1 << 20  # bytes read and written at a time
Data = bytes | bytearray | memoryview | str | os.PathLike[str] | SupportsRead | Iterable[bytes]
_TRIES = 10  # to go on with a broken download


def upload(transport: Transport, segments: tuple[str, ...], subject: str, data: Data) -> None:
    """Stream the data of an object to the service (rest-api.md, 4.17).

    Parameters
    ----------
    transport : Transport
        The service.
    segments : tuple of str
        Path of the object's data.
    subject : str
        The object, for errors.
    data : bytes, path, binary file or iterable of bytes
        What to send.
    """
    if isinstance(data, str | os.PathLike):
        with Path(data).open("rb") as file:
            upload(transport, segments, subject, file)
        return
    body: bytes | Iterable[bytes]
    if isinstance(data, bytes | bytearray | memoryview):
        body = bytes(data)
    elif isinstance(data, SupportsRead):
        body = _body(data)
    elif isinstance(data, Iterable):
        body = iter(data)
    else:
        raise InvalidMetaDataError(
            "data", data, "give bytes, a path, a binary file or an iterable of bytes"
        )
    transport.request("PUT", segments, data=body, operation="update_object_data", subject=subject)


def _body(file: SupportsRead) -> Iterable[bytes]:
    return _Sized(file) if file.seekable() else iter(lambda: file.read(PIECE), b"")


class _Sized:
    """A file from where it stands to its end, in pieces, with a length for `requests`.

    A service stores zero bytes when a request has neither a length nor chunked coding.
    """

    def __init__(self, file: SupportsRead) -> None:
        self._file, start = file, file.tell()
        self._length = file.seek(0, os.SEEK_END) - start
        file.seek(start)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self._file.read(PIECE), b"")


def download(
    transport: Transport,
    segments: tuple[str, ...],
    meta: ObjectMetaData,
    out: IO[bytes],
    offset: int,
) -> int:
    """Stream the data of an object, from byte `offset`, into a file (rest-api.md, 4.16).

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    TransferBrokenError
        The connection broke or the length is wrong; `out` holds what came before.
    """
    subject = f"object {meta.object_type}/{meta.object_id}"
    size = meta.object_size
    known = size > 0 and not meta.meta_only  # some services report 0 after a metaOnly update
    if offset < 0 or (offset and not known) or (known and offset >= size):
        raise InvalidMetaDataError("offset", offset, f"give a byte from 0 to {max(size - 1, 0)}")
    headers = {"Range": f"bytes={offset}-{size - 1}"} if offset else {}
    with transport.request(
        "GET",
        segments,
        headers=headers,
        stream=True,
        operation="fetch_object_data",
        subject=subject,
    ) as response:
        response.raw.decode_content = False
        done = 0
        try:
            for piece in _pieces(response):
                out.write(piece)
                done += len(piece)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            reason = transport.translated(error).reason
            raise TransferBrokenError(subject, offset + done, size, reason) from error
    if known and offset + done != size:
        raise TransferBrokenError(subject, offset + done, size, "the length is wrong")
    return done


def download_to(fetch: Callable[[IO[bytes], int], int], meta: ObjectMetaData, path: Path) -> Path:
    """Fetch into a neighbour of `path`, go on after breaks, and move it into place when complete.

    Parameters
    ----------
    fetch : callable
        Takes the file and the offset; what `download` does.
    meta : ObjectMetaData
        The object.
    path : Path
        Where the data shall be; nobody ever sees half of them there.

    Returns
    -------
    Path
        `path`.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            for attempt in range(_TRIES):
                try:
                    _again(fetch, meta, out)
                    break
                except (ConnectionFailedError, ServiceUnavailableError, TransferBrokenError):
                    if attempt == _TRIES - 1:
                        raise
                    time.sleep(min(0.1 * 2**attempt, 5.0))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _again(fetch: Callable[[IO[bytes], int], int], meta: ObjectMetaData, out: IO[bytes]) -> None:
    offset = out.tell()
    if meta.object_size <= 0 or meta.meta_only or offset > meta.object_size:
        out.seek(0)
        out.truncate()
        offset = 0
    if offset < meta.object_size or offset == 0:
        fetch(out, offset)


def _pieces(response: requests.Response) -> Iterator[bytes]:
    while piece := response.raw.read(PIECE):
        yield piece

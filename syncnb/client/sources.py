"""What is uploaded: bytes, files and iterators, in pieces, with a length if there is one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

from syncnb.errors import DataError, DigestMismatchError, InvalidMetaDataError

PIECE = 1 << 20  # bytes sent at a time
_KINDS = "give bytes, a path, a binary file or an iterable of bytes"


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


Data = bytes | bytearray | memoryview | str | os.PathLike[str] | SupportsRead | Iterable[bytes]


class SourceFailed(Exception):
    """What is uploaded could not be read; its cause is what happened.

    The HTTP library takes an OSError for one of the network.
    """


class Source:
    """What is uploaded.

    Parameters
    ----------
    read : callable
        Gives the pieces from a byte on.
    length : int or None
        Bytes in all, if that is known.
    repeatable : bool
        Whether it can be read again.
    """

    def __init__(
        self,
        read: Callable[[int], Iterable[bytes | memoryview]],
        length: int | None,
        *,
        repeatable: bool,
    ) -> None:
        self.read, self.length, self.repeatable = read, length, repeatable

    def body(
        self,
        subject: str,
        count: Callable[[int], None],
        first: int = 0,
        end: int | None = None,
        digest: str | None = None,
    ) -> bytes | Iterable[bytes]:
        """The bytes from `first` up to `end`, as the body of a request.

        Parameters
        ----------
        subject : str
            The object, for errors.
        count : callable
            Called with the length of each piece that was sent.
        first, end : int
            Which bytes.
        digest : str, optional
            SHA-256 of all of them; the last piece is only sent if it is right.

        Returns
        -------
        bytes or iterable of bytes
            With a length, if that is known: `requests` sends it, and chunked coding otherwise.
        """
        end = self.length if end is None else end
        if end is not None and end == first and digest is None:
            return b""  # requests would send nothing in chunked coding

        def pieces() -> Iterator[bytes]:
            try:
                wanted = None if end is None else end - first
                given = exactly(self.read(first), wanted, subject)
                for piece in given if digest is None else checked(given, digest, subject):
                    yield piece  # type: ignore[misc]  # a view of bytes is sent like bytes
                    count(len(piece))
            except Exception as error:
                raise SourceFailed from error

        return pieces() if end is None else _Sized(pieces, end - first)


class _Sized:
    """Pieces with a length."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], length: int) -> None:
        self._pieces, self._length = pieces, length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces()


@contextmanager
def source(data: Data) -> Iterator[Source]:
    """Look at what a caller wants to upload; a path is open during the block.

    Raises
    ------
    InvalidMetaDataError
        It is none of the kinds that can be sent.
    OSError
        There is no such file.
    """
    if isinstance(data, str | os.PathLike):
        with Path(data).open("rb", buffering=0) as file:
            yield _file(file)
        return
    view = _view(data)
    if view is not None:
        with view:
            yield Source(lambda first: _slices(view, first), view.nbytes, repeatable=True)
    elif hasattr(data, "encoding"):
        raise InvalidMetaDataError("data", data, 'open the file in binary mode, "rb"')
    elif isinstance(data, SupportsRead):
        yield _file(data)
    elif isinstance(data, Iterable):
        yield Source(lambda _first: _joined(data), None, repeatable=False)
    else:
        raise InvalidMetaDataError("data", data, _KINDS)


def _view(data: object) -> memoryview | None:
    try:
        return memoryview(data).cast("B")  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return None


def _slices(view: memoryview, first: int) -> Iterator[memoryview]:
    return (view[at : at + PIECE] for at in range(first, len(view), PIECE))


def _file(file: SupportsRead) -> Source:
    """A file from where it stands to its end."""
    if not file.seekable():
        return Source(lambda _first: iter(lambda: file.read(PIECE), b""), None, repeatable=False)
    start = file.tell()
    length = file.seek(0, os.SEEK_END) - start
    file.seek(start)

    def read(first: int) -> Iterator[bytes]:
        file.seek(start + first)
        return iter(lambda: file.read(PIECE), b"")

    return Source(read, max(length, 0), repeatable=True)


def _joined(data: Iterable[object]) -> Iterator[bytes]:
    """Small pieces together, since each costs a call of the system."""
    waiting = bytearray()
    for piece in data:
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise InvalidMetaDataError("data", piece, _KINDS)
        if not waiting and len(piece) >= PIECE:
            yield bytes(piece)
            continue
        waiting += piece
        if len(waiting) >= PIECE:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


def exactly(
    pieces: Iterable[bytes | memoryview], length: int | None, subject: str
) -> Iterator[bytes | memoryview]:
    """As many bytes as were announced, or an error: a file may change while it is read.

    Examples
    --------
    >>> list(exactly([b"abc", b"def"], 4, "object t/i"))
    [b'abc', b'd']
    """
    left = length
    for piece in pieces:
        part = piece[:left]
        if left is not None:
            left -= len(part)
        if part:
            yield part
        if left == 0:
            return
    if left:
        raise DataError(
            subject,
            f"the file became {left} bytes shorter while it was uploaded",
            "upload it when nobody writes to it any more",
        )


def checked(
    pieces: Iterable[bytes | memoryview], digest: str, subject: str
) -> Iterator[bytes | memoryview]:
    """The same pieces, the last one only if the SHA-256 of all is right.

    The digest is computed in another thread while a piece is sent.

    Raises
    ------
    DigestMismatchError
        It is wrong.
    """
    sha256, last = hashlib.sha256(), None
    computed: Future[None] | None = None
    with ThreadPoolExecutor(1, "syncnb-digest") as pool:
        for piece in pieces:
            if computed is not None:
                computed.result()
            computed = pool.submit(sha256.update, piece)
            if last is not None:
                yield last
            last = piece
        if computed is not None:
            computed.result()
    if sha256.hexdigest() != digest:
        raise DigestMismatchError(subject, digest, sha256.hexdigest())
    if last is not None:
        yield last

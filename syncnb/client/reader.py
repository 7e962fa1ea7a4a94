"""The data of an object as a file of which only what is read is fetched."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Generator
from typing import IO, TYPE_CHECKING, cast

from syncnb.client.download import pieces
from syncnb.client.ranges import NotRanged, RemoteData

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER = 1 << 16  # bytes fetched at least
_FURTHEST = 32 << 20  # bytes asked for at most; they are read as they are wanted, not kept


class DataReader(io.BufferedReader):
    """The data of one version of an object, as a binary file that can be read and sought.

    What is read is fetched, and a little more: from 64 KiB on, twice as much each time as long as
    reading goes straight on. A service that gives no parts is asked for all the data once, and
    they are kept in a temporary file.

    Made by `SyncServiceClient.open_object_data`; may be used from several threads.

    Parameters
    ----------
    data : RemoteData
        What to read.
    retries : int
        How often to go on after a break without a new byte.

    Examples
    --------
    >>> import zipfile
    >>> from syncnb import LocalFleet, ObjectMetaData
    >>> file = io.BytesIO()
    >>> with zipfile.ZipFile(file, "w") as archive:
    ...     archive.writestr("large", bytes(10_000_000))
    ...     archive.writestr("small", "hello")
    >>> meta = ObjectMetaData(object_type="example", object_id="zip", dest_type="edge")
    >>> with LocalFleet(nodes=0) as fleet:
    ...     fleet.cloud.update_object(meta)
    ...     fleet.cloud.update_object_data(meta, file.getvalue())
    ...     with fleet.cloud.open_object_data(meta) as remote:
    ...         print(remote, zipfile.ZipFile(remote).read("small"), remote.fetched < 200_000)
    <DataReader of object example/zip in organisation 'demo', 10000199 bytes> b'hello' True
    """

    def __init__(self, data: RemoteData, retries: int) -> None:
        self._remote = _Remote(data, retries)
        super().__init__(self._remote, BUFFER)

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return self._remote.size

    @property
    def fetched(self) -> int:
        """Bytes that were fetched until now."""
        return self._remote.fetched

    @property
    def ranged(self) -> bool:
        """Whether the service gives parts; if not, all the data are fetched."""
        return self._remote.data.ranged

    def __repr__(self) -> str:
        data, state = self._remote.data, ", closed" if self.closed else ""
        length = "unknown length" if data.size is None else f"{data.size} bytes"
        return f"<DataReader of {data.subject}, {length}{state}>"

    __str__ = __repr__


class _Remote(io.RawIOBase):
    """Reads straight from the answers of the service; `DataReader` is its buffer."""

    def __init__(self, data: RemoteData, retries: int) -> None:
        self.data, self._retries = data, retries
        self.name = data.subject
        self.fetched = 0
        self._position = 0
        self._stream: Generator[bytes, None, None] | None = None
        self._left = memoryview(b"")  # of its last piece
        self._reached = -1  # where the stream stands
        self._ahead = BUFFER
        self._all: IO[bytes] | None = None  # the data, if the service gives no parts

    @property
    def size(self) -> int:
        if self.data.size is None:
            return self._fetch_all().seek(0, os.SEEK_END)
        return self.data.size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check_open()
        if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise ValueError(f"whence = {whence} is not possible. Give 0, 1 or 2.")
        base = {os.SEEK_CUR: self._position, os.SEEK_SET: 0}.get(whence)
        position = (self.size if base is None else base) + offset
        if position < 0:
            raise ValueError(f"seek to byte {position} is not possible. It lies before the data.")
        self._position = position
        return position

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._check_open()
        view = memoryview(buffer).cast("B")
        if self._all is None and self.data.size is not None:
            try:
                return self._read_part(view, self.data.size)
            except NotRanged:
                self._drop()
        file = self._fetch_all()
        file.seek(self._position)
        piece = file.read(len(view))
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def readall(self) -> bytes:
        rest = bytearray(max(self.size - self._position, 0))
        view, done = memoryview(rest), 0
        while done < len(rest) and (number := self.readinto(view[done:])):
            done += number
        return bytes(view[:done])

    def close(self) -> None:
        if not self.closed:
            self._drop()
            if self._all is not None:
                self._all.close()
        super().close()

    def _read_part(self, view: memoryview, size: int) -> int:
        wanted = min(len(view), size - self._position)
        if wanted <= 0:
            return 0
        if self._reached != self._position or not self._more():
            self._ask(wanted, size)
            self._more()
        number = min(wanted, len(self._left))
        view[:number] = self._left[:number]
        self._left = self._left[number:]
        self._position += number
        self._reached = self._position
        return number

    def _ask(self, wanted: int, size: int) -> None:
        """A new request; for more than the last one if reading goes straight on."""
        straight = self._reached == self._position
        self._ahead = min(self._ahead * 2, _FURTHEST) if straight else BUFFER
        self._drop()
        end = min(self._position + max(wanted, self._ahead), size)
        self._stream = cast(
            "Generator[bytes, None, None]",
            pieces(self.data, self._position, end, retries=self._retries, strict=True, check=True),
        )

    def _more(self) -> bool:
        """Whether bytes are at hand."""
        if not self._left and self._stream is not None:
            piece = next(self._stream, b"")
            self.fetched += len(piece)
            self._left = memoryview(piece)
        return bool(self._left)

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._left, self._reached = None, memoryview(b""), -1

    def _fetch_all(self) -> IO[bytes]:
        if self._all is None:
            file = tempfile.TemporaryFile(prefix="syncnb-")  # noqa: SIM115  # closed with the reader
            try:
                for piece in pieces(self.data, retries=self._retries):
                    file.write(piece)
                    self.fetched += len(piece)
                self.data.check()
            except BaseException:
                file.close()
                raise
            self._all = file
        return self._all

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")

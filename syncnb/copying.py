"""A file of somebody else, read once: for a copy, for the digest of that, and for who sends it."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

_PIECE = 1 << 20  # bytes


class CopyFailed(Exception):
    """The copy could not be made, or the file changed its size meanwhile; the cause says more."""


class Copy:
    """A copy that a thread makes; it can be read, digested and synced while it grows.

    Parameters
    ----------
    source : Path
        The file.
    path : Path
        Where the copy goes; nothing is there yet.

    Raises
    ------
    OSError
        The file is not there.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     source = Path(folder) / "source"
    ...     _ = source.write_bytes(b"abc")
    ...     with Copy(source, Path(folder) / "copy") as copy, copy.reader() as file:
    ...         file.read(10), copy.digest()[:8]
    (b'abc', 'ba7816bf')
    """

    def __init__(self, source: Path, path: Path) -> None:
        self.source, self.path, self.size = source, path, source.stat().st_size
        self._there, self._digest = 0, ""
        self._error: Exception | None = None
        self._changed, self._stopped = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, name="syncnb-copy", daemon=True)

    def digest(self) -> str:
        """SHA-256 of all of it, in hexadecimal, as soon as it is there.

        Raises
        ------
        CopyFailed
            It never will be.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._digest or self._error)
            if not self._digest:
                raise self._failed()
        return self._digest

    def reader(self) -> io.BufferedIOBase:
        """The copy as a file that has its full length; what is not there yet is waited for.

        Its `read` raises `CopyFailed`.
        """
        return _Reader(self)

    def wait_beyond(self, at: int) -> None:
        """Until there is more than so many bytes, or no more to come."""
        with self._changed:
            self._changed.wait_for(lambda: self._there > at or self._digest or self._error)
            if self._error is not None:
                raise self._failed()

    def __enter__(self) -> Copy:
        self.path.touch(exist_ok=False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._thread.join()

    def _failed(self) -> CopyFailed:
        failed = CopyFailed(f"the copy of {str(self.source)!r}: {self._error}")
        failed.__cause__ = self._error
        return failed

    def _run(self) -> None:
        try:
            with self.source.open("rb", buffering=0) as file, self.path.open("wb") as copy:
                self._copy(file, copy)
                with suppress(OSError):  # whoever keeps it syncs it again, and is told
                    os.fsync(copy.fileno())
        except (OSError, ValueError) as error:
            self._tell(error=error)

    def _copy(self, file: Any, copy: Any) -> None:
        sha256, buffer, there = hashlib.sha256(), memoryview(bytearray(_PIECE)), 0
        while size := file.readinto(buffer):
            if self._stopped:
                raise ValueError("nobody wants it any more")
            copy.write(buffer[:size])
            copy.flush()
            there += size
            self._tell(there=there)
            sha256.update(buffer[:size])
        if there != self.size:
            raise ValueError(f"it had {self.size} bytes, and then {there}")
        self._tell(there=there, digest=sha256.hexdigest())

    def _tell(self, there: int = 0, digest: str = "", error: Exception | None = None) -> None:
        with self._changed:
            self._there, self._digest = max(self._there, there), self._digest or digest
            self._error = error
            self._changed.notify_all()


class _Reader(io.BufferedIOBase):
    """Reads a copy that grows."""

    def __init__(self, copy: Copy) -> None:
        self._copy, self._at, self._file = copy, 0, copy.path.open("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._copy.size}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        self._copy.wait_beyond(self._at)
        data = os.pread(self._file.fileno(), _PIECE if size is None or size < 0 else size, self._at)
        self._at += len(data)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()

"""An object into a file; its digest is computed, and it is written out, beside other work."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from syncnb.codecs import Codec

_PIECE = 1 << 20  # bytes
_TICK = 0.002  # seconds between two looks at a file that grows


@contextmanager
def dumped(
    codec: Codec, obj: Any, path: Path, *, synced: bool = False
) -> Iterator[Callable[[], str]]:
    """Write an object.

    Parameters
    ----------
    codec : Codec
        Of the object. If it has ``sequential = True``, it writes the file from its first byte to
        its last and never goes back, and the digest is computed meanwhile.
    obj : object
        Checked already.
    path : Path
        A file that is not there yet.
    synced : bool, default False
        Whether it will be synced to the disk; the system then writes it out during the block.

    Yields
    ------
    callable
        Gives the SHA-256 of the file, in hexadecimal; it is computed during the block.

    Raises
    ------
    Exception
        What the codec raises.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from syncnb.codecs import default_registry
    >>> codec = default_registry().for_format("bytes")
    >>> with TemporaryDirectory() as folder, dumped(codec, b"abc", Path(folder) / "a") as digest:
    ...     digest()[:8]
    'ba7816bf'
    """
    with ExitStack() as stack:
        trailing = None
        if getattr(codec, "sequential", False):
            path.touch(exist_ok=False)
            trailing = stack.enter_context(_Trailing(path))
        codec.dump(obj, path)
        if synced:
            stack.enter_context(_written_out(path))
        if trailing is None or not trailing.is_of(path):  # another file was put in its place
            trailing = stack.enter_context(_Trailing(path))
        trailing.has_all()
        yield trailing.hexdigest


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal.

    Examples
    --------
    >>> digest_of(Path("/dev/null"))[:8]
    'e3b0c442'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _written_out(path: Path) -> Iterator[None]:
    """Let the system write a file to the disk during the block, for who syncs it afterwards."""

    def sync() -> None:
        with suppress(OSError), path.open("rb") as file:  # who syncs it afterwards is told
            os.fsync(file.fileno())

    thread = threading.Thread(target=sync, name="syncnb-sync", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


class _Trailing:
    """The SHA-256 of a file that somebody else appends to, in a thread behind the writer."""

    def __init__(self, path: Path) -> None:
        self._file, self._sha256 = path.open("rb", buffering=0), hashlib.sha256()
        self._over = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="syncnb-digest", daemon=True)

    def is_of(self, path: Path) -> bool:
        """Whether it reads the file that is there now."""
        return os.path.samestat(os.fstat(self._file.fileno()), path.stat())

    def has_all(self) -> None:
        """Nothing is appended any more."""
        self._over.set()

    def hexdigest(self) -> str:
        """When nothing is appended any more; may be called by several threads, and again."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._sha256.hexdigest()

    def __enter__(self) -> _Trailing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._file.close()

    def _run(self) -> None:
        over, buffer = False, memoryview(bytearray(_PIECE))
        try:
            while not over:
                over = self._over.wait(_TICK)  # before the last read, so that nothing is missed
                while size := self._file.readinto(buffer):
                    self._sha256.update(buffer[:size])
        except OSError as error:
            self._error = error

"""An object into a file, whose digest is there soon after its last byte."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

from syncnb.codecs import Codec

_PIECE = 1 << 20  # bytes
_TICK = 0.002  # seconds between two looks at a file that grows


def dump(codec: Codec, obj: Any, path: Path, *, synced: bool = False) -> str:
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
        Whether it will be synced to the disk; the system then begins to write it at once.

    Returns
    -------
    str
        SHA-256 of the file, in hexadecimal.

    Raises
    ------
    Exception
        What the codec raises.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from syncnb.codecs import default_registry
    >>> with TemporaryDirectory() as folder:
    ...     dump(default_registry().for_format("bytes"), b"abc", Path(folder) / "a")[:8]
    'ba7816bf'
    """
    if not getattr(codec, "sequential", False):
        codec.dump(obj, path)
        with _written_out(path) if synced else nullcontext():
            return digest_of(path)
    path.touch(exist_ok=False)
    with path.open("rb", buffering=0) as file, ExitStack() as stack:
        with _Trailing(file) as trailing:
            codec.dump(obj, path)
            if synced:
                stack.enter_context(_written_out(path))
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return trailing.hexdigest()
        return digest_of(path)  # another file was put in its place


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

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._sha256 = file, hashlib.sha256()
        self._over = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="syncnb-digest", daemon=True)

    def hexdigest(self) -> str:
        """After the block."""
        if self._error is not None:
            raise self._error
        return self._sha256.hexdigest()

    def __enter__(self) -> _Trailing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        at, over = 0, False
        try:
            while not over:
                over = self._over.wait(_TICK)  # before the last read, so that nothing is missed
                while piece := os.pread(self._file.fileno(), _PIECE, at):
                    self._sha256.update(piece)
                    at += len(piece)
        except OSError as error:
            self._error = error

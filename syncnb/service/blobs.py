"""Data of objects as files: synced to disk, named at random and never by what users sent."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path


class BlobWriter:
    """One blob while its bytes arrive.

    Parameters
    ----------
    path : Path
        The file.
    blob_id : str
        Its ID.
    resume : bool
        Whether bytes are there already, which are kept.
    """

    def __init__(self, path: Path, blob_id: str, *, resume: bool = False) -> None:
        self.blob_id = blob_id
        self.size = 0  # bytes written here
        flags = os.O_WRONLY | os.O_CLOEXEC | (0 if resume else os.O_CREAT | os.O_EXCL)
        self._file = os.open(path, flags, 0o600)

    def write(self, data: bytes | bytearray, *, at: int) -> None:
        """Write all of `data` at byte `at`.

        Raises
        ------
        OSError
            The disk is full or broken.
        """
        view = memoryview(data)
        while view:
            done = os.pwrite(self._file, view, at)
            view, at, self.size = view[done:], at + done, self.size + done

    def sync(self) -> None:
        """Return when the bytes would survive a power cut."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file; the bytes stay."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Blobs:
    """All blobs of one service, in one folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, blob_id: str) -> Path:
        """Where a blob lies."""
        return self._folder / blob_id

    def create(self) -> BlobWriter:
        """Begin a new blob."""
        blob_id = secrets.token_hex(16)
        writer = BlobWriter(self.path(blob_id), blob_id)
        self._sync_folder()
        return writer

    def resume(self, blob_id: str) -> BlobWriter:
        """Go on with a blob that was begun before."""
        return BlobWriter(self.path(blob_id), blob_id, resume=True)

    def size(self, blob_id: str) -> int:
        """Bytes of a blob, 0 if it is not there."""
        try:
            return self.path(blob_id).stat().st_size
        except FileNotFoundError:
            return 0

    def truncate(self, blob_id: str, size: int) -> None:
        """Cut a blob down to `size` bytes."""
        os.truncate(self.path(blob_id), size)

    def sha256(self, blob_id: str) -> str:
        """Digest of a blob, in hexadecimal."""
        with self.path(blob_id).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def delete(self, blob_id: str) -> None:
        """Remove a blob; a reader that has it open goes on reading."""
        self.path(blob_id).unlink(missing_ok=True)

    def sweep(self, keep: Iterable[str]) -> None:
        """Remove every blob but these: what a crash left behind between data and record."""
        wanted = set(keep)
        for path in self._folder.iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

"""Data that lie where an application wants them: file URIs, confined to configured folders."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

_COPY = 1 << 20  # bytes at a time


class OutsideError(Exception):
    """A file URI that leads to none of the folders; the text is for people."""


class DataFolders:
    """The folders in which `sourceDataUri` and `destinationDataUri` may lie (rest-api.md, 10.4).

    Every part of a path below a folder is opened on its own and without following links, so that
    neither ``..`` nor a link leads out of it, also if somebody changes it meanwhile.

    Parameters
    ----------
    folders : sequence of Path
        Made when something is put into them.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [Path(os.path.abspath(folder)) for folder in folders]

    def open(self, uri: str) -> tuple[int, int]:
        """Open a file for reading.

        Returns
        -------
        tuple of (int, int)
            Descriptor and size in bytes.

        Raises
        ------
        OutsideError
            The URI leads to none of the folders.
        OSError
            There is no such file, or it is no regular file.
        """
        with self._parent(uri) as (folder, name):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(name, flags, dir_fd=folder)
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            os.close(file)
            raise OutsideError(f"{uri} is no regular file")
        return file, status.st_size

    def place(self, uri: str, content: bytes | Path) -> None:
        """Put data at a URI: all of them, on the disk, or as it was before.

        Parameters
        ----------
        content : bytes or Path
            The data, or the file that holds them.

        Raises
        ------
        OutsideError
            The URI leads to none of the folders.
        OSError
            The folder is not there, or the disk is full.
        """
        with self._parent(uri) as (folder, name):
            temporary = f".{secrets.token_hex(8)}.tmp"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with open(os.open(temporary, flags, 0o644, dir_fd=folder), "wb") as out:
                    if isinstance(content, bytes):
                        out.write(content)
                    else:
                        with content.open("rb") as data:
                            while piece := data.read(_COPY):
                                out.write(piece)
                    out.flush()
                    os.fsync(out.fileno())
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            os.fsync(folder)

    def delete(self, uri: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(OutsideError, FileNotFoundError), self._parent(uri) as found:
            os.unlink(found[1], dir_fd=found[0])

    @contextlib.contextmanager
    def _parent(self, uri: str) -> Iterator[tuple[int, str]]:
        """Descriptor of the folder that a URI leads to, and the name in it."""
        try:
            path = Path(os.path.normpath(unquote(urlsplit(uri).path)))
        except ValueError:  # such as an unclosed bracket
            raise OutsideError(f"{uri} is no file URI") from None
        root = next((one for one in self._folders if one in path.parents), None)
        if root is None or "\0" in str(path):
            allowed = ", ".join(str(one) for one in self._folders)
            raise OutsideError(f"{uri} does not lie in a folder for data URIs ({allowed})")
        root.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        folder = os.open(root, flags)
        try:
            for part in path.relative_to(root).parts[:-1]:
                inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder, path.name
        finally:
            os.close(folder)

"""A place for a file that is in use, so that nobody takes it away; and what dead processes left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_ABANDONED = 60.0  # seconds after which a folder without a lock is taken for one of a dead process


class Lease:
    """A file that stays where it is until `close`, whatever becomes of the cache.

    A lease that nobody has any more closes itself.

    Parameters
    ----------
    folder : Path
        Of its own; removed by `close`.
    name : str
        Of the file in it.

    Examples
    --------
    >>> with Lease.temporary("a.txt") as lease:
    ...     lease.path.name
    'a.txt'
    """

    def __init__(self, folder: Path, name: str, held: IO[bytes] | None = None) -> None:
        self.folder, self.path = folder, folder / name
        self.mapped = held is not None  # in a cache, where nobody writes to it
        self._closing = weakref.finalize(self, _give_up, folder, held, os.getpid())

    @classmethod
    def temporary(cls, name: str) -> Self:
        """A place outside of any cache.

        Parameters
        ----------
        name : str
            Of the file.

        Returns
        -------
        Lease
            Its file is not there yet.

        Raises
        ------
        OSError
            There is no place for temporary files.
        """
        return cls(Path(tempfile.mkdtemp(prefix="syncnb-update-")), name)

    @classmethod
    def within(cls, leases: Path, name: str) -> Self:
        """A place in a folder that others use as well.

        Parameters
        ----------
        leases : Path
            The folder; what dead processes left there is removed.
        name : str
            Of the file.

        Returns
        -------
        Lease
            Its file is not there yet.

        Raises
        ------
        OSError
            The folder cannot be written to.

        Notes
        -----
        Each place has a lock beside it (`flock`), which the kernel releases when its process ends.
        """
        sweep(leases)
        while True:
            folder = leases / secrets.token_hex(8)
            folder.mkdir()
            held = _lock_of(folder).open("ab")
            fcntl.flock(held, fcntl.LOCK_EX)
            if folder.exists() and os.fstat(held.fileno()).st_nlink:
                return cls(folder, name, held)
            held.close()  # a sweeper was between the two lines above

    def close(self) -> None:
        """Remove the file and its folder; what is open or mapped can be read on."""
        self._closing()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Lease of {self.path}>"


def sweep(leases: Path) -> None:
    """Remove the places of processes that have ended.

    Parameters
    ----------
    leases : Path
        The folder that they are in.
    """
    for folder in [Path(entry) for entry in os.scandir(leases) if entry.is_dir()]:
        lock = _lock_of(folder)
        try:
            held = lock.open("r+b")
        except FileNotFoundError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > _ABANDONED:
                    shutil.rmtree(folder, ignore_errors=True)
            continue
        with held, contextlib.suppress(BlockingIOError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _give_up(folder: Path, held: IO[bytes] | None, owner: int) -> None:
    if owner != os.getpid():
        return  # it is the parent's
    shutil.rmtree(folder, ignore_errors=True)
    if held is not None:
        _lock_of(folder).unlink(missing_ok=True)
        held.close()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")

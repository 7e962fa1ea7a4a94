"""A temporary folder that several processes share and the last one removes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_PREFIX = "syncnb-fleet-"
_LOCK = "lock"


class Tenancy:
    """A hold on a folder; whoever lets go last removes it.

    The hold is a shared lock, which the kernel takes back from a process that is killed. So the
    last one that is alive is the last one that lets go.

    Parameters
    ----------
    folder : Path
        The folder.

    Examples
    --------
    >>> with Tenancy.new() as tenancy:
    ...     folder = tenancy.folder
    >>> folder.exists()
    False
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    @classmethod
    def new(cls) -> Self:
        """A hold on a new temporary folder; folders that nobody holds any more are removed."""
        for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
            with suppress(FileNotFoundError):  # another process was faster
                if path.stat().st_uid == os.getuid():
                    _remove_if_free(path)
        # It gets its name when it is held already, so that nobody finds it free in between.
        unnamed = Path(tempfile.mkdtemp(prefix="syncnb-new-"))
        tenancy = cls(unnamed)
        tenancy.folder = unnamed.rename(
            unnamed.with_name(unnamed.name.replace("syncnb-new-", _PREFIX))
        )
        return tenancy

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Let go; remove the folder if nobody else holds it."""
        if self._lock >= 0:
            os.close(self._lock)  # lets go before it asks, so that of several one always succeeds
            self._lock = -1
        _remove_if_free(self.folder)


def _remove_if_free(folder: Path) -> None:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # gone already, or being made in this moment, or somebody else's
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass  # somebody is in it
    finally:
        os.close(lock)

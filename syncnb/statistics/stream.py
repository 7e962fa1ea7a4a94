"""One stream: a folder with a spool, what is about to be handed over, and what was.

A folder belongs to the process that holds its lock (`flock`), which the kernel releases however the
process ends. The order in which a row leaves makes that it leaves once: the object is written whole
beside the spool (`Prepared`), its rows are removed from the spool, it is handed over, that is noted
in ``state.json``, and the object is removed. Whoever comes after a crash finds where it stopped.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import secrets
import shutil
import socket
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from syncnb.manifest import Manifest
from syncnb.statistics.clock import Clock
from syncnb.statistics.packing import iso, pack
from syncnb.statistics.reporting import node_label
from syncnb.statistics.segments import OPEN, SEALED, Line, read_lines, write_whole
from syncnb.statistics.spool import Spool, WhenFull

log = logging.getLogger("syncnb")
_LOCK, _STATE, _MACHINE = "lock", "state.json", "machine"
_NOTE, _DATA = "prepared.json", "prepared.data"


@dataclass(frozen=True)
class Limits:
    """What a spool may hold.

    Parameters
    ----------
    max_rows : int
        Of one object.
    max_bytes : int
        Of the folder.
    when_full : {"oldest", "thin"}
        What goes when there are more.
    """

    max_rows: int
    max_bytes: int
    when_full: WhenFull


@dataclass(frozen=True)
class Prepared:
    """An object that is about to be handed over; the same bytes however often that is tried.

    Parameters
    ----------
    object_id : str
        Its ID.
    description : str
        Its manifest.
    first, last, rows : int
        What it holds of the stream.
    path : Path
        Its data.
    size : int
        Bytes of it.
    """

    object_id: str
    description: str
    first: int
    last: int
    rows: int
    path: Path
    size: int


@dataclass(frozen=True)
class _State:
    """What has left the spool: all rows up to `last`, of which `rows` were not dropped."""

    last: int = 0
    rows: int = 0
    waiting: tuple[str, ...] = ()  # objects that the cloud may not have taken yet


class Stream:
    """A stream that this process holds.

    Parameters
    ----------
    folder : Path
        Named by its ID.
    lock : int
        File descriptor that holds the lock.
    limits : Limits
        Of the spool.
    clock : Clock
        Where the time comes from.
    ring : callable
        Called when the spool has something to do for another thread.
    aggregates : bool
        Whether its rows are counts and distributions.
    """

    def __init__(
        self,
        folder: Path,
        lock: int,
        limits: Limits,
        clock: Clock,
        ring: Callable[[], None],
        *,
        aggregates: bool = False,
    ) -> None:
        self.folder, self.id, self._lock = folder, folder.name, lock
        self._aggregates = aggregates
        self._state = _state_of(folder / _STATE)
        self.prepared = self._found_prepared()
        floor = max(self._state.last, self.prepared.last if self.prepared is not None else 0)
        self.spool = Spool(
            folder,
            floor=floor,
            max_rows=limits.max_rows,
            max_bytes=limits.max_bytes,
            when_full=limits.when_full,
            clock=clock,
            ring=ring,
        )
        self._note_size()

    @property
    def waiting(self) -> tuple[str, ...]:
        """IDs of the objects that the cloud may not have taken yet, the oldest first."""
        return self._state.waiting

    @property
    def rows(self) -> int:
        """Rows that were not handed over yet."""
        return self.spool.rows + (self.prepared.rows if self.prepared is not None else 0)

    @property
    def sent(self) -> int:
        """Rows that were handed over, since the stream exists."""
        return self._state.rows

    @property
    def dropped(self) -> int:
        """Rows that were dropped, since the stream exists."""
        return max(self.spool.next_sequence - 1 - self.sent - self.rows, 0)

    def prepare(self) -> Prepared | None:
        """The next object to be handed over; None if no segment is complete.

        Raises
        ------
        OSError
            It cannot be read or written.
        """
        if self.prepared is not None:
            return self.prepared
        with self.spool.holding:
            while segments := self.spool.take():
                lines = [line for one in segments for line in read_lines(one.path)]
                if lines:
                    self.prepared = self._prepared(lines, segments[-1].last)
                    self._note_size()
                self.spool.discard(segments)
                if lines:
                    return self.prepared
        return None

    def _prepared(self, lines: list[Line], last: int) -> Prepared:
        form, data = pack(lines, aggregates=self._aggregates)
        first, last, rows = lines[0].sequence, max(lines[-1].sequence, last), len(lines)
        label = node_label()
        extra: dict[str, Any] = {
            "stream": self.id,
            "first": first,
            "last": last,
            "dropped": last - self._state.rows - rows,
            "node": label,
        }
        if self._aggregates:
            extra["aggregates"] = True
        if form == "jsonl":
            extra["reported_at"] = iso(lines[-1].time)
        manifest = Manifest(
            format=form,
            codec=f"{form}/1",
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            extra=extra,
            text=f"{rows} rows",
        )
        made = Prepared(
            f"{label}.{self.id}.{first}", manifest.to_description(), first, last, rows,
            self.folder / _DATA, len(data),
        )  # fmt: skip
        write_whole(made.path, data)
        note = {name: getattr(made, name) for name in _NOTED}
        write_whole(self.folder / _NOTE, json.dumps(note).encode())
        return made

    def handed_over(self) -> None:
        """What was prepared is in the hands of the service.

        Raises
        ------
        OSError
            That cannot be noted; the next process will ask the service.
        """
        done = self.prepared
        if done is None:
            return
        waiting = (*self.waiting, done.object_id)
        self._keep(_State(done.last, self._state.rows + done.rows, waiting))
        self._remove_prepared()
        self.prepared = None
        self._note_size()

    def taken(self, object_ids: set[str]) -> None:
        """The cloud has taken objects.

        Parameters
        ----------
        object_ids : set of str
            Which ones.

        Raises
        ------
        OSError
            That cannot be noted.
        """
        left = tuple(one for one in self.waiting if one not in object_ids)
        self._keep(replace(self._state, waiting=left))

    def close(self) -> None:
        """Complete what was written and release the folder."""
        self.spool.close()
        self._release()

    def abandon(self) -> None:
        """In a child process: leave the folder to the parent."""
        self.spool.abandon()
        self._release()

    def remove(self) -> None:
        """Remove an empty stream for good, and release it."""
        self.spool.abandon()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._release()

    @property
    def is_foreign(self) -> bool:
        """Whether the folder is a copy from another machine, which goes on with the original."""
        return _text_of(self.folder / _MACHINE) != machine()

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _keep(self, state: _State) -> None:
        document = {"last": state.last, "rows": state.rows, "waiting": state.waiting}
        write_whole(self.folder / _STATE, json.dumps(document).encode())
        self._state = state

    def _found_prepared(self) -> Prepared | None:
        found = _prepared_of(self.folder)
        if found is not None and found.last > self._state.last:
            return found
        self._remove_prepared()  # it was handed over, or is no whole one
        return None

    def _remove_prepared(self) -> None:
        # The note goes first: data without a note are nothing.
        for name in (_NOTE, _DATA):
            (self.folder / name).unlink(missing_ok=True)

    def _note_size(self) -> None:
        self.spool.beside = self.prepared.size if self.prepared is not None else 0


_NOTED = ("object_id", "description", "first", "last", "rows")


def machine() -> str:
    """What tells this machine from one that has a copy of its disk.

    Returns
    -------
    str
        A digest of the names that it has.

    Examples
    --------
    >>> machine() == machine()
    True
    """
    return _digest(os.environ.get("SYNCNB_NODE", ""), socket.gethostname())


@lru_cache(maxsize=8)
def _digest(*names: str) -> str:
    address = uuid.getnode()
    if address >> 40 & 1:  # there is none, and this one was drawn by this process (RFC 9562, 6.10)
        address = 0
    return hashlib.sha256(json.dumps([*names, address]).encode()).hexdigest()[:32]


def own_stream(parent: Path, make: Callable[[Path, int], Stream]) -> Stream:
    """A stream to write to: one of this machine that nobody holds, or a new one.

    Parameters
    ----------
    parent : Path
        Where the streams of one type of report to one service are.
    make : callable
        Makes a `Stream` of its folder and lock.

    Returns
    -------
    Stream
        Held by this process.

    Raises
    ------
    OSError
        The folder cannot be used.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in sorted(parent.iterdir()):
        if _text_of(folder / _MACHINE) == machine() and (lock := _locked(folder)) is not None:
            try:
                return _made(make, folder, lock)
            except OSError as error:
                log.warning("%s is left as it is: %s", folder, error)
    while True:
        folder = parent / secrets.token_hex(8)
        folder.mkdir(mode=0o700)
        lock = _locked(folder, create=True)
        if lock is not None:
            write_whole(folder / _MACHINE, machine().encode())
            return _made(make, folder, lock)


def left_streams(parent: Path, make: Callable[[Path, int], Stream]) -> Iterator[Stream]:
    """The streams that nobody holds and that have something to send; each held by this process.

    Parameters
    ----------
    parent, make
        As for `own_stream`.

    Yields
    ------
    Stream
        To be closed by the caller.

    Raises
    ------
    OSError
        A folder cannot be read.
    """
    for folder in sorted(parent.iterdir()):
        if _has_rows(folder) and (lock := _locked(folder)) is not None:
            try:
                found = _made(make, folder, lock)
            except OSError as error:
                log.warning("%s is left as it is: %s", folder, error)
                continue
            yield found


def _made(make: Callable[[Path, int], Stream], folder: Path, lock: int) -> Stream:
    try:
        return make(folder, lock)
    except BaseException:
        os.close(lock)
        raise


def _locked(folder: Path, *, create: bool = False) -> int | None:
    """The lock of a folder; None if another process has it, or if it is no stream."""
    flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0)
    try:
        fd = os.open(folder / _LOCK, flags, 0o600)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    if not os.fstat(fd).st_nlink:  # it was removed between the two lines above
        os.close(fd)
        return None
    return fd


def _has_rows(folder: Path) -> bool:
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return any(name == _NOTE or name.endswith((SEALED, OPEN)) for name in names)


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _state_of(path: Path) -> _State:
    try:
        said = json.loads(path.read_bytes())
        waiting = tuple(str(one) for one in said["waiting"])
        return _State(int(said["last"]), int(said["rows"]), waiting)
    except FileNotFoundError:
        return _State()
    except (ValueError, TypeError, KeyError) as error:
        raise OSError(f"{path} is damaged: {error}") from error


def _prepared_of(folder: Path) -> Prepared | None:
    try:
        said = json.loads((folder / _NOTE).read_bytes())
        size = (folder / _DATA).stat().st_size
        return Prepared(**{name: said[name] for name in _NOTED}, path=folder / _DATA, size=size)
    except (OSError, ValueError, TypeError, KeyError):
        return None

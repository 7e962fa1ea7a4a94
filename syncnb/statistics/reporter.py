"""On the edge: a stream of rows that waits on disk for the network."""

from __future__ import annotations

import atexit
import contextlib
import errno
import hashlib
import html
import json
import logging
import os
import random
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.client.interrupting import Interrupt
from syncnb.errors import InvalidMetaDataError, SettingsError, SyncError, WrongSideError
from syncnb.feedback import reason_of
from syncnb.in_use import check_object_name, version_in_use
from syncnb.metadata import check_name
from syncnb.statistics.aggregates import Aggregates, new_sketch
from syncnb.statistics.clock import Clock
from syncnb.statistics.durations import seconds_of
from syncnb.statistics.handover import Handover
from syncnb.statistics.reporting import node_label
from syncnb.statistics.rows import Row, line_of, rows_of
from syncnb.statistics.spool import LEAST_BYTES, Spool, WhenFull
from syncnb.statistics.spool_settings import spool_path
from syncnb.statistics.stream import Limits, Stream, left_streams, own_stream

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("syncnb")

_SYNC = 1.0  # seconds after which what was written is synced
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before what failed is tried again
_LOOK_AROUND = 60.0  # seconds between two looks for what dead processes left
_CLOSING = 10.0  # seconds to hand over what waits when a program ends
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE)
_reporters: weakref.WeakSet[Reporter] = weakref.WeakSet()


class Reporter:
    """Reports rows without waiting: they are written to disk, and travel when there is a way.

    What is reported survives the end of the process, however it comes, and of the machine, except
    for the last second before a loss of power. It reaches the cloud once. While the service or the
    network is away it waits on this node, within `max_bytes`; what has to be dropped is counted,
    logged, and told to the cloud.

    Parameters
    ----------
    object_type : str
        What `collect` will ask for.
    every : str, float or timedelta, default "60s"
        How long a row waits at most for others to travel with.
    max_rows : int, default 10000
        Rows of one object; with so many it goes at once.
    max_bytes : int, default 64 MiB
        That may wait on this node, at least 256 KiB.
    when_full : {"oldest", "thin"}, default "oldest"
        What goes when there is more: the oldest rows, or every second row of the stretch that was
        thinned out least.
    folder : path, optional
        Where the rows wait; by default ``SYNCNB_SPOOL``, or ``syncnb/spool`` in the state folder of
        this user.
    client : SyncServiceClient, optional
        The service of this node; by default the one of the settings.
    model : str, optional
        ID of the model whose version is noted with each row, or ``type/id`` of another object;
        without, the model that `current`, `follow` or `Update.load` handed out last.
    clock : Clock, optional
        Where the time comes from; for tests.

    Raises
    ------
    InvalidMetaDataError
        An argument is not possible.
    SettingsError
        The settings name no service, or the folder cannot be used.
    WrongSideError
        The client is one of a CSS.

    See Also
    --------
    report : A few rows, at once.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from syncnb import LocalFleet, collect
    >>> with LocalFleet(nodes=1) as fleet, TemporaryDirectory() as folder:
    ...     with Reporter("stats", client=fleet.node("node1"), folder=folder) as reporter:
    ...         for fps in (29.8, 30.1):
    ...             reporter.report({"fps": fps})
    ...     collect("stats", client=fleet.cloud, timeout=10)["fps"].tolist()
    [29.8, 30.1]
    """

    def __init__(
        self,
        object_type: str,
        *,
        every: str | float | timedelta = "60s",
        max_rows: int = 10_000,
        max_bytes: int = 64 << 20,
        when_full: WhenFull = "oldest",
        folder: str | os.PathLike[str] | None = None,
        client: SyncServiceClient | None = None,
        model: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        check_name("object_type", object_type)
        self.object_type = object_type
        self._every = seconds_of("every", every)
        _check_number("max_rows", max_rows, 1)
        _check_number("max_bytes", max_bytes, LEAST_BYTES)
        if when_full not in ("oldest", "thin"):
            raise InvalidMetaDataError("when_full", when_full, 'say "oldest" or "thin"')
        if model is not None:
            check_object_name("model", model)
        self._limits, self._model = Limits(max_rows, max_bytes, when_full), model
        self._client = client_or_default(client)
        if self._client.org_id:
            raise WrongSideError("Reporter", "ESS")
        self._clock = clock or Clock()
        self._root = _private(Path(folder) if folder is not None else spool_path())
        self._closed = False
        self._begin()
        self._open(object_type)
        _reporters.add(self)

    def _begin(self) -> None:
        """What a process has of its own; a child begins anew."""
        self._guard = threading.Lock()  # of the start of threads, and of streams
        self._keeping, self._sending = threading.Event(), threading.Event()
        self._stop, self._progress = Interrupt(), threading.Condition()
        self._flushes = 0
        self._lost = 0  # rows that found no stream
        self._problems: dict[str, Exception] = {}  # where something does not work now
        self._stuck = 0  # rounds after which something had to wait
        self._threads: list[threading.Thread] = []
        self._aggregates = Aggregates(self._clock, self._keeping.set)
        self._lanes = {
            name: _Lane(self._parent(name), Handover(self._client, name), self._clock)
            for name in (self.object_type, f"{self.object_type}-aggregates")
        }

    # ------------------------------------------------------------------ reporting

    def report(
        self,
        values: Row | Sequence[Row] | pd.DataFrame,
        *,
        model_version: str | None = None,
    ) -> None:
        """Report a row, or several; returns as soon as they are written.

        Parameters
        ----------
        values : mapping, sequence of mappings or DataFrame
            As for `syncnb.report`.
        model_version : str, optional
            Of the model that they are about; by default the version in use.

        Raises
        ------
        InvalidMetaDataError
            There is no row, or a value that JSON does not have; nothing is written then. A service
            that is away and a disk that is full raise nothing.
        SettingsError
            The reporter is closed.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from syncnb import SyncServiceClient
        >>> with TemporaryDirectory() as folder:
        ...     away = SyncServiceClient("http://127.0.0.1:1")
        ...     reporter = Reporter("stats", client=away, folder=folder)
        ...     reporter.report({"fps": 29.8})
        ...     reporter.close(timeout=0)
        ...     reporter.waiting
        1
        """
        lines = [line_of(row) for row in rows_of(values)]
        version = self._version(model_version)
        stream = self._stream(self.object_type)
        if stream is None:
            self._lost += len(lines)
            return
        for at in range(0, len(lines), self._limits.max_rows):
            stream.spool.append(lines[at : at + self._limits.max_rows], version)

    def count(self, metric: str, n: int = 1) -> None:
        """Count something; the sum of each interval is reported, not each call.

        Parameters
        ----------
        metric : str
            What.
        n : int, default 1
            How many.

        Raises
        ------
        InvalidMetaDataError
            The metric is no text, or `n` is no whole number from 0 on.
        SettingsError
            The reporter is closed.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet, TemporaryDirectory() as folder:
        ...     with Reporter("stats", client=fleet.node("node1"), folder=folder) as reporter:
        ...         reporter.count("defects", 3)
        """
        self._ready()
        self._aggregates.add_count(metric, n, self._in_use())

    def observe(self, metric: str, value: float) -> None:
        """Take a value into the distribution of this interval, of which a sketch is reported.

        Parameters
        ----------
        metric : str
            What was measured.
        value : float
            Finite.

        Raises
        ------
        InvalidMetaDataError
            The metric is no text, or the value no finite number.
        MissingDependencyError
            datasketches is not installed: extra ``sketches``.
        SettingsError
            The reporter is closed.

        See Also
        --------
        syncnb.statistics.quantiles : What comes of it in the cloud.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet, TemporaryDirectory() as folder:
        ...     with Reporter("stats", client=fleet.node("node1"), folder=folder) as reporter:
        ...         reporter.observe("score", 0.73)
        """
        self._ready()
        self._aggregates.add_value(metric, value, self._in_use())

    @contextlib.contextmanager
    def time(self, metric: str) -> Iterator[None]:
        """Take the seconds that a block lasts into a distribution, also if it raises.

        Parameters
        ----------
        metric : str
            What is timed.

        Raises
        ------
        InvalidMetaDataError, MissingDependencyError, SettingsError
            As `observe`, before the block.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet, TemporaryDirectory() as folder:
        ...     with Reporter("stats", client=fleet.node("node1"), folder=folder) as reporter:
        ...         with reporter.time("predict"):
        ...             done = sum(range(1000))
        """
        self._ready()
        new_sketch()
        started = time.perf_counter()
        try:
            yield
        finally:
            self._aggregates.add_value(metric, time.perf_counter() - started, self._in_use())

    # ---------------------------------------------------------------------- state

    @property
    def waiting(self) -> int:
        """Rows that wait on this node to be handed over."""
        stream = self._lanes[self.object_type].stream
        return stream.rows if stream is not None else 0

    @property
    def sent(self) -> int:
        """Rows that were handed over to the service since this reporter was made."""
        return self._lanes[self.object_type].sent

    @property
    def dropped(self) -> int:
        """Rows that were dropped since this reporter was made."""
        return self._lanes[self.object_type].dropped + self._lost

    @property
    def last_error(self) -> str:
        """Why something could not be written or handed over the last time; empty if it can be."""
        stream = self._lanes[self.object_type].stream
        found = [*self._problems.values(), stream.spool.problem if stream is not None else None]
        return next((reason_of(error) for error in found if error is not None), "")

    @property
    def closed(self) -> bool:
        """Whether it takes no more."""
        return self._closed

    def flush(self, timeout: float = 60.0) -> bool:
        """Hand over everything now, and wait until it is.

        Parameters
        ----------
        timeout : float, default 60
            Seconds to wait at the longest.

        Returns
        -------
        bool
            Whether all of it was handed over; what was not waits on disk.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet, TemporaryDirectory() as folder:
        ...     with Reporter("stats", client=fleet.node("node1"), folder=folder) as reporter:
        ...         reporter.report({"fps": 29.8})
        ...         reporter.flush(), reporter.waiting, reporter.sent
        (True, 0, 1)
        """
        return self._flushed(timeout)

    def _flushed(self, timeout: float, *, patient: bool = True) -> bool:
        if self._closed:
            return self._is_empty()
        self._ready()
        deadline = time.monotonic() + timeout
        with self._progress:
            self._flushes += 1
            before = self._stuck
            self._keeping.set()
            self._sending.set()
            try:
                while not self._is_empty():
                    left = deadline - time.monotonic()
                    stuck = not patient and self._stuck > before
                    if left <= 0 or stuck or self._stop.is_set():
                        return False
                    self._progress.wait(left)
            finally:
                self._flushes -= 1
        return True

    def close(self, timeout: float = _CLOSING) -> None:
        """Hand over what the service takes in time, and end; the rest waits on disk.

        The next reporter of this type on this node hands over the rest. A program that ends closes
        its reporters by itself.

        Parameters
        ----------
        timeout : float, default 10
            Seconds for what waits.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from syncnb import SyncServiceClient
        >>> with TemporaryDirectory() as folder:
        ...     away = SyncServiceClient("http://127.0.0.1:1")
        ...     reporter = Reporter("stats", client=away, folder=folder)
        ...     reporter.close()
        ...     reporter.closed
        True
        """
        if self._closed:
            return
        if timeout > 0 and not self._is_empty():
            self._flushed(timeout, patient=False)
        self._closed = True
        self._stop.set()
        self._keeping.set()
        self._sending.set()
        with self._progress:
            self._progress.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_CLOSING)
        if self._aggregates:
            with contextlib.suppress(OSError):
                self._end_interval()
        for lane in self._lanes.values():
            lane.close()
        _reporters.discard(self)

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
        said = f"{self.waiting} rows wait, {self.sent} handed over, {self.dropped} dropped"
        error = f"; {self.last_error}" if self.last_error else ""
        state = ", closed" if self._closed else ""
        return f"<Reporter of {self.object_type!r} to {self._client.url}: {said}{error}{state}>"

    def _repr_html_(self) -> str:
        rows = [
            ("rows that wait", str(self.waiting)),
            ("handed over", str(self.sent)),
            ("dropped", str(self.dropped)),
        ]
        if self.last_error:
            rows.append(("last error", self.last_error))
        body = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in rows
        )
        title = html.escape(f"{self.object_type} to {self._client.url}")
        return f"<table><caption>{title}</caption>{body}</table>"

    # -------------------------------------------------------------------- details

    def _in_use(self) -> str | None:
        return version_in_use(self._model)

    def _version(self, given: str | None) -> str:
        if given is not None and not isinstance(given, str):
            raise InvalidMetaDataError("model_version", given, f'write it as text: "{given}"')
        return json.dumps(given if given is not None else self._in_use())

    def _parent(self, object_type: str) -> Path:
        """Rows that were meant for one service never go to another."""
        where = hashlib.sha256(self._client.url.encode()).hexdigest()[:8]
        return self._root / f"{node_label()}-{where}" / object_type

    def _make(self, folder: Path, lock: int) -> Stream:
        aggregates = folder.parent.name != self.object_type
        ring = self._keeping.set
        return Stream(folder, lock, self._limits, self._clock, ring, aggregates=aggregates)

    def _open(self, name: str) -> Stream | None:
        """The stream of this process; None while the disk does not give one."""
        lane = self._lanes[name]
        try:
            lane.use(own_stream(lane.parent, self._make))
        except OSError as error:
            if error.errno not in _PASSING:
                raise _unusable(lane.parent, error) from error
            self._failed("disk", error)
        return lane.stream

    def _stream(self, name: str) -> Stream | None:
        self._ready()
        stream = self._lanes[name].stream
        if stream is None:
            with self._guard:
                stream = self._lanes[name].stream or self._open(name)
        return stream

    def _ready(self) -> None:
        if self._closed:
            raise SettingsError("Reporter", "it is closed", "make another one")
        if not self._threads:
            with self._guard:
                if not self._threads:
                    self._threads = [
                        threading.Thread(target=run, name=f"syncnb-report-{name}", daemon=True)
                        for run, name in ((self._keep, "disk"), (self._send, "network"))
                    ]
                    for thread in self._threads:
                        thread.start()

    def _is_empty(self) -> bool:
        return not self._aggregates and all(lane.rows == 0 for lane in self._lanes.values())

    def _failed(self, where: str, error: Exception) -> None:
        before = self._problems.get(where)
        self._problems[where] = error
        if before is None or str(before) != str(error):
            log.warning("what is reported as %s waits: %s", self.object_type, reason_of(error))

    def _begin_anew(self) -> None:
        """In a child process: leave the streams to the parent, and have others."""
        for lane in self._lanes.values():
            lane.abandon()
        if not self._closed:
            self._begin()

    # ------------------------------------------------------------------- the disk

    def _keep(self) -> None:
        """Sync, complete and bound what is written, until closed."""
        stop = self._stop
        while not stop.is_set():
            try:
                pause = self._kept()
                self._problems.pop("disk", None)
            except Exception as error:
                if not isinstance(error, OSError):
                    log.exception("%r goes on after an error", self)
                self._failed("disk", error)
                pause = _SYNC
            self._clock.wait(self._keeping, pause)

    def _kept(self) -> float | None:
        """One round; returns the seconds until the next one, None if there is nothing to do."""
        self._keeping.clear()
        hurry = self._flushes > 0
        age = self._aggregates.age()
        if age is not None and (hurry or age >= self._every):
            self._end_interval()
            age = None
        pauses = [] if age is None else [self._every - age]
        for lane in self._lanes.values():
            if lane.stream is not None:
                if lane.completed(lane.stream.spool, self._every, hurry=hurry):
                    self._sending.set()
                pauses += lane.due(lane.stream.spool, self._every)
        with self._progress:
            self._progress.notify_all()
        return max(min(pauses), 0.001) if pauses else None

    def _end_interval(self) -> None:
        name = f"{self.object_type}-aggregates"
        stream = self._lanes[name].stream or self._open(name)
        if stream is None:
            return  # the interval goes on until there is a place for it
        for version, row in self._aggregates.end():
            stream.spool.append([line_of(row)], json.dumps(version))

    # ---------------------------------------------------------------- the network

    def _send(self) -> None:
        """Hand over what is complete, until closed."""
        stop, again, looked = self._stop, 0, -_LOOK_AROUND
        while not stop.is_set():
            self._sending.clear()
            try:
                with stop.requests():
                    has_room = self._handed_over()
                    now = self._clock.monotonic()
                    if now - looked >= _LOOK_AROUND:
                        looked = now
                        has_room = self._taken_over() and has_room
                self._problems.pop("network", None)
                again = 0 if has_room else again + 1
            except Exception as error:
                again += 1
                if stop.is_set():
                    return
                if not isinstance(error, SyncError | OSError):
                    log.exception("%r goes on after an error", self)
                self._failed("network", error)
            with self._progress:
                self._stuck += again > 0
                self._progress.notify_all()
            self._clock.wait(self._sending, _pause(again))

    def _handed_over(self) -> bool:
        """Hand over what is complete; False if there is no room for all of it."""
        has_room = True
        for lane in self._lanes.values():
            if lane.stream is None:
                continue
            before = lane.stream.sent
            has_room = lane.handover.hand_over(lane.stream) and has_room
            if lane.stream.sent > before:
                self._problems.pop("network", None)
                self._keeping.set()  # it may have kept something together until there was room
        return has_room

    def _taken_over(self) -> bool:
        """Hand over what processes left that have ended."""
        has_room = True
        for lane in self._lanes.values():
            if not lane.parent.is_dir():
                continue
            for stream in left_streams(lane.parent, self._make):
                try:
                    has_room = lane.handover.hand_over(stream) and has_room
                finally:
                    if stream.is_foreign and not stream.rows:
                        stream.remove()
                    else:
                        stream.close()
        return has_room


class _Lane:
    """The way of rows, or of aggregates."""

    def __init__(self, parent: Path, handover: Handover, clock: Clock) -> None:
        self.parent, self.handover, self._clock = parent, handover, clock
        self.stream: Stream | None = None
        self._sent = self._dropped = 0  # before
        self._sync_at: float | None = None

    def use(self, stream: Stream) -> None:
        self.stream, self._sent, self._dropped = stream, stream.sent, stream.dropped

    @property
    def rows(self) -> int:
        return self.stream.rows if self.stream is not None else 0

    @property
    def sent(self) -> int:
        return self.stream.sent - self._sent if self.stream is not None else 0

    @property
    def dropped(self) -> int:
        return max(self.stream.dropped - self._dropped, 0) if self.stream is not None else 0

    def completed(self, spool: Spool, every: float, *, hurry: bool) -> bool:
        """Complete what is due, sync and bound what was written; whether there is more to send."""
        age, now = spool.age(), self._clock.monotonic()
        # What waits for room anyway is not cut into small pieces.
        due = age is not None and age >= every and not spool.backlog
        sealed = spool.seal(everything=hurry or due)
        spool.shrink()
        if not spool.dirty:
            self._sync_at = None
        elif self._sync_at is None:  # rows gather, since a sync costs the disk as much as many rows
            self._sync_at = now + _SYNC
        elif now >= self._sync_at:
            self._sync_at = None
            spool.sync()
        return sealed

    def due(self, spool: Spool, every: float) -> list[float]:
        """The seconds until something of that is due again."""
        age, pauses = spool.age(), []
        if age is not None and not spool.backlog:
            pauses.append(every - age)
        if self._sync_at is not None:
            pauses.append(self._sync_at - self._clock.monotonic())
        return pauses

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()

    def abandon(self) -> None:
        if self.stream is not None:
            self.stream.abandon()


def close_all(timeout: float = _CLOSING) -> None:
    """Close all reporters of this process, as it does when it ends.

    Parameters
    ----------
    timeout : float, default 10
        Seconds for what waits.

    Examples
    --------
    >>> close_all()
    """
    for reporter in list(_reporters):
        reporter.close(timeout)


def _pause(again: int) -> float:
    if not again:
        return _LOOK_AROUND
    return min(_FIRST_PAUSE * 2.0 ** min(again - 1, 10), _LONGEST_PAUSE) * random.uniform(0.7, 1.0)


def _private(folder: Path) -> Path:
    """The folder of the spools, made if it is not there, that nobody else may write to."""
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise _unusable(folder, error) from error
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise SettingsError(
            "folder",
            f"others may write to {folder}",
            "name a folder of your own: folder= or SYNCNB_SPOOL",
        )
    return folder


def _unusable(folder: Path, error: OSError) -> SettingsError:
    problem = f"{folder} cannot be used ({error.strerror or error})"
    return SettingsError("folder", problem, "name another one: folder= or SYNCNB_SPOOL")


def _check_number(field: str, value: int, least: int) -> None:
    if type(value) is not int or value < least:
        raise InvalidMetaDataError(field, value, f"give a whole number, {least} or more")


def _after_fork() -> None:
    for reporter in list(_reporters):
        reporter._begin_anew()


atexit.register(close_all)
with contextlib.suppress(AttributeError):
    os.register_at_fork(after_in_child=_after_fork)

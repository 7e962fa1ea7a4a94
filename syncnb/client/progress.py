"""How far a transfer is: a bar in notebooks and terminals, a callback, or nothing."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import escape
from importlib import import_module
from typing import Any, Protocol

Progress = Callable[[int, int | None], object] | bool | None
_KEPT = 100  # transfers that have ended and are still listed
_EVERY = 0.1  # seconds between two reports
_QUIET = 1.0  # seconds that a transfer may take before it gets a bar that nobody asked for
_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


class Bar(Protocol):
    """Shows how far a transfer is."""

    def show(self, done: int, total: int | None, seconds: float) -> None:
        """Draw it anew."""

    def close(self, done: int, total: int | None, seconds: float) -> None:
        """Draw it for the last time."""


class Transfers:
    """The transfers of this process: those that run, and the last that have ended.

    Examples
    --------
    >>> transfers = Transfers()
    >>> with transfers.of(Meter("model/defects up", 10, False)) as meter:
    ...     meter.add(4)
    ...     [(one.title, one.done, one.state) for one in transfers.listed()]
    [('model/defects up', 4, 'running')]
    """

    def __init__(self) -> None:
        self._meters: list[Meter] = []
        self._changed = threading.Condition()

    def listed(self) -> list[Meter]:
        """They, oldest first."""
        with self._changed:
            return list(self._meters)

    def wait(self, timeout: float) -> bool:
        """Wait until a transfer begins or ends, at most `timeout` seconds; whether one did."""
        with self._changed:
            return self._changed.wait(timeout)

    @contextmanager
    def of(self, meter: Meter) -> Iterator[Meter]:
        """List a transfer, which lasts as long as the block."""
        with self._changed:
            ended = [one for one in self._meters if one.state != "running"]
            for one in ended[: max(0, len(ended) - _KEPT + 1)]:
                self._meters.remove(one)
            self._meters.append(meter)
            self._changed.notify_all()
        try:
            yield meter
        except BaseException as error:
            meter.end(error)
            raise
        else:
            meter.end(None)
        finally:
            with self._changed:
                self._changed.notify_all()


TRANSFERS = Transfers()


class Meter:
    """Counts the bytes of a transfer and reports them.

    Parameters
    ----------
    title : str
        What is transferred.
    total : int or None
        Bytes in all, if that is known.
    progress : callable, bool or None
        Called with bytes done and in all; False for nothing, True for a bar, None for a bar where
        a person looks on, unless the transfer is quick.
    """

    def __init__(self, title: str, total: int | None, progress: Progress) -> None:
        self.title, self.state, self.error = title, "running", ""
        self.began = datetime.now(UTC)
        self.ended: datetime | None = None
        self._total, self._callback = total, progress if callable(progress) else None
        self._bar = None if callable(progress) else _bar(title, progress)
        self._done, self._lock = 0, threading.Lock()
        self._started, self._ended = time.monotonic(), 0.0
        self._reported, self._drawn = self._started, False
        self._always = progress is True

    @property
    def done(self) -> int:
        """Bytes so far."""
        return self._done

    @property
    def total(self) -> int | None:
        """Bytes in all, if that is known."""
        return self._total

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return (self._ended or time.monotonic()) - self._started

    def end(self, error: BaseException | None) -> None:
        """Say that it is over, and how that went."""
        self._ended = time.monotonic()
        self.ended = datetime.now(UTC)
        self.state = "done" if error is None else "failed"
        self.error = "" if error is None else str(error) or type(error).__name__
        self.close(complete=error is None)

    def add(self, number: int) -> None:
        """More bytes are done; report it now and then."""
        self._done += number
        self.show()

    def count(self, number: int) -> None:
        """More bytes are done; for threads beside the one that calls `show`."""
        with self._lock:
            self._done += number

    def expect(self, total: int | None) -> None:
        """How many bytes there are in all, where that is known only now."""
        self._total = total

    def restart(self, done: int = 0) -> None:
        """Go on from an earlier byte."""
        with self._lock:
            self._done = done

    def show(self) -> None:
        """Report, unless that was done just now."""
        now = time.monotonic()
        if now - self._reported < _EVERY:
            return
        self._reported = now
        if self._callback is not None:
            self._callback(self._done, self._total)
        elif self._bar is not None and (self._always or now - self._started >= _QUIET):
            self._drawn = True
            self._bar.show(self._done, self._total, now - self._started)

    def close(self, *, complete: bool) -> None:
        """Report for the last time."""
        if self._callback is not None and complete:
            self._callback(self._done, self._total)
        if self._bar is not None and (self._drawn or (self._always and complete)):
            total = self._done if complete and self._total is None else self._total
            self._bar.close(self._done, total, time.monotonic() - self._started)


@contextmanager
def metering(title: str, total: int | None, progress: Progress) -> Iterator[Meter]:
    """A meter for the block, which is listed in `TRANSFERS`."""
    with TRANSFERS.of(Meter(title, total, progress)) as meter:
        yield meter


class TerminalBar:
    """One line of a terminal, drawn again and again.

    Parameters
    ----------
    title : str
        What is transferred.
    """

    def __init__(self, title: str) -> None:
        self._title = title

    def show(self, done: int, total: int | None, seconds: float) -> None:
        """Draw it anew."""
        sys.stderr.write(f"\r\x1b[K{self._line(done, total, seconds)}")
        sys.stderr.flush()

    def close(self, done: int, total: int | None, seconds: float) -> None:
        """Draw it for the last time."""
        sys.stderr.write(f"\r\x1b[K{self._line(done, total, seconds)}\n")
        sys.stderr.flush()

    def _line(self, done: int, total: int | None, seconds: float) -> str:
        width = shutil.get_terminal_size().columns - 1
        title = "".join(c if c.isprintable() else "?" for c in self._title)
        text = describe(done, total, seconds)
        room = width - len(title) - len(text) - 5
        bar = ""
        if total and room >= 10:
            full = min(room, 40) * min(done, total) // total
            bar = f" [{'#' * full}{' ' * (min(room, 40) - full)}]"
        return f"{title}:{bar} {text}"[:width]


class NotebookBar:
    """An output of a notebook's cell that changes.

    Parameters
    ----------
    title : str
        What is transferred.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._handle: Any = None

    def show(self, done: int, total: int | None, seconds: float) -> None:
        """Draw it anew."""
        display: Any = import_module("IPython.display").display
        text = f"{self._title}: {describe(done, total, seconds)}"
        value = f'value="{min(done, total)}" max="{total}"' if total else ""
        label = escape(self._title, quote=True)
        html = (
            f'<div><progress {value} aria-label="{label}" style="width: 20em"></progress> '
            f'<span style="white-space: nowrap">{escape(text)}</span></div>'
        )
        bundle = {"text/plain": text, "text/html": html}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def close(self, done: int, total: int | None, seconds: float) -> None:
        """Draw it for the last time."""
        self.show(done, total, seconds)


def describe(done: int, total: int | None, seconds: float) -> str:
    """How far it is, how fast, and how long it will take.

    Examples
    --------
    >>> describe(512 << 20, 1 << 30, 4.0)
    '50 %, 512.0 MiB of 1.0 GiB, 128.0 MiB/s, 4 s left'
    >>> describe(300, None, 3.0)
    '300 B, 100 B/s'
    """
    rate = done / seconds if seconds > 0 else 0.0
    parts = [f"{size(done)} of {size(total)}" if total else size(done), f"{size(int(rate))}/s"]
    if total:
        parts.insert(0, f"{100 * min(done, total) // total} %")
        if rate and done < total:
            parts.append(f"{(total - done) / rate:.0f} s left")
    return ", ".join(parts)


def size(number: int) -> str:
    """Bytes, for people.

    Examples
    --------
    >>> size(1536)
    '1.5 KiB'
    """
    for unit, name in _UNITS:
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number} B"


def _bar(title: str, wanted: bool | None) -> Bar | None:
    """A bar where a person looks on; those of several threads would be drawn over each other."""
    if wanted is False or threading.current_thread() is not threading.main_thread():
        return None
    if _in_notebook():
        return NotebookBar(title)
    stream = sys.stderr
    terminal = stream is not None and stream.isatty()
    return TerminalBar(title) if terminal or (wanted and stream is not None) else None


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")  # whoever runs in one has imported it
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")

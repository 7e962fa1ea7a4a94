"""A source that changes when a test says so."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta


class ScriptedSource:
    """A roll-out to `nodes` nodes, of which a test moves each by hand.

    Parameters
    ----------
    nodes : int
        How many.
    title : str
        Line above the table.
    start : datetime, optional
        When all of them were sent the object; now, if not given.
    """

    columns = ("node", "version", "status", "since", "message")

    def __init__(
        self,
        nodes: int,
        *,
        title: str = "model/defects 1.2.0 \u2192 camera",
        start: datetime | None = None,
    ) -> None:
        self.title = title
        self.finished = False
        self.reads = 0
        self.failure: Exception | None = None
        self._changed = threading.Event()
        self._time = start
        self._rows: dict[str, dict[str, str]] = {}
        for i in range(1, nodes + 1):
            self.set(f"camera/node{i}", "sent")

    def set(
        self, node: str, status: str, message: str = "", *, version: str = "1.2.0", after: float = 0
    ) -> None:
        """Move one node, `after` seconds after the last time that was given."""
        if self._time is not None:
            self._time += timedelta(seconds=after)
        since = (self._time or datetime.now(UTC)).isoformat(timespec="milliseconds")
        self._rows[node] = {
            "node": node,
            "version": version,
            "status": status,
            "since": since,
            "message": message,
        }
        self._changed.set()

    def finish(self) -> None:
        """Say that nothing will change any more."""
        self.finished = True
        self._changed.set()

    def fail(self, error: Exception | None) -> None:
        """Raise this from now on; None to work again."""
        self.failure = error
        self._changed.set()

    def rows(self) -> Sequence[Mapping[str, str]]:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return [dict(row) for row in list(self._rows.values())]

    def wait_for_change(self, timeout: float) -> bool:
        changed = self._changed.wait(timeout)
        self._changed.clear()
        return changed

    def done(self) -> bool:
        return self.finished

"""The live table: a widget that follows a source by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import anywidget
import traitlets

from syncnb.widgets.changes import Changes, Patch
from syncnb.widgets.feeder import Feeder
from syncnb.widgets.still import to_html
from syncnb.widgets.table import Snapshot, TableSource, snapshot, tone
from syncnb.widgets.text import to_text

_HERE = Path(__file__).parent
# What a saved notebook keeps of a table is renewed when patches of this many times its size have
# gone, when nothing more changes, and at the end.
_MUCH = 2


def _all_lines(_: str, table: LiveTable) -> str:
    """Made when a page asks for it, and not at every change."""
    return table._changes.everything()


class LiveTable(anywidget.AnyWidget):
    """A table of nodes that updates itself in a notebook until all of them are done.

    Parameters
    ----------
    source : TableSource
        What to show, such as a `Publication`. It is read once at once, and then followed by one
        daemon thread.

    Attributes
    ----------
    title, summary : str
        The line above the table, and the sentence that sums it up.
    columns : list of str
        Keys of the rows, without ``message``.
    selected : list of str
        Names of the rows that a reader has chosen, by a click or with the space bar.
    notice : str
        Why nothing new comes, if so.
    state : {"live", "finished", "stopped"}
        ``"finished"`` when the source is done, ``"stopped"`` after `stop` or an error for good.

    See Also
    --------
    syncnb.widgets.show : Display a source; keeps a readable table in the saved notebook too.

    Notes
    -----
    Only what changes travels to the browser. Ten thousand rows are fine: it draws those that are
    seen, and all can be searched, filtered by status and sorted there. In the table, the arrow keys
    go from row to row, the space bar selects, Ctrl+A selects all that are shown. `stop` leaves the
    last state on display, `close` takes the table off the page; leaving a ``with`` block stops it.

    Examples
    --------
    >>> class Finished:
    ...     title, columns = "model/defects 1.2.0", ("node", "status")
    ...     def rows(self):
    ...         return [{"node": "camera/n1", "status": "consumed"}]
    ...     def wait_for_change(self, timeout):
    ...         return False
    ...     def done(self):
    ...         return True
    >>> LiveTable(Finished()).summary
    '1 of 1 consumed'
    """

    _esm = _HERE / "live.js"
    _css = _HERE / "live.css"

    uid = traitlets.Unicode().tag(sync=True)  # one for all views of a table
    title = traitlets.Unicode().tag(sync=True)
    summary = traitlets.Unicode().tag(sync=True)
    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    counts: traitlets.List[list[Any]] = traitlets.List().tag(sync=True)
    statuses: traitlets.List[list[str]] = traitlets.List().tag(sync=True)  # with their tones
    lines = traitlets.Unicode().tag(sync=True, to_json=_all_lines)  # the serial number, in Python
    patch: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    notice = traitlets.Unicode().tag(sync=True)
    empty = traitlets.Unicode().tag(sync=True)
    beat = traitlets.Int().tag(sync=True)  # grows while the kernel lives, even without news
    state = traitlets.Enum(["live", "finished", "stopped"], "live").tag(sync=True)

    def __init__(self, source: TableSource) -> None:
        # Before anything that can fail, because a widget that is thrown away is closed first.
        self._guard = threading.RLock()  # the feeder's thread draws, the kernel's thread stops
        self._at_end: list[Callable[[], object]] = []
        self._feeder = Feeder(source, self._draw, self._ended)
        first = self._last = snapshot(source)
        self._changes, self._unsaved = Changes(first), 0
        super().__init__(
            uid=uuid4().hex, patch=Patch(0, [], "").to_wire(), **self._as_traits(first)
        )
        self.on_msg(self._answer)
        if first.done:
            self.state = "finished"
        else:
            self._feeder.start(first)

    @property
    def last(self) -> Snapshot:
        """The table as it was last drawn."""
        return self._last

    def stop(self) -> None:
        """Follow the source no more; the last state stays on display.

        Returns at once. Whatever the thread is waiting for is discarded, and the thread ends within
        a few seconds.
        """
        self._feeder.stop()
        self._end_with("stopped")

    def close(self) -> None:
        """Stop, and take the table off every page that shows it."""
        self.stop()
        super().close()

    def wait(self, timeout: float) -> bool:
        """Block until the table follows nothing any more.

        Parameters
        ----------
        timeout : float
            Seconds.

        Returns
        -------
        bool
            Whether it has ended; False when the time is over.
        """
        return self._feeder.join(timeout)

    def at_end(self, call: Callable[[], object]) -> None:
        """Have `call` called once, when the table ends; at once if it has.

        Parameters
        ----------
        call : callable
            Called in the thread that ends the table.
        """
        with self._guard:
            if self.state == "live":
                self._at_end.append(call)
                return
        call()

    def get_state(self, *args: Any, **options: Any) -> dict[str, Any]:
        """What a page gets: of one moment, while another thread changes it."""
        with self._guard:
            state: dict[str, Any] = super().get_state(*args, **options)
            return state

    def _draw(self, new: Snapshot) -> None:
        with self._guard:
            if self._feeder.stopped:
                return
            known, self._last = tuple(self.columns), new
            if known != tuple(new.columns):
                self._changes.begin_again(new)
                patch, all_anew = None, True
            else:
                patch = self._changes.turn_to(new)
                self._unsaved += len(patch.rows) if patch is not None else 0
                all_anew = self._unsaved > 0 and (
                    patch is None or new.done or self._unsaved > _MUCH * self._changes.length
                )
            with self.hold_sync():  # one message, so that the page never shows half a change
                for name, value in self._as_traits(new).items():
                    setattr(self, name, value)
                if patch is not None:
                    self.patch = patch.to_wire()
                if all_anew:
                    self.lines, self._unsaved = str(self._changes.serial), 0
                self.beat += 1

    def _answer(self, _: object, content: object, __: object) -> None:
        """A page has missed something."""
        if content == {"ask": "lines"}:
            with self._guard:
                self.send_state("lines")

    def _ended(self) -> None:
        self._end_with("finished" if self._last.done else "stopped")

    def _end_with(self, state: str) -> None:
        with self._guard:
            if self.state != "live":
                return
            self.state = state
            calls, self._at_end = self._at_end, []
        for call in calls:
            call()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _as_traits(self, table: Snapshot) -> dict[str, Any]:
        return {
            "title": table.title,
            "summary": table.summary,
            "columns": list(table.columns),
            "labels": table.labels,
            "counts": [list(count) for count in table.counts],
            "statuses": [[name, tone(name)] for name in self._changes.statuses],
            "notice": table.notice,
            "empty": table.empty,
        }

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        made: Any = super()._repr_mimebundle_(**options)
        if made is None:
            return None
        data, metadata = made if isinstance(made, tuple) else (made, {})
        return {**data, "text/plain": repr(self), "text/html": to_html(self._last)}, metadata

    def __repr__(self) -> str:
        return to_text(self._last)

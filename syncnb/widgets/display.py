"""Putting a source on a page: live where a kernel runs, still everywhere else."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from syncnb.widgets.feeder import Feeder
from syncnb.widgets.still import MAX_ROWS, to_html
from syncnb.widgets.table import Snapshot, TableSource, snapshot
from syncnb.widgets.text import to_text

if TYPE_CHECKING:
    from syncnb.widgets.live import LiveTable

_Data = dict[str, Any]  # of a display, by MIME type
_STILL_GAP = 1.0  # seconds between two still forms

# Tables that follow a source at the moment, by the identity of the source: showing it twice must
# not ask the service twice. A table holds its source, so the identity stays its own.
_live: dict[int, LiveTable] = {}
_followed: dict[int, list[Any]] = {}  # the same for still forms, with the outputs that show them
_guard = threading.Lock()


def mimebundle(source: TableSource) -> _Data:
    """Draw a source in each form that a notebook can show.

    Parameters
    ----------
    source : TableSource
        What to show.

    Returns
    -------
    dict
        By MIME type. ``text/plain`` and ``text/html`` always. In a Jupyter kernel with anywidget
        installed, and if the source can still change, also the view of a `LiveTable`.

    See Also
    --------
    show : Also brings the saved notebook up to date when the table ends.

    Examples
    --------
    >>> class Nothing:
    ...     title, columns = "model/defects 1.2.0", ("node", "status")
    ...     def rows(self):
    ...         return []
    ...     def wait_for_change(self, timeout):
    ...         return False
    ...     def done(self):
    ...         return False
    >>> sorted(mimebundle(Nothing()))
    ['text/html', 'text/plain']
    """
    return _bundle(source)[0]


def show(source: TableSource) -> None:
    """Display a source in the notebook, or print it.

    Parameters
    ----------
    source : TableSource
        What to show.

    See Also
    --------
    table_of : The `LiveTable` that shows it then.

    Notes
    -----
    When the table ends, what the notebook keeps is brought up to date, so that a saved notebook
    shows the outcome and not the beginning, with or without a kernel. A table of up to 60 rows is
    then exchanged for its still form; a larger one stays a widget, which can be searched. Where
    nobody looks (nbconvert, papermill, nbval) it is the still form all the time, and follows too.

    For a class of your own::

        def _ipython_display_(self) -> None:
            syncnb.widgets.show(self)

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
    >>> show(Finished())
    model/defects 1.2.0
    [##############################]  1 of 1 consumed
    <BLANKLINE>
    node       status
    camera/n1  consumed
    """
    if not _in_shell():
        print(to_text(source))
        return
    from IPython.display import DisplayHandle

    handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]
    if _in_kernel() and not _somebody_looks():
        _keep_up_to_date(source, handle)
        return
    bundle, metadata, table = _bundle(source)
    handle.display(bundle, metadata=metadata, raw=True)
    if table is None:
        return

    def bring_up_to_date() -> None:
        last, details = _still(table.last), _Data()
        if len(table.last.rows) > MAX_ROWS:
            view, details = _view(table)
            last |= view
        handle.display(last, metadata=details, raw=True, update=True)

    table.at_end(bring_up_to_date)


def table_of(source: TableSource) -> LiveTable | None:
    """The live table that shows a source at the moment.

    Parameters
    ----------
    source : TableSource
        What is shown.

    Returns
    -------
    LiveTable or None
        None if it is not shown live, or not any more.

    Examples
    --------
    >>> from syncnb import transfers
    >>> table_of(transfers()) is None  # no notebook
    True
    """
    with _guard:
        return _live.get(id(source))


def _keep_up_to_date(source: TableSource, handle: Any) -> None:
    """Show the still form in every output that shows this source, and follow it once."""
    with _guard:
        handles = _followed.get(id(source), [])
        handles.append(handle)
        first = snapshot(source)
        handle.display(_still(first), raw=True)
        if first.done or len(handles) > 1:
            return
        _followed[id(source)] = handles

    def draw(new: Snapshot) -> None:
        if new.notice:  # nobody waits for the service to come back: what is saved is what was seen
            return
        for one in list(handles):
            one.display(_still(new), raw=True, update=True)

    def forget() -> None:
        with _guard:
            _followed.pop(id(source))

    Feeder(source, draw, forget, gap=_STILL_GAP).start(first)


def _bundle(source: TableSource) -> tuple[_Data, _Data, LiveTable | None]:
    table = _follow(source)
    if table is None:
        return _still(snapshot(source)), {}, None
    bundle = _still(table.last)
    if table.state != "live" and len(table.last.rows) <= MAX_ROWS:
        return bundle, {}, None
    view, metadata = _view(table)
    return bundle | view, metadata, table


def _still(table: Snapshot) -> _Data:
    return {"text/plain": to_text(table), "text/html": to_html(table)}


def _view(table: LiveTable) -> tuple[_Data, _Data]:
    """Name the view by its MIME type, and what some front ends want to know beside it."""
    made: Any = table._repr_mimebundle_()
    data, metadata = made if isinstance(made, tuple) else (made, {})
    return {kind: value for kind, value in data.items() if not kind.startswith("text/")}, metadata


def _follow(source: TableSource) -> LiveTable | None:
    """Return the live table of a source; None where no front end could show it."""
    if not _in_kernel() or not _somebody_looks():
        return None
    try:
        from syncnb.widgets.live import LiveTable
    except ImportError:  # anywidget is optional; the still form is good enough without it
        return None
    with _guard:
        table = _live.get(id(source))
        if table is not None and table.state == "live":
            return table
        new = _live[id(source)] = LiveTable(source)

    def forget() -> None:
        with _guard:
            if _live.get(id(source)) is new:
                del _live[id(source)]

    new.at_end(forget)
    return new


def _shell() -> Any:
    # Whoever runs in IPython has imported it; a script that only prints must not pay for it.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _in_shell() -> bool:
    return _shell() is not None


def _in_kernel() -> bool:
    return getattr(_shell(), "kernel", None) is not None


def _somebody_looks() -> bool:
    """Whether a front end asked for the cell that could also ask a person (`input` works).

    Programs that execute notebooks cannot, and have no use for a widget.
    """
    return bool(getattr(_shell().kernel, "_allow_stdin", True))

"""The table in a terminal, drawn again while it changes; where nobody looks, a line a change."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncnb.widgets.table import Snapshot, TableSource, read, snapshot, tone
from syncnb.widgets.text import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES: Mapping[str, str] = {
    "good": "green",
    "near": "blue",
    "waiting": "dim",
    "bad": "bold red",
    "gone": "dim strike",
}
_BESIDE = 8  # lines of a terminal that are no rows
_GAP = 0.2  # seconds between two lines of one row
_WAIT = 1.0  # seconds, in which Ctrl+C is heard


def to_rich(source: TableSource | Snapshot, *, max_rows: int = 30) -> RenderableType:
    """Draw a table for a terminal with colours.

    Parameters
    ----------
    source : TableSource or Snapshot
        What to draw.
    max_rows : int, default 30
        Beyond, errors and unfinished rows come first and the others are counted.

    Returns
    -------
    rich.console.RenderableType
        Nothing that a node sent is read as markup, or reaches the terminal as a control character.

    Examples
    --------
    >>> from rich.console import Console
    >>> rows = [{"node": "camera/n1", "status": "error", "message": "[red]disk full"}]
    >>> table = Snapshot(title="model/defects", columns=("node", "status"), rows=rows)
    >>> Console(width=40, color_system=None).print(to_rich(table))  # doctest: +ELLIPSIS
    model/defects
    0 of 1 consumed, 1 error
    ...
      [red]disk full
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = snapshot(source)
    parts: list[RenderableType] = [Text(printable(table.title), style="bold")]
    if table.notice:
        parts.append(Text(printable(table.notice), style="red"))
    if not table.rows:
        return Group(*parts, Text(printable(table.empty)))
    parts.append(Text(printable(table.summary)))
    shown, rest = table.pick(max_rows)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for label in table.labels:
        grid.add_column(Text(printable(label)), overflow="fold")
    said = []
    for row in shown:
        style = _STYLES[tone(row.get("status", ""))]
        cells = zip(table.columns, table.cells(row), strict=True)
        grid.add_row(
            *(
                Text(printable(cell), style=style if name == "status" else "")
                for name, cell in cells
            )
        )
        if message := row.get("message", ""):
            name = printable(row.get(table.columns[0], ""))
            lines = "\n".join(f"  {printable(line)}" for line in message.splitlines())
            said.append(Text(f"{name}\n{lines}", style="red"))
    return Group(*parts, grid, *said, *([Text(f"... {rest}")] if rest else []))


@contextmanager
def drawn(source: TableSource, *, live: bool) -> Iterator[None]:
    """Draw a source on the terminal while the block lasts.

    Parameters
    ----------
    source : TableSource
        What to draw; somebody else asks it for changes.
    live : bool
        Whether to draw at all; False where nobody looks.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...     with drawn(done, live=False):  # True where somebody looks
    ...         done.wait("delivered")["status"].tolist()
    ['delivered']
    """
    if not live:
        yield
        return
    from rich.console import Console
    from rich.live import Live

    console = Console()

    def draw() -> RenderableType:
        return to_rich(source, max_rows=max(5, console.height - _BESIDE))

    with Live(get_renderable=draw, console=console, refresh_per_second=4):
        yield


def follow(source: TableSource, *, timeout: float | None = None) -> None:
    """Show a source until it is done: drawn again on a terminal, a line a change elsewhere.

    Parameters
    ----------
    source : TableSource
        What to show.
    timeout : float, optional
        Seconds after which to end in any case.

    Raises
    ------
    Exception
        What the source raises.

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
    >>> follow(Finished())
    camera/n1  consumed
    """
    looked_at = sys.stdout.isatty()
    last = Snapshot(title="", columns=())
    until = time.monotonic() + timeout if timeout is not None else None
    with drawn(source, live=looked_at):
        while True:
            new = read(source, last)
            if not looked_at:
                for line in changed(last, new):
                    print(line, flush=True)
            last = new
            left = until - time.monotonic() if until is not None else _WAIT
            if new.done or left <= 0:
                return
            source.wait_for_change(min(left, _WAIT))


def changed(before: Snapshot, now: Snapshot) -> Iterator[str]:
    """What changed between two snapshots, a line a row.

    Examples
    --------
    >>> old = Snapshot(title="", columns=("node", "status"), rows=[{"node": "a", "status": "sent"}])
    >>> row = {"node": "a", "status": "error", "message": "disk full"}
    >>> list(changed(old, Snapshot(title="", columns=("node", "status"), rows=[row])))
    ['a  error  disk full']
    """
    name = now.columns[0]
    known = {row.get(name, ""): row for row in before.rows}
    for row in now.rows:
        if known.get(row.get(name, "")) != row:
            cells = [*now.cells(row), " ".join(row.get("message", "").split())]
            yield printable("  ".join(cell for cell in cells if cell))

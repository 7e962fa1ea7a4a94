"""The table in a terminal, drawn again while it changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from syncnb.widgets.table import TableSource
from syncnb.widgets.text import to_text


@contextmanager
def follow(source: TableSource, *, live: bool) -> Iterator[None]:
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
    ...     with follow(done, live=False):  # True where somebody looks
    ...         done.wait("delivered")["status"].tolist()
    ['delivered']
    """
    if not live:
        yield
        return
    from rich.live import Live
    from rich.text import Text

    def draw() -> Text:
        return Text(to_text(source))

    with Live(get_renderable=draw, refresh_per_second=8):
        yield

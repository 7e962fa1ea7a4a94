"""The live table, and its still forms for terminals and saved notebooks.

A widget shows a value and does not own it: everything here draws a `TableSource`, a small protocol
that a publication fulfils and that a test or another program fulfils in ten lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncnb.errors import MissingDependencyError
from syncnb.widgets.display import mimebundle, show, table_of
from syncnb.widgets.still import to_html
from syncnb.widgets.table import Snapshot, TableSource, snapshot
from syncnb.widgets.terminal import drawn, follow, to_rich
from syncnb.widgets.text import to_text

if TYPE_CHECKING:
    from syncnb.widgets.live import LiveTable

__all__ = [
    "LiveTable",
    "Snapshot",
    "TableSource",
    "drawn",
    "follow",
    "mimebundle",
    "show",
    "snapshot",
    "table_of",
    "to_html",
    "to_rich",
    "to_text",
]


def __getattr__(name: str) -> object:
    if name != "LiveTable":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from syncnb.widgets.live import LiveTable
    except ImportError as error:
        library = (error.name or "anywidget").partition(".")[0]
        raise MissingDependencyError(library, "The live table", "notebook") from error
    return LiveTable

"""The table as plain text: for terminals, logs and the ``text/plain`` of a notebook."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

from syncnb.widgets.table import Count, Snapshot, TableSource, shorten, snapshot

_MARKS = {"good": "#", "near": "+", "waiting": ".", "bad": "!", "gone": "x"}
_BAR = 30  # characters
MAX_MESSAGE = 600  # characters


def to_text(source: TableSource | Snapshot, *, width: int = 100, max_rows: int = 30) -> str:
    """Draw a table as text.

    Parameters
    ----------
    source : TableSource or Snapshot
        What to draw.
    width : int, default 100
        Characters in a line; only messages are wrapped to it.
    max_rows : int, default 30
        Beyond, errors and unfinished rows come first and the others are counted.

    Returns
    -------
    str
        Without a newline at its end, without colours, and without any control character of what a
        node sent, which a terminal could obey.

    Examples
    --------
    >>> rows = [
    ...     {"node": "camera/n1", "version": "1.2.0", "status": "consumed"},
    ...     {"node": "camera/n2", "version": "1.2.0", "status": "error", "message": "disk full"},
    ... ]
    >>> columns = ("node", "version", "status")
    >>> print(to_text(Snapshot(title="model/defects 1.2.0", columns=columns, rows=rows)))
    model/defects 1.2.0
    [###############!!!!!!!!!!!!!!!]  1 of 2 consumed, 1 error
    <BLANKLINE>
    node       version  status
    camera/n1  1.2.0    consumed
    camera/n2  1.2.0    error
        disk full
    """
    table = snapshot(source)
    lines = [printable(table.title)]
    if table.rows:
        lines.append(f"[{_bar(table.counts)}]  {printable(table.summary)}")
    if table.notice:
        lines += _wrapped(printable(table.notice), width, "! ")
    if not table.rows:
        return "\n".join([*lines, printable(table.empty)])
    shown, rest = table.pick(max_rows)
    grid = [[printable(cell) for cell in table.cells(row)] for row in shown]
    widths = [max(map(_columns, column)) for column in zip(table.labels, *grid, strict=True)]
    lines += ["", _line(table.labels, widths)]
    for row, cells in zip(shown, grid, strict=True):
        lines.append(_line(cells, widths))
        for part in shorten(row.get("message", ""), MAX_MESSAGE).splitlines():
            lines += _wrapped(printable(part), width, "    ")
    if rest:
        lines.append(f"... {rest}")
    return "\n".join(lines)


def printable(text: str) -> str:
    r"""Replace every control and format character.

    Messages come from nodes; an escape sequence in one must not reach a terminal.

    Examples
    --------
    >>> printable("red \x1b[31m alert")
    'red �[31m alert'
    """
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in text)


def _bar(counts: Sequence[Count]) -> str:
    """Shares as characters; each status that occurs gets at least one."""
    total = sum(number for _, _, number in counts)
    sizes = [max(1, _BAR * number // total) for _, _, number in counts]
    biggest = sizes.index(max(sizes))
    sizes[biggest] += _BAR - sum(sizes)
    return "".join(_MARKS[tone] * size for (_, tone, _), size in zip(counts, sizes, strict=True))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (w - _columns(cell)) for cell, w in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    rest = " " * len(indent)
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=rest)


def _columns(text: str) -> int:
    """Count the columns of a terminal: wide letters take two, accents none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )

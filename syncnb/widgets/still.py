"""The table as still HTML: what a saved notebook shows where no kernel runs.

Only inline styles, because notebook sites drop style sheets and classes; colours that read on white
and on black, because nobody knows the theme; and words for everything, because some sites drop the
styles too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from syncnb.widgets.table import Count, Snapshot, TableSource, shorten, snapshot, tone

# White text on each of them has a contrast of at least 4.5 (WCAG 2.2, 1.4.3), and each stands out
# from white and from a dark notebook (1.4.11).
COLOURS: Mapping[str, str] = {
    "good": "#1a7f37",
    "near": "#0969da",
    "waiting": "#6e7781",
    "bad": "#cf222e",
    "gone": "#6e7781",
}
SIGNS: Mapping[str, str] = {
    "good": "\u2713",  # check mark
    "near": "\u2193",  # arrow down
    "waiting": "\u2022",  # dot
    "bad": "!",
    "gone": "\u00d7",  # cross
}
MAX_ROWS = 60
MAX_MESSAGE = 2000  # characters; a saved notebook is no place for logs
_TABLE = (
    "border-collapse:collapse;border:0;margin:0;width:100%;table-layout:auto;"
    "color:inherit;font-size:13px;"
)
_LINE = "rgba(128,128,128,.3)"
_CELL = "text-align:left;vertical-align:top;padding:4px 14px 4px 6px;border:0;background:none;"
_WIDTH = dict.fromkeys(("status", "since"), "white-space:nowrap;") | {
    "node": "min-width:8em;overflow-wrap:anywhere;"
}
_RULE = f"border-top:1px solid {_LINE};"


def to_html(source: TableSource | Snapshot, *, max_rows: int = MAX_ROWS) -> str:
    """Draw a table as HTML that stands on its own.

    Parameters
    ----------
    source : TableSource or Snapshot
        What to draw.
    max_rows : int, default 60
        Beyond, errors and unfinished rows come first and the others are counted.

    Returns
    -------
    str
        One ``<div>``; no script, no style sheet, no class, nothing loaded from elsewhere, and every
        text that comes from a node escaped.

    Examples
    --------
    >>> rows = [{"node": "camera/n1", "status": "error", "message": "<b>disk full</b>"}]
    >>> html = to_html(Snapshot(title="model/m", columns=("node", "status"), rows=rows))
    >>> "0 of 1 consumed, 1 error" in html, "&lt;b&gt;disk full&lt;/b&gt;" in html, "<b>" in html
    (True, True, False)
    """
    table = snapshot(source)
    parts = [
        '<div style="max-width:62em;margin:6px 0 8px;font-size:13px;line-height:1.45;">',
        f'<div style="font-size:15px;"><strong>{escape(table.title)}</strong></div>',
    ]
    if table.rows:
        when = "" if table.done else f" &middot; at {table.at:%Y-%m-%d %H:%M:%S} UTC"
        parts.append(f"<div>{escape(table.summary)}{when}</div>")
    if table.notice:
        parts.append(f'<div style="{_beside(COLOURS["bad"])}">{escape(table.notice)}</div>')
    if table.rows:
        shown, rest = table.pick(max_rows)
        parts += [_bar(table.counts), *_table(table, shown)]
        if rest:
            parts.append(f'<div style="{_RULE}padding:5px 0;">&hellip; {escape(rest)}</div>')
    else:
        parts.append(f'<div style="opacity:.8;">{escape(table.empty)}</div>')
    return "".join([*parts, "</div>"])


def _table(table: Snapshot, shown: Sequence[Mapping[str, str]]) -> list[str]:
    head = "".join(
        f'<th style="{_CELL}font-weight:600;">{escape(label)}</th>' for label in table.labels
    )
    parts = [
        f'<div style="overflow-x:auto;"><table style="{_TABLE}">',
        f'<thead style="border:0;"><tr style="background:none;">{head}</tr></thead><tbody>',
    ]
    for row in shown:
        cells = zip(table.columns, table.cells(row), strict=True)
        drawn = "".join(
            f'<td style="{_CELL}{_RULE}{_WIDTH.get(name, "overflow-wrap:anywhere;")}">'
            f"{_chip(text) if name == 'status' else escape(text)}</td>"
            for name, text in cells
        )
        parts.append(f'<tr style="background:none;">{drawn}</tr>')
        if message := row.get("message", ""):
            beside = _beside(COLOURS[tone(row.get("status", ""))])
            message = shorten(message, MAX_MESSAGE)
            parts.append(
                f'<tr style="background:none;"><td colspan="{len(table.columns)}" '
                f'style="{_CELL}padding:2px 6px 8px;"><div style="{beside}white-space:pre-wrap;'
                f'overflow-wrap:anywhere;">{escape(message)}</div></td></tr>'
            )
    return [*parts, "</tbody></table></div>"]


def _chip(status: str) -> str:
    if not status:
        return ""
    look = tone(status)
    return (
        f'<span style="background:{COLOURS[look]};color:#fff;border-radius:9px;padding:1px 9px;'
        f'white-space:nowrap;">{SIGNS[look]} {escape(status)}</span>'
    )


def _bar(counts: Sequence[Count]) -> str:
    """Shares of a line, for the eye only: the sentence above says the same."""
    parts = "".join(
        f'<div style="flex:{number} 0 4px;background:{COLOURS[tone]};'
        f'{"opacity:.35;" if tone in ("waiting", "gone") else ""}"></div>'
        for _, tone, number in counts
    )
    return (
        '<div aria-hidden="true" style="display:flex;height:6px;border-radius:3px;'
        f'overflow:hidden;margin:6px 0 8px;">{parts}</div>'
    )


def _beside(colour: str) -> str:
    return f"border-left:3px solid {colour};padding:1px 0 1px 9px;"

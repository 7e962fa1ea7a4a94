"""What every value has: a form as text and as HTML, and a row of a table."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from html import escape
from typing import Any, Self, get_type_hints

from syncnb.metadata.fields import Json
from syncnb.metadata.times import format_time

_LONGEST = 80  # characters of one field that are shown
_DIGEST = re.compile("[0-9a-f]{64}")
_SHOWN_OF_DIGEST = 8  # characters
_HIDDEN = "unknown"  # members of a newer service: kept, but no field
_NOTHING: tuple[object, ...] = ("", 0, None, (), {})
_TABLE = "border-collapse:collapse;border:0;margin:0;color:inherit;font-size:13px;"
_CELL = "text-align:left;vertical-align:top;padding:3px 14px 3px 6px;border:0;background:none;"
_LINE = "border-top:1px solid rgba(128,128,128,.3);"


class Value(ABC):
    """Base of the wire types, which are dataclasses.

    Examples
    --------
    >>> from syncnb.metadata import Organization
    >>> isinstance(Organization(org_id="acme"), Value)
    True
    """

    @classmethod
    @abstractmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent.

        Examples
        --------
        >>> from syncnb.metadata import Organization
        >>> Organization.from_json({"org-id": "acme"})
        Organization(org_id='acme')
        """

    @classmethod
    def columns(cls) -> Mapping[str, str]:
        """What `to_dict` has: names, and the types that pandas gives them.

        Examples
        --------
        >>> from syncnb.metadata import Organization
        >>> Organization.columns()
        {'org_id': 'str', 'address': 'str'}
        """
        hints = get_type_hints(cls)
        return {f.name: _dtype(hints[f.name]) for f in _fields(cls) if f.name != _HIDDEN}

    def to_dict(self) -> dict[str, Any]:
        """The fields under their Python names.

        Examples
        --------
        >>> from syncnb.metadata import Organization
        >>> Organization(org_id="acme").to_dict()
        {'org_id': 'acme', 'address': ''}
        """
        return {name: getattr(self, name) for name in self.columns()}

    def __repr__(self) -> str:
        shown = (f"{name}={_text(value)}" for name, value in self._facts().items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_html_(self) -> str:
        rows = [(name, *_cells([value])) for name, value in self._facts().items()]
        body = "".join(
            f'<tr><th style="{_CELL}{_LINE}">{escape(name)}</th>'
            f'<td style="{_CELL}{_LINE}">{cell}</td></tr>'
            for name, cell in rows
        )
        title = f"<strong>{escape(type(self).__name__)}</strong>"
        return f'<div>{title}<table style="{_TABLE}"><tbody>{body}</tbody></table></div>'

    def _facts(self) -> dict[str, Any]:
        """The fields that say something: those without a default, and those that differ from it."""
        facts = {}
        for one in _fields(type(self)):
            value = getattr(self, one.name)
            default = {} if one.name == _HIDDEN else one.default
            if value != default:
                facts[one.name] = value
        return facts


def table(
    columns: Sequence[str], rows: Sequence[Mapping[str, object]], more: int, title: str
) -> str:
    """A table in HTML; columns in which no row says anything are left out.

    Parameters
    ----------
    columns : sequence of str
        Their names.
    rows : sequence of mapping
        Column -> value.
    more : int
        How many rows there are beyond.
    title : str
        Above it.

    Returns
    -------
    str
        One ``<div>`` without style sheet or script; everything is escaped.

    Examples
    --------
    >>> "&lt;b&gt;" in table(["message"], [{"message": "<b>"}], 0, "one")
    True
    """
    said = [c for c in columns if any(row[c] not in _NOTHING for row in rows)]
    head = "".join(f'<th style="{_CELL}">{escape(name)}</th>' for name in said)
    lines = (
        "".join(
            f'<td style="{_CELL}{_LINE}">{cell}</td>'
            for cell in _cells(_in_column(row[c]) for c in said)
        )
        for row in rows
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    rest = f"<div>and {more} more</div>" if more else ""
    return (
        f'<div><strong>{escape(title)}</strong><table style="{_TABLE}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}</div>"
    )


def _fields(cls: type) -> tuple[Any, ...]:
    return fields(cls)


def _cells(values: Any) -> list[str]:
    return [_cell(value) for value in values]


def _cell(value: object) -> str:
    text = escape(shorten(_plain(value)))
    return f'<div style="white-space:nowrap;">{text}</div>' if isinstance(value, datetime) else text


def _in_column(value: object) -> object:
    """A digest begins only, or it would push the other columns off the page."""
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return f"{value[:_SHOWN_OF_DIGEST]}..."
    return value


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, tuple):
        return ", ".join(map(_plain, value))
    return "" if value is None else str(value)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return repr(format_time(value))
    return shorten(repr(value))


def shorten(text: str) -> str:
    """A text that fits into one line.

    Examples
    --------
    >>> len(shorten("x" * 1000))
    80
    """
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _dtype(hint: object) -> str:
    if isinstance(hint, type):
        for kind, dtype in ((bool, "bool"), (int, "int64"), (str, "str")):
            if issubclass(hint, kind):
                return dtype
    return "datetime64[us, UTC]" if hint == datetime | None else "object"

"""JSON, names, times and ranges as the protocol writes them; pure functions (rest-api.md, 1)."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from syncnb.metadata import OBJECT_FIELDS, Json

_DEFAULTS: dict[str, Json] = {json: default for _, json, default in OBJECT_FIELDS}
_BY_LOWER = {name.lower(): name for name in _DEFAULTS}
_NULLABLE = {"destinationsList", "destinationPolicy"}
_TRUE, _FALSE = (
    {"1", "t", "T", "TRUE", "true", "True"},
    {"0", "f", "F", "FALSE", "false", "False"},
)
_TAG = re.compile(r"</?[A-Za-z0-9]+>")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_MAY_BE_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_DEEPEST = 32  # arrays and objects in one another; indented, each level costs more than the last
_decoder = msgspec.json.Decoder()


class Malformed(ValueError):
    """What was sent does not have the form that the protocol asks for (HTTP 400)."""


def dumps(value: Json) -> bytes:
    """Indented JSON with ``<``, ``>``, ``&`` escaped, as every answer has it (rest-api.md, 1.3)."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    for char, escaped in ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026")):
        if char in text:  # such characters occur inside strings only
            text = text.replace(char, escaped)
    return text


def loads(body: bytes) -> Json:
    """The first JSON value of `body`; what follows it is ignored (rest-api.md, 1.3).

    NUL and lone surrogates, which not every database can hold, become U+FFFD like bytes that are
    not UTF-8.

    Raises
    ------
    Malformed
        It does not begin with a JSON value, or that is nested too deeply.
    """
    try:
        value = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _first_value(body)
    if isinstance(value, dict | list):
        _require_shallow(value)
    return _storable(value) if _MAY_BE_UNSTORABLE.search(body) else value


def _first_value(body: bytes) -> Json:
    import json

    decoder = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)
    try:
        text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
        return decoder.raw_decode(text)[0]
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}") from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Malformed(f"{text[:40]} is no number that JSON has")
    return number


def _require_shallow(value: Json) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise Malformed(f"the JSON is nested more than {_DEEPEST} deep")


def _storable(value: Json) -> Json:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return value


def member(value: Mapping[str, Json], name: str) -> Json:
    """A member by its name in any case; the last one wins."""
    found = None
    for key, item in value.items():
        if key.lower() == name.lower():
            found = item
    return found


def decode_meta(value: Json) -> dict[str, Json]:
    """ObjectMetaData with every member, strict on types and lenient on the rest."""
    if not isinstance(value, dict):
        raise Malformed("the metadata are not a JSON object")
    meta = dict(_DEFAULTS)
    for key, item in value.items():
        name = _BY_LOWER.get(key.lower())
        if name is None:
            continue
        if item is None:
            meta[name] = None if name in _NULLABLE else _zero(_DEFAULTS[name])
        else:
            meta[name] = _typed(name, item)
    if meta["consumers"] == 0:
        meta["consumers"] = 1
    elif meta["consumers"] == -1:
        meta["consumers"] = 2**31 - 1
    return meta


def _zero(default: Json) -> Json:
    return type(default)()


def _typed(name: str, item: Json) -> Json:
    if name == "destinationsList":
        if isinstance(item, list) and all(
            entry is None or isinstance(entry, str) for entry in item
        ):
            return [entry or "" for entry in item]
        raise Malformed(f"{name} is not an array of strings")
    if name == "destinationPolicy":
        return _policy(item)
    wanted = type(_DEFAULTS[name])
    if type(item) is not wanted:
        raise Malformed(f"{name} is not a {wanted.__name__}")
    return int64(item, name) if wanted is int else item


def int64(value: Json, name: str) -> int:
    """An integer that fits 64 bits, which is what `name` has to be."""
    if type(value) is not int:
        raise Malformed(f"{name} is not an integer")
    if not -(2**63) <= value < 2**63:
        raise Malformed(f"{name} does not fit 64 bits")
    return value


def instance(text: str) -> int:
    """An instance in a path: a decimal number of 64 bits (sync-http.md, 5)."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise Malformed(f"{text[:40]!r} is not a decimal number of 64 bits")
    return int64(int(text), text)


def _policy(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise Malformed("destinationPolicy is not a JSON object")
    timestamp = int64(member(value, "timestamp") or 0, "the policy's timestamp")
    return {
        "properties": _items(value, "properties", _property),
        "constraints": _items(value, "constraints", _text),
        "services": _items(value, "services", _service),
        "timestamp": timestamp,
    }


def _items(value: Mapping[str, Json], name: str, read: Any) -> list[Json] | None:
    items = member(value, name)
    if items is None:
        return None
    if not isinstance(items, list):
        raise Malformed(f"the policy's {name} are not an array")
    return [read(item) for item in items]


def _text(item: Json) -> str:
    if item is not None and not isinstance(item, str):
        raise Malformed(f"{_short(item)} is not a string")
    return item or ""


def _short(item: Json) -> str:
    shown = repr(item)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _object(item: Json) -> Mapping[str, Json]:
    if item is not None and not isinstance(item, dict):
        raise Malformed(f"{_short(item)} is not a JSON object")
    return item or {}


def _property(item: Json) -> dict[str, Json]:
    item = _object(item)
    return {
        "name": _text(member(item, "name")),
        "value": member(item, "value"),
        "type": _text(member(item, "type")),
    }


def _service(item: Json) -> dict[str, Json]:
    item = _object(item)
    return {name: _text(member(item, name)) for name in ("orgID", "arch", "serviceName", "version")}


def is_name(text: str) -> bool:
    """Whether the application API accepts it as a name (rest-api.md, 1.5)."""
    return text not in ("", ".", "..") and all(
        c in "!@#$^*|-_.~" or unicodedata.category(c)[0] in "LN" for c in text
    )


def is_link_name(text: str) -> bool:
    """Whether the link can carry it (sync-http.md, 2.3)."""
    return (
        bool(text)
        and ".." not in text
        and all(c in "._@-" or unicodedata.category(c)[0] in "LNM" for c in text)
    )


def has_tag(text: str) -> bool:
    """Whether a description holds something like ``<word>``, which services refuse."""
    return _TAG.search(text) is not None


def boolean(text: str | None) -> bool:
    """A boolean of the query string (rest-api.md, 1.3)."""
    if text is None or text == "" or text in _FALSE:
        return False
    if text in _TRUE:
        return True
    raise Malformed(f"{text!r} is not a boolean")


def parse_time(text: str) -> datetime | None:
    """An RFC 3339 time, or None. Python's own parser takes more than RFC 3339 does."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text, re.ASCII):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def format_time(seconds: float) -> str:
    """RFC 3339 in UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_file_uri(text: str) -> bool:
    """Whether it is a ``file`` URI without a host."""
    try:
        parts = urlsplit(text)
    except ValueError:  # such as an unclosed bracket
        return False
    return parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")


def content_range(text: str) -> tuple[int, int, int]:
    """First byte, last byte and total of a ``Content-Range`` (rest-api.md, 4.17)."""
    found = re.fullmatch(r"(?:bytes )?\s*([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", text)
    if not found:
        raise Malformed(f"Content-Range {text!r} is not 'bytes first-last/total'")
    first, last, total = (int(number) for number in found.groups())
    if first > last or last >= total:
        raise Malformed(f"Content-Range {text!r}: the range does not lie inside the total")
    return first, last, total


def upload_offset(text: str | None) -> int | None:
    """Bytes that a CSS has already, by its header ``Upload-Offset``; None if it does not say."""
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,18}", text) else None


def byte_range(text: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte that a ``Range`` asks for, clipped; None for the whole.

    Raises
    ------
    Malformed
        It is not of the form ``bytes=a-b``, ``bytes=a-`` or ``bytes=-n``.
    IndexError
        It lies outside (HTTP 416).
    """
    if text is None:
        return None
    found = re.fullmatch(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", text)
    if not found or found.groups() == ("", ""):
        raise Malformed(f"Range {text!r} is not 'bytes=first-last'")
    first, last = found.groups()
    if first == "":
        start, end = max(size - int(last), 0), size - 1
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            raise Malformed(f"Range {text!r}: the end lies before the start")
    if start >= size or end < start:
        raise IndexError(text)
    return start, end

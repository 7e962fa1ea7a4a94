"""Addresses and messages without the credentials in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

_HIDDEN = "***"
_LONGEST = 300  # characters of a library's message


def shown(url: str) -> str:
    """A URL without what may be secret: user, password, query (signatures, tokens), fragment.

    Parameters
    ----------
    url : str
        Also a chain of fsspec, such as ``"zip://a.onnx::s3://bucket/a.zip"``.

    Returns
    -------
    str
        For errors, logs and the manifest.

    Examples
    --------
    >>> shown("https://me:secret@example.com/a.onnx?X-Amz-Signature=abc#x")
    'https://***@example.com/a.onnx?***'
    """
    return "::".join(_without(part) for part in url.split("::"))


def said(error: BaseException, url: str, options: Mapping[str, Any] | None = None) -> str:
    """What an error says, if no credentials are in it.

    Parameters
    ----------
    error : BaseException
        Of a library.
    url : str
        What the library was asked for.
    options : mapping, optional
        What else it was given.

    Returns
    -------
    str
        Its type, and its text without the credentials, or without the text where that is not
        enough.

    Examples
    --------
    >>> said(OSError("no https://me:pw@x/a"), "https://me:pw@x/a")
    'OSError: no https://***@x/a'
    >>> said(OSError("bad password pw"), "https://me:pw@x/a")
    'OSError'
    """
    kind = type(error).__name__
    text = " ".join(str(error).replace(url, shown(url)).split())[:_LONGEST]
    secrets = {*_of_url(url), *_of_options(options or {})}
    if not text or any(secret in text for secret in secrets):
        return kind
    return f"{kind}: {text}"


def _without(part: str) -> str:
    scheme, separator, rest = part.partition("://")
    if not separator:
        return part
    rest, mark, _ = re.split(r"([?#]|$)", rest, maxsplit=1)
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    query = f"?{_HIDDEN}" if mark == "?" else ""
    return f"{scheme}://{_HIDDEN + at if user or at else ''}{host}{slash}{path}{query}"


def _of_url(url: str) -> Iterator[str]:
    """Whatever could be secret in a URL, as it is written and as it is meant."""
    for part in url.split("::"):
        rest = part.partition("://")[2]
        authority = re.split("[/?#]", rest, maxsplit=1)[0]
        user = authority.rpartition("@")[0]
        query = rest.partition("?")[2]
        pairs = (pair.partition("=") for pair in re.split("[&#]", query))
        found = [user, user.partition(":")[2], query, *(value or key for key, _, value in pairs)]
        for secret in filter(None, found):
            yield from (secret, unquote(secret), unquote_plus(secret))


def _of_options(value: Any) -> Iterator[str]:
    """Every text in the options, since each library names its secrets differently."""
    if isinstance(value, str | bytes) and value:
        yield value if isinstance(value, str) else value.decode(errors="replace")
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _of_options(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _of_options(inner)
    elif value is not None and not isinstance(value, bool | int | float):
        yield from filter(None, [str(value)])

"""Answers, read within bounds and checked for what they should be."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import requests

from syncnb.errors import AnswerError
from syncnb.metadata import Json

LARGEST = 64 << 20  # bytes of an answer that is not data
_PIECE = 1 << 16
_LONGEST_MESSAGE = 500  # characters of the service's own text


class TooLargeError(Exception):
    """An answer has more bytes than anybody should hold in memory."""


def read(response: requests.Response, most: int) -> None:
    """Read the body of an answer, of which a service, broken or hostile, may send any amount.

    Parameters
    ----------
    response : requests.Response
        Whose body was not read yet; afterwards `content`, `text` and `json` have it.
    most : int
        Bytes of it, decoded.

    Raises
    ------
    TooLargeError
        It has more.
    urllib3.exceptions.HTTPError, OSError
        It cannot be read to its end.
    """
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise TooLargeError
    pieces, size = [], 0
    while piece := response.raw.read(_PIECE, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise TooLargeError
    # requests itself would read without a bound; this is where it looks before it does
    response._content, response._content_consumed = b"".join(pieces), True  # type: ignore[attr-defined]


def message(response: requests.Response) -> str:
    """The service's own text in an error, on one line.

    Parameters
    ----------
    response : requests.Response
        Whose body was read.

    Returns
    -------
    str
        At most 500 characters; empty for a page of HTML, which no sync service sends.
    """
    if is_html(response):
        return "a page of HTML"
    start = response.content[: 4 * _LONGEST_MESSAGE].decode("utf-8", "replace")
    words = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return words[:_LONGEST_MESSAGE]


def is_html(response: requests.Response) -> bool:
    """Whether a person is addressed, as by a proxy, a login page or another server.

    Parameters
    ----------
    response : requests.Response
        The answer.

    Returns
    -------
    bool
        By its content type.
    """
    return "html" in response.headers.get("Content-Type", "").lower()


def place(url: str | None) -> str:
    """A URL without what may be secret in it.

    Parameters
    ----------
    url : str or None
        Such as the ``Location`` of a redirect.

    Returns
    -------
    str
        Scheme, host, port and path.

    Examples
    --------
    >>> place("https://me:hidden@host:1/path?token=hidden")
    'https://host:1/path'
    """
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return "a place that is no URL"
    return (
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        if parts.netloc
        else parts.path
    )


def json_object(answer: requests.Response, operation: str) -> dict[str, Json]:
    """The object that an answer is.

    Parameters
    ----------
    answer : requests.Response
        Of the service.
    operation : str
        What was called, for errors.

    Returns
    -------
    dict
        The object.

    Raises
    ------
    AnswerError
        It is something else.
    """
    value = json_value(answer, operation)
    if not isinstance(value, dict):
        raise unexpected(answer, operation, "it is not an object")
    return value


def json_value(answer: requests.Response, operation: str) -> Json:
    """The JSON of an answer.

    Parameters
    ----------
    answer : requests.Response
        Of the service.
    operation : str
        What was called, for errors.

    Returns
    -------
    JSON value
        Integers are exact, whatever their size.

    Raises
    ------
    AnswerError
        It is none.
    """
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        why = "it is a page of HTML" if is_html(answer) else "it is not JSON"
        raise unexpected(answer, operation, why) from error


def unexpected(answer: requests.Response, operation: str, why: str) -> AnswerError:
    """The error of an answer that is none of a sync service.

    Parameters
    ----------
    answer : requests.Response
        The answer.
    operation : str
        What was called.
    why : str
        What is wrong with it.

    Returns
    -------
    AnswerError
        To be raised.
    """
    request = answer.request
    return AnswerError(
        answer.status_code,
        operation,
        "the service",
        f"the answer cannot be understood, {why}",
        method=request.method or "",
        url=place(request.url),
    )

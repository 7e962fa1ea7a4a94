"""Answers as the values that they stand for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import requests

from syncnb.client.answers import json_object, json_value, unexpected
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import Json, Listing, ObjectState, Value

T = TypeVar("T")
V = TypeVar("V", bound=Value)
_WORD = re.compile(r"\w{1,64}")
_LONGEST = 300  # bytes of the word of a status


def value_of(answer: requests.Response, operation: str, read: Callable[[Json], T]) -> T:
    """The value that an answer is.

    Parameters
    ----------
    answer : requests.Response
        With a status that is 2xx.
    operation : str
        The call, for errors.
    read : callable
        Makes it of the JSON object.

    Returns
    -------
    object
        What `read` makes.

    Raises
    ------
    AnswerError
        The answer is something else.
    """
    return _read(answer, operation, json_object(answer, operation), read)


def values_of(
    answer: requests.Response,
    operation: str,
    kind: type[V],
    *,
    left_out: Callable[[InvalidMetaDataError], object] | None = None,
) -> Listing[V]:
    """The values that an answer lists.

    Parameters
    ----------
    answer : requests.Response
        With a status that is 2xx, or 404.
    operation : str
        The call, for errors.
    kind : type
        Of the values.
    left_out : callable, optional
        Told of each value that is none, instead of an error.

    Returns
    -------
    Listing
        Empty for 404, and for null, as which some services write an empty list.

    Raises
    ------
    AnswerError
        The answer lists something else.
    """
    items = _list(answer, operation)
    if not all(isinstance(item, dict) for item in items):
        raise unexpected(answer, operation, "it is not an array of objects")
    read: Callable[[Json], V] = kind.from_json
    if left_out is None:
        return Listing((_read(answer, operation, item, read) for item in items), of=kind)
    found = []
    for item in items:
        try:
            found.append(read(item))
        except InvalidMetaDataError as error:
            left_out(error)
    return Listing(found, of=kind)


def texts_of(answer: requests.Response, operation: str, of: str) -> Listing[str]:
    """The texts that an answer lists.

    Parameters
    ----------
    answer : requests.Response
        With a status that is 2xx, or 404.
    operation : str
        The call, for errors.
    of : str
        What they are.

    Returns
    -------
    Listing of str
        Empty for 404, and for null.

    Raises
    ------
    AnswerError
        The answer lists something else.
    """
    items = _list(answer, operation)
    if not all(isinstance(item, str) for item in items):
        raise unexpected(answer, operation, "it is not an array of texts")
    return Listing(items, of=of)


def state_of(answer: requests.Response, operation: str) -> ObjectState:
    """The status word that an answer is.

    Parameters
    ----------
    answer : requests.Response
        With a status that is 2xx.
    operation : str
        The call, for errors.

    Returns
    -------
    ObjectState
        Also a word that is not known here.

    Raises
    ------
    AnswerError
        The answer is something else.
    """
    # Not `text`, which guesses the coding where the service does not name it.
    word = answer.content[:_LONGEST].decode("utf-8", "replace").strip()
    if len(answer.content) > _LONGEST or not _WORD.fullmatch(word):
        raise unexpected(answer, operation, "it is not the word of a status")
    return ObjectState(word)


def _list(answer: requests.Response, operation: str) -> list[Json]:
    if answer.status_code in (204, 404):
        return []
    items = json_value(answer, operation)
    if items is None:
        return []
    if not isinstance(items, list):
        raise unexpected(answer, operation, "it is not an array")
    return items


def _read(answer: requests.Response, operation: str, item: Json, read: Callable[[Json], T]) -> T:
    try:
        return read(item)
    except InvalidMetaDataError as error:
        shown = repr(error.value)[:60]
        why = f"{error.field} is {shown} there, but {error.remedy}"
        raise unexpected(answer, operation, why) from error

"""Names: what the protocol accepts, and what its link can carry (rest-api.md, 1.5)."""

from __future__ import annotations

import unicodedata

from syncnb.errors import InvalidMetaDataError
from syncnb.metadata.fields import is_of

_REMEDY = "use only letters, numbers, '.', '_', '@' and '-', without '..'"


def check_name(field_name: str, value: str) -> None:
    """Refuse a name that the protocol refuses or that its link cannot carry.

    Parameters
    ----------
    field_name : str
        Named in the error.
    value : str
        The name.

    Raises
    ------
    InvalidMetaDataError
        It is empty or ``.``, or holds something else than letters, numbers, ``.``, ``_``, ``@``,
        ``-``, or holds ``..`` (rest-api.md, 1.5; sync-http.md, 2.3).

    Examples
    --------
    >>> check_name("object_id", "defects-1.2")
    """
    given: object = value
    if not isinstance(given, str):
        raise InvalidMetaDataError(field_name, value, f'write it as text: "{value}"')
    if not value:
        raise InvalidMetaDataError(field_name, value, f"give it a name: {_REMEDY}")
    if value == "." or ".." in value or not _is_made_of(value, "._@-"):
        raise InvalidMetaDataError(field_name, value, _REMEDY)


def check_stored_name(field_name: str, value: str) -> None:
    """Refuse what no service has under this name (rest-api.md, 1.5).

    More is possible than in names of what is to be sent: other programs may have stored objects
    that the link cannot carry, and entries of access control lists never travel on it.

    Parameters
    ----------
    field_name : str
        Named in the error.
    value : str
        The name.

    Raises
    ------
    InvalidMetaDataError
        It is none.

    Examples
    --------
    >>> check_stored_name("object_id", "a~b")
    >>> check_stored_name("username", "*")
    """
    marks = "!@#$^*|-_.~"
    if not is_of(str, value) or value in ("", ".", "..") or not _is_made_of(value, marks):
        raise InvalidMetaDataError(
            field_name, value, f"use only letters, numbers and {' '.join(marks)}"
        )


def check_node(field_name: str, value: str) -> None:
    """Refuse what does not name a node as ``type:id``.

    Parameters
    ----------
    field_name : str
        Named in the error.
    value : str
        The node.

    Raises
    ------
    InvalidMetaDataError
        It does not have the form, or one of its parts is no name.

    Examples
    --------
    >>> check_node("destination", "camera:node1")
    """
    if not is_of(str, value) or value.count(":") != 1 or value[0] == ":" or value[-1] == ":":
        raise InvalidMetaDataError(field_name, value, "write each node as 'type:id'")
    for part in value.split(":"):
        if ".." in part or part == "." or not _is_made_of(part, "._@-"):
            raise InvalidMetaDataError(
                field_name, value, f"write each node as 'type:id': {_REMEDY}"
            )


def _is_made_of(text: str, marks: str) -> bool:
    return all(c in marks or unicodedata.category(c)[0] in "LN" for c in text)


def natural(name: str) -> tuple[str, int, str]:
    """A key to sort names by, ``node2`` before ``node10``.

    Examples
    --------
    >>> sorted(["node10", "node2", "gate"], key=natural)
    ['gate', 'node2', 'node10']
    """
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or 0), name

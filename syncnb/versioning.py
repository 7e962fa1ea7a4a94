"""Versions: which texts are some, which is the newer one, and which comes next."""

from __future__ import annotations

import re
from typing import Any

from syncnb.errors import InvalidMetaDataError

_FORM = re.compile(
    r"(?P<release>[0-9]{1,9}(?:\.[0-9]{1,9}){0,7})"
    r"(?:-(?P<pre>[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*))?",
    re.ASCII,
)
_LONGEST = 64  # characters
_RUN = re.compile(r"[0-9]+|[A-Za-z]+", re.ASCII)


def check_version(text: str) -> str:
    """A version, or an error.

    Parameters
    ----------
    text : str
        Numbers with dots, such as ``"1.2.0"``, ``"7"`` or ``"2026.11.25"``; behind a ``-`` what
        comes before a release (``"1.2.0-rc1"``). At most 64 characters.

    Returns
    -------
    str
        The same.

    Raises
    ------
    InvalidMetaDataError
        It is none.

    Notes
    -----
    Semantic Versioning 2.0.0, but for any number of parts, zeros in front as in dates, and nothing
    behind a ``+``, which services refuse in a version (rest-api.md, 1.5).

    Examples
    --------
    >>> check_version("1.2.0-rc1")
    '1.2.0-rc1'
    """
    _parse(text)
    return text


def sort_key(text: str) -> tuple[Any, ...]:
    """By what versions are sorted, the oldest first.

    Parameters
    ----------
    text : str
        A version.

    Returns
    -------
    tuple
        Compares as the versions do: number by number, ``1.2`` as ``1.2.0``; a release is newer than
        what came before it, ``rc10`` newer than ``rc9``.

    Raises
    ------
    InvalidMetaDataError
        It is no version.

    Examples
    --------
    >>> sorted(["1.10.0", "1.9.1", "1.10.0-rc10", "1.10.0-rc9"], key=sort_key)
    ['1.9.1', '1.10.0-rc9', '1.10.0-rc10', '1.10.0']
    """
    found = _parse(text)
    numbers = [int(number) for number in found["release"].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    before = found["pre"]
    runs = tuple(
        (0, int(run), "") if run.isdigit() else (1, 0, run) for run in _RUN.findall(before or "")
    )
    return tuple(numbers), before is None, runs


def next_version(newest: str | None) -> str:
    """The version that follows when nobody chose one.

    Parameters
    ----------
    newest : str or None
        The newest there is; None or empty if there is none.

    Returns
    -------
    str
        ``"1"`` for the first; then the last number and one more, ``"1.2.1"`` after ``"1.2.0"``; the
        release after what came before it.

    Raises
    ------
    InvalidMetaDataError
        `newest` is no version, so that nothing can be said to follow it.

    Examples
    --------
    >>> next_version("7"), next_version("1.2.0"), next_version("1.2.0-rc1"), next_version(None)
    ('8', '1.2.1', '1.2.0', '1')
    """
    if not newest:
        return "1"
    found = _parse(newest)
    release: str = found["release"]
    if found["pre"] is not None:
        return release
    start, dot, last = release.rpartition(".")
    return f"{start}{dot}{int(last) + 1:0{len(last)}d}"


def _parse(text: Any) -> re.Match[str]:
    found = _FORM.fullmatch(text) if isinstance(text, str) and len(text) <= _LONGEST else None
    if found is None:
        raise InvalidMetaDataError(
            "version", text, "give numbers with dots, such as '1.2.0', '1.2.0-rc1' or '7'"
        )
    return found

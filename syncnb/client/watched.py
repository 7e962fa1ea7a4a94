"""What a call that may wait for news brought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import requests

T = TypeVar("T")


@dataclass(frozen=True)
class Watched(Generic[T]):
    """What a long wait brought.

    Parameters
    ----------
    items : list or None
        The list; None if it is still the one that is known.
    etag : str
        Its tag, for the next call; empty if the service has none.
    waited : bool
        Whether the service can wait; if not, ask again after a pause.

    Examples
    --------
    >>> Watched(items=[], etag="", waited=True).items
    []
    """

    items: list[T] | None
    etag: str
    waited: bool


class Watching:
    """Makes `Watched` of an answer.

    Parameters
    ----------
    answer : requests.Response
        Of a call with ``Prefer: wait``.
    etag : str
        That was sent with it.
    """

    def __init__(self, answer: requests.Response, etag: str) -> None:
        self._unchanged = answer.status_code == 304
        self._etag = etag if self._unchanged else answer.headers.get("ETag", "")
        self._waited = "wait=" in answer.headers.get("Preference-Applied", "")

    def __call__(self, items: list[T]) -> Watched[T]:
        """The value, with these items unless the list is unchanged."""
        return Watched(None if self._unchanged else items, self._etag, self._waited)

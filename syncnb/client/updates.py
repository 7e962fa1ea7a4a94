"""Waiting for what is new: by long waits where the service can, by polling where it cannot."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import requests

from syncnb.errors import AccessDeniedError, ConnectionFailedError, ServiceError

if TYPE_CHECKING:
    from syncnb.client.client import SyncServiceClient
    from syncnb.metadata import ObjectMetaData

T = TypeVar("T")
log = logging.getLogger("syncnb")

_WAIT = 20.0  # seconds of one long wait; a stop is noticed after it at the latest
_SLICE = 0.2  # seconds; a stop during a pause is noticed after it at the latest
_LONGEST_PAUSE = 5.0  # seconds between two tries to reach a service that is away


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


def iter_updates(
    client: SyncServiceClient,
    object_type: str,
    *,
    poll_interval: float = 10.0,
    timeout: float | None = None,
    redeliver: float | None = None,
    stop: threading.Event | None = None,
) -> Iterator[ObjectMetaData]:
    """The metadata of every update of a type, each once (rest-api.md, 9.1).

    Errors of the network and of a service that is overloaded or restarting never end it.

    Parameters
    ----------
    client : SyncServiceClient
        The service.
    object_type : str
        Which type.
    poll_interval : float, default 10
        Seconds between two looks at a service that cannot wait.
    timeout : float, optional
        End after so many seconds without an update; None goes on for ever.
    redeliver : float, optional
        An update that was handed out and is still not acknowledged comes again after so many
        seconds; None hands each out once.
    stop : threading.Event, optional
        End when it is set.

    Yields
    ------
    ObjectMetaData
        Of a new version, or with `deleted` of a deletion.

    Raises
    ------
    AccessDeniedError
        The service does not accept the credentials.
    """
    given: dict[tuple[str, int, bool], float] = {}
    quiet_since = time.monotonic()
    etag, first = "", True
    pause = _Pause(stop)
    while not (stop and stop.is_set()):
        left = None if timeout is None else quiet_since + timeout - time.monotonic()
        if left is not None and left <= 0:
            return
        wait = _shortest(_WAIT, left, _until_redelivery(given, redeliver))
        try:
            watched = client.watch_updated_objects(
                object_type, received=first, etag=etag, wait=wait
            )
        except AccessDeniedError:
            raise
        except (ConnectionFailedError, ServiceError) as error:
            pause.after(error, left)
            etag = ""
            continue
        pause.over()
        if first and watched.items is not None:
            first, watched = False, Watched(watched.items, "", watched.waited)
        etag = watched.etag
        if watched.items is not None:
            names = {(m.object_id, m.instance_id, m.deleted): m for m in watched.items}
            given = {name: at for name, at in given.items() if name in names}
            new = [m for name, m in names.items() if _due(given.get(name), redeliver)]
            for meta in new:
                given[(meta.object_id, meta.instance_id, meta.deleted)] = time.monotonic()
                yield meta
                quiet_since = time.monotonic()
            if new:
                continue
        elif any(_due(at, redeliver) for at in given.values()):
            etag = ""  # the list is the same, but something in it is to be handed out again
            continue
        if not watched.waited:
            pause.sleep(_shortest(poll_interval * random.uniform(0.9, 1.1), left))


class _Pause:
    """Growing pauses while a service is away, one line in the log for each time that it is.

    Parameters
    ----------
    stop : threading.Event or None
        Ends a pause.
    """

    def __init__(self, stop: threading.Event | None) -> None:
        self._stop = stop
        self._failures = 0

    def after(self, error: Exception, left: float | None) -> None:
        if not self._failures:
            log.warning("no updates for now, trying again: %s", error)
        self._failures += 1
        most = min(0.1 * 2**self._failures, _LONGEST_PAUSE) * random.uniform(0.7, 1.0)
        self.sleep(_shortest(most, left))

    def over(self) -> None:
        self._failures = 0

    def sleep(self, seconds: float) -> None:
        if self._stop is not None:
            self._stop.wait(seconds)
        else:
            time.sleep(max(seconds, 0.0))


def _due(given_at: float | None, redeliver: float | None) -> bool:
    if given_at is None:
        return True
    return redeliver is not None and time.monotonic() - given_at >= redeliver


def _until_redelivery(
    given: dict[tuple[str, int, bool], float], redeliver: float | None
) -> float | None:
    if redeliver is None or not given:
        return None
    return max(min(given.values()) + redeliver - time.monotonic(), _SLICE)


def _shortest(seconds: float, *others: float | None) -> float:
    return max(min([seconds, *(other for other in others if other is not None)]), 0.0)

"""Whether a call ended as it may, given what happened to its exchanges."""

from __future__ import annotations

from collections.abc import Iterable

from syncnb.errors import (
    ConnectionFailedError,
    ServiceError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    SyncError,
    TransferBrokenError,
)

from .exchange import Exchange
from .faults import EndlessHead, Seen

TIMEOUT = 0.4  # seconds that the service may be silent
DEADLINE = 1.3  # seconds of a call with all of its tries
_BUSY = (429, 502, 503, 504)
_NOT_TWICE = ("/consumed", "/deleted", "/activate")
_SLACK = 0.02  # seconds by which two clocks may differ


def is_late(exchange: Exchange) -> bool:
    """Whether a client may have given up, since the machine was busy with something else."""
    return exchange.ended - exchange.began > TIMEOUT / 2


def errors_of(exchange: Exchange, *, data: bool) -> tuple[type[SyncError], ...]:
    """What a client may raise because of an exchange; nothing if nothing was wrong with it."""
    broken = (TransferBrokenError,) if data else ()
    match exchange.seen:
        case Seen.ANSWER:
            return (ServiceTimeoutError, *broken) if is_late(exchange) else ()
        case Seen.OTHER:
            return (ServiceUnavailableError if exchange.status in _BUSY else ServiceError,)
        case Seen.BROKEN:
            return (ConnectionFailedError, *broken)
        case Seen.SILENCE:
            return (ServiceTimeoutError, *broken)
        case Seen.ODD:
            return (ConnectionFailedError, ServiceError, *broken)
        case Seen.SHORT:
            return (ServiceError, *broken)


def check_error(error: SyncError, exchanges: Iterable[Exchange], *, data: bool) -> None:
    """An error has to be of a kind that fits what went wrong."""
    exchanges = list(exchanges)
    kinds = tuple(kind for one in exchanges for kind in errors_of(one, data=data))
    assert isinstance(error, kinds), f"{error!r} although {exchanges}"
    if isinstance(error, ServiceError) and all(one.seen is not Seen.ODD for one in exchanges):
        assert error.status in {one.status for one in exchanges}


def check_repetition(exchanges: list[Exchange]) -> None:
    """Only what is safe is sent again, and not before it may be (rest-api.md, 14.1)."""
    for number, before in enumerate(exchanges):
        again = [
            one
            for one in exchanges[number + 1 :]
            if (one.method, one.target) == (before.method, before.target)
        ]
        if not again:
            continue
        assert before.method in ("GET", "PUT"), f"sent twice: {before}"
        if before.target.endswith(_NOT_TWICE):
            assert before.seen is Seen.OTHER, f"sent again in doubt: {before}"
            assert before.status in (429, 503), f"sent again in doubt: {before}"
        if before.method != "GET":
            assert before.seen is not Seen.ANSWER or is_late(before), (
                f"sent again for nothing: {before}"
            )
        early = before.not_before - again[0].began
        assert early < _SLACK, f"sent again {early:.2f} s too early: {before}"


def seconds(exchanges: Iterable[Exchange]) -> float:
    """How long a call may take that had these exchanges."""
    most = 2.0  # a machine that is busy with something else
    pause = 0.2  # twice as long after each failure
    for one in exchanges:
        if isinstance(one.fault, EndlessHead):
            most += DEADLINE + TIMEOUT
        elif one.seen is Seen.SILENCE:
            most += 2 * TIMEOUT
        else:
            most += one.ended - one.began
        if one.seen is not Seen.ANSWER:
            most += max(pause, one.not_before - one.began) + 0.5
            pause *= 2
    return most

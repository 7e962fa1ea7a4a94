"""Topics on their way to other processes, in payloads that PostgreSQL takes."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from syncnb.service.store.records import Topic

_LONGEST = 7900  # bytes; PostgreSQL refuses 8000
_MOST = 16  # payloads of one commit; beyond that everybody looks for themselves
_EVERYTHING = "null"
_decoder = msgspec.json.Decoder(list[tuple[str, ...]] | None)


def encoded(topics: Iterable[Topic]) -> list[str]:
    """JSON arrays of topics, each short enough; ``null`` for anything.

    Examples
    --------
    >>> encoded([("updates", "org", "type")])
    ['[["updates","org","type"]]']
    >>> encoded([("deliveries", "x" * 9000)])
    ['null']
    """
    payloads: list[str] = []
    line: list[bytes] = []
    length = 2
    for topic in topics:
        one = msgspec.json.encode(topic)
        if len(one) + 2 > _LONGEST:
            return [_EVERYTHING]
        if length + len(one) + 1 > _LONGEST:
            payloads.append(_joined(line))
            line, length = [], 2
        line.append(one)
        length += len(one) + 1
    if line:
        payloads.append(_joined(line))
    return payloads if len(payloads) <= _MOST else [_EVERYTHING]


def decoded(payload: str) -> set[Topic] | None:
    """The topics of a payload; None for anything, also for what cannot be read."""
    try:
        topics = _decoder.decode(payload)
    except msgspec.DecodeError:
        return None
    return None if topics is None else set(topics)


def _joined(line: list[bytes]) -> str:
    return f"[{b','.join(line).decode()}]"

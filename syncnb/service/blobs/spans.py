"""Which bytes of which chunk make up a file, where chunks overlap and the later one counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk as it was stored."""

    name: str
    at: int  # its first byte in the file
    size: int  # bytes
    written: int  # when, in nanoseconds since the epoch


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes that a chunk contributes."""

    name: str
    at: int  # the first one in the file
    offset: int  # the first one in the chunk
    length: int  # bytes


def spans_of(parts: Sequence[Part], size: int) -> list[Span]:
    """What to join, in order, for the first `size` bytes; a byte that nobody wrote is left out.

    Examples
    --------
    >>> old, new = Part("old", 0, 10, written=1), Part("new", 4, 4, written=2)
    >>> [(s.name, s.at, s.offset, s.length) for s in spans_of([new, old], 9)]
    [('old', 0, 0, 4), ('new', 4, 0, 4), ('old', 8, 8, 1)]
    """
    edges = sorted({0, size} | {e for p in parts for e in (p.at, p.at + p.size) if 0 < e < size})
    spans: list[Span] = []
    for start, end in pairwise(edges):
        covering = [p for p in parts if p.at <= start and p.at + p.size >= end]
        if not covering:
            continue
        part = max(covering, key=lambda one: one.written)
        last = spans[-1] if spans else None
        if last and last.name == part.name and last.at + last.length == start:
            spans[-1] = Span(last.name, last.at, last.offset, last.length + end - start)
        else:
            spans.append(Span(part.name, start, start - part.at, end - start))
    return spans

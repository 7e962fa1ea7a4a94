"""Many small objects in one answer, which only syncnb's own service gives.

A frame is ``>IQ``, the bytes of the metadata and of the data, and then both. Data that are to be
fetched on their own are announced as `APART`. The last frame has no metadata; its second number
says whether the answer holds all that was asked for.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

MEDIA_TYPE = "application/vnd.syncnb.bundle"
_HEAD = struct.Struct(">IQ")
APART = 2**64 - 1
PAGE = 10_000  # entries of a short list
MOST_MARKS = 1000  # of one call


def packed(items: Iterable[tuple[bytes, bytes | None]], *, complete: bool) -> bytes:
    """A bundle.

    Parameters
    ----------
    items : iterable of (bytes, bytes or None)
        Metadata as JSON, and data; None for those that are to be fetched on their own.
    complete : bool
        Whether these are all that was asked for.

    Returns
    -------
    bytes
        As they travel.

    Examples
    --------
    >>> list(unpacked(packed([(b"{}", b"data"), (b"{}", None)], complete=True)))
    [(b'{}', b'data'), (b'{}', None), True]
    """
    pieces = []
    for meta, data in items:
        pieces.append(_HEAD.pack(len(meta), APART if data is None else len(data)))
        pieces.append(meta)
        if data is not None:
            pieces.append(data)
    pieces.append(_HEAD.pack(0, int(complete)))
    return b"".join(pieces)


def unpacked(bundle: bytes) -> Iterator[tuple[bytes, bytes | None] | bool]:
    """What a bundle holds.

    Parameters
    ----------
    bundle : bytes
        As it came.

    Yields
    ------
    (bytes, bytes or None) or bool
        Metadata and data; in the end whether it is complete.

    Raises
    ------
    ValueError
        It is none, or was cut off.

    Examples
    --------
    >>> list(unpacked(b""))
    Traceback (most recent call last):
    ...
    ValueError: the bundle was cut off at byte 0
    """
    at = 0
    while True:
        if at + _HEAD.size > len(bundle):
            raise ValueError(f"the bundle was cut off at byte {len(bundle)}")
        meta_size, data_size = _HEAD.unpack_from(bundle, at)
        at += _HEAD.size
        if not meta_size:
            if at != len(bundle):
                raise ValueError(f"the bundle goes on behind its end at byte {at}")
            yield bool(data_size)
            return
        middle = at + meta_size
        end = middle + (0 if data_size == APART else data_size)
        if end > len(bundle):
            raise ValueError(f"the bundle was cut off at byte {len(bundle)}")
        yield bundle[at:middle], None if data_size == APART else bundle[middle:end]
        at = end

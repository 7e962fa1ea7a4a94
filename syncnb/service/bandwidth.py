"""A limit on how fast data travel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

_SMALLEST = 4 << 10  # bytes; less at once costs more than it evens out
_LARGEST = 256 << 10
_BURST = 0.25  # seconds of transfer that may pass at once


class Bandwidth:
    """Bytes that all transfers of one kind share; each gets its turn after every piece.

    Parameters
    ----------
    rate : int
        Bytes a second; 0 for no limit.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._piece = min(max(int(rate * _BURST / 4), _SMALLEST), _LARGEST)
        self._free_at = 0.0  # when what was handed out so far has passed

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._rate > 0

    async def limited(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same bytes, no faster than the limit."""
        async for piece in pieces:
            if not self._rate:
                yield piece
                continue
            for at in range(0, len(piece), self._piece):
                part = piece[at : at + self._piece]
                await self._take(len(part))
                yield part

    async def _take(self, size: int) -> None:
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now - _BURST) + size / self._rate
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)

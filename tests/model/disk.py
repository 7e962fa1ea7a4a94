"""Files that a power cut damages where nothing had synced them yet."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from syncnb.service.blobs import BlobReader, Blobs
from syncnb.service.store import StoredData


@dataclass
class Platter:
    """What is safe of the files of one machine, over all processes that it runs.

    Parameters
    ----------
    folder : Path
        Where the files are.
    synced : dict
        Name -> bytes from the start that a power cut leaves as they are.
    full : bool
        Whether new data are refused.
    """

    folder: Path
    synced: dict[str, int] = field(default_factory=dict)
    full: bool = False

    def lose_power(self, rng: Random) -> None:
        """Damage or remove whatever was not synced."""
        for path in sorted(self.folder.iterdir()):
            safe, size = self.synced.get(path.name, 0), path.stat().st_size
            if size <= safe:
                continue
            fate = rng.choice(("kept", "cut", "garbage", "gone"))
            if fate == "gone" and safe == 0:
                path.unlink()
            elif fate == "garbage":
                with path.open("r+b") as file:
                    file.seek(safe)
                    file.write(rng.randbytes(size - safe))
            elif fate == "cut":
                with path.open("r+b") as file:
                    file.truncate(safe)


class WatchedBlobs:
    """The real files, and a note of what is synced.

    Parameters
    ----------
    blobs : Blobs
        The real ones.
    platter : Platter
        Where they lie.
    """

    def __init__(self, blobs: Blobs, platter: Platter) -> None:
        self._blobs, self._platter = blobs, platter

    async def check(self) -> None:
        """As the real ones."""
        await self._blobs.check()

    def require_room(self, size: int) -> None:
        """As the real ones."""
        self._blobs.require_room(size)

    async def save(self, chunks: AsyncIterator[bytes]) -> StoredData:
        """Refuse when full."""
        self._require_room()
        stored = await self._blobs.save(chunks)
        self._platter.synced[stored.file or ""] = stored.size
        return stored

    def new_part(self) -> str:
        """As the real ones."""
        return self._blobs.new_part()

    async def save_part(
        self, file: str, chunks: AsyncIterator[bytes], *, at: int, limit: int
    ) -> int:
        """Refuse when full."""
        self._require_room()
        done = await self._blobs.save_part(file, chunks, at=at, limit=limit)
        self._platter.synced[file] = max(self._platter.synced.get(file, 0), at + done)
        return done

    async def finish(self, file: str, size: int) -> StoredData:
        """As the real ones."""
        return await self._blobs.finish(file, size)

    async def open(self, file: str) -> BlobReader:
        """As the real ones."""
        return await self._blobs.open(file)

    async def delete(self, file: str) -> None:
        """As the real ones."""
        self._platter.synced.pop(file, None)
        await self._blobs.delete(file)

    async def sweep(self, keep: Iterable[str], *, older_than: float) -> None:
        """As the real ones."""
        await self._blobs.sweep(keep, older_than=older_than)

    async def close(self) -> None:
        """As the real ones."""
        await self._blobs.close()

    def _require_room(self) -> None:
        if self._platter.full:
            raise OSError(errno.ENOSPC, "the disk is full")

"""The cache of Hugging Face, as its hub lays it out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path


class Cache:
    """Writes what a download leaves behind: blobs, and snapshots of links to them.

    Parameters
    ----------
    folder : Path
        The hub's part of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, repo: str, files: Mapping[str, bytes], *, ref: str = "main") -> str:
        """Download a revision; its commit."""
        root = self.repo(repo)
        commit = sha256(repr((repo, sorted(files.items()))).encode()).hexdigest()[:40]
        for name, data in files.items():
            blob = root / "blobs" / sha256(data).hexdigest()
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(data)
            link = root / "snapshots" / commit / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))
        place = root / "refs" / ref
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(commit)
        return commit

    def repo(self, repo: str) -> Path:
        """The part of a model."""
        return self.folder / f"models--{repo.replace('/', '--')}"

"""Archives that do what a test says."""

from __future__ import annotations

import threading
from pathlib import Path

from syncnb.archive import LocalArchive


class Slow(LocalArchive):
    """Keeps when it is told to; until then an upload has no end."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def keep(self, path: Path, digest: str, *, ours: bool = False) -> None:
        """Wait before."""
        self.reached.set()
        assert self.go_on.wait(60)
        super().keep(path, digest, ours=ours)

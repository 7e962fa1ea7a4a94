"""Files and bytes, as they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from syncnb.codecs.registry import Loading
from syncnb.errors import ModelError


class File:
    """A file <-> the same bytes in a file; only `publish_file` writes it, so nothing is guessed."""

    name, version, suffix = "file", 1, ""
    libraries: Sequence[str] = ()
    executes = False
    sequential = True
    in_place = True  # what is published needs no copy

    def accepts(self, obj: object) -> bool:
        """Whether it is a path of anything but a folder."""
        return isinstance(obj, Path) and not obj.is_dir()

    def check(self, obj: Path) -> None:
        """Refuse what is no readable file."""
        if not obj.is_file():
            what = "no file" if obj.exists() else "not there"
            raise ModelError(f"the file {str(obj)!r}", f"it is {what}", "name a file that exists")

    def dump(self, obj: Path, path: Path) -> None:
        """Copy it."""
        shutil.copyfile(obj, path)

    def load(self, path: Path, how: Loading) -> Path:
        """Where it lies."""
        return path


class Bytes:
    """bytes <-> the same bytes; also for objects that other tools published."""

    name, version, suffix = "bytes", 1, ".bin"
    libraries: Sequence[str] = ()
    executes = False
    sequential = True

    def accepts(self, obj: object) -> bool:
        """Whether it is bytes."""
        return isinstance(obj, bytes | bytearray)

    def check(self, obj: Any) -> None:
        """All bytes make sense."""

    def dump(self, obj: bytes, path: Path) -> None:
        """Write them."""
        path.write_bytes(obj)

    def load(self, path: Path, how: Loading) -> bytes:
        """Read them."""
        return path.read_bytes()

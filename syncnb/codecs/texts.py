"""Texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from syncnb.codecs.guards import reading, within
from syncnb.codecs.registry import Loading
from syncnb.errors import ModelError

_NAME = 255  # characters that the name of a file may have


class Text:
    """str <-> the same text in UTF-8, ends of lines as they are."""

    name, version, suffix = "text", 1, ".txt"
    libraries: Sequence[str] = ()
    executes = False
    sequential = True

    def accepts(self, obj: object) -> bool:
        """Whether it is a str."""
        return type(obj) is str

    def check(self, obj: str) -> None:
        """Refuse the name of a file, whose content is meant."""
        if 0 < len(obj) <= _NAME and "\0" not in obj and os.path.isfile(obj):
            raise ModelError(
                f"the text {obj!r}",
                "it is the name of a file",
                "publish pathlib.Path(...) for the file, or the bytes of the text if that is meant",
            )

    def dump(self, obj: str, path: Path) -> None:
        """Write it, unless it is no text."""
        try:
            data = obj.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ModelError(
                f"a text of {len(obj)} characters",
                f"character {error.start} is a lone surrogate, which UTF-8 has not",
                "repair it, or publish bytes",
            ) from error
        path.write_bytes(data)

    def load(self, path: Path, how: Loading) -> str:
        """Read it."""
        with reading(how, "a UTF-8 text"):
            within(how, 4 * path.stat().st_size, "its text")
            return path.read_bytes().decode("utf-8")

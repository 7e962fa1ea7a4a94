"""What the tests of several codecs share: to a file and back, and files that would run code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from syncnb.codecs import Loading, default_registry
from syncnb.codecs.registry import Trusted

SUBJECT = "object model/m"


def written(obj: object, folder: Path, format: str | None = None) -> tuple[str, Path]:  # noqa: A002
    """The format of an object, and the file."""
    codec = default_registry().for_object(obj, format)
    codec.check(obj)
    path = folder / f"data{codec.suffix}"
    codec.dump(obj, path)
    return codec.name, path


def read(format: str, path: Path, trusted: Trusted = False, limit: int = 1 << 30) -> Any:  # noqa: A002
    """What is in a file, through the guard of the registry."""
    registry = default_registry()
    codec = registry.for_format(format)
    assert codec is not None
    how = Loading(subject=SUBJECT, folder=path.parent, trusted=trusted, limit=limit)
    return registry.load(codec, path, how)


def said(format: str, model: Any, rows: Any) -> Any:  # noqa: A002
    """The prediction of a model through its codec."""
    codec: Any = default_registry().for_format(format)
    return codec.predict(model, rows)


class Touches:
    """Makes a file when it is unpickled, as it could do anything."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.marker),)

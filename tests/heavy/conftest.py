"""What the tests of the large libraries share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncnb.codecs import Codec, Loading, default_registry
from syncnb.codecs.registry import Trusted

Trip = Callable[..., Any]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Any], tuple[Codec, Path]]:
    """An object as the file that is published."""

    def write(obj: Any) -> tuple[Codec, Path]:
        codec = default_registry().for_object(obj)
        codec.check(obj)
        path = tmp_path / f"data{codec.suffix}"
        codec.dump(obj, path)
        return codec, path

    return write


@pytest.fixture
def loaded(tmp_path: Path) -> Trip:
    """What a receiver makes of a file."""

    def load(
        codec: Codec | str, path: Path, *, trusted: Trusted = False, mapped: bool = False,
        limit: int = 1 << 30,
    ) -> Any:  # fmt: skip
        registry = default_registry()
        found = registry.for_format(codec) if isinstance(codec, str) else codec
        assert found is not None
        how = Loading(
            subject="object model/m", folder=tmp_path, trusted=trusted, mapped=mapped, limit=limit
        )
        return registry.load(found, path, how)

    return load

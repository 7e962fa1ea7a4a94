"""The digest of a file that is computed while it is written."""

from __future__ import annotations

import os
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from syncnb.codecs import default_registry
from syncnb.codecs.files import Bytes
from syncnb.dumping import dumped

ROWS = 200_000
FRAME = pd.DataFrame(
    {"x": np.random.default_rng(0).standard_normal(ROWS), "t": ["a", "b"] * 100_000}
)
OBJECTS: list[tuple[Any, str]] = [
    *((FRAME, form) for form in ("parquet", "arrow", "csv", "json")),
    *((pl.DataFrame(FRAME), form) for form in ("parquet", "arrow")),
    (pa.table(FRAME), "parquet"),
    (np.arange(1_000_000), "npy"),
    ({"a": np.arange(1_000_000), "b": np.ones(5)}, "npz"),
    ({"a": np.arange(1_000_000), "b": np.ones(5)}, "safetensors"),
    ("text\n" * 500_000, "text"),
    ({"a": list(range(200_000))}, "json"),
    (os.urandom(4 << 20), "bytes"),
    (FRAME, "pickle"),
    (FRAME, "joblib"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("obj", "form"), OBJECTS, ids=lambda one: one if isinstance(one, str) else type(one).__module__
)
@pytest.mark.parametrize("synced", [False, True])
def test_the_digest_is_that_of_the_file(obj: Any, form: str, synced: bool, tmp_path: Path) -> None:
    """Of every format whose codec says that it never goes back, also if its library is updated."""
    path = tmp_path / "data"
    with dumped(default_registry().for_object(obj, form), obj, path, synced=synced) as digest:
        assert digest() == sha256(path.read_bytes()).hexdigest() == digest()


class Elsewhere(Bytes):
    """Writes beside, and moves into place."""

    def dump(self, obj: Any, path: Path) -> None:
        """As some libraries do."""
        part = path.with_suffix(".part")
        part.write_bytes(obj)
        part.replace(path)


def test_a_file_that_was_put_in_its_place_is_read(tmp_path: Path) -> None:
    """Not the one that was there first."""
    with dumped(Elsewhere(), b"data", tmp_path / "a") as digest:
        assert digest() == sha256(b"data").hexdigest()


class Failing(Bytes):
    """Breaks in the middle."""

    def dump(self, obj: Any, path: Path) -> None:
        """One byte."""
        path.write_bytes(b"a")
        raise ValueError("broken")


def test_what_the_codec_raises_comes_through(tmp_path: Path) -> None:
    """And no thread stays."""
    with pytest.raises(ValueError, match="broken"), dumped(Failing(), b"", tmp_path / "a"):
        raise AssertionError("it was written")
    assert not [one for one in threading.enumerate() if one.name.startswith("syncnb-")]

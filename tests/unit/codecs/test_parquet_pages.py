"""The dictionaries of a Parquet file, found by the headers of its pages."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.codecs.parquet_pages import most_bytes

ROWS = 30_000
LONG = "x" * 777
TEXTS = [LONG if i == ROWS // 2 else f"text {i % 100}" for i in range(ROWS)]


def most(path: Path, name: str = "a") -> float:
    with pq.ParquetFile(path) as file:
        return most_bytes(path, file.metadata, name)


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_the_longest_text_is_found(version: Any, compression: str, tmp_path: Path) -> None:
    """In the chunk that has it, behind other columns, in many small pages."""
    table = pa.table({"b": range(ROWS), "a": TEXTS})
    pq.write_table(
        table, tmp_path / "a", compression=compression, data_page_version=version,
        row_group_size=10_000, data_page_size=2000,
    )  # fmt: skip
    assert most(tmp_path / "a") == 10_000 * (777 + 7 + 7)


def test_the_dictionary_of_polars_is_found(tmp_path: Path) -> None:
    """Another writer."""
    pl.DataFrame({"a": TEXTS}).write_parquet(tmp_path / "a")
    assert most(tmp_path / "a") == ROWS * 777


def test_nested_texts_are_found(tmp_path: Path) -> None:
    """By the path of their column."""
    pq.write_table(pa.table({"a": [[text] for text in TEXTS]}), tmp_path / "a")
    assert most(tmp_path / "a", "a.list.element") == ROWS * 777


def test_without_a_dictionary_there_is_nothing_to_repeat(tmp_path: Path) -> None:
    """Plain texts are as long as they are."""
    pq.write_table(pa.table({"a": TEXTS}), tmp_path / "a", use_dictionary=False)
    assert most(tmp_path / "a") == 0


def test_many_large_dictionaries_are_left_to_a_count(tmp_path: Path) -> None:
    """They would take longer to look through than the values to count."""
    column = pa.array([f"{i:01000}" for i in range(80_000)])
    pq.write_table(pa.table({"a": column}), tmp_path / "a", dictionary_pagesize_limit=1 << 30)
    assert most(tmp_path / "a") == math.inf


@given(st.data())
def test_damaged_pages_never_have_less_or_are_left_to_a_count(data: st.DataObject) -> None:
    """Whatever the header of a dictionary says, its longest text counts, or nobody trusts it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        pq.write_table(pa.table({"a": [LONG, "b", "c"] * 10}), path, compression="none")
        with pq.ParquetFile(path) as file:
            about = file.metadata
        content = bytearray(path.read_bytes())
        start = about.row_group(0).column(0).dictionary_page_offset
        size = content.index(LONG.encode()) - 4 - start
        at = data.draw(st.integers(0, size - 1))
        content[start + at] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            with pq.ParquetFile(path) as file:
                longest = max(map(len, file.read()["a"].to_pylist()))
        except (pa.ArrowException, OSError):
            return
        assert most_bytes(path, about, "a") >= 30 * longest

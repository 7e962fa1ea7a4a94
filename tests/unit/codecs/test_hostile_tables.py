"""Tables that are broken, or made to fill the memory: refused with a reason, before they do."""

from __future__ import annotations

import pickle
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.errors import LoadError

from .trips import read, refusal_within, written

KINDS = ["pandas.DataFrame", "polars.dataframe.frame.DataFrame", "pyarrow.lib.Table"]
FRAME = pd.DataFrame({"a": range(100), "b": [f"text {i}" for i in range(100)]})


def texts(rows: int, size: int) -> pa.DictionaryArray:
    """One text, and many references to it."""
    return pa.DictionaryArray.from_arrays(np.zeros(rows, "i4"), pa.array(["x" * size]))


def refused(form: str, path: Path, match: str, **how: Any) -> None:
    """It is, and Arrow allocates next to nothing for it."""
    before = pa.total_allocated_bytes()
    with pytest.raises(LoadError, match=match):
        read(form, path, **how)
    assert pa.total_allocated_bytes() - before < 1 << 20


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_a_cut_file_is_refused(form: str, kind: str, tmp_path: Path) -> None:
    """Wherever it is cut."""
    table: Any = pl.from_pandas(FRAME) if kind.startswith("polars") else FRAME
    _, path = written(table, tmp_path, form)
    whole = path.read_bytes()
    for size in (0, 1, 4, 8, 12, len(whole) // 3, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[:size])
        refused(form, path, "its data are no (Parquet|Arrow IPC) file", type=kind)


@pytest.mark.parametrize("length", [0, 1, 200, 1 << 20, (1 << 31) - 1, (1 << 32) - 1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_parquet_footer_that_lies_about_its_length_is_refused(
    length: int, kind: str, tmp_path: Path
) -> None:
    """It is believed by nobody."""
    _, path = written(FRAME, tmp_path)
    path.write_bytes(path.read_bytes()[:-8] + struct.pack("<I", length) + b"PAR1")
    refused("parquet", path, "its data are no Parquet file", type=kind)


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_damaged_bytes_give_a_table_or_a_refusal(form: str, tmp_path: Path) -> None:
    """Never another exception, and never the end of the process."""
    _, path = written(FRAME.head(9), tmp_path, form)
    whole = path.read_bytes()

    @given(
        st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=4),
        st.sampled_from(KINDS[::2]),
    )  # fmt: skip
    def check(changes: list[tuple[int, int]], kind: str) -> None:
        damaged = bytearray(whole)
        for place, value in changes:
            damaged[place] = value
        path.write_bytes(damaged)
        with suppress(LoadError):
            read(form, path, type=kind, limit=1 << 26)

    check()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "column",
    [
        pytest.param(lambda n: pa.array(np.zeros(n)), id="numbers"),
        pytest.param(pa.nulls, id="nothing"),
        pytest.param(lambda n: pa.array(np.zeros(n, bool)), id="booleans"),
        pytest.param(
            lambda n: pa.ListArray.from_arrays([0, n], pa.array(np.zeros(n))), id="one list"
        ),
    ],
)
def test_a_small_file_of_many_equal_values_is_refused_by_its_own_numbers(
    column: Any, kind: str, tmp_path: Path
) -> None:
    """Run lengths make millions of rows from some bytes."""
    pq.write_table(pa.table({"a": column(4_000_000)}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    refused("parquet", tmp_path / "a.parquet", "its table would take", type=kind, limit=3_999_999)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("nested", [False, True])
def test_one_long_text_and_a_million_references_are_refused(
    nested: bool, kind: str, tmp_path: Path
) -> None:
    """A terabyte from less than a megabyte, in a process that has half a gigabyte more."""
    column: Any = texts(1_000_000, 1_000_000)
    if nested:
        column = pa.StructArray.from_arrays([column], ["t"])
    pq.write_table(pa.table({"a": column}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    said = refusal_within("parquet", tmp_path / "a.parquet", megabytes=512, kind=kind)
    assert said.startswith("LoadError object note/a: its table would take "), said


def test_many_references_to_a_short_text_are_read(tmp_path: Path) -> None:
    """What is suspected by its numbers is counted, and only that is refused."""
    table = pa.table({"a": texts(200_000, 1000).dictionary_decode()})
    pq.write_table(table, tmp_path / "a.parquet")
    limit = 210_000_000
    back = read("parquet", tmp_path / "a.parquet", type=KINDS[2], limit=limit)
    assert back.equals(table)
    refused("parquet", tmp_path / "a.parquet", "its table would take", limit=190_000_000)


def test_prefixes_that_build_on_each_other_are_refused(tmp_path: Path) -> None:
    """The encoding DELTA_BYTE_ARRAY repeats the text before."""
    column = pa.array(["x" * 100_000] * 5000)
    pq.write_table(
        pa.table({"a": column}), tmp_path / "a.parquet",
        use_dictionary=False, column_encoding="DELTA_BYTE_ARRAY",
    )  # fmt: skip
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    with pytest.raises(LoadError, match="its table would take"):
        read("parquet", tmp_path / "a.parquet", limit=1 << 26)


def test_a_pickled_type_in_a_schema_is_not_loaded(tmp_path: Path) -> None:
    """Old versions of pyarrow ran it (CVE-2023-47248)."""
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (ran,)

    field = pa.field("a", pa.int64(), metadata={
        "ARROW:extension:name": "arrow.py_extension_type",
        "ARROW:extension:metadata": pickle.dumps(Evil()),
    })  # fmt: skip
    table = pa.table([pa.array([1])], schema=pa.schema([field]))
    pq.write_table(table, tmp_path / "a.parquet")
    with (
        pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as out,
    ):
        out.write_table(table)
    for form in ("parquet", "arrow"):
        for kind in KINDS:
            with suppress(LoadError):
                read(form, tmp_path / f"a.{form}", type=kind)
    assert not ran.exists()


def arrow_file(path: Path, *columns: pa.Array, **options: Any) -> Path:
    batch = pa.record_batch(list(columns), [f"c{i}" for i in range(len(columns))])
    form = pa.ipc.IpcWriteOptions(**options)
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, batch.schema, options=form) as out,
    ):
        out.write_batch(batch)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_compressed_buffers_of_arrow_are_refused(
    compression: str, mapped: bool, kind: str, tmp_path: Path
) -> None:
    """64 MB of zeros in some KB; only the buffers themselves know."""
    path = arrow_file(tmp_path / "a", pa.array(np.zeros(8_000_000)), compression=compression)
    refused("arrow", path, "its buffers are compressed", type=kind, mapped=mapped)
    words = pa.array(["x" * 100_000]).dictionary_encode()
    path = arrow_file(tmp_path / "b", words, compression=compression)
    refused("arrow", path, "its buffers are compressed", type=kind, mapped=mapped)


def test_offsets_that_point_outside_are_refused(tmp_path: Path) -> None:
    """Arrow would read the memory behind, or end the process."""
    path = arrow_file(tmp_path / "a", pa.array(["hello", "x"]))
    good, bad = struct.pack("<3i", 0, 5, 6), struct.pack("<3i", 0, 5, 1 << 30)
    assert path.read_bytes().count(good) == 1
    path.write_bytes(path.read_bytes().replace(good, bad))
    for mapped in (True, False):
        refused("arrow", path, "no Arrow IPC file", mapped=mapped)


def test_arrow_columns_without_bytes_are_not_made_into_rows(tmp_path: Path) -> None:
    """A billion nulls take none; as objects of pandas they would."""
    nothing = pa.Array.from_buffers(pa.null(), 1 << 30, [None], null_count=1 << 30)
    path = arrow_file(tmp_path / "a", nothing, nothing, nothing)
    refused("arrow", path, "its table would take 25769803776 bytes", type=KINDS[0])
    assert read("arrow", path, type=KINDS[2]).num_rows == 1 << 30


def test_views_of_one_text_are_not_made_into_texts(tmp_path: Path) -> None:
    """Each is sixteen bytes."""
    path = arrow_file(tmp_path / "a", pa.array(["x" * 99], pa.string_view()))
    refused("arrow", path, "of type string_view", type=KINDS[0])


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01" + bytes(range(256))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"", "no names of columns", id="empty"),
        pytest.param(b"\n\n", "no names of columns", id="blank"),
        pytest.param(PNG, "CSV", id="a picture"),
        pytest.param(b"a,b\n1,2\n3\n", "Expected 2 columns, got 1", id="ragged"),
        pytest.param(b"a\n\xff\xfe\n", "not UTF-8", id="not UTF-8"),
        pytest.param(b"a\0b\n1\n", "no names of columns", id="zeros"),
        pytest.param(b"," * 200_000 + b"\n", "more than 100000 columns", id="columns"),
        pytest.param(b"x" * (2 << 20), "more than 1048576 bytes", id="one line"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_csv_is_refused(data: bytes, problem: str, kind: str, tmp_path: Path) -> None:
    """Of anything."""
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(LoadError, match=problem):
        read("csv", tmp_path / "a.csv", type=kind)


@pytest.mark.parametrize("text", ["{}", "[1]", "[[1]]", "1", "[", '[{"a":1},2]'])
@pytest.mark.parametrize("kind", KINDS)
def test_json_that_is_no_list_of_records_is_no_table(text: str, kind: str, tmp_path: Path) -> None:
    """Where the manifest says that it was one."""
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(LoadError, match="no JSON text"):
        read("json", tmp_path / "a.json", type=kind)


@pytest.mark.parametrize("form", ["parquet", "arrow", "csv", "json"])
def test_a_file_over_the_limit_is_refused_before_it_is_read(form: str, tmp_path: Path) -> None:
    """Whatever it is."""
    _, path = written(FRAME, tmp_path, form)
    for kind in KINDS:
        refused(form, path, "the limit is 99", limit=99, type=kind)

"""safetensors without PyTorch: arrays by name, and headers that lie."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from syncnb.codecs import Loading, default_registry
from syncnb.errors import LoadError, ModelError

ARRAYS: dict[str, Any] = {
    "weight": np.arange(12, dtype="float32").reshape(3, 4).T,
    "half": np.array([1.5, -2.5], dtype="float16"),
    "swapped": np.array([1, 2, 3], dtype=">i8"),
    "flags": np.array([True, False]),
    "wave": np.array([1 + 2j], dtype="complex64"),
    "empty": np.zeros((0, 3)),
    "one": np.array(7.0),
}


def how(folder: Path, *, mapped: bool = False) -> Loading:
    return Loading(subject="object model/m", folder=folder, mapped=mapped)


def written(folder: Path, arrays: Any = None) -> Path:
    arrays = ARRAYS if arrays is None else arrays
    codec = default_registry().for_object(arrays, "safetensors")
    codec.check(arrays)
    path = folder / "data.safetensors"
    codec.dump(arrays, path)
    return path


def load(path: Path, *, mapped: bool = False) -> Any:
    codec = default_registry().for_format("safetensors")
    assert codec is not None
    return codec.load(path, how(path.parent, mapped=mapped))


@pytest.mark.parametrize("mapped", [False, True])
def test_arrays_come_out_as_they_were(mapped: bool, tmp_path: Path) -> None:
    """Bit for bit; mapped ones stay in the file and cannot be written."""
    back = load(written(tmp_path), mapped=mapped)
    assert sorted(back) == sorted(ARRAYS)
    for name, array in ARRAYS.items():
        assert back[name].dtype == array.dtype.newbyteorder("=")
        assert back[name].shape == array.shape
        np.testing.assert_array_equal(back[name], array)
    assert isinstance(back["weight"], np.memmap) == mapped
    assert back["weight"].flags.writeable != mapped


READER = """
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size, = struct.unpack("<Q", data[:8])
header = json.loads(data[8:8 + size])
start, end = (8 + size + at for at in header["weight"]["data_offsets"])
print(header["weight"]["dtype"], header["weight"]["shape"],
      list(struct.unpack("<12f", data[start:end])), "syncnb" in sys.modules)
"""


def test_twenty_lines_of_another_program_read_the_file(tmp_path: Path) -> None:
    """The format is its own: length, JSON, numbers."""
    said = subprocess.run(
        [sys.executable, "-c", READER, written(tmp_path)],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert said.strip() == f"F32 [4, 3] {ARRAYS['weight'].ravel().tolist()} False"


def forged(folder: Path, header: bytes, data: bytes = b"", length: int | None = None) -> Path:
    path = folder / "forged.safetensors"
    size = len(header) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + header + data)
    return path


@pytest.mark.parametrize("length", [10 << 30, 1 << 63, (1 << 64) - 1, 0, 1])
def test_header_of_ten_gigabytes_is_refused(length: int, tmp_path: Path) -> None:
    """Before anything but its length is read."""
    with pytest.raises(LoadError, match=f"claims {length} bytes"):
        load(forged(tmp_path, b"{}", length=length))


def test_real_header_over_the_limit_is_refused(tmp_path: Path) -> None:
    """A file of 10 GB could hold one of 10 GB, and JSON takes ten times that in memory."""
    path = tmp_path / "sparse.safetensors"
    with path.open("wb") as file:
        file.write((10 << 30).to_bytes(8, "little"))
        file.truncate(11 << 30)  # takes no room on the disk
    with pytest.raises(LoadError, match="the limit"):
        load(path)


def tensor(start: Any = 0, end: Any = 8, shape: Any = (2,), dtype: str = "F32") -> bytes:
    entry = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    return json.dumps({"x": entry}).encode()


@pytest.mark.parametrize(
    "header",
    [
        tensor(0, 1 << 40, (1 << 38,)),
        tensor(-8, 0),
        tensor(8, 0),
        tensor(0, 8, (3,)),
        tensor(0, 8, (1 << 40, 1 << 40)),
        tensor(0, 8, (-2,)),
        tensor(4, 8, (1,)),
        tensor("0", "8"),
        tensor(0, 8, (2,), "F128"),
        b"[]",
        b"{" * 10,
        b"[" * 100_000,
        b'{"__metadata__": {"a": 1}}',
        b'{"__metadata__": [1]}',
        b'{"__metadata__": {}, "__metadata__": "x"}',
        b'{"x": null}',
    ],
)
def test_header_that_lies_is_refused(header: bytes, tmp_path: Path) -> None:
    """Offsets outside, overlapping, or of another size than the shape."""
    with pytest.raises(LoadError, match="object model/m"):
        load(forged(tmp_path, header, b"\0" * 8))


def test_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    """At any length."""
    path = written(tmp_path)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(LoadError):
            load(path)


@pytest.mark.parametrize(
    "array", [np.array(["a"], dtype=object), np.array(["a"]), np.array([1], "M8[s]")]
)
def test_array_of_another_type_is_refused(array: Any, tmp_path: Path) -> None:
    """Before anything is written."""
    with pytest.raises(ModelError, match="'x' is an array of"):
        written(tmp_path, {"x": array})

"""numpy arrays come back bit for bit, and files that lie do not come back at all."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from syncnb.codecs.npy import read_header
from syncnb.errors import LoadError, ModelError, UntrustedDataError

from .trips import read, refusal_within, trip, written

ANY = stn.arrays(
    stn.scalar_dtypes() | stn.array_dtypes(stn.scalar_dtypes()),
    stn.array_shapes(min_dims=0, min_side=0, max_dims=3),
)


class Own(np.ndarray[Any, Any]):
    """An array of somebody."""


def same(back: Any, array: Any) -> bool:
    """Bit for bit, so that no NaN differs from itself."""
    return bool(
        back.dtype == array.dtype
        and back.shape == array.shape
        and back.tobytes() == array.tobytes()
    )


@given(ANY, st.booleans())
def test_any_array_comes_back_bit_for_bit(array: Any, mapped: bool) -> None:
    """Of any dtype, shape and byte order."""
    assert same(trip(array, mapped=mapped), array)


@given(
    st.dictionaries(
        st.text(st.characters(categories=["L", "N", "P"]), min_size=1), ANY, min_size=1, max_size=3
    )
)
def test_any_named_arrays_come_back_bit_for_bit(arrays: dict[str, Any]) -> None:
    """In their order."""
    back = trip(arrays)
    assert list(back) == list(arrays)
    assert all(same(back[name], array) for name, array in arrays.items())


@pytest.mark.filterwarnings("ignore:Stored array in format:UserWarning")
@given(ANY)
def test_header_is_read_as_numpy_reads_it(array: Any) -> None:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    file.seek(0)
    header = read_header(file)
    assert (header.shape, header.size) == (array.shape, array.nbytes)
    assert header.dtype.str == array.dtype.str
    assert len(file.read()) == array.nbytes


@given(
    st.binary(max_size=5) | st.sampled_from([b"', 'shape': (9,", b"[('a', '<i4'", b"(", b"O"]),
    st.data(),
)
def test_odd_header_is_read_as_numpy_reads_it_or_refused(odd: bytes, data: st.DataObject) -> None:
    """Something in it is another."""
    file = io.BytesIO()
    np.save(file, np.zeros((2, 3), "<i4,<f8" if data.draw(st.booleans()) else "<f8"))
    text = file.getvalue()[10:128]
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(len(text), at + 8)))
    text = text[:at] + odd + text[until:]
    head = io.BytesIO(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
    try:
        shape, dtype = read_header(head)
    except ValueError:
        return
    head.seek(8)
    assert np.lib.format.read_array_header_1_0(head)[::2] == (shape, dtype)


def test_order_of_memory_and_views_survive() -> None:
    """Fortran order as such, a slice as its values."""
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert trip(fortran).flags.f_contiguous
    assert same(trip(np.arange(10)[::3]), np.arange(10)[::3])
    memory = trip(fortran, mapped=True)
    assert type(memory) is np.ndarray
    assert isinstance(memory.base, np.memmap)
    assert same(trip(memory), fortran)


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    """So that nothing is sent twice."""
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _, path = written({"a": np.arange(9), "b": np.ones((2, 2))}, tmp_path / name)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_numpy_alone_reads_the_files(tmp_path: Path) -> None:
    """In an interpreter without syncnb."""
    _, one = written(np.arange(3), tmp_path)
    _, many = written({"a": np.arange(3), "b": np.ones(2)}, tmp_path)
    code = (
        "import sys, numpy as np; many = np.load(sys.argv[2]);"
        "print(np.load(sys.argv[1]).tolist(), many['a'].tolist(), many['b'].tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(one), str(many)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "[0, 1, 2] [0, 1, 2] [1.0, 1.0]\n"


@pytest.mark.parametrize(
    ("array", "problem", "remedy"),
    [
        (np.array([{}]), "only pickle", "astype"),
        (np.array([(1, None)], dtype=[("a", int), ("b", object)]), "only pickle", "astype"),
        (np.ma.masked_array([1, 2], [False, True]), "MaskedArray", "asarray"),
        (np.ones(2).view(Own), "Own", "asarray"),
        (np.array(["a"], dtype=np.dtypes.StringDType()), "would not survive|pickle", "astype"),
        (np.array([1], dtype=np.dtype(int, metadata={"unit": "mm"})), "would not survive", "astype"),
        (np.array([b""], dtype="V0"), "would not survive", "astype"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("named", [False, True])
def test_arrays_that_need_pickle_or_lose_something_are_refused(
    array: Any, problem: str, remedy: str, named: bool, tmp_path: Path
) -> None:
    """With the remedy; nothing is pickled."""
    with pytest.raises(ModelError, match=problem) as caught:
        written({"a": array} if named else array, tmp_path)
    assert remedy in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "a\0b", 5, "a\nb"])
def test_names_of_arrays_that_are_none_are_refused(name: Any, tmp_path: Path) -> None:
    """ZIP cuts at a zero."""
    with pytest.raises(ModelError, match="is no printable text"):
        written({name: np.ones(1)}, tmp_path)


def npy(descr: str, shape: object, data: bytes = b"", *, version: int = 1) -> bytes:
    """A file with a header of one's own."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + data


BAD = {
    "ten terabytes": npy("'<f8'", (1 << 40,)),
    "a product that wraps": npy("'<f8'", (1 << 32, 1 << 32)),
    "less than nothing": npy("'<f8'", (-1,), b"\0" * 8),
    "too few bytes": npy("'<f8'", (3,), b"\0" * 16),
    "too many bytes": npy("'<f8'", (1,), b"\0" * 16),
    "items of no bytes": npy("'|V0'", (1 << 40,)),
    "texts of no characters": npy("'<U0'", (1 << 40,)),
    "a header of 4 GB": b"\x93NUMPY\x02\0\xff\xff\xff\xff",
    "a header that calls": npy("__import__('os').system('true')", (1,)),
    "a deep header": npy("(" * 5000, (1,)),
    "an unknown version": npy("'<f8'", (1,), b"\0" * 8, version=9),
    "no array": b"%PDF-1.7 ...",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("mapped", [False, True])
def test_a_file_that_lies_is_refused(kind: str, mapped: bool, tmp_path: Path) -> None:
    """Before memory is asked for."""
    (tmp_path / "a.npy").write_bytes(BAD[kind])
    with pytest.raises(LoadError, match=r"no \.npy file|its array would take"):
        read("npy", tmp_path / "a.npy", mapped=mapped)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", BAD[kind])
    with pytest.raises(LoadError, match=r"no \.npz file|its array would take"):
        read("npz", tmp_path / "a.npz")


class Evil:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("trusted", [False, True])
def test_pickled_objects_are_never_loaded(trusted: bool, tmp_path: Path) -> None:
    """Whatever the caller trusts: nothing that is published needs it."""
    data, ran = io.BytesIO(), tmp_path / "ran"
    np.save(data, np.array([Evil(ran)], dtype=object), allow_pickle=True)
    (tmp_path / "a.npy").write_bytes(data.getvalue())
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Evil(ran)))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", data.getvalue())
    for form in ("npy", "npz"):
        with pytest.raises(UntrustedDataError, match="pickled objects"):
            read(form, tmp_path / f"a.{form}", trusted=trusted)
    with pytest.raises(LoadError):
        read("npy", tmp_path / "b.npy", trusted=trusted)
    assert not ran.exists()


def test_a_bomb_of_named_arrays_is_refused(tmp_path: Path) -> None:
    """By its directory, and where that lies, by what deflate can do at most."""
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy("'<f8'", (1 << 22,), bytes(1 << 25)))
    with pytest.raises(LoadError, match="what it unpacks to would take"):
        read("npz", path, limit=1 << 24)
    data = path.read_bytes()
    place = data.rindex(b"PK\x01\x02") + 24
    path.write_bytes(data[:place] + struct.pack("<I", 0xFFFFFFF0) + data[place + 4 :])
    assert "claims 4294967280 bytes" in refusal_within("npz", path, megabytes=256)


def test_an_array_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    """It is honest, and too large."""
    _, path = written(np.ones(100), tmp_path)
    with pytest.raises(LoadError, match="its array would take 800 bytes, the limit is 799"):
        read("npy", path, limit=799)


def test_what_is_no_array_in_an_archive_is_refused(tmp_path: Path) -> None:
    """It would be lost, or worse."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.pkl", b"data")
    with pytest.raises(LoadError, match=r"'a\.pkl' is no array"):
        read("npz", tmp_path / "a.npz")


def test_a_header_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    """Also if the file has them."""
    with (tmp_path / "a.npy").open("wb") as file:
        file.write(b"\x93NUMPY\x02\0" + struct.pack("<I", 0xF0000000))
        file.truncate(0xF0001000)
    said = refusal_within("npy", tmp_path / "a.npy", megabytes=256)
    assert "its header claims 4026531840 bytes" in said


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    """Readers differ in which they take."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for number in (1, 2):
            archive.writestr("a.npy", npy("'|u1'", (1,), bytes([number])))
    with pytest.raises(LoadError, match=r"it has 'a\.npy' twice"):
        read("npz", tmp_path / "a.npz")

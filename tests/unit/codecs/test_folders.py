"""A folder comes back as it was, and an archive gets nowhere but into its own folder."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.codecs import Loading, default_registry
from syncnb.codecs.zips import MAX_ENTRIES, entry
from syncnb.errors import LoadError, ModelError

from .trips import read, refusal_within, written

NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
TREES: st.SearchStrategy[Any] = st.dictionaries(
    NAMES,
    st.recursive(st.binary(max_size=99), lambda inner: st.dictionaries(NAMES, inner), max_leaves=9),
    min_size=1,
)


def grow(folder: Path, tree: Mapping[str, Any]) -> Path:
    """The folder with these files and folders."""
    folder.mkdir(exist_ok=True)
    for name, inner in tree.items():
        if isinstance(inner, bytes):
            (folder / name).write_bytes(inner)
        else:
            grow(folder / name, inner)
    return folder


def tree_of(folder: Path) -> dict[str, Any]:
    """What is in a folder."""
    return {
        path.name: tree_of(path) if path.is_dir() else path.read_bytes()
        for path in folder.iterdir()
    }


def differ_by_more_than_case(tree: Mapping[str, Any]) -> bool:
    """As every node can hold."""
    return len({name.casefold() for name in tree}) == len(tree) and all(
        isinstance(inner, bytes) or differ_by_more_than_case(inner) for inner in tree.values()
    )


@given(TREES.filter(differ_by_more_than_case))
def test_any_tree_comes_back(tree: dict[str, Any]) -> None:
    """With its empty files and folders."""
    with tempfile.TemporaryDirectory() as name:
        source = grow(Path(name) / "tree", tree)
        try:
            _, path = written(source, Path(name))
        except ModelError:  # a few letters are no name on every system, or the same as others
            return
        assert tree_of(read("folder", path)) == tree


TREE = {"a": {"weights.bin": b"\0" * 3000, "empty": {}}, "config.json": b"{}", "é.txt": b""}


def test_the_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    """Whenever, by whomever and in whatever order it was made."""
    digests = set()
    for number, order in enumerate((TREE, dict(reversed(TREE.items())))):
        source = grow(tmp_path / f"tree{number}", order)
        os.utime(source / "config.json", (number, number))
        (source / "config.json").chmod(0o600 + 0o155 * number)
        (tmp_path / f"out{number}").mkdir()
        _, path = written(source, tmp_path / f"out{number}")
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert digests == {"61d7abddda4961fafedc075d9cf7656cb3f6866ea121076d0fd617ba7ff19e6c"}


def test_others_unpack_it(tmp_path: Path) -> None:
    """An interpreter without syncnb."""
    _, path = written(grow(tmp_path / "tree", TREE), tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run([sys.executable, "-I", "-m", "zipfile", "-e", path, out], check=True)
    assert tree_of(out) == TREE


def test_links_to_files_of_the_folder_become_files(tmp_path: Path) -> None:
    """As in the cache of Hugging Face, if all of it is published."""
    source = grow(tmp_path / "tree", {"blobs": {"x": b"data"}})
    (source / "model.bin").symlink_to("blobs/x")
    _, path = written(source, tmp_path)
    back = read("folder", path)
    assert tree_of(back) == {"blobs": {"x": b"data"}, "model.bin": b"data"}
    assert not (back / "model.bin").is_symlink()


def out_link(folder: Path) -> None:
    (folder / "x").symlink_to("/etc/passwd")


def out_folder(folder: Path) -> None:
    (folder / "x").symlink_to("..")


def own_folder(folder: Path) -> None:
    (folder / "x").symlink_to(".")


def nowhere(folder: Path) -> None:
    (folder / "x").symlink_to("none")


def itself(folder: Path) -> None:
    (folder / "x").symlink_to("x")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "x")


def unix_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        before = Path.cwd()
        os.chdir(folder)
        server.bind("x")
        os.chdir(before)


def both_cases(folder: Path) -> None:
    (folder / "x").touch()
    (folder / "X").touch()


def named(name: str | bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        Path(os.fsdecode(os.path.join(os.fsencode(folder), os.fsencode(name)))).touch()

    return make


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (out_link, "'x' is a link that leads out of the folder, to '/etc/passwd'"),
        (out_folder, "'x' is a link that leads out of the folder"),
        (own_folder, "'x' is a link to .*, which is no file"),
        (nowhere, "'x' is a link to 'none', which is not there"),
        (itself, "'x' is a link to 'x', which is not there"),
        (pipe, "'x' is neither a file nor a folder"),
        (unix_socket, "'x' is neither a file nor a folder"),
        (both_cases, "'x' differs from 'X' by case only"),
        (named("a\nb"), "control character"),
        (named("a\\b"), "not every system"),
        (named("c:x"), "not every system"),
        (named("x."), "not every system"),
        (named("nul.txt"), "reserved on Windows"),
        (named(b"\xff"), "no UTF-8"),
    ],
)
def test_what_not_every_node_could_hold_is_refused(
    make: Callable[[Path], None], problem: str, tmp_path: Path
) -> None:
    """With its name, and links out of the folder above all."""
    source = grow(tmp_path / "tree", {"y": b"1"})
    make(source)
    with pytest.raises(ModelError, match=problem):
        written(source, tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """It is a mistake."""
    with pytest.raises(ModelError, match="has 0 entries"):
        written(grow(tmp_path / "tree", {}), tmp_path)


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = entry(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target.encode()


def device(name: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = entry(name)
    info.external_attr = (stat.S_IFCHR | 0o666) << 16
    return info, b""


def raw(name: str, data: bytes = b"evil") -> tuple[zipfile.ZipInfo, bytes]:
    return entry(name), data


GOOD = raw("good.txt")


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        pytest.param([GOOD, raw("../evil")], "no plain path", id="up"),
        pytest.param([GOOD, raw("a/../../evil")], "no plain path", id="up in the middle"),
        pytest.param([GOOD, raw("/tmp/evil")], "no plain path", id="absolute"),  # noqa: S108
        pytest.param([GOOD, raw("//host/evil")], "no plain path", id="host"),
        pytest.param([GOOD, raw("./evil")], "no plain path", id="dot"),
        pytest.param([GOOD, raw("C:evil")], "not every system", id="drive"),
        pytest.param([GOOD, raw("..\\evil")], "not every system", id="backslash"),
        pytest.param([GOOD, raw("a\x1bb")], "control character", id="escape"),
        pytest.param([GOOD, raw("con")], "reserved", id="reserved"),
        pytest.param([GOOD, raw("x" * 256)], "more than 255 bytes", id="long"),
        pytest.param([GOOD, link("evil", "/etc")], "a link or a device", id="link"),
        pytest.param([link("a", "/etc"), raw("a/evil")], "a link or a device", id="through a link"),
        pytest.param([GOOD, device("evil")], "a link or a device", id="device"),
        pytest.param([GOOD, GOOD], "twice", id="twice"),
        pytest.param([GOOD, raw("GOOD.TXT")], "twice, if case", id="case"),
        pytest.param([raw("é"), raw("e\u0301")], "twice, if case", id="composed"),
        pytest.param([GOOD, raw("good.txt/evil")], "a file and a folder", id="below a file"),
        pytest.param([raw("a/b"), raw("A")], "twice, if case", id="a folder as a file"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_an_archive_that_would_get_out_is_refused_whole(
    entries: list[tuple[zipfile.ZipInfo, bytes]], problem: str, tmp_path: Path
) -> None:
    """Nothing of it is written, the good files neither."""
    inside = tmp_path / "in"
    inside.mkdir()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for info, data in entries:
            archive.writestr(info, data)
    with pytest.raises(LoadError, match=problem):
        load(tmp_path / "a.zip", inside)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "in"]


def load(path: Path, folder: Path, **how: Any) -> Path:
    codec = default_registry().for_format("folder")
    assert codec is not None
    loading = Loading(subject="object note/a", folder=folder, **how)
    return Path(default_registry().load(codec, path, loading))


def refused_and_gone(path: Path, problem: str, **how: Any) -> None:
    """Nothing is left where it would have been unpacked."""
    inside = path.parent / "in"
    inside.mkdir(exist_ok=True)
    with pytest.raises(LoadError, match=problem):
        load(path, inside, **how)
    assert not list(inside.iterdir())


def test_a_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    """32 MB of zeros from 32 KB."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(4):
            archive.writestr(f"zeros{i}", bytes(1 << 23))
    assert (tmp_path / "a.zip").stat().st_size < 40_000
    refused_and_gone(tmp_path / "a.zip", "what it unpacks to would take 33554432 b", limit=1 << 24)


def patched(path: Path, offset: int, value: int) -> None:
    """Another number in the entry of the last file in the directory."""
    data = path.read_bytes()
    place = data.rindex(b"PK\x01\x02") + offset
    path.write_bytes(data[:place] + struct.pack("<I", value) + data[place + 4 :])


SIZE, PACKED = 24, 20  # places in an entry


def test_a_directory_that_lies_is_refused(tmp_path: Path) -> None:
    """More than deflate can do; less than there is, which its check sum shows."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.txt", b"data")
        archive.writestr("zeros", bytes(1 << 20))
    whole = path.read_bytes()
    patched(path, SIZE, 0xFFFFFFF0)
    refused_and_gone(path, "claims 4294967280 bytes")
    path.write_bytes(whole)
    patched(path, SIZE, 100)
    refused_and_gone(path, "Bad CRC-32")
    path.write_bytes(whole)
    patched(path, PACKED, 10)
    refused_and_gone(path, "claims 1048576 bytes")


def test_bytes_that_are_really_written_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the directory were believed, the disk is not filled."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(1 << 23))
    monkeypatch.setattr("syncnb.codecs.zips.within", lambda *_: None)
    refused_and_gone(tmp_path / "a.zip", "unpacks to more than it says", limit=1 << 22)


def test_an_archive_larger_than_the_disk_is_refused_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the place and what is left there."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", bytes(1000))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=999))
    refused_and_gone(tmp_path / "a.zip", "unpacks to 1000 bytes, and .* has 999 left")


def test_a_directory_of_too_many_entries_is_refused(tmp_path: Path) -> None:
    """Each would be an inode, also if it is empty."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(MAX_ENTRIES + 1):
            archive.writestr(entry(f"{i}"), b"")
    refused_and_gone(tmp_path / "a.zip", "it has 100001 entries")


def test_a_directory_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    """It would be read at once."""
    with (tmp_path / "a.zip").open("wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 30)
        file.write(b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 9, 9, 1 << 30, 0, 0))
    said = refusal_within("folder", tmp_path / "a.zip", megabytes=128)
    assert "a part of it has more than 16777216 bytes" in said


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compression_is_refused(method: int, tmp_path: Path) -> None:
    """Its ratio has no bound."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a", bytes(100))
    refused_and_gone(tmp_path / "a.zip", "is compressed by method")


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    """Nobody has its password."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", b"data")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(mark) + offset] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    refused_and_gone(tmp_path / "a.zip", "'a' is encrypted")


def tar_with_a_way_out() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../evil"))
    return data.getvalue()


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\x05\x06", b"data" * 99, tar_with_a_way_out()], ids=range(5)
)
def test_what_is_no_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    """A tar neither."""
    (tmp_path / "a.zip").write_bytes(data)
    refused_and_gone(tmp_path / "a.zip", "its data are no archive of a folder")


def test_a_broken_archive_leaves_nothing_behind(tmp_path: Path) -> None:
    """Cut, or damaged in the data of its last file."""
    _, path = written(grow(tmp_path / "tree", {"a": b"1" * 100, "b": b"2" * 100}), tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"2" * 100, b"2" * 99 + b"3"))
    refused_and_gone(path, "Bad CRC-32")
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        refused_and_gone(path, "its data are no archive")

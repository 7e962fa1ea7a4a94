"""A file that is copied, digested and read in one go."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb import LocalFleet
from syncnb.copying import Copy, CopyFailed

LARGE = os.urandom(5_000_000)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(LARGE)
    return path


@pytest.mark.parametrize("data", [b"", b"a", LARGE], ids=len)
def test_reader_and_digest_wait_for_all_of_it(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(data)
    with Copy(tmp_path / "source", tmp_path / "copy") as copy:
        with copy.reader() as file:
            assert b"".join(iter(lambda: file.read(100_000), b"")) == data
        assert copy.digest() == sha256(data).hexdigest()
        assert copy.path.read_bytes() == data


@given(st.lists(st.tuples(st.integers(0, 5_100_000), st.integers(0, 200_000)), max_size=5))
def test_reader_reads_as_the_file_does(
    tmp_path_factory: pytest.TempPathFactory, reads: list[tuple[int, int]]
) -> None:
    """From any place, as whoever repeats an upload."""
    folder = tmp_path_factory.mktemp("copy")
    (folder / "source").write_bytes(LARGE)
    with Copy(folder / "source", folder / "copy") as copy, copy.reader() as file:
        assert file.seek(0, os.SEEK_END) == len(LARGE)
        for at, size in reads:
            file.seek(at)
            read = file.read(size)
            assert read == LARGE[at : at + len(read)]
            assert bool(read) == (at < len(LARGE) and size > 0)
            assert file.tell() == at + len(read)


@pytest.mark.parametrize("size", [0, 4_999_999, 5_000_001])
def test_file_that_changes_its_size_fails(source: Path, size: int, tmp_path: Path) -> None:
    """The size has been announced by then."""
    copy = Copy(source, tmp_path / "copy")
    os.truncate(source, size)
    with copy, copy.reader() as file:
        with pytest.raises(CopyFailed, match="it had 5000000 bytes, and then"):
            copy.digest()
        file.seek(5_000_000)
        with pytest.raises(CopyFailed):
            file.read(1)


def test_what_is_there_already_is_not_written_over(source: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"mine")
    with pytest.raises(FileExistsError), Copy(source, tmp_path / "copy"):
        pass
    assert (tmp_path / "copy").read_bytes() == b"mine"


def test_thread_ends_with_the_block(source: Path, tmp_path: Path) -> None:
    """Also if nobody waited for it."""
    with pytest.raises(KeyboardInterrupt), Copy(source, tmp_path / "copy"):
        raise KeyboardInterrupt
    assert not [one for one in threading.enumerate() if one.name == "syncnb-copy"]


PUBLISH = """
import resource, signal, sys
from syncnb import publish_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
publish_file(sys.argv[1], object_type="full", dest_type="edge", **eval(sys.argv[2]))
"""


@pytest.mark.parametrize("wanted", [False, True])
def test_disk_that_is_full_stops_the_archive_and_not_the_publication(
    fleet: LocalFleet, source: Path, wanted: bool, tmp_path: Path
) -> None:
    """Unless the archive was asked for: here no file may become larger than a megabyte."""
    archive = tmp_path / "archive"
    options = {"archive": str(archive)} if wanted else {}
    name = "asked" if wanted else "unasked"
    source = source.rename(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", PUBLISH, source, repr(options)],
        env={**os.environ, **fleet.environment("cloud"), "SYNCNB_ARCHIVE": "", "XDG_DATA_HOME": str(tmp_path / "data")},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    there = [one.object_id for one in fleet.cloud.objects("full")]
    if wanted:
        assert done.returncode == 1
        assert "ArchiveError" in done.stderr
        assert "too large" in done.stderr
        assert name not in there
    else:
        assert done.returncode == 0, done.stderr
        assert "Publishing goes on without the archive" in done.stderr
        assert fleet.cloud.read_object_data(fleet.cloud.get_object_metadata("full", name)) == LARGE

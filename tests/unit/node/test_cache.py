"""The cache of a node: never a half or a wrong file, never more than it may hold."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from syncnb import Cache
from syncnb.cache_settings import cache_path, size_setting
from syncnb.errors import SettingsError

WRITER = """
import sys, time
from hashlib import sha256
from pathlib import Path
from syncnb import Cache

data = b"x" * 1_000_000
def fill(path):
    with path.open("wb") as file:
        for start in range(0, len(data), 100_000):
            file.write(data[start:start + 100_000])
            file.flush()
            if start == 500_000:
                print("half", flush=True)
                time.sleep(float(sys.argv[2]))

with Cache(sys.argv[1]).open(sha256(data).hexdigest(), "data", fill) as lease:
    print(sha256(lease.path.read_bytes()).hexdigest(), flush=True)
"""
BIG = sha256(b"x" * 1_000_000).hexdigest()


def digest_of(data: bytes) -> str:
    return sha256(data).hexdigest()


def writing(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def never(path: Path) -> object:
    pytest.fail("it is fetched although it is here")


def put(cache: Cache, data: bytes) -> str:
    cache.open(digest_of(data), "data", writing(data)).close()
    return digest_of(data)


def held(cache: Cache) -> list[str]:
    return sorted(path.name for path in (cache.path / "data").iterdir())


def start(folder: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def test_what_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    """Whatever it is called this time."""
    cache = Cache(tmp_path)
    put(cache, b"data")
    with Cache(tmp_path).open(digest_of(b"data"), "model.onnx", never) as lease:
        assert lease.path.name == "model.onnx"
        assert lease.path.read_bytes() == b"data"


def test_nothing_is_left_of_a_fetch_that_failed(tmp_path: Path) -> None:
    """Neither a file nor a folder."""
    cache = Cache(tmp_path)

    def broken(path: Path) -> object:
        path.write_bytes(b"da")
        raise ConnectionError("it broke")

    with pytest.raises(ConnectionError, match="it broke"):
        cache.open(digest_of(b"data"), "data", broken)
    assert not held(cache)
    assert not list((tmp_path / "leases").iterdir())


@pytest.mark.parametrize("damage", [b"dat", b"dataa", b"dota"], ids=["short", "long", "other"])
def test_damaged_file_is_fetched_again(tmp_path: Path, damage: bytes) -> None:
    """It is noticed by its size or its time."""
    cache = Cache(tmp_path)
    blob = tmp_path / "data" / put(cache, b"data")
    blob.chmod(0o600)
    blob.write_bytes(damage)
    with cache.open(blob.name, "data", writing(b"data")) as lease:
        assert lease.path.read_bytes() == b"data"
    assert blob.read_bytes() == b"data"


def test_damage_that_keeps_size_and_time_is_noticed_after_a_restart(tmp_path: Path) -> None:
    """A power loss leaves such files; each is compared with its digest once."""
    cache = Cache(tmp_path)
    blob = tmp_path / "data" / put(cache, b"data")
    status, note = blob.stat(), tmp_path / "used" / blob.name
    blob.chmod(0o600)
    blob.write_bytes(b"\0\0\0\0")
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))
    note.write_text(note.read_text().replace('"boot": "', '"boot": "an earlier one '))
    with cache.open(blob.name, "data", writing(b"data")) as lease:
        assert lease.path.read_bytes() == b"data"


def test_what_is_kept_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has to be there after a loss of power, when nobody can be asked for it again."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_ino))
    cache = Cache(tmp_path)
    blob = tmp_path / "data" / put(cache, b"data")
    assert not synced
    cache.keep("in use", blob.name)
    assert {blob.stat().st_ino, blob.parent.stat().st_ino} <= set(synced)


def test_file_without_a_note_is_compared_with_its_digest(tmp_path: Path) -> None:
    """A process may have ended between the two."""
    cache = Cache(tmp_path)
    digest = put(cache, b"data")
    (tmp_path / "used" / digest).unlink()
    with cache.open(digest, "data", never) as lease:
        assert lease.path.read_bytes() == b"data"
    (tmp_path / "used" / digest).unlink()
    (tmp_path / "data" / digest).chmod(0o600)
    (tmp_path / "data" / digest).write_bytes(b"odd!")
    with cache.open(digest, "data", writing(b"data")) as lease:
        assert lease.path.read_bytes() == b"data"


def test_least_recently_used_goes_first(tmp_path: Path) -> None:
    """Use counts, not age."""
    cache = Cache(tmp_path, size=30)
    first, second, third = (put(cache, bytes([n]) * 10) for n in range(3))
    for number, digest in enumerate((second, third, first)):
        os.utime(tmp_path / "used" / digest, (number, number))
    cache.open(second, "data", never).close()
    fourth = put(cache, b"4" * 10)
    assert held(cache) == sorted([first, second, fourth])


def test_what_is_kept_is_not_evicted(tmp_path: Path) -> None:
    """Until another file has its label."""
    cache = Cache(tmp_path, size=20)
    first = put(cache, b"1" * 10)
    cache.keep("in use", first, version="1")
    put(cache, b"2" * 10)
    third = put(cache, b"3" * 10)
    assert held(cache) == sorted([first, third])
    cache.keep("in use", third)
    fourth = put(cache, b"4" * 10)
    assert held(cache) == sorted([third, fourth])
    cache.forget("in use")
    cache.clear()
    assert not held(cache)


def test_file_that_does_not_fit_is_used_and_not_kept(tmp_path: Path) -> None:
    """And evicts nothing."""
    cache = Cache(tmp_path, size=20)
    small = put(cache, b"1" * 10)
    with cache.open(digest_of(b"2" * 21), "data", writing(b"2" * 21)) as lease:
        assert lease.path.read_bytes() == b"2" * 21
    assert held(cache) == [small]


def test_file_in_use_stays_where_it_is(tmp_path: Path) -> None:
    """The cache may lose it meanwhile."""
    cache = Cache(tmp_path, size=10)
    with cache.open(digest_of(b"1" * 10), "data", writing(b"1" * 10)) as lease:
        put(cache, b"2" * 10)
        assert digest_of(b"1" * 10) not in cache
        assert lease.path.read_bytes() == b"1" * 10
    assert not lease.path.exists()


def test_killed_process_leaves_no_half_file(tmp_path: Path) -> None:
    """And what it left is removed by the next one."""
    with start(tmp_path, 60) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "half\n"
        assert not held(Cache(tmp_path))
        killed.send_signal(signal.SIGKILL)
    (left,) = [path for path in (tmp_path / "leases").iterdir() if path.is_dir()]
    assert (left / "data").stat().st_size == 600_000
    with start(tmp_path, 0) as again:
        assert again.stdout is not None
        assert again.stdout.read().split() == ["half", BIG]
    assert held(Cache(tmp_path)) == [BIG]
    assert not list((tmp_path / "leases").iterdir())


def test_lease_of_a_running_process_is_not_swept(tmp_path: Path) -> None:
    """However many others begin."""
    cache = Cache(tmp_path)
    with cache.open(digest_of(b"data"), "data", writing(b"data")) as lease:
        with start(tmp_path, 0) as other:
            assert other.stdout is not None
            assert other.stdout.read().split() == ["half", BIG]
        assert lease.path.read_bytes() == b"data"


def test_processes_that_fetch_the_same_all_have_it(tmp_path: Path) -> None:
    """At the same time; none sees a half file."""
    running = [start(tmp_path, 0.3) for _ in range(4)]
    for process in running:
        with process:
            assert process.stdout is not None
            assert process.stdout.read().split()[-1] == BIG
    assert held(Cache(tmp_path)) == [BIG]
    assert not list((tmp_path / "leases").iterdir())


def test_child_does_not_remove_what_its_parent_uses(tmp_path: Path) -> None:
    """After a fork both have the lease."""
    with Cache(tmp_path).open(digest_of(b"data"), "data", writing(b"data")) as lease:
        child = os.fork()
        if not child:
            lease.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert lease.path.read_bytes() == b"data"


def test_full_disk_costs_the_rest_of_the_cache(tmp_path: Path) -> None:
    """What was kept for later makes room for what is needed now."""
    cache = Cache(tmp_path)
    old = put(cache, b"old")
    tries: list[bool] = []

    def full_at_first(path: Path) -> object:
        tries.append(old in cache)
        if old in cache:
            raise OSError(errno.ENOSPC, "No space left on device")
        return path.write_bytes(b"data")

    with cache.open(digest_of(b"data"), "data", full_at_first) as lease:
        assert lease.path.read_bytes() == b"data"
    assert tries == [True, False]


def test_full_disk_without_a_remedy_is_an_error(tmp_path: Path) -> None:
    """Of the system, as it is."""
    tries = []

    def full(path: Path) -> object:
        tries.append(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Cache(tmp_path).open(digest_of(b"data"), "data", full)
    assert len(tries) == 2


def test_folder_that_others_write_to_is_refused(tmp_path: Path) -> None:
    """They could exchange a model for theirs."""
    tmp_path.chmod(0o777)
    with pytest.raises(SettingsError, match="others may write"):
        Cache(tmp_path).open(digest_of(b"data"), "data", never)


def test_digest_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """It comes from the wire."""
    with pytest.raises(SettingsError, match="no SHA-256"):
        Cache(tmp_path).open("../../x", "data", never)


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 10 << 30), ("1000", 1000), ("500M", 500 << 20), ("1.5 GiB", 3 << 29), ("2tb", 2 << 40)],
)
def test_size_is_written_as_people_do(text: str, size: int) -> None:
    """In powers of 1,024."""
    assert size_setting({"SYNCNB_CACHE_SIZE": text}) == size


@pytest.mark.parametrize("text", ["much", "-1", "0", "10X", "1e9"])
def test_size_that_is_none_is_refused(text: str) -> None:
    """And named."""
    with pytest.raises(SettingsError, match="SYNCNB_CACHE_SIZE"):
        size_setting({"SYNCNB_CACHE_SIZE": text})
    with pytest.raises(SettingsError, match="no number of bytes"):
        Cache(size=0)


def test_place_is_that_of_the_platform() -> None:
    """Or the one that is named."""
    assert cache_path({"HOME": "/h"}, "linux") == Path("/h/.cache/syncnb")
    assert cache_path({"HOME": "/h", "XDG_CACHE_HOME": "odd"}, "linux") == Path("/h/.cache/syncnb")
    assert cache_path({"HOME": "/h"}, "darwin") == Path("/h/Library/Caches/syncnb")
    assert cache_path({"SYNCNB_CACHE": "/srv/cache"}) == Path("/srv/cache")


def test_cache_shows_how_full_it_is(tmp_path: Path) -> None:
    """In bytes."""
    cache = Cache(tmp_path, size=1000)
    put(cache, b"data")
    assert repr(cache) == f"<Cache {tmp_path}: 4 of 1,000 bytes>"

"""The spool: nothing that was reported is lost, doubled or mixed up, whenever a process ends."""

from __future__ import annotations

import errno
import os
import shutil
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.statistics.segments import encoded, lines_of, read_lines
from syncnb.statistics.spool import Spool

from .reporters import bytes_in, lines_in, spool_in

BATCH = st.integers(1, 5)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), BATCH),
        st.tuples(st.just("seal"), st.just(0)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("kill"), st.integers(0, 400)),  # so many bytes of a write got to the disk
    ),
    max_size=30,
)


def rows_of(first: int, count: int) -> list[str]:
    return [f'{{"n": {first + i}, "text": "{"x" * (first % 50)}"}}' for i in range(count)]


def append(spool: Spool, count: int) -> list[int]:
    first = spool.next_sequence
    spool.append(rows_of(first, count), "null")
    return list(range(first, first + count))


def killed(spool: Spool, reached: int) -> list[int]:
    """The process is killed within a write, of which some bytes got to the disk."""
    first = spool.next_sequence
    data = encoded(first, 0, "null", rows_of(first, 5))[:reached]
    paths = sorted(spool.folder.glob("*.open"))
    last = paths[-1] if paths else spool.folder / f"{first:016d}.open"
    with last.open("ab") as file:
        file.write(data)
    spool.abandon()
    return list(range(first, first + len(list(lines_of(data)))))


@given(acts=ACTS, max_rows=st.integers(1, 12))
def test_rows_come_out_once_and_in_order_whenever_the_process_is_killed(
    acts: list[tuple[str, int]], max_rows: int
) -> None:
    """Those that `append` returned for; of a torn write, those whose lines are whole."""
    written: list[int] = []
    came: list[int] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        spool = spool_in(folder, max_rows=max_rows)
        for act, number in acts:
            if act == "append":
                written += append(spool, number)
            elif act == "seal":
                spool.seal(everything=True)
            elif act == "kill":
                written += killed(spool, number)
                spool = spool_in(folder, floor=came[-1] if came else 0, max_rows=max_rows)
            else:
                came += taken(spool)
            assert spool.rows == len(written) - len(came)
        spool.seal(everything=True)
        while spool.backlog:
            came += taken(spool)
        assert came == written == list(range(1, len(written) + 1))
        assert [path.name for path in folder.iterdir()] == []
        spool.close()


def taken(spool: Spool) -> list[int]:
    segments = spool.take()
    lines = [line for one in segments for line in read_lines(one.path)]
    assert all(line.row["n"] == line.sequence for line in lines)
    spool.discard(segments)
    return [line.sequence for line in lines]


@given(kept=st.integers(0, 3000))
def test_loss_of_power_takes_only_the_end(kept: int) -> None:
    """What was not synced may be gone, to any byte; the numbers go on behind what is there."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        spool = spool_in(folder)
        append(spool, 3)
        spool.seal(everything=True)
        for _ in range(20):
            append(spool, 2)
        spool.abandon()
        (path,) = folder.glob("*.open")
        with path.open("r+b") as file:
            file.truncate(min(kept, path.stat().st_size))
        spool = spool_in(folder)
        there = [line.sequence for line in lines_in(folder)]
        assert there == list(range(1, len(there) + 1))
        assert len(there) >= 3
        assert spool.next_sequence == len(there) + 1
        spool.close()


def test_damaged_line_costs_no_other(tmp_path: Path) -> None:
    """Such as a block of zeros after a loss of power."""
    spool = spool_in(tmp_path)
    append(spool, 5)
    spool.abandon()
    (path,) = tmp_path.glob("*.open")
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = bytes(len(lines[2]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    spool_in(tmp_path).close()
    assert [line.sequence for line in lines_in(tmp_path)] == [1, 2, 4, 5]


def filled(folder: Path, when_full: Any, rows: int = 20_000, most: int = 256 << 10) -> Spool:
    """A spool that is given much more than it may hold, and looked after now and then."""
    spool = spool_in(folder, max_bytes=most, when_full=when_full)
    for number in range(1, rows + 1):
        spool.append([f'{{"n": {number}, "text": "{"x" * 40}"}}'], "null")
        if number % 50 == 0:
            spool.seal()
            spool.shrink()
            assert bytes_in(folder) <= most
    spool.seal(everything=True)
    return spool


def test_full_spool_drops_the_oldest(tmp_path: Path) -> None:
    """And stays within its bound all the while."""
    spool = filled(tmp_path, "oldest")
    there = [line.sequence for line in lines_in(tmp_path)]
    assert there == list(range(there[0], 20_001))
    assert len(there) == spool.rows > 1000
    assert spool.size == bytes_in(tmp_path) > 100 << 10


def test_full_spool_is_thinned_out(tmp_path: Path) -> None:
    """Rows of all times stay, the old ones as dense as each other, in order."""
    spool = filled(tmp_path, "thin")
    there = [line.sequence for line in lines_in(tmp_path)]
    assert there == sorted(set(there))
    assert len(there) == spool.rows > 1000
    assert there[0] == 1
    assert max(b - a for a, b in pairwise(there)) <= 64
    for quarter in range(4):
        assert sum(quarter * 5000 < n <= (quarter + 1) * 5000 for n in there) > 100
    assert there[-200:] == list(range(19_801, 20_001))


def test_spool_of_a_thread_that_falls_behind_refuses_rows(tmp_path: Path) -> None:
    """The bound holds also while nobody drops; what is refused leaves a gap in the numbers."""
    spool = spool_in(tmp_path, max_bytes=256 << 10)
    for _ in range(100):
        spool.append([f'{{"text": "{"x" * 5000}"}}'], "null")
        assert bytes_in(tmp_path) <= 256 << 10
    assert spool.next_sequence == 101
    assert 40 < spool.rows < 60
    spool.shrink()
    spool.seal(everything=True)
    spool.shrink()
    spool.append(['{"n": 1}'], "null")
    spool.close()
    assert lines_in(tmp_path)[-1].sequence == 101


@pytest.mark.parametrize("stopped", ["before it", "after it"])
def test_kill_while_thinning_out_doubles_nothing(tmp_path: Path, stopped: str) -> None:
    """Old and new files lie side by side then."""
    spool = spool_in(tmp_path, when_full="thin", max_rows=100)
    for _ in range(4):
        append(spool, 100)
    spool.seal()
    before = tmp_path.parent / f"{tmp_path.name}-before"
    shutil.copytree(tmp_path, before)
    spool.max_bytes = spool.size * 4 // 3 - 50
    spool.shrink()
    after = [line.sequence for line in lines_in(tmp_path)]
    assert after == [*range(1, 201, 2), *range(201, 401)]
    for path in before.iterdir():
        if stopped == "after it" or path.name.startswith("0000000000000001-"):
            shutil.copy(path, tmp_path)
    spool.abandon()
    again = spool_in(tmp_path)
    assert [line.sequence for line in lines_in(tmp_path)] == after
    assert again.rows == len(after)
    again.close()


def test_full_disk_costs_the_rows_that_do_not_fit_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is raised, half a row is taken back, and it goes on when there is room again."""
    spool = spool_in(tmp_path)
    append(spool, 3)
    write, room = os.write, [60]  # bytes: one row and a half

    def full(fd: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(fd, data[: room[0]])
        room[0] -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        append(spool, 2)
        append(spool, 1)
    assert "dropped" in caplog.text
    failed = spool.problem
    append(spool, 2)
    assert (failed is None, spool.problem) == (False, None)
    spool.close()
    assert [line.sequence for line in lines_in(tmp_path)] == [1, 2, 3, 7, 8]

"""A stream: whose it is, and that a row leaves it once, whenever a process ends."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from syncnb.statistics.stream import Stream, left_streams, own_stream

from .reporters import lines_in, stream_in


def own(parent: Path) -> Stream:
    return own_stream(parent, stream_in)


def fill(stream: Stream, rows: int = 5) -> None:
    first = stream.spool.next_sequence
    stream.spool.append([f'{{"n": {first + i}}}' for i in range(rows)], "null")
    stream.spool.seal(everything=True)


def test_two_processes_have_a_stream_each_and_the_next_one_goes_on(tmp_path: Path) -> None:
    """A lock of the kernel decides; numbers go on where the stream stopped."""
    first, second = own(tmp_path), own(tmp_path)
    assert first.id != second.id
    fill(first)
    first.close()
    again = own(tmp_path)
    assert again.id == first.id
    assert again.rows == 5
    assert again.spool.next_sequence == 6
    again.close()
    second.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_object_is_the_same_however_often_it_is_tried(tmp_path: Path) -> None:
    """After a crash, and although more rows have come since."""
    stream = own(tmp_path)
    fill(stream)
    before = stream.prepare()
    assert before is not None
    data = before.path.read_bytes()
    fill(stream)
    stream.close()
    stream = own(tmp_path)
    assert stream.prepare() == before
    assert before.path.read_bytes() == data
    stream.handed_over()
    after = stream.prepare()
    assert after is not None
    assert (after.first, after.last, stream.sent, stream.dropped) == (6, 10, 5, 0)
    stream.close()


def test_kill_before_the_rows_of_an_object_are_removed_doubles_nothing(tmp_path: Path) -> None:
    """They are there twice then: in the object, and in the spool."""
    stream = own(tmp_path)
    fill(stream)
    kept = tmp_path.parent / f"{tmp_path.name}-kept"
    shutil.copytree(stream.folder, kept)
    stream.prepare()
    stream.close()
    for path in kept.glob("*.rows"):
        shutil.copy(path, stream.folder)
    stream = own(tmp_path)
    assert stream.rows == 5
    stream.handed_over()
    assert (stream.prepare(), stream.rows, stream.sent) == (None, 0, 5)
    stream.close()


def test_kill_after_the_hand_over_was_noted_doubles_nothing(tmp_path: Path) -> None:
    """The object still lies there then."""
    stream = own(tmp_path)
    fill(stream)
    stream.prepare()
    kept = tmp_path.parent / f"{tmp_path.name}-kept"
    shutil.copytree(stream.folder, kept)
    stream.handed_over()
    stream.close()
    for name in ("prepared.json", "prepared.data"):
        shutil.copy(kept / name, stream.folder)
    stream = own(tmp_path)
    assert (stream.prepared, stream.rows, stream.spool.next_sequence) == (None, 0, 6)
    assert not (stream.folder / "prepared.json").exists()
    stream.close()


def test_half_an_object_is_made_anew(tmp_path: Path) -> None:
    """Data without their note: the process was killed between the two."""
    stream = own(tmp_path)
    fill(stream)
    (stream.folder / "prepared.data").write_bytes(b"half")
    (stream.folder / "prepared.json.part").write_bytes(b"{")
    stream.close()
    stream = own(tmp_path)
    made = stream.prepare()
    assert made is not None
    assert (made.first, made.last, made.rows) == (1, 5, 5)
    stream.close()


def test_numbers_are_never_used_again(tmp_path: Path) -> None:
    """Not even when everything was handed over before the process ended."""
    for first in (1, 6, 11):
        stream = own(tmp_path)
        assert stream.spool.next_sequence == first
        fill(stream)
        assert stream.prepare() is not None
        stream.handed_over()
        stream.close()


def test_what_was_dropped_is_declared(tmp_path: Path) -> None:
    """In the manifest of the next object, and it counts on over a restart."""
    stream = own(tmp_path)
    for _ in range(3):
        fill(stream)
    (oldest, *_) = sorted(stream.folder.glob("*.rows"))
    stream.close()
    oldest.unlink()
    stream = own(tmp_path)
    assert stream.dropped == 5
    made = stream.prepare()
    assert made is not None
    extra = json.loads(made.description)["syncnb"]["extra"]
    assert (extra["first"], extra["last"], extra["dropped"]) == (6, 15, 5)
    assert made.object_id == f"{extra['node']}.{stream.id}.6"
    stream.handed_over()
    stream.close()
    stream = own(tmp_path)
    assert (stream.dropped, stream.sent) == (5, 10)
    stream.close()


def test_copy_of_a_disk_gets_a_stream_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines that number rows of one stream would hide each other's; none is lost."""
    stream = own(tmp_path)
    fill(stream)
    stream.close()
    monkeypatch.setenv("SYNCNB_NODE", "another-machine")
    mine = own(tmp_path)
    assert mine.id != stream.id
    (copied,) = left_streams(tmp_path, stream_in)
    assert (copied.id, copied.is_foreign, copied.rows) == (stream.id, True, 5)
    copied.prepare()
    copied.handed_over()
    copied.remove()
    assert [path.name for path in tmp_path.iterdir()] == [mine.id]
    mine.close()


def test_streams_of_dead_processes_are_found_and_those_of_living_ones_are_not(
    tmp_path: Path,
) -> None:
    """Only where there is something to send; other folders are let alone."""
    alive, dead, empty = (own(tmp_path) for _ in range(3))
    fill(alive)
    fill(dead)
    dead.close()
    empty.close()
    (tmp_path / "something").mkdir()
    (tmp_path / "a.txt").write_text("else")
    found = list(left_streams(tmp_path, stream_in))
    assert [one.id for one in found] == [dead.id]
    for one in (alive, *found):
        one.close()


def test_damaged_note_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The stream is left as it is, and another one is begun."""
    stream = own(tmp_path)
    fill(stream)
    stream.close()
    (stream.folder / "state.json").write_text("{")
    other = own(tmp_path)
    assert other.id != stream.id
    assert list(left_streams(tmp_path, stream_in)) == []
    assert "is damaged" in caplog.text
    assert len(lines_in(stream.folder)) == 5
    other.close()

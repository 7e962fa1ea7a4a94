"""The state file: there after every crash, small, and one process's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncnb import ObjectMetaData
from syncnb.client.given import key_of
from syncnb.client.processed import Processed
from syncnb.errors import SettingsError

DIES = """
import os, sys
from syncnb import ObjectMetaData
from syncnb.client.processed import Processed
processed = Processed(sys.argv[1])
for number in range(int(sys.argv[2])):
    processed.add(ObjectMetaData(object_type="t", object_id="i", instance_id=number), "consumed")
os.kill(os.getpid(), 9)
"""
METAS = st.builds(
    ObjectMetaData,
    object_type=st.text(min_size=1),
    object_id=st.text(min_size=1),
    instance_id=st.integers(-(2**63), 2**63 - 1),
    deleted=st.booleans(),
)


def meta(number: int, kind: str = "t") -> ObjectMetaData:
    return ObjectMetaData(object_type=kind, object_id="i", instance_id=number)


def test_what_was_added_is_there_after_kill_9(tmp_path: Path) -> None:
    """And the file can be used again."""
    path = tmp_path / "state"
    subprocess.run([sys.executable, "-c", DIES, str(path), "3"], check=False)
    with Processed(path) as processed:
        assert [meta(number) in processed for number in range(4)] == [True, True, True, False]
        assert processed.mark_of(meta(0)) == "consumed"


@given(metas=st.lists(st.tuples(METAS, st.sampled_from(["consumed", "deleted", None]))))
@settings(max_examples=50, deadline=None)
def test_every_name_survives(
    tmp_path_factory: pytest.TempPathFactory,
    metas: list[tuple[ObjectMetaData, None]],
) -> None:
    """Whatever a service calls its objects; 64-bit instances."""
    path = tmp_path_factory.mktemp("state") / "state"
    with Processed(path) as processed:
        for one, mark in metas:
            processed.add(one, mark)
    with Processed(path) as processed:
        for one, mark in {key_of(one): (one, mark) for one, mark in metas}.values():
            assert one in processed
            assert processed.mark_of(one) == mark


def test_it_stays_small(tmp_path: Path) -> None:
    """The last thousand, and what is still listed; other types are not touched."""
    with Processed(tmp_path / "state") as processed:
        processed.add(meta(0, "other"), None)
        for number in range(1, 30):
            processed.add(meta(number), None)
        processed.keep("t", {key_of(meta(1))})
        assert all(meta(number) in processed for number in range(1, 30))
    content = json.loads((tmp_path / "state").read_text())
    content["processed"] += [["t", "i", number, False, None] for number in range(100, 1500)]
    (tmp_path / "state").write_text(json.dumps(content))
    with Processed(tmp_path / "state") as processed:
        processed.keep("t", {key_of(meta(1))})
        assert meta(1) in processed
        assert meta(0, "other") in processed
        assert meta(2) not in processed
        assert meta(1499) in processed
        assert "1002 updates" in repr(processed)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"syncnb": 9}', b"\xff", b"null"])
def test_file_that_cannot_be_read_is_put_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """With a line in the log; the program starts."""
    (tmp_path / "state").write_bytes(content)
    with Processed(tmp_path / "state") as processed:
        processed.add(meta(1), None)
    assert (tmp_path / "state.broken").read_bytes() == content
    assert "cannot be read" in caplog.text
    with Processed(tmp_path / "state") as processed:
        assert meta(1) in processed


def test_it_belongs_to_one_at_a_time(tmp_path: Path) -> None:
    """Also within a process."""
    with Processed(tmp_path / "state"), pytest.raises(SettingsError, match="in use"):
        Processed(tmp_path / "state")
    Processed(tmp_path / "state").close()


def test_what_cannot_be_written_is_not_remembered(tmp_path: Path) -> None:
    """The caller sees the error, and the update is not acknowledged."""
    folder = tmp_path / "folder"
    folder.mkdir()
    processed = Processed(folder / "state")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    with pytest.raises(OSError, match="state"):
        processed.add(meta(1), None)
    assert meta(1) not in processed
    processed.close()
    assert os.path.isdir(tmp_path)

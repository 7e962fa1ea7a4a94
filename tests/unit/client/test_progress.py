"""A bar where a person looks on, a callback for programs, and silence in scripts."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from syncnb import ObjectMetaData, SyncServiceClient

from .stand import stand

SLOW = """
import io, sys, time
from syncnb import SyncServiceClient, ObjectMetaData

class Slow(io.BytesIO):
    def read(self, size=-1):
        time.sleep(0.4)
        return super().read(size)

meta = ObjectMetaData(object_type="t", object_id="i")
client = SyncServiceClient({url!r})
client.update_object_data(meta, Slow(b"x" * (4 << 20)), progress={progress})
"""


def in_terminal(code: str) -> str:
    """What a program prints in one."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "COLUMNS": "100"},
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 4096)
        except OSError:  # Linux, when the other end is closed
            break
    os.close(ours)
    assert process.wait(30) == 0, said
    return said.decode()


def test_terminal_shows_a_bar() -> None:
    """On one line, up to the end."""
    with stand(b"") as service:
        said = in_terminal(SLOW.format(url=service.url, progress=None))
    lines = said.split("\r\x1b[K")
    assert len(lines) > 2
    assert "3.0 MiB of 4.0 MiB" in said
    assert "[####" in said
    assert lines[-1].startswith("t/i up: [")
    assert "100 %" in lines[-1]
    assert lines[-1].count("\n") == 1


def test_terminal_is_silent_for_what_is_quick_or_not_wanted() -> None:
    """A bar that flashes tells nobody anything."""
    with stand(b"") as service:
        assert in_terminal(SLOW.format(url=service.url, progress=False)) == ""
        quick = SLOW.replace("time.sleep(0.4)", "")
        assert in_terminal(quick.format(url=service.url, progress=None)) == ""


def test_bar_that_was_asked_for_is_drawn_at_the_end_of_a_quick_transfer() -> None:
    """Else nobody would believe that `progress=True` does anything."""
    quick = SLOW.replace("time.sleep(0.4)", "")
    with stand(b"") as service:
        said = in_terminal(quick.format(url=service.url, progress=True))
    assert said.split("\r\x1b[K")[-1].startswith("t/i up: [####")
    assert "100 %, 4.0 MiB of 4.0 MiB" in said


def test_script_is_silent() -> None:
    """Nothing in a log."""
    with stand(b"") as service:
        done = subprocess.run(
            [sys.executable, "-c", SLOW.format(url=service.url, progress=None)],
            capture_output=True,
            check=True,
        )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_notebook_shows_one_bar_that_grows() -> None:
    """The same output of the cell, in text and HTML, full at the end."""
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    with stand(b"") as service:
        code = SLOW.format(url=service.url, progress=None)
        cell = nbformat.v4.new_code_cell(code)  # type: ignore[no-untyped-call]
        code = "from syncnb.client.progress import NotebookBar; NotebookBar('<t>').close(1, 1, 1.0)"
        odd = nbformat.v4.new_code_cell(code)  # type: ignore[no-untyped-call]
        notebook.cells = [cell, odd]
        NotebookClient(notebook, timeout=60).execute()
    (output,) = notebook.cells[0].outputs
    assert output.data["text/plain"].startswith("t/i up: 100 %, 4.0 MiB of 4.0 MiB")
    assert '<progress value="4194304" max="4194304"' in output.data["text/html"]
    (output,) = notebook.cells[1].outputs
    assert "&lt;t&gt;: 100 %" in output.data["text/html"]
    assert "<t>" not in output.data["text/html"]


@pytest.mark.parametrize("length", [True, False])
def test_callback_is_told_bytes_done_and_in_all(length: bool) -> None:
    """None where nobody knows how many; in the thread of the caller."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            time.sleep(0.15)
            return super().read(size)

        def seekable(self) -> bool:
            return length

    seen = list[tuple[int, int | None]]()
    with stand(b"") as service:
        SyncServiceClient(service.url).update_object_data(
            ObjectMetaData(object_type="t", object_id="i"),
            Slow(b"x" * (4 << 20)),
            progress=lambda *at: seen.append(at),
        )
    done = [one for one, _ in seen]
    assert done == sorted(done)
    assert len(set(done)) > 2
    assert seen[-1] == (4 << 20, 4 << 20 if length else None)


def test_download_shows_it_too(tmp_path: Path) -> None:
    """To a callback, with the last byte."""
    with stand(b"x" * 1000) as service:
        seen = list[tuple[int, int | None]]()
        SyncServiceClient(service.url).download_object_data(
            service.object, tmp_path / "data", progress=lambda *at: seen.append(at)
        )
    assert seen[-1] == (1000, 1000)

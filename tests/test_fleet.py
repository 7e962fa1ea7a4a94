"""A local fleet leaves nothing behind, however it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from syncnb import LocalFleet, publish
from syncnb.errors import FleetError, InvalidMetaDataError

WaitUntil = Callable[..., None]

PROGRAM = """
import json, os, signal, sys, time
from syncnb import LocalFleet
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
fleet = LocalFleet(nodes=2)
urls = [fleet.url, *(fleet.node(name).url for name in fleet.nodes)]
program = fleet.run("node2", sys.argv[2])
print(json.dumps({"urls": urls, "folder": str(fleet.folder("cloud").parent)}), flush=True)
if sys.argv[1] == "exception":
    with fleet:
        raise RuntimeError("on purpose")
if sys.argv[1] == "forget":
    sys.exit()
with fleet:
    time.sleep(600)
"""


@contextmanager
def a_program(
    folder: Path, how: str
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, object]]]:
    """A Python of its own with a fleet and an edge program in it."""
    (folder / "program.py").write_text(PROGRAM)
    (folder / "edge.py").write_text("import time\ntime.sleep(600)\n")
    process = subprocess.Popen(
        [sys.executable, str(folder / "program.py"), how, str(folder / "edge.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process, process.stdout:
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def own_processes() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex((parts.hostname, parts.port)) == 0


@pytest.mark.parametrize("how", ["exception", "forget", "ctrl-c", "sigterm", "kill-9"])
def test_nothing_is_left_however_the_fleet_ends(
    how: str, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """No process, no port, no file."""
    family: list[psutil.Process] = []
    with a_program(tmp_path, how) as (process, facts):
        urls, folder = facts["urls"], Path(str(facts["folder"]))
        assert isinstance(urls, list)
        if how not in ("exception", "forget"):
            family = psutil.Process(process.pid).children(recursive=True)
            assert len(family) == 4  # a CSS, two nodes, an edge program
            assert all(map(listens, urls))
        if how == "ctrl-c":
            os.kill(process.pid, signal.SIGINT)
        elif how == "sigterm":
            process.terminate()
        elif how == "kill-9":
            process.kill()
        process.wait(30)
    wait_until(lambda: not any(p.is_running() for p in family), show=lambda: family)
    assert not any(map(listens, urls))
    wait_until(lambda: not folder.exists(), show=lambda: list(folder.rglob("*")))


def test_fleet_that_was_closed_leaves_nothing(wait_until: WaitUntil) -> None:
    """The ordinary end."""
    others = own_processes()
    with LocalFleet(nodes=1) as fleet:
        url, folder = fleet.url, fleet.folder("cloud").parent
        family = own_processes() - others
        assert listens(url)
    assert not folder.exists()
    assert not listens(url)
    wait_until(lambda: not any(p.is_running() for p in family))
    fleet.close()


def test_folder_of_a_fleet_that_was_killed_as_a_whole_goes_with_the_next(tmp_path: Path) -> None:
    """Kill -9 of everything at once leaves nobody to clean up, so the next fleet does."""
    with a_program(tmp_path, "kill-9") as (process, facts):
        family = psutil.Process(process.pid).children(recursive=True)
        for one in [*family, psutil.Process(process.pid)]:
            one.kill()
    folder = Path(str(facts["folder"]))
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        LocalFleet(nodes=0).close()
    assert not folder.exists()


def test_many_nodes_share_a_few_processes() -> None:
    """Forty nodes in two processes, all registered, all reached."""
    others = own_processes()
    with LocalFleet(nodes=40, processes=2) as fleet:
        assert len(own_processes() - others) == 3
        publication = publish(b"x" * 1000, "many", "one", dest_type="edge", client=fleet.cloud)
        assert len(publication.wait("delivered", timeout=60, nodes=40)) == 40


def test_what_programs_keep_goes_with_the_fleet(tmp_path: Path) -> None:
    """Not into the cache of whoever tries it, where nothing would ever use it again."""
    (tmp_path / "keep.py").write_text("import syncnb\nassert syncnb.current('kept', timeout=50)\n")
    with LocalFleet(nodes=1) as fleet:
        publish(b"x" * 4096, "model", "kept", dest_type="edge", client=fleet.cloud)
        assert (
            fleet.run("node1", str(tmp_path / "keep.py"), env={"HOME": str(tmp_path)}).wait() == 0
        )
        kept = fleet.folder("node1") / "cache"
        assert any(path.is_file() for path in kept.rglob("*"))
    assert not kept.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["keep.py"]


def test_restarted_node_keeps_its_port_and_its_records() -> None:
    """What had arrived is still there."""
    with LocalFleet(nodes=1) as fleet:
        publish(b"kept", "k", "one", dest_type="edge", client=fleet.cloud).wait("delivered")
        url = fleet.node("node1").url
        fleet.kill("node1")
        fleet.restart("node1")
        assert fleet.node("node1").url == url
        (meta,) = fleet.node("node1").get_updated_objects("k")
        assert fleet.node("node1").read_object_data(meta) == b"kept"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        pytest.param({"nodes": -1}, "nodes", id="negative"),
        pytest.param({"processes": 0}, "processes", id="no-process"),
        pytest.param({"node_type": "a b"}, "node_type", id="name"),
        pytest.param({"org_id": ""}, "org_id", id="empty-organisation"),
    ],
)
def test_bad_arguments_are_refused_before_anything_starts(
    options: dict[str, object], field: str
) -> None:
    """The error names the argument."""
    with pytest.raises(InvalidMetaDataError) as caught:
        LocalFleet(**options)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_process_that_cannot_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error shows what the process printed, and nothing is left."""
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho no such luck >&2\nexit 7\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(FleetError, match=r"(?s)code 7.*no such luck"):
        LocalFleet(nodes=1)

"""A CSS and a node of it as real processes, and a look at what a strange call left behind."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

CREDENTIALS = Path(__file__).parent.parent / "conformance"
_GROWTH = 24 << 20  # bytes; a leak of a few KB a request is far more after thousands


@dataclass(frozen=True)
class Running:
    """One service in a process of its own."""

    url: str
    role: str
    folder: Path
    process: psutil.Process

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    @property
    def log(self) -> str:
        """What it has written."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def files(self) -> int:
        """File descriptors that are open, but for those that threads opened for the records."""
        return sum("records.sqlite" not in file.path for file in self.process.open_files()) + len(
            self.process.net_connections()
        )

    def stored(self) -> set[str]:
        """Files with data, complete or not."""
        return {path.name for path in (self.folder / "data" / "blobs").iterdir()}


def login(name: str) -> tuple[str, str]:
    """Key and secret of one of the credentials of the scenarios."""
    known = json.loads((CREDENTIALS / "preset-auth.json").read_text("utf-8"))["credentials"]
    return name, known[name]["secret"]


def basic(name: str) -> str:
    """The Authorization header of one of them."""
    return "Basic " + base64.b64encode(":".join(login(name)).encode()).decode()


@pytest.fixture(scope="session")
def css(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A CSS."""
    yield from start(tmp_path_factory.mktemp("css"), "css", auth="preset-auth.json")


@pytest.fixture(scope="session")
def ess(css: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A node of it."""
    link = ("--css", css.url, "--org", "myorg", "--node", "edge/node1", "--poll", "1")
    folder = tmp_path_factory.mktemp("ess")
    yield from start(folder, "ess", *link, auth="preset-auth-node1.json")


@pytest.fixture(params=["css", "ess"])
def service(request: pytest.FixtureRequest) -> Iterator[Running]:
    """One after the other; each has to be as it was when the test is over."""
    running: Running = request.getfixturevalue(request.param)
    yield from _unharmed(running)


def start(folder: Path, role: str, *arguments: str, auth: str) -> Iterator[Running]:
    """A service with the credentials of the scenarios, until it is no longer wanted."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "syncnb", role, *arguments, "--listen", "127.0.0.1:0",
             "--data", str(folder / "data"), "--auth", str(CREDENTIALS / auth)],
            stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if "http://" not in line:
            pytest.fail(f"the {role} did not start: {line}{(folder / 'log').read_text()}")
        url = "http://" + line.split("http://")[1].split()[0]
        yield Running(url, role, folder, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _unharmed(running: Running) -> Iterator[Running]:
    healthy(running)
    files, memory, logged = running.files(), running.process.memory_info().rss, len(running.log)
    yield running
    started = time.monotonic()
    healthy(running)
    assert time.monotonic() - started < 1, "it answers, but late"
    news = running.log[logged:]
    assert "Traceback" not in news, news[-4000:]
    assert "ERROR" not in news, news[-4000:]
    deadline = time.monotonic() + 10
    while (left := running.files()) > files + 4:
        assert time.monotonic() < deadline, f"{left - files} files or connections stay open"
        time.sleep(0.05)
    grown = running.process.memory_info().rss - memory
    assert grown < _GROWTH, f"it grew by {grown >> 20} MiB"


def healthy(running: Running) -> None:
    """It answers as ever, and its database too."""
    answer = requests.get(f"{running.url}/api/v1/health", auth=login("admin"), timeout=5)
    assert answer.status_code == 200
    assert not answer.json()["dbHealth"]["disconnectedFromDB"]
    ready = requests.get(f"{running.url}/readyz", timeout=5)
    assert ready.json() == {"ready": True, "reasons": []}

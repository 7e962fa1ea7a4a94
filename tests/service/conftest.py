"""Services as an operator starts them: by the command, with options."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

ADMIN = ("admin", "s3cret")
NODE = ("node1", "t0ken")
AUTH = {
    "credentials": {
        "admin": {"secret": "s3cret", "orgID": "acme", "username": "admin", "type": "admin"},
        "other": {"secret": "s3cret", "orgID": "acme", "username": "other", "type": "admin"},
        "node1": {"secret": "t0ken", "orgID": "acme", "username": "edge/node1", "type": "edgenode"},
    },
    "cssCredentials": {"key": "node1", "secret": "t0ken"},
}


@dataclass
class Running:
    """A service that runs in a process of its own."""

    process: subprocess.Popen[bytes]
    urls: list[str]
    data: Path
    log: Path

    @property
    def url(self) -> str:
        """Of its first listener."""
        return self.urls[0]

    @property
    def port(self) -> int:
        """Of its first listener."""
        return int(self.url.rpartition(":")[2])

    @property
    def ca(self) -> str:
        """What those trust who connect to a certificate that it made."""
        return str(self.data / "certs" / "ca.pem")

    def put(self, name: str, data: bytes) -> requests.Response:
        """Store an object of type ``t``."""
        base = f"{self.url}/api/v1/objects/acme/t/{name}"
        meta = {"meta": {"objectID": name, "objectType": "t", "destinationType": "edge"}}
        requests.put(base, json=meta, auth=ADMIN, timeout=10).raise_for_status()
        return requests.put(f"{base}/data", data=data, auth=ADMIN, timeout=30)

    def stop(self, timeout: float = 15) -> int:
        """End it as a service manager does; returns its exit code."""
        self.process.terminate()
        return self.process.wait(timeout)


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start ``css`` or ``ess`` with options; all are ended after the test."""
    running: list[Running] = []
    auth = tmp_path / "auth.json"
    auth.write_text(json.dumps(AUTH))

    def started(role: str, *options: str, name: str = "", listen: str = "127.0.0.1:0") -> Running:
        data, log = tmp_path / (name or role), tmp_path / f"{name or role}.log"
        where = ("--listen", listen) if listen else ()
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "syncnb", role, *where, "--data", str(data),
                 "--auth", str(auth), *options],
                stdout=subprocess.PIPE, stderr=out,
            )  # fmt: skip
        one = Running(process, [], data, log)
        running.append(one)
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if " listens on " not in line:
            pytest.fail(f"{role} did not start: {line}{log.read_text()}")
        one.urls = line.split(" listens on ")[1].strip().split(", ")
        return one

    yield started
    for one in running:
        one.process.kill()
        one.process.wait()
        if one.process.stdout is not None:
            one.process.stdout.close()


def until(true: Callable[[], object], timeout: float = 20.0) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)

"""What a service says of itself: counted failures, the link of a node, probes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from syncnb import LocalFleet
from syncnb.service.health import DatabaseHealth, without_credentials
from syncnb.service.store import StoreError

WaitUntil = Callable[..., None]
FAILED, FULL = StoreError("no connection"), StoreError("no room", full=True)
LOGIN = ("me", "s")


class Clock:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_failure_colours_the_database_red_then_yellow_then_green() -> None:
    """12 and 60 resend intervals (rest-api.md, 4.1)."""
    clock = Clock()
    health = DatabaseHealth(10, clock)
    assert health.report() == {
        "dbStatus": "green",
        "disconnectedFromDB": False,
        "dbReadFailures": 0,
        "dbWriteFailures": 0,
    }
    health.on_commit(1, 0.1, FULL)
    seen = []
    for clock.now in (1000.0, 1120.0, 1121.0, 1600.0, 1601.0):
        seen.append(health.report()["dbStatus"])
    assert seen == ["red", "red", "yellow", "yellow", "green"]
    assert health.report()["timeSinceLastReadWriteError"] == 601
    assert health.report()["dbWriteFailures"] == 1


def test_database_is_disconnected_until_something_succeeds() -> None:
    """And the report says how long that was; a full disk is no lost connection."""
    clock = Clock()
    health = DatabaseHealth(10, clock)
    health.on_commit(1, 0.0, FULL)
    assert not health.disconnected
    health.on_read(0.0, FAILED)
    clock.now += 2.5
    health.on_read(0.0, FAILED)
    assert health.report()["disconnectedFromDB"] is True
    health.on_read(0.0, None)
    report = health.report()
    assert report["disconnectedFromDB"] is False
    assert report["lastDisconnectFromDBDuration"] == 2500
    assert report["dbReadFailures"] == 2


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://u:secret@h:1/x", "http://h:1/x"),
        ("https://h/?token=secret#secret", "https://h/"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_url_is_shown_without_what_is_secret_in_it(url: str, shown: str) -> None:
    """It stands in the health, which many may read."""
    assert without_credentials(url) == shown


@contextmanager
def running(folder: Path, role: str, *arguments: str, **member: str) -> Iterator[str]:
    """A service with one administrator; yields its URL."""
    folder.mkdir()
    auth = folder / "auth.json"
    admin = {"secret": "s", "orgID": "acme", "username": "me", "type": "admin"}
    login = {"key": "me", "secret": "s"} | member
    auth.write_text(json.dumps({"credentials": {"me": admin}, "cssCredentials": login}))
    process = subprocess.Popen(
        [sys.executable, "-m", "syncnb", role, "--listen", "127.0.0.1:0",
         "--data", str(folder / "data"), "--auth", str(auth), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def report(url: str, *, details: bool = False) -> dict[str, dict[str, object]]:
    answer = requests.get(
        f"{url}/api/v1/health", params={"details": str(details)}, auth=LOGIN, timeout=5
    )
    found: dict[str, dict[str, object]] = answer.json()
    return found


def put(url: str, name: str) -> None:
    body = {"meta": {"objectID": name, "objectType": "t", "noData": True}}
    answer = requests.put(f"{url}/api/v1/objects/t/{name}", json=body, auth=LOGIN, timeout=5)
    assert answer.status_code == 204


def test_node_says_that_it_waits_for_its_css_and_when_that_is_over(
    tmp_path: Path, wait_until: WaitUntil
) -> None:
    """With the reason, without the password in the URL, and with what waits in the outbox."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    link = ("--css", f"http://127.0.0.1:{port}", "--org", "acme", "--node", "edge/n1")
    with running(tmp_path / "ess", "ess", *link) as node:
        wait_until(lambda: report(node)["link"]["state"] == "unreachable")
        put(node, "a")
        found = report(node, details=True)
        assert found["general"]["healthStatus"] == "yellow"
        assert found["link"]["waitsFor"] == f"the CSS at http://127.0.0.1:{port} to answer"
        assert str(port) in str(found["link"]["lastError"])
        assert found["link"]["outbox"] == {"update": 1}
        assert requests.get(f"{node}/readyz", timeout=5).status_code == 200
        with running(tmp_path / "css", "css", "--listen", f"127.0.0.1:{port}"):
            wait_until(lambda: report(node)["link"]["state"] == "connected")
            wait_until(lambda: report(node, details=True)["link"]["outbox"] == {})
            found = report(node)
            assert found["general"]["healthStatus"] == "green"
            assert "waitsFor" not in found["link"]


def test_node_whose_css_refuses_its_credentials_says_so(
    tmp_path: Path, wait_until: WaitUntil
) -> None:
    """That needs a person, unlike a CSS that is away."""
    with running(tmp_path / "css", "css") as css:
        link = ("--css", css, "--org", "acme", "--node", "edge/n1")
        with running(tmp_path / "ess", "ess", *link, secret="wrong-secret") as node:
            wait_until(lambda: report(node)["link"]["state"] == "refused")
            text = json.dumps(report(node, details=True))
            assert "accept this node's credentials" in text
            assert "wrong-secret" not in text


def test_probes_need_no_credentials_and_tell_nothing_else(fleet: LocalFleet) -> None:
    """For orchestrators; another method is refused."""
    alive = requests.get(f"{fleet.url}/healthz", timeout=5)
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    ready = requests.get(f"{fleet.url}/readyz", timeout=5)
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "reasons": []})
    assert requests.head(f"{fleet.url}/healthz", timeout=5).status_code == 200
    assert requests.post(f"{fleet.url}/healthz", timeout=5).status_code == 405

"""The end of a service: nothing under way is lost, nobody waits for nothing."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.service.conftest import ADMIN, Start, until
from tests.service.raw import HEALTH, Raw

LIST = "/api/v1/objects/acme/t"


def slowly(data: bytes, begun: threading.Event) -> Iterator[bytes]:
    """In ten pieces over two seconds."""
    step = len(data) // 10
    for at in range(0, len(data), step):
        yield data[at : at + step]
        begun.set()
        time.sleep(0.2)


def test_upload_under_way_succeeds_while_the_service_stops(start: Start) -> None:
    """Nobody new is let in, those who wait are released at once, the code is 0."""
    css = start("css")
    css.put("x", b"")
    begun, data = threading.Event(), bytes(range(250)) * 4000
    url = f"{css.url}{LIST}/x/data"
    with ThreadPoolExecutor(2) as pool, Raw(css) as idle:
        idle.send(HEALTH)
        assert idle.status() == 200
        upload = pool.submit(requests.put, url, data=slowly(data, begun), auth=ADMIN, timeout=30)
        waiting = pool.submit(
            requests.get, f"{css.url}{LIST}-none", headers={"Prefer": "wait=60"}, auth=ADMIN,
            timeout=30,
        )  # fmt: skip
        assert begun.wait(10)
        time.sleep(0.3)  # the second call has no sign of having arrived
        css.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        assert waiting.result().status_code == 404
        assert idle.ends_after() < 2
        assert time.monotonic() - told < 1.5
        assert not upload.done()
        assert upload.result().status_code == 204
    assert css.process.wait(10) == 0
    again = start("css")
    assert requests.get(f"{again.url}{LIST}/x/data", auth=ADMIN, timeout=10).content == data


def test_second_signal_ends_at_once(start: Start) -> None:
    """And so does the end of the time of grace; what was stored before is kept."""
    for options, signals in (
        ((), (signal.SIGTERM, signal.SIGINT)),
        (("--stop-grace", "0.5"), (signal.SIGTERM,)),
    ):
        css = start("css", *options)
        css.put("x", b"before")
        with Raw(css) as raw:
            raw.send(
                HEALTH.replace(b"GET /api/v1/health", b"PUT /api/v1/objects/acme/t/x/data").replace(
                    b"\r\n\r\n", b"\r\nContent-Length: 100\r\n\r\nhalf"
                )
            )
            time.sleep(0.3)  # half a body has no sign of having arrived
            for number in signals:
                assert css.process.poll() is None
                css.process.send_signal(number)
                time.sleep(0.2)
            began = time.monotonic()
            assert css.process.wait(10) == 0
            assert time.monotonic() - began < 3
        assert "Traceback" not in css.log.read_text()
        again = start("css")
        answer = requests.get(f"{again.url}{LIST}/x/data", auth=ADMIN, timeout=10)
        assert answer.content == b"before"
        assert again.stop() == 0


def test_node_that_stops_in_a_transfer_goes_on_where_it_was(start: Start) -> None:
    """The CSS sends each chunk about once, not the whole object twice."""
    css = start("css", "--access-log", "--log-format", "json", "--chunk-size", "1 MiB")
    size = 24 << 20
    link = ("--css", css.url, "--org", "acme", "--node", "edge/node1")
    slow = (*link, "--download-bandwidth", "6 MiB")
    first = start("ess", *slow)
    assert css.put("big", bytes(size)).ok

    def fetched() -> int:
        lines = [json.loads(line) for line in css.log.read_text().splitlines()]
        return sum(line["sent"] for line in lines if line.get("path", "").endswith("/data"))

    until(lambda: fetched() > 4 << 20)
    assert first.stop() == 0
    second = start("ess", *link)
    url = f"{second.url}/api/v1/objects/t/big/data"
    until(lambda: requests.get(url, auth=ADMIN, timeout=30).content == bytes(size))
    assert fetched() < size + (3 << 20)


_SLOW_NAMES = """
import pathlib, socket, time
real = socket.getaddrinfo
def slow(host, *arguments, **more):
    if host != "slow.example":
        return real(host, *arguments, **more)
    pathlib.Path(__file__).with_name("asked").touch()
    time.sleep(60)
socket.getaddrinfo = slow
"""


def test_name_server_that_does_not_answer_keeps_no_service_from_stopping(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lookup cannot be called off, so nobody waits for it."""
    (tmp_path / "sitecustomize.py").write_text(_SLOW_NAMES)
    path = (str(tmp_path), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    ess = start("ess", "--css", "http://slow.example:9", "--org", "acme", "--node", "edge/node1")
    until((tmp_path / "asked").exists)
    began = time.monotonic()
    assert ess.stop() == 0
    assert time.monotonic() - began < 10


def test_hang_up_leaves_a_service_without_certificates_alone(start: Start) -> None:
    """A service manager that reloads does not end it."""
    css = start("css")
    css.process.send_signal(signal.SIGHUP)
    assert requests.get(f"{css.url}/api/v1/health", auth=ADMIN, timeout=10).ok
    assert css.stop() == 0

"""The log, for people and for machines."""

from __future__ import annotations

import json

import requests

from tests.service.conftest import ADMIN, Start, until
from tests.service.raw import HEALTH, Raw


def test_access_log_says_who_asked_for_what_and_how_it_went(start: Start) -> None:
    """One JSON object a line, the caller's identifier of the request, never a secret."""
    css = start("css", "--access-log", "--log-format", "json")
    css.put("x", b"12345")
    requests.get(
        f"{css.url}/api/v1/objects/acme/t/x/data", headers={"X-Request-ID": "job-7"},
        auth=ADMIN, timeout=10,
    )  # fmt: skip
    answer = requests.get(f"{css.url}/api/v1/health", auth=("admin", "wr0ng"), timeout=10)
    assert "x-request-id" not in answer.headers
    assert css.stop() == 0
    lines = [json.loads(line) for line in css.log.read_text().splitlines()]
    seen = [line for line in lines if line["logger"] == "syncnb.access"]
    assert all(
        {"time", "level", "message", "request_id", "seconds"} <= line.keys() for line in seen
    )
    assert len({line["request_id"] for line in seen}) == 4
    upload, download, denied = seen[1], seen[2], seen[3]
    expected = {"method": "PUT", "status": 204, "received": 5, "sent": 0, "service": "css"}
    assert {name: upload[name] for name in expected} == expected
    expected = {"path": "/api/v1/objects/acme/t/x/data", "sent": 5, "request_id": "job-7"}
    assert {name: download[name] for name in expected} == expected
    assert (download["identity"], download["client"]) == ("admin@acme", "127.0.0.1")
    assert (denied["status"], denied["identity"]) == (403, None)
    assert not any(secret in css.log.read_text() for secret in ("s3cret", "wr0ng", "Basic"))


def test_caller_cannot_write_lines_of_its_own_into_the_log(start: Start) -> None:
    """Line breaks of a path or an identifier stay inside of theirs."""
    css = start("css", "--access-log")
    with Raw(css) as raw:
        raw.send(
            HEALTH.replace(b"/health", b"/x%0AERROR%20forged").replace(
                b"Host", b"X-Request-ID: a b\r\nHost"
            )
        )
        assert raw.status() == 404
    css.stop()
    line = next(line for line in css.log.read_text().splitlines() if "request" in line)
    assert "path=/api/v1/x%0AERROR%20forged" in line
    assert "a b" not in line
    assert "status=404" in line
    assert "identity=-" in line


def test_level_decides_what_is_logged(start: Start) -> None:
    """Malformed requests do not fill the log of a service; its own words go first."""
    css = start("css", "--log-level", "warning")
    with Raw(css) as raw:
        raw.send(b"NONSENSE\r\n\r\n")
        assert raw.status() == 400
    until(lambda: requests.get(f"{css.url}/api/v1/health", auth=ADMIN, timeout=10).ok)
    css.stop()
    assert css.log.read_text() == ""

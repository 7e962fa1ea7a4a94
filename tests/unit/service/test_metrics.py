"""Metrics: those that are documented, true, and without names of tenants."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import requests
from starlette.requests import Request
from starlette.types import Scope

from syncnb import LocalFleet, ObjectMetaData
from syncnb.service.config import ServiceConfig
from syncnb.service.core import Service
from syncnb.service.watching import Watch

WaitUntil = Callable[..., None]
DOCUMENT = Path(__file__).parents[3] / "docs" / "watching.md"


def read(url: str) -> str:
    answer = requests.get(f"{url}/metrics", timeout=5)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return answer.text


def value(text: str, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    total = 0.0
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)(?:{(.*)})? (\S+)", line)
        if found and found[1] == name:
            has = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
            if labels.items() <= has.items():
                total += float(found[3])
    return total


def test_documented_metrics_are_those_that_are_served(fleet: LocalFleet) -> None:
    """Neither more nor less, with their types and labels."""
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (\w+) \| (.*?) \|", DOCUMENT.read_text(), re.M)
    documented = {
        name: (kind, set(re.findall(r"`(\w+)`", labels.partition(":")[0])))
        for names, kind, labels in rows
        for name in re.findall(r"\w+", names)
    }
    fleet.cloud.get_destinations()
    served: dict[str, tuple[str, set[str]]] = {}
    for url in (fleet.url, fleet.node("node1").url):
        text = read(url)
        for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M):
            lines = re.findall(rf"^{name}(?:_bucket)?{{(.*)}} ", text, re.M)
            has = set(re.findall(r'(\w+)="', " ".join(lines))) - {"le"}
            served[name] = (kind, has | served.get(name, ("", set()))[1])
    assert set(served) == set(documented)
    for name, (kind, labels) in served.items():
        assert documented[name][0] == kind, name
        assert labels <= documented[name][1], name


def test_calls_and_what_is_stored_are_counted(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """By the template of the path; bytes in both directions."""
    data = "/api/v1/objects/{orgID}/{objectType}/{objectID}/data"
    before = read(fleet.url)
    meta = ObjectMetaData(object_type="counted-type", object_id="counted", dest_type="edge")
    fleet.cloud.update_object(meta, data=b"x" * 1000)
    node = fleet.node("node1")
    wait_until(lambda: len(node.get_updated_objects("counted-type")) == 1)
    fleet.cloud.update_object_data(meta, b"y" * 2000)
    fleet.cloud.read_object_data(fleet.cloud.get_object_metadata("counted-type", "counted"))

    def grown(name: str, **labels: str) -> float:
        return value(read(fleet.url), name, **labels) - value(before, name, **labels)

    assert grown("syncnb_http_requests_total", route=data, method="PUT", status="204") == 1
    assert grown("syncnb_http_received_bytes_total", route=data, method="PUT") == 2000
    assert grown("syncnb_http_sent_bytes_total", route=data, method="GET") >= 2000
    assert grown("syncnb_http_request_seconds_count", route=data, method="PUT") == 1
    assert grown("syncnb_store_commit_writes_sum") >= 2
    wait_until(lambda: value(read(fleet.url), "syncnb_nodes") == 2)
    wait_until(lambda: grown("syncnb_objects", status="ready") >= 1)
    there = read(node.url)
    assert value(there, "syncnb_link_state", state="connected") == 1
    assert value(there, "syncnb_link_bytes_total", direction="received") >= 1000


def test_metrics_name_no_tenant_and_no_object(fleet: LocalFleet) -> None:
    """They are read without credentials."""
    meta = ObjectMetaData(object_type="secret-type", object_id="secret-name", dest_type="edge")
    fleet.cloud.update_object(meta, data=b"x")
    fleet.cloud.get_object_status("secret-type", "secret-name")
    requests.get(f"{fleet.url}/secret-path", timeout=5)
    requests.request("SECRET", f"{fleet.url}/", timeout=5)
    for url in (fleet.url, fleet.node("node1").url):
        text = read(url).lower()
        assert "secret" not in text
        assert fleet.org_id.lower() not in text
        assert "node1" not in text


def scope(client: tuple[str, int] | None, *headers: tuple[bytes, bytes]) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/metrics",
        "query_string": b"",
        "headers": list(headers),
        "client": client,
    }


LOCAL = ("127.0.0.1", 1)


@pytest.mark.parametrize(
    ("access", "caller", "status"),
    [
        pytest.param("local", scope(LOCAL), 200, id="loopback"),
        pytest.param("local", scope(("127.9.9.9", 1)), 200, id="other-loopback"),
        pytest.param("local", scope(("::1", 1)), 200, id="loopback-6"),
        pytest.param("local", scope(("::ffff:127.0.0.1", 1)), 200, id="mapped-loopback"),
        pytest.param("local", scope(None), 200, id="unix-socket"),
        pytest.param("local", scope(("192.0.2.1", 1)), 404, id="elsewhere"),
        pytest.param("local", scope(("::ffff:192.0.2.1", 1)), 404, id="mapped-elsewhere"),
        pytest.param("local", scope(("nonsense", 1)), 404, id="nonsense"),
        pytest.param(
            "local", scope(LOCAL, (b"x-forwarded-for", b"127.0.0.1")), 404, id="behind-a-proxy"
        ),
        pytest.param("all", scope(("192.0.2.1", 1)), 200, id="all"),
        pytest.param("off", scope(LOCAL), 404, id="off"),
    ],
)
def test_metrics_answer_only_whom_the_configuration_allows(
    tmp_path: Path, access: Literal["local", "all", "off"], caller: Scope, status: int
) -> None:
    """By default nobody from elsewhere, and nobody through a proxy."""
    auth = tmp_path / "auth.json"
    auth.write_text("{}")
    config = ServiceConfig(role="css", data=tmp_path / "data", auth=auth, metrics=access)

    async def ask(executor: ThreadPoolExecutor) -> int:
        service = Service(config, executor)
        try:
            answer = await Watch(service).answer(Request(caller), "/metrics")
            assert answer is not None
            return answer.status_code
        finally:
            service.close()

    with ThreadPoolExecutor(2) as executor:
        assert asyncio.run(ask(executor)) == status


def test_services_of_one_process_have_metrics_of_their_own(tmp_path: Path) -> None:
    """Two of them count apart."""
    auth = tmp_path / "auth.json"
    auth.write_text("{}")
    first = ServiceConfig(role="css", data=tmp_path / "1", auth=auth)
    with ThreadPoolExecutor(2) as executor:
        services = [Service(c, executor) for c in (first, replace(first, data=tmp_path / "2"))]
        services[0].metrics.answered("r", "GET", 200, seconds=None, received=0, sent=0)
        texts = [service.metrics.exposition(None).decode() for service in services]
        for service in services:
            service.close()
    assert [value(text, "syncnb_http_requests_total") for text in texts] == [1, 0]
    assert value(texts[0], "syncnb_store_up") == 0

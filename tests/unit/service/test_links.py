"""What a CSS asks of a node of another make whose upload broke (sync-http.md, 17.1)."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from .stage import ORG, Running

WaitUntil = Callable[..., None]
NODE = f"{ORG}/edge/node1"
META = {
    "objectID": "a", "objectType": "stats", "destinationOrgID": ORG, "originType": "edge",
    "originID": "node1", "destinationType": "edge", "destinationID": "node1", "instanceID": 7,
    "dataID": 7, "objectSize": 1000, "chunkSize": 120000, "consumers": 1,
}  # fmt: skip
PATH = f"objects/{ORG}/stats/a/7/7"


@pytest.fixture
def css(tmp_path: Path) -> Iterator[Running]:
    """A CSS whose only node is the one that a test plays."""
    with Running(tmp_path, role="css") as running:
        yield running


def call(css: Running, method: str, path: str, agent: str, **more: object) -> int:
    headers = {"X-Sync-Service-Dest": NODE, "User-Agent": agent}
    return requests.request(
        method, f"{css.url}/spi/v1/{path}", auth=("edgenode", "n"), headers=headers, timeout=10,
        **more,  # type: ignore[arg-type]
    ).status_code  # fmt: skip


def upload_a_tenth(css: Running, agent: str) -> None:
    host, _, port = css.url.removeprefix("http://").partition(":")
    login = b64encode(b"edgenode:n").decode()
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            f"PUT /spi/v1/{PATH}/data HTTP/1.1\r\nHost: css\r\nAuthorization: Basic {login}\r\n"
            f"X-Sync-Service-Dest: {NODE}\r\nUser-Agent: {agent}\r\n"
            "Content-Length: 1000\r\n\r\n".encode()
            + b"x" * 100
        )
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1000):
            pass


def test_node_whose_upload_broke_is_made_to_register_as_new(
    css: Running, wait_until: WaitUntil
) -> None:
    """It never repeats an upload by itself, but it does after that."""
    agent = "Go-http-client/1.1"
    assert call(css, "PUT", f"register-new/{NODE}", agent) == 204
    assert call(css, "PUT", f"{PATH}/update", agent, json=META) == 204
    assert call(css, "PUT", f"ping/{NODE}", agent) == 204
    upload_a_tenth(css, agent)
    wait_until(lambda: call(css, "PUT", f"ping/{NODE}", agent) == 404)
    assert call(css, "PUT", f"register/{NODE}", agent) == 404
    assert css.call("admin", "GET", f"objects/{ORG}/stats").status_code == 404
    assert call(css, "PUT", f"register-new/{NODE}", agent) == 204
    assert call(css, "PUT", f"{PATH}/update", agent, json=META) == 204
    assert call(css, "PUT", f"{PATH}/data", agent, data=b"x" * 1000) == 204
    assert call(css, "PUT", f"ping/{NODE}", agent) == 204
    assert css.call("admin", "GET", f"objects/{ORG}/stats/a/data").content == b"x" * 1000


def test_node_that_goes_on_where_it_broke_keeps_its_registration(css: Running) -> None:
    """A node of ours repeats what failed: everything else need not come again."""
    agent = "syncnb/1"
    assert call(css, "PUT", f"register-new/{NODE}", agent) == 204
    assert call(css, "PUT", f"{PATH}/update", agent, json=META) == 204
    upload_a_tenth(css, agent)
    assert call(css, "PUT", f"{PATH}/data", agent, data=b"x" * 1000) == 204
    assert call(css, "PUT", f"ping/{NODE}", agent) == 204

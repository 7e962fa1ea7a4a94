"""A node whose CSS answers nonsense: it goes on, serves its applications, and keeps its records."""

from __future__ import annotations

import json
import random
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from .conftest import Running, healthy, login, start

_META: dict[str, Any] = {
    "objectID": "a", "objectType": "t", "destinationOrgID": "myorg", "originID": "Cloud",
    "originType": "Cloud", "consumers": 1, "instanceID": 5, "dataID": 5, "objectSize": 12,
    "chunkSize": 5,
}  # fmt: skip
_ODD_MEMBERS: tuple[dict[str, Any], ...] = (
    {}, {"objectID": ""}, {"objectID": "\0"}, {"objectID": "../x"}, {"objectID": "\ud800"},
    {"objectID": 1}, {"objectType": "a/b"}, {"instanceID": 2**63}, {"instanceID": -1},
    {"instanceID": "5"}, {"objectSize": -5}, {"objectSize": 2**62}, {"chunkSize": -1},
    {"chunkSize": 1}, {"chunkSize": 0}, {"consumers": 0}, {"consumers": -7}, {"noData": True},
    {"metaOnly": True}, {"link": "x"}, {"destinationDataUri": "file:///etc/x"},
    {"destinationDataUri": "file://["}, {"sourceDataUri": "file:///etc/passwd"},
    {"description": '{"syncnb": {"sha256": 5}}'}, {"description": '{"syncnb": {"sha256": "x"}}'},
    {"hashAlgorithm": "SHA256", "publicKey": "AAAA", "signature": "AAAA"},
    {"hashAlgorithm": "MD5", "publicKey": "é", "signature": "é"},
    {"destinationPolicy": {"services": [{}]}}, {"destinationPolicy": 5}, {"expiration": "soon"},
    {"deleted": True}, {"originID": ""},
)  # fmt: skip
_ODD_BODIES = (
    b"", b"{}", b"null", b"[null]", b"[5]", b"[{}]", b'[{"Type": "update"}]', b"[" * 5000, b"\xff",
    b'[{"Type": "update", "MetaData": null}]', b'[{"Type": 5, "MetaData": {}}]', b"[] []", b'"x"',
)  # fmt: skip
_STATUSES = (200, 200, 200, 204, 204, 204, 304, 307, 400, 403, 404, 409, 424, 429, 500, 503, 999)


class _Nonsense(socketserver.StreamRequestHandler):
    """Answers each request with something."""

    chance = random.Random(2)

    def handle(self) -> None:
        """One request a connection."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        target = head.split(b" ")[1]
        self.wfile.write(self._answer(target, self.chance))

    def _answer(self, target: bytes, chance: random.Random) -> bytes:
        if chance.random() < 0.05:
            return chance.choice(
                (b"", b"HTTP/1.1", b"\0\0", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 9000)
            )
        if b"register" in target and chance.random() < 0.9:
            return b"HTTP/1.1 204 x\r\nConnection: close\r\n\r\n"
        status, body = chance.choice(_STATUSES), b""
        if target.endswith(b"/objects/") and chance.random() < 0.7:
            status = 200
        if target.endswith(b"/data"):
            body = b"x" * chance.choice((0, 1, 5, 12, 13, 100_000))
        elif status == 200:
            body = self._items(chance)
        length = len(body) if chance.random() < 0.9 else chance.choice((0, 5, len(body) + 50, -1))
        headers = [f"HTTP/1.1 {status} x", f"Content-Length: {length}", "Connection: close"]
        odd = (
            "Upload-Offset: x", "Upload-Offset: -5", "Upload-Offset: 99999999999999999999",
            "Upload-Offset: 3", "Upload-Complete: ?1", "Preference-Applied: wait=x", "X: \xff",
            "Content-Range: bytes x", "Content-Encoding: gzip", "Location: /", "Retry-After: x",
        )  # fmt: skip
        headers += chance.sample(odd, chance.randint(0, 2))
        return "\r\n".join(headers).encode("latin-1") + b"\r\n\r\n" + body

    def _items(self, chance: random.Random) -> bytes:
        if chance.random() < 0.3:
            return chance.choice(_ODD_BODIES)
        kinds = ("update", "update", "consumed", "delete", "deleted", "received", "nothing")
        items = []
        for _ in range(chance.randint(0, 3)):
            name = {"objectID": chance.choice("abc"), "instanceID": chance.randint(1, 20)}
            meta = _META | name | chance.choice(_ODD_MEMBERS)
            items.append({"Type": chance.choice(kinds), "MetaData": meta})
        return json.dumps(items).encode()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    calls = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count it."""
        self.calls += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A node that hangs up in the middle is right."""


@pytest.fixture
def nonsense() -> Iterator[_Server]:
    """A CSS of that kind."""
    with _Server(("127.0.0.1", 0), _Nonsense) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def node(nonsense: _Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A node of it."""
    link = ("--css", f"http://127.0.0.1:{nonsense.server_address[1]}", "--org", "myorg")
    yield from start(
        tmp_path_factory.mktemp("node"), "ess", *link, "--node", "edge/node1", "--poll", "0.05", "--chunk-size", "1024",
        auth="preset-auth-node1.json",
    )  # fmt: skip


def _put(node: Running, name: str, number: int) -> None:
    meta = {"objectID": f"{name}{number}", "objectType": "mine"}
    url = f"{node.url}/api/v1/objects/mine/{name}{number}"
    answer = requests.put(url, json={"meta": meta}, auth=login("admin"), timeout=5)
    assert answer.status_code == 204, answer.text
    answer = requests.put(f"{url}/data", data=b"x" * 5000, auth=login("admin"), timeout=5)
    assert answer.status_code in (204, 400), answer.text  # 400: it was consumed meanwhile


def _bothered(nonsense: _Server, node: Running, calls: int) -> None:
    number = 0
    deadline = time.monotonic() + calls  # generous: hundreds a second are usual
    while nonsense.calls < calls and time.monotonic() < deadline:
        _put(node, "x", number)
        number += 1
        time.sleep(0.1)
    assert nonsense.calls >= calls, f"it gave up after {nonsense.calls} calls"
    healthy(node)
    assert "Traceback" not in node.log, node.log[-4000:]


def test_node_survives_a_css_that_answers_nonsense(nonsense: _Server, node: Running) -> None:
    """It neither ends nor fails its own callers, and goes on calling."""
    _bothered(nonsense, node, 1000)


@pytest.mark.long
def test_node_survives_a_css_that_answers_nonsense_for_long(
    nonsense: _Server, node: Running
) -> None:
    """The same for many thousand answers."""
    _bothered(nonsense, node, 30_000)

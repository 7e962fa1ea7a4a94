"""Proxies, as `requests` knows them: a small one that really passes on what it gets."""

from __future__ import annotations

import re
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import syncnb
from syncnb import SyncServiceClient
from syncnb.errors import ConnectionFailedError, ServiceError
from tests.service.conftest import ADMIN, Start
from tests.unit.client.hostile import always, says, scripted


@contextmanager
def proxy(*, refuses: int = 0) -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy with CONNECT; remembers the first lines that it got."""
    lines: list[str] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = self.request.recv(65536)
                if not piece:
                    return
                head += piece
            line = head.split(b"\r\n")[0].decode()
            lines.append(line)
            if refuses:
                self.request.sendall(says(refuses))
                return
            method, target, _ = line.split(" ")
            host, port = re.sub(r"^http://|/.*$", "", target).split(":")
            with socket.create_connection((host, int(port)), 10) as other:
                if method == "CONNECT":
                    self.request.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    other.sendall(head)
                pump(self.request, other)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}", lines
        finally:
            running.shutdown()


def pump(one: socket.socket, other: socket.socket) -> None:
    """Both ways, until one ends."""
    while True:
        for ready in select.select([one, other], [], [], 30)[0] or [one]:
            data = ready.recv(65536)
            if not data:
                return
            (other if ready is one else one).sendall(data)


def test_proxy_passes_http_and_tls(start: Start) -> None:
    """Given as an argument; TLS goes through it unread."""
    css = start("css", "--listen", "https://127.0.0.1:0")
    for url, scheme, line in ((css.urls[0], "http", "GET http://"), (css.urls[1], "https", "CONN")):
        with (
            proxy() as (through, lines),
            syncnb.connect(
                url, org_id="acme", key=ADMIN[0], secret=ADMIN[1], ca=css.ca,
                proxies={scheme: through},
            ) as client,
        ):  # fmt: skip
            assert client.health()["general"]["nodeType"] == "CSS"
        assert lines[0].startswith(line)


def test_proxy_of_the_environment_is_used_unless_the_host_is_excepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """HTTP_PROXY and NO_PROXY, as everywhere."""
    with scripted(always(says(200, b"[]"))) as (url, _), proxy() as (through, lines):
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", through)
        SyncServiceClient(url, org_id="acme").get_destinations()
        assert len(lines) == 1
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        SyncServiceClient(url, org_id="acme").get_destinations()
        assert len(lines) == 1


def test_unix_socket_goes_through_no_proxy(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login for this machine would leave it."""
    css = start("css", "--listen", "unix+tls:b.sock", listen="unix:a.sock")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with proxy() as (through, lines):
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, through)
        for url in css.urls:
            with syncnb.connect(
                url, org_id="acme", key=ADMIN[0], secret=ADMIN[1], ca=css.ca
            ) as client:
                client.health()
    assert lines == []


def test_proxy_that_does_not_help_is_named_without_its_login(tmp_path: Path) -> None:
    """Whether it is not there, or refuses."""
    dead = {"http": "http://me:hidden@127.0.0.1:1", "https": "http://me:hidden@127.0.0.1:1"}
    for url in ("http://css.example", "https://css.example"):
        with pytest.raises(ConnectionFailedError, match=r"proxy.*NO_PROXY") as caught:
            SyncServiceClient(url, org_id="acme", proxies=dead).get_destinations()
        assert "hidden" not in str(caught.value)
    with proxy(refuses=407) as (through, _):
        proxies = {"http": through, "https": through}
        with pytest.raises(ServiceError, match=r"407.*Give the proxy its login"):
            SyncServiceClient("http://css.example", org_id="a", proxies=proxies).get_destinations()
        with pytest.raises(ConnectionFailedError, match=r"proxy.*407"):
            SyncServiceClient("https://css.example", org_id="a", proxies=proxies).get_destinations()

"""An edge node with a CSS of another make, which says 409 to metadata that it has already."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from syncnb import ObjectMetaData, SyncServiceClient

WaitUntil = Callable[..., None]


class Other(ThreadingHTTPServer):
    """A CSS that answers as sync-http.md says of the existing one, and loses some answers."""

    daemon_threads = True

    def __init__(self, refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.known: set[str] = set()
        self.data: list[bytes] = []
        self.refusals = refusals  # uploads that are answered by 503


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Other

    def do_GET(self) -> None:
        self._answer(204)

    def do_PUT(self) -> None:
        body = self._body()
        name, _, action = self.path.rpartition("/")
        if action == "update":
            if name in self.server.known:
                self._answer(409)
                return
            self.server.known.add(name)
            self.connection.shutdown(socket.SHUT_RDWR)  # it has the metadata; the answer is lost
            self.close_connection = True
        elif action == "data" and self.server.refusals > 0:
            self.server.refusals -= 1
            self._answer(503)
        else:
            if action == "data":
                self.server.data.append(body)
            self._answer(204)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("refusals", [0, 1], ids=["at once", "and a refused upload"])
def test_data_reach_another_css_whose_first_answer_was_lost(
    tmp_path: Path, wait_until: WaitUntil, refusals: int
) -> None:
    """The repeated call gets 409 although the data are missing; they are sent all the same."""
    auth = tmp_path / "auth.json"
    me = {"secret": "s", "orgID": "acme", "username": "me", "type": "admin"}
    login = {"key": "node1", "secret": "s"}
    auth.write_text(json.dumps({"credentials": {"me": me}, "cssCredentials": login}))
    with Other(refusals) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        process = subprocess.Popen(
            [sys.executable, "-m", "syncnb", "ess", "--listen", "127.0.0.1:0", "--poll", "0.2",
             "--data", str(tmp_path / "ess"), "--auth", str(auth), "--org", "acme",
             "--css", f"http://127.0.0.1:{other.server_port}", "--node", "edge/node1"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            with SyncServiceClient(url, key="me", secret="s") as client:
                meta = ObjectMetaData(object_type="stats", object_id="node1-1")
                client.update_object(meta, data=b"measured")
                wait_until(lambda: other.data == [b"measured"], timeout=30, show=lambda: other.data)
        finally:
            process.terminate()
            process.wait(20)
            if process.stdout is not None:
                process.stdout.close()
            other.shutdown()

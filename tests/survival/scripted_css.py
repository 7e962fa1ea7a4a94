"""A CSS of another make that a test scripts, and an edge node that is linked to it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from syncnb import SyncServiceClient


class ScriptedCss(BaseHTTPRequestHandler):
    """Takes everything and has nothing; a test overrides what it is about."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.get()

    def do_PUT(self) -> None:
        self.put(self.path.rpartition("/")[2], self._body())

    def get(self) -> None:
        """A poll, or the data of an object."""
        self.answer(204)

    def put(self, action: str, body: bytes) -> None:
        """Whatever the node reports."""
        self.answer(204)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def answer(self, status: int, body: bytes = b"") -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def node_of(css: ThreadingHTTPServer, folder: Path) -> Iterator[SyncServiceClient]:
    """A client of an edge node, a process of its own, whose CSS is the scripted one."""
    auth = folder / "auth.json"
    me = {"secret": "s", "orgID": "acme", "username": "me", "type": "admin"}
    login = {"key": "node1", "secret": "s"}
    auth.write_text(json.dumps({"credentials": {"me": me}, "cssCredentials": login}))
    css.daemon_threads = True
    threading.Thread(target=css.serve_forever, daemon=True).start()
    process = subprocess.Popen(
        [sys.executable, "-m", "syncnb", "ess", "--listen", "127.0.0.1:0", "--poll", "0.2",
         "--data", str(folder / "ess"), "--auth", str(auth), "--org", "acme",
         "--css", f"http://127.0.0.1:{css.server_port}", "--node", "edge/node1"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with SyncServiceClient(url, key="me", secret="s") as client:
            yield client
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()
        css.shutdown()

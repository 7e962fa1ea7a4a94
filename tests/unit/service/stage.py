"""Real services for tests: processes with any configuration, and callers of every kind."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import requests

from syncnb.service.credentials import hash_secret

ORG = "myorg"


def entry(kind: str, user: str, org: str = ORG, **secret: str) -> dict[str, str]:
    """One entry of a credentials file; the secret is the user unless another is given."""
    return {"orgID": org, "username": user, "type": kind, **(secret or {"secret": user})}


CREDENTIALS = {
    "admin": entry("admin", "alice"),
    "objectadmin": entry("objectAdmin", "olga"),
    "user": entry("user", "bob", secretHash=hash_secret("bob")),
    "user2": entry("user", "carol"),
    "node": entry("nodeUser", "n1"),
    "samename": entry("nodeUser", "bob", secret="bob"),
    "other-admin": entry("admin", "dave", "yourorg"),
    "other-user": entry("user", "bob", "yourorg"),
    "syncadmin": entry("syncadmin", "frank", ""),
    "service": entry("service", "myorg/1.2.0/analyzer", secret="s"),
    "edgenode": entry("edgenode", "edge/node1", secret="n"),
}


class Running:
    """A process with one service.

    Parameters
    ----------
    folder : Path
        Its own.
    config : dict
        Of `ServiceConfig`, except for ``data`` and, unless given, ``auth`` and ``listen``.
    """

    def __init__(self, folder: Path, **config: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.auth = folder, folder / "auth.json"
        if "auth" not in config:
            self.write_auth(CREDENTIALS)
        self._config = {
            "listen": "127.0.0.1:0",
            "auth": str(self.auth),
            **config,
            "data": str(folder / "data"),
        }
        self.start()

    def write_auth(self, credentials: dict[str, Any]) -> None:
        content = {"credentials": credentials, "cssCredentials": {"key": "edgenode", "secret": "n"}}
        new = self.auth.with_suffix(".new")
        new.write_text(json.dumps(content))
        new.replace(self.auth)

    def start(self) -> None:
        """Start, or start again on the same port."""
        plan = self.folder / "plan.json"
        passing = self.folder / "passing"  # the process removes it when it ends
        passing.mkdir(exist_ok=True)
        plan.write_text(json.dumps({"folder": str(passing), "services": [self._config]}))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "syncnb.service.host", str(plan)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log()
        (self.url,) = json.loads(line)
        self._config["listen"] = self.url.removeprefix("http://")

    def call(
        self, caller: str | tuple[str, str] | None, method: str, path: str, **more: Any
    ) -> requests.Response:
        """Call ``/api/v1/`` + `path` as one of `CREDENTIALS`."""
        if isinstance(caller, str):
            known = CREDENTIALS[caller]
            caller = (caller, known.get("secret", known["username"]))
        url = f"{self.url}/api/v1/{path}"
        return requests.request(method, url, auth=caller, timeout=30, **more)

    def put(self, path: str, data: bytes | None = None, *, by: str = "admin", **meta: Any) -> int:
        """Store the object of a path that ends with type/id; returns the status."""
        import base64

        object_type, object_id = path.split("/")[-2:]
        body: dict[str, Any] = {"meta": {"objectType": object_type, "objectID": object_id, **meta}}
        if data is not None:
            body["data"] = base64.b64encode(data).decode()
        return self.call(by, "PUT", f"objects/{path}", json=body).status_code

    def kill(self) -> None:
        self.process.kill()
        self._wait()

    def stop(self) -> None:
        self.process.terminate()
        self._wait()

    def _wait(self) -> None:
        self.process.wait(20)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Receiver:
    """A web server that notes what is posted to it.

    Parameters
    ----------
    statuses : list of int
        Answers of the first calls; the later ones get 204.
    """

    def __init__(self, statuses: list[int] | None = None) -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.hold = threading.Event()
        self.hold.set()
        answers = list(statuses or [])
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.append((self.path, dict(self.headers), body))
                receiver.hold.wait(30)
                self.send_response(answers.pop(0) if answers else 204)
                self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.location = "ftp://127.0.0.1/x"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

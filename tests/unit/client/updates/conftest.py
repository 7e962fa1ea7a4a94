"""Services for loops that wait: real ones, one that cannot wait, and one that only listens."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from syncnb import LocalFleet, SyncServiceClient, publish
from syncnb.client.interrupting import InterruptibleAdapter
from tests.servers import ServiceProcess, free_port

SOON = 1.0  # seconds; "at once", on a machine that is busy with other tests


class CannotWait(InterruptibleAdapter):
    """Asks as a client of a service that knows no `Prefer` does; counts the looks at lists."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[float] = []
        self.crashes = False  # when something is to be acknowledged

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Send a request."""
        for name in ("Prefer", "If-None-Match"):
            request.headers.pop(name, None)
        if self.crashes and request.method == "PUT":
            raise KeyboardInterrupt
        if request.method == "GET" and request.path_url.count("/") == 4:
            self.looks.append(time.monotonic())
        answer = super().send(request, *args, **options)
        answer.headers.pop("ETag", None)
        return answer


@pytest.fixture
def node(fleet: LocalFleet) -> SyncServiceClient:
    """A node of the fleet."""
    return fleet.node("node1")


@pytest.fixture
def kind() -> str:
    """An object type that nobody else uses."""
    return f"t{uuid.uuid4().hex}"


@pytest.fixture
def send(fleet: LocalFleet, kind: str) -> Callable[..., Any]:
    """Publish bytes, and wait until both nodes have them."""

    def sent(name: str, data: bytes = b"data", version: str = "") -> Any:
        done = publish(data, kind, name, version=version, dest_type="edge", client=fleet.cloud)
        done.wait("delivered", nodes=2)
        return done

    return sent


@pytest.fixture
def polled(fleet: LocalFleet) -> Iterator[tuple[SyncServiceClient, CannotWait]]:
    """A client of the same node that has to poll, and what it sends by."""
    adapter = CannotWait()
    settings = fleet.environment("node1")
    with SyncServiceClient(
        settings["SYNCNB_URL"],
        key=settings["SYNCNB_KEY"],
        secret=settings["SYNCNB_SECRET"],
        adapter=adapter,
    ) as client:
        yield client, adapter


class Lonely:
    """A node without a cloud, in a process that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        (folder / "auth.json").write_text(
            '{"credentials": {"me": {"secret": "s", "orgID": "o", "username": "me",'
            ' "type": "admin"}}, "cssCredentials": {"key": "n", "secret": "n"}}'
        )
        self.client = SyncServiceClient(f"http://127.0.0.1:{self._port}", key="me", secret="s")
        self.start()

    def start(self) -> None:
        """Start it."""
        self._process = ServiceProcess(
            "ess", "--data", str(self._folder / "data"), "--auth", str(self._folder / "auth.json"),
            "--css", "http://127.0.0.1:1", "--org", "o", "--node", "edge/n",
            log=self._folder / "log", port=self._port,
        )  # fmt: skip

    def kill(self) -> None:
        """``kill -9``."""
        self._process.kill()


@contextmanager
def silent_server() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """Takes requests and never answers; its address, when a request came, when its caller went."""
    came, gone = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        if connection.recv(65536):
                            came.set()
                        while connection.recv(65536):
                            pass
                        gone.set()
            except OSError:
                pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", came, gone
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


class Scripted:
    """A service that lists what a test says, look by look; after that there is nothing.

    Parameters
    ----------
    looks : int or list of dict
        A status, or metadata.
    others : int or None
        Status of the answer to everything else; None: it is never answered.
    headers : mapping
        Of the answers to looks.
    """

    def __init__(
        self,
        *looks: int | list[dict[str, Any]],
        others: int | None = 404,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.requests: list[str] = []  # method and path
        self.silenced = threading.Event()  # a request that is never answered has come
        self._left, self._others, self._headers = list(looks), others, headers or {}
        self._over = threading.Event()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one."""
        path = request.path.partition("?")[0]
        self.requests.append(f"{request.command} {path}")
        request.rfile.read(int(request.headers.get("Content-Length") or 0))
        body = b""
        headers: Mapping[str, str] = {}
        status: int | None
        if request.command == "GET" and re.fullmatch(r"/api/v1/objects/(acme/)?t", path):
            look = self._left.pop(0) if self._left else 404
            status, headers = (look, self._headers) if isinstance(look, int) else (200, {})
            body = b"" if isinstance(look, int) else json.dumps(look).encode()
        else:
            status = self._others
        if status is None:
            self.silenced.set()
            self._over.wait(30)
            return
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    @contextmanager
    def running(self) -> Iterator[str]:
        """Its URL while the block lasts."""
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                script.answer(self)

            do_PUT = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as service:
            thread = threading.Thread(target=service.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{service.server_port}"
            finally:
                self._over.set()
                service.shutdown()
                thread.join()


def own_threads() -> set[str]:
    """Names of the threads that syncnb runs in this process."""
    return {t.name for t in threading.enumerate() if t.name.startswith("syncnb-")}


def connections_to(url: str) -> set[int]:
    """The connections of this process to an address, by their own ports."""
    port = int(url.rpartition(":")[2])
    return {
        one.laddr.port
        for one in psutil.Process().net_connections("tcp")
        if one.raddr and one.status == "ESTABLISHED" and one.raddr.port == port
    }

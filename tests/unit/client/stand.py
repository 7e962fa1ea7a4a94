"""A service for tests that answers requests for data as it is told, and a proxy that cuts."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from syncnb import ObjectMetaData


@dataclass
class Stand:
    """One object, ``t/i``, at a service that is not ours."""

    data: bytes
    meta: dict[str, Any] = field(default_factory=dict)
    part: str = "good"  # how a request with Range is answered; see Handler.part
    coding: str = ""  # Content-Encoding
    tag: str = ""  # ETag of data; "{}" in it is their version
    chunked: bool = False  # answers with data in chunked coding
    cuts: list[int] = field(default_factory=list)  # bytes of the next answers with data
    busy: int = 0  # answers 429 to so many requests for parts
    most: int = 1000  # parts at a time; more are 429
    before: Callable[[str], None] = lambda _: None  # called before an answer with data
    status: str = "ready"
    owners: list[str] = field(default_factory=list)  # of the answers to chunks
    failures: list[int] = field(default_factory=list)  # statuses of the next answers to chunks
    chunks: dict[int, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # "GET data bytes=0-9"
    sent: int = 0  # bytes of data
    running: int = 0
    lock: Any = field(default_factory=threading.Lock)
    url: str = ""

    def __post_init__(self) -> None:
        self.replace(self.data)

    def replace(self, data: bytes) -> None:
        """A new version."""
        number = self.meta.get("instanceID", 1_800_000_000_000_000_000) + 1
        self.data = data
        self.meta |= {"objectID": "i", "objectType": "t", "objectSize": len(data)}
        self.meta |= {"instanceID": number, "dataID": number}

    @property
    def object(self) -> ObjectMetaData:
        """The metadata, as a client gets them."""
        return ObjectMetaData.from_json(self.meta)


@contextmanager
def stand(data: bytes, **how: Any) -> Iterator[Stand]:
    """Run one."""
    one = Stand(data, **how)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            what = self.path.rpartition("/")[2]
            spread = self.headers.get("Range", "")
            one.asked.append(f"GET {what} {spread}".rstrip())
            if what == "status":
                self.answer(200, one.status.encode())
            elif what != "data":
                self.answer(200, json.dumps(one.meta).encode())
            elif spread:
                self.limited(spread)
            else:
                one.before(spread)
                self.answer(200, one.data, cut=True)

        def limited(self, spread: str) -> None:
            with one.lock:
                one.running += 1
                busy = one.busy > 0 or one.running > one.most
                one.busy -= one.busy > 0
            try:
                if busy:
                    self.answer(429, b"too many")
                    return
                one.before(spread)
                self.part(spread)
            finally:
                with one.lock:
                    one.running -= 1

        def part(self, spread: str) -> None:
            data, size = one.data, len(one.data)
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", spread)
            assert found, spread
            first, last = int(found[1]), int(found[2])
            wanted = data[first : last + 1]
            place = f"bytes {first}-{min(last, size - 1)}/{size}"
            if one.part == "ignored":  # RFC 9110, 14.2
                self.answer(200, data, cut=True)
            elif one.part == "part as 200":  # rest-api.md, 4.16
                self.answer(200, wanted, cut=True)
            elif one.part == "416":
                self.answer(416, b"")
            elif one.part == "400 and all":
                self.answer(400, b"Invalid range\n" + data)
            elif one.part == "no place":
                self.answer(206, wanted, cut=True)
            elif one.part == "shifted":
                place = f"bytes {first + 1}-{last}/{size}"
                self.answer(206, wanted[1:], {"Content-Range": place}, cut=True)
            elif one.part == "whole as 206":
                self.answer(206, data, {"Content-Range": place}, cut=True)
            elif one.part == "half":  # RFC 9110, 15.3.7
                end = first + max((last + 1 - first) // 2, 1)
                place = f"bytes {first}-{end - 1}/{size}"
                self.answer(206, data[first:end], {"Content-Range": place}, cut=True)
            elif first >= size:
                self.answer(416, b"", {"Content-Range": f"bytes */{size}"})
            else:
                self.answer(206, wanted, {"Content-Range": place}, cut=True)

        def do_PUT(self) -> None:
            body = self.body()
            spread = self.headers.get("Content-Range", "")
            one.asked.append(f"PUT {self.path.rpartition('/')[2]} {spread}".rstrip())
            if one.failures and (status := one.failures.pop(0)):
                self.answer(status, b"it failed\n")
                return
            if not spread:
                one.replace(body)
                self.answer(204, b"")
                return
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", spread)
            assert found, spread
            if int(found[1]) == 0:
                one.chunks.clear()
            one.chunks[int(found[1])] = body
            together = b"".join(one.chunks[at] for at in sorted(one.chunks))
            if len(together) == int(found[3]) and one.part != "never together":
                one.replace(together)
            owner = one.owners.pop(0) if one.owners else "me"
            self.answer(204, b"", {"Mms-Upload-Owner": owner})

        def body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.exactly(int(self.headers["Content-Length"]))
            body = b""
            while size := int(self.rfile.readline() or b"x", 16):
                body += self.exactly(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def exactly(self, length: int) -> bytes:
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionError("the body ended early")
            return body

        def answer(
            self,
            status: int,
            body: bytes,
            headers: dict[str, str] | None = None,
            *,
            cut: bool = False,
        ) -> None:
            headers = headers or {}
            end = one.cuts.pop(0) if cut and one.cuts else len(body)
            if cut:
                one.sent += min(end, len(body))
                if one.coding:
                    headers["Content-Encoding"] = one.coding
                if one.tag:
                    headers["ETag"] = one.tag.format(one.meta["dataID"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            with contextlib.suppress(ConnectionError):
                if cut and one.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for at in range(0, min(end, len(body)), 1000):
                        piece = body[at : min(at + 1000, end)]
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    if end >= len(body):
                        self.wfile.write(b"0\r\n\r\n")
                else:
                    if status != 204:
                        self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body[:end])
                if end < len(body):
                    self.close_connection = True
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_RDWR)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """A client that leaves is none of ours."""

    with Server(("127.0.0.1", 0), Handler) as server:
        one.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield one
        finally:
            server.shutdown()
            thread.join()


class CuttingProxy:
    """Stands before a real service and cuts connections.

    Parameters
    ----------
    url : str
        Of the service.
    """

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = (target.hostname or "", target.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.up: list[int] = []  # bytes that the next connections may send
        self.down: list[int] = []  # and get
        self.got = 0  # bytes that came from the service
        self.connections = 0
        self._sockets = [self._listener]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """End all connections."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:  # the first one adds no more once it has ended
            thread.join()
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            service = socket.create_connection(self._target)
            up = self.up.pop(0) if self.up else 1 << 62
            down = self.down.pop(0) if self.down else 1 << 62
            self._sockets += [client, service]
            for ends in ((client, service, up, False), (service, client, down, True)):
                self._threads.append(threading.Thread(target=self._pump, args=ends))
                self._threads[-1].start()

    def _pump(self, source: socket.socket, sink: socket.socket, left: int, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while left > 0 and (piece := source.recv(min(left, 1 << 16))):
                sink.sendall(piece)
                left -= len(piece)
                if counted:
                    self.got += len(piece)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(url: str) -> Iterator[CuttingProxy]:
    """A proxy while the block lasts."""
    proxy = CuttingProxy(url)
    try:
        yield proxy
    finally:
        proxy.close()

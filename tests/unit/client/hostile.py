"""Servers that are none, on real sockets: what they send is scripted to the byte."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Script = Callable[[socket.socket, bytes], None]


@contextmanager
def scripted(script: Script) -> Iterator[tuple[str, list[bytes]]]:
    """Plays a script for each request on each connection; remembers the heads of the requests."""
    heads: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            rest = b""
            try:
                while True:
                    while b"\r\n\r\n" not in rest:
                        piece = self.request.recv(65536)
                        if not piece:
                            return
                        rest += piece
                    head, _, rest = rest.partition(b"\r\n\r\n")
                    heads.append(head)
                    rest = self._without_body(head, rest)
                    script(self.request, head)
            except OSError:
                return  # the client has gone, as it should

        def _without_body(self, head: bytes, rest: bytes) -> bytes:
            sized = re.search(rb"(?i)content-length: (\d+)", head)
            chunked = b"chunked" in head.lower()
            while len(rest) < (int(sized[1]) if sized else 0) or (
                chunked and not rest.endswith(b"0\r\n\r\n")
            ):
                piece = self.request.recv(65536)
                if not piece:
                    return b""
                rest += piece
            return b"" if chunked else rest[int(sized[1]) if sized else 0 :]

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}", heads
        finally:
            running.shutdown()


def says(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """One answer."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def always(*answers: bytes) -> Script:
    """These answers, one a request; the last goes on."""
    left = list(answers)

    def script(sock: socket.socket, head: bytes) -> None:
        sock.sendall(left.pop(0) if len(left) > 1 else left[0])

    return script


def flood(head: bytes, piece: bytes, *, most: int = 10 << 30) -> Script:
    """A head, then the same piece again and again, up to 10 GB."""

    def script(sock: socket.socket, _: bytes) -> None:
        sock.sendall(head)
        for _turn in range(most // len(piece)):
            sock.sendall(piece)

    return script


def drip(data: bytes, pause: float, stop: threading.Event) -> Script:
    """One byte at a time."""

    def script(sock: socket.socket, head: bytes) -> None:
        for byte in data:
            sock.sendall(bytes([byte]))
            if stop.wait(pause):
                return

    return script

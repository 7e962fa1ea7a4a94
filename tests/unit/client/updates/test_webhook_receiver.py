"""Webhooks: what has arrived is known at once, and nobody else gets in."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from syncnb import SyncServiceClient, WebhookReceiver, updates
from syncnb.client.webhook_server import WebhookServer
from syncnb.errors import ConnectionFailedError, InvalidMetaDataError, SettingsError
from tests.unit.client.test_faults import answer, server

from .conftest import SOON, CannotWait, Scripted, own_threads

WaitUntil = Callable[..., None]
Send = Callable[..., Any]
Polled = tuple[SyncServiceClient, CannotWait]


@pytest.fixture
def calls() -> list[float]:
    """When a listening server was called."""
    return []


@pytest.fixture
def listening(calls: list[float]) -> Iterator[WebhookServer]:
    """A server whose secret is ``secret``."""
    running = WebhookServer("127.0.0.1", 0, "secret", lambda: calls.append(time.monotonic()))
    yield running
    running.stop()
    assert "syncnb-webhook" not in own_threads()


def sent(listening: WebhookServer, data: bytes) -> bytes:
    """What it answers, to the end of the connection."""
    with socket.create_connection(("127.0.0.1", listening.port), 10) as connection:
        connection.sendall(data)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


def test_update_comes_long_before_the_next_look(
    polled: Polled, kind: str, send: Send, wait_until: WaitUntil
) -> None:
    """The service calls, the list is looked at."""
    client, adapter = polled
    with WebhookReceiver(client, kind) as webhook:
        poller = client.start_polling_for_updates(
            kind, lambda meta: None, poll_interval=300, webhook=webhook
        )
        wait_until(lambda: len(adapter.looks) == 1)
        send("one")
        wait_until(lambda: poller.handed_out == 1)
        assert webhook.calls >= 1
        assert repr(webhook).startswith(f"<WebhookReceiver of '{kind}' at http://127.0.0.1:")
        poller.stop()
    assert "syncnb-webhook" not in own_threads()


def test_deletion_comes_without_a_call(polled: Polled, kind: str, send: Send) -> None:
    """None is made for it: the list is looked at as well."""
    client, _ = polled
    publication = send("one")
    with WebhookReceiver(client, kind) as webhook:
        found = updates(kind, client=client, webhook=webhook, poll_interval=0.1, timeout=20)
        assert not next(found).deleted
        publication.delete()
        assert next(found).deleted


def test_it_registers_and_takes_the_registration_back() -> None:
    """With the same URL, whose secret is nowhere to be seen."""
    bodies: list[dict[str, str]] = []

    class Service(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Service) as service:
        thread = threading.Thread(target=service.serve_forever)
        thread.start()
        client = SyncServiceClient(f"http://127.0.0.1:{service.server_port}")
        webhook = WebhookReceiver(client, "t", url="https://gate.example/hooks/")
        webhook.start()
        shown = repr(webhook) + webhook._repr_html_()
        webhook.close()
        webhook.close()
        service.shutdown()
        thread.join()
    assert [body["action"] for body in bodies] == ["register", "delete"]
    assert bodies[0]["url"] == bodies[1]["url"]
    base, _, secret = bodies[0]["url"].rpartition("/")
    assert base == "https://gate.example/hooks"
    assert len(secret) >= 43
    assert secret not in shown


def test_service_that_is_restarted_hears_of_it_again(wait_until: WaitUntil) -> None:
    """Some forget their webhooks."""
    service = Scripted(503, others=204)
    with (
        service.running() as url,
        WebhookReceiver(SyncServiceClient(url), "t") as webhook,
        SyncServiceClient(url).start_polling_for_updates("t", print, webhook=webhook),
    ):
        wait_until(lambda: service.requests.count("PUT /api/v1/objects/t") == 2)


def test_service_that_refuses_leaves_no_server() -> None:
    """The error is the client's own."""
    with pytest.raises(ConnectionFailedError):
        WebhookReceiver(SyncServiceClient("http://127.0.0.1:1"), "t").start()
    assert "syncnb-webhook" not in own_threads()


def test_service_that_is_silent_does_not_keep_it_from_closing_for_long() -> None:
    """Five seconds."""
    with server(answer(204, b"", "Connection: close")) as (url, _):
        webhook = WebhookReceiver(SyncServiceClient(url), "t")
        webhook.start()
        began = time.monotonic()
        webhook.close()
        assert time.monotonic() - began < 5 + SOON


def test_service_that_is_gone_does_not_keep_it_from_closing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log says that the registration stays."""
    with (
        server(answer(204, b"", "Connection: close"), answer(500)) as (url, _),
        WebhookReceiver(SyncServiceClient(url), "t"),
    ):
        pass
    assert "stays registered" in caplog.text
    assert "syncnb-webhook" not in own_threads()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"POST /secret HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 204, id="good"),
        pytest.param(b"POST /a/secret?x=1 HTTP/1.1\r\nContent-length:2\r\n\r\n{}", 204, id="prefix"),
        pytest.param(b"POST /secret2 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 404, id="wrong"),
        pytest.param(b"POST /secre HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 404, id="start"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 404, id="none"),
        pytest.param(b"GET /secret HTTP/1.1\r\n\r\n", 405, id="method"),
        pytest.param(b"POST /secret HTTP/1.1\r\n\r\n", 411, id="no-length"),
        pytest.param(b"POST /secret HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, id="negative"),
        pytest.param(b"POST /secret HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", 413, id="huge"),
        pytest.param(
            b"POST /secret HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400,
            id="two-lengths",
        ),
        pytest.param(b"POST /secret HTTP/1.1\r\nX: " + b"x" * 40_000, 431, id="long-head"),
        pytest.param(b"\x16\x03\x01\r\n\r\n", 400, id="tls"),
    ],
)  # fmt: skip
def test_only_a_proper_call_of_the_secret_path_counts(
    listening: WebhookServer, calls: list[float], data: bytes, status: int
) -> None:
    """Everything else has an answer, and no effect."""
    found = sent(listening, data)
    assert found.startswith(f"HTTP/1.1 {status} ".encode())
    assert len(calls) == (status == 204)


def test_body_that_does_not_come_completely_is_no_call(
    listening: WebhookServer, calls: list[float]
) -> None:
    """The caller went away in the middle."""
    with socket.create_connection(("127.0.0.1", listening.port), 10) as connection:
        connection.sendall(b"POST /secret HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in everything(connection)
    assert calls == []


def test_crowd_is_cut_off_and_the_next_call_gets_through(
    listening: WebhookServer, calls: list[float], wait_until: WaitUntil
) -> None:
    """Connections that say nothing do not fill it for ever: each has five seconds."""
    crowd = [socket.create_connection(("127.0.0.1", listening.port), 10) for _ in range(40)]
    try:
        cut = [one for one in crowd[20:] if everything(one) == b""]
        assert len(cut) == 20
        good = b"POST /secret HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        wait_until(lambda: b" 204 " in sent(listening, good))
    finally:
        for one in crowd:
            one.close()
    assert calls


def test_it_stops_at_once_though_somebody_is_connected() -> None:
    """The connection is cut."""
    running = WebhookServer("127.0.0.1", 0, "secret", lambda: None)
    with socket.create_connection(("127.0.0.1", running.port), 10) as connection:
        connection.sendall(b"POST /sec")
        began = time.monotonic()
        running.stop()
        assert time.monotonic() - began < SOON
        assert everything(connection) == b""
    running.stop()


def test_address_that_is_taken_is_an_error(listening: WebhookServer) -> None:
    """Not a thread that is silent."""
    with pytest.raises(OSError, match="in use"):
        WebhookServer("127.0.0.1", listening.port, "secret", lambda: None)


def test_bad_input_is_refused() -> None:
    """Before anything listens."""
    client = SyncServiceClient("http://127.0.0.1:1")
    with pytest.raises(InvalidMetaDataError):
        WebhookReceiver(client, "a b")
    for url in ("gate.example", "http://gate/?x=1", "http://gate/#x", "http://[::1", "unix:/run/x"):
        with pytest.raises(SettingsError, match="url"):
            WebhookReceiver(client, "t", url=url)
    with pytest.raises(SettingsError, match="credentials") as caught:
        WebhookReceiver(client, "t", url="http://me:hidden@gate/")  # its repr would show them
    assert "hidden" not in str(caught.value)

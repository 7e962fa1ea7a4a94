"""Answers that no sync service gives: no hang, no memory growth, a clear error."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable

import psutil
import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.client.transport import Transport
from syncnb.errors import (
    AnswerError,
    ConnectionFailedError,
    ObjectNotFoundError,
    RedirectedError,
    RequestRefusedError,
    ServiceTimeoutError,
    SyncError,
)
from tests.unit.client.hostile import Script, always, drip, flood, says, scripted

META = ObjectMetaData(object_type="t", object_id="i")
PIECE = b"[" + b" " * (1 << 20)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b"[" + b" " * (200 << 20))


def client(url: str, **limits: float) -> SyncServiceClient:
    return SyncServiceClient(url, org_id="acme", key="me", secret="hidden", **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(flood(says(200, length=10 << 30), PIECE), id="length"),
        pytest.param(flood(b"HTTP/1.1 200 OK\r\n\r\n", PIECE), id="until-it-closes"),
        pytest.param(flood(CHUNKED, b"100000\r\n" + b" " * (1 << 20) + b"\r\n"), id="chunks"),
        pytest.param(flood(CHUNKED + b"FFFFFFFFF\r\n", PIECE), id="one-chunk"),
        pytest.param(flood(CHUNKED, b"1" * (1 << 20)), id="a-chunk-size-without-end"),
        pytest.param(flood(b"HTTP/1.1 200 OK\r\nX: ", b"y" * (1 << 20)), id="a-header"),
        pytest.param(flood(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10000), id="headers"),
        pytest.param(flood(says(500, length=10 << 30), PIECE), id="an-error"),
        pytest.param(
            flood(says(307, b"", "Location: http://x/", length=10 << 30), PIECE), id="a-redirect"
        ),
        pytest.param(
            always(says(200, BOMB, "Content-Encoding: gzip")), id="a-gzip-bomb",
        ),
        pytest.param(flood(says(403, length=10 << 30), PIECE), id="a-denial"),
    ],
)  # fmt: skip
def test_endless_answer_is_given_up(script: Script) -> None:
    """Ten gigabytes where a list was expected; at most the limit is ever held."""
    most = 4 << 20
    with scripted(script) as (url, _):
        transport = Transport(url, org_id="acme", largest_answer=most, timeout=5, deadline=10)
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises(SyncError) as caught:
            transport.request("GET", ("x",), operation="get_objects", subject="objects of type x")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        transport.close()
    assert peak < 5 * most
    assert time.monotonic() - began < 9
    assert isinstance(caught.value, AnswerError | ConnectionFailedError), repr(caught.value)


def test_answer_with_too_many_bytes_says_so() -> None:
    """With the request that it answers."""
    with scripted(flood(says(200, length=10 << 30), PIECE)) as (url, _):
        with pytest.raises(AnswerError, match=r"more than 67108864 bytes") as caught:
            client(url).get_objects("x")
        assert caught.value.url == f"{url}/api/v1/objects/acme/x"
        assert caught.value.method == "GET"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(says(200, b"[]" + b" " * 1000), id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 1000, id="head"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 50, id="informational"),
        pytest.param(CHUNKED + b"2\r\n[]\r\n0\r\n" + b"X: y\r\n" * 200, id="trailers"),
    ],
)
def test_slow_drip_ends_at_the_deadline(data: bytes) -> None:
    """Though it is never silent for as long as the timeout."""
    stop = threading.Event()
    with scripted(drip(data, 0.05, stop)) as (url, _):
        began = time.monotonic()
        with pytest.raises(ServiceTimeoutError, match=r"deadline of 1 s.*raise the client's deadl"):
            client(url, timeout=5, deadline=1).get_destinations()
        stop.set()
    assert time.monotonic() - began < 2.5


def test_slow_answer_to_an_upload_ends_at_the_deadline() -> None:
    """Data take as long as they move; what is said about them does not."""
    stop = threading.Event()
    with scripted(drip(b"HTTP/1.1 204 X\r\nX-Long: " + b"y" * 1000, 0.05, stop)) as (url, _):
        began = time.monotonic()
        with pytest.raises(ServiceTimeoutError, match=r"deadline of 1 s"):
            client(url, timeout=5, deadline=1).update_object_data(META, b"data", retries=0)
        stop.set()
    assert time.monotonic() - began < 2.5


def test_deadline_holds_over_all_tries() -> None:
    """Each try alone would be in time."""

    def slow(sock: socket.socket, head: bytes) -> None:
        time.sleep(0.4)
        sock.sendall(says(503))

    with scripted(slow) as (url, heads):
        began = time.monotonic()
        with pytest.raises(SyncError):
            client(url, deadline=1).get_destinations()
    assert time.monotonic() - began < 1.5
    assert 2 <= len(heads) <= 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"[1]", "not an array of objects"),
        (b'{"a": 1}', "not an array"),
        (b"[" * 200_000, "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"9" * 5000, "not JSON"),
    ],
)
def test_json_that_makes_no_sense_is_refused(body: bytes, words: str) -> None:
    """Broken, of another form, nested without end, with a number without end."""
    with (
        scripted(always(says(200, body, "Content-Type: application/json"))) as (url, _),
        pytest.raises(AnswerError, match=words),
    ):
        client(url).get_destinations()


def test_length_with_thousands_of_digits_is_a_wrong_one() -> None:
    """And no accident of the language's."""
    answer = says(200, b"hello").replace(b": 5", b": " + b"9" * 5000)
    with scripted(always(answer)) as (url, _):
        meta = ObjectMetaData(object_type="t", object_id="i", instance_id=1, object_size=5)
        with pytest.raises(SyncError):
            client(url).read_object_data(meta)


def test_null_is_an_empty_list_and_large_numbers_stay_exact() -> None:
    """As services written in Go send them."""
    with scripted(always(says(200, b"null"))) as (url, _):
        assert client(url).get_destinations() == []
    number = 1_800_000_000_000_000_123
    body = json.dumps([{"objectType": "t", "objectID": "i", "instanceID": number}]).encode()
    with scripted(always(says(200, body))) as (url, _):
        assert client(url).get_updated_objects("t")[0].instance_id == number


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.get_destinations(),
        lambda c: c.get_updated_objects("t"),
        lambda c: c.mark_object_received(META),
        lambda c: c.update_organization("acme"),
        lambda c: c.health(),
        lambda c: c.update_object_data(META, b"data"),
        lambda c: c.read_object_data(META),
    ],
)
@pytest.mark.parametrize("status", [200, 404])
def test_page_for_people_is_no_answer(
    call: Callable[[SyncServiceClient], object], status: int
) -> None:
    """A login page with 200 is no success, and a 404 of a web server no empty list."""
    page = says(status, b"<html>Log in</html>", "Content-Type: text/html; charset=utf-8")
    with scripted(always(page)) as (url, _), pytest.raises(SyncError, match="HTML"):
        call(client(url))


@pytest.mark.parametrize(
    "data",
    [
        says(200, b'[{"objectType"', length=100),
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 1\r\n\r\n[]",
        CHUNKED + b'10\r\n[{"obj',
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 2",
        b"",
    ],
)
def test_answer_that_is_cut_is_never_taken_for_whole(data: bytes) -> None:
    """At any place of it; a read is tried again, and ends with an error."""

    def cut(sock: socket.socket, head: bytes) -> None:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_RDWR)

    with scripted(cut) as (url, heads), pytest.raises(ConnectionFailedError):
        client(url).get_destinations()
    assert len(heads) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_named_and_not_followed(status: int) -> None:
    """Neither the login nor the data go to another host; what is secret in its URL is not shown."""
    calls: list[Callable[[SyncServiceClient], object]] = [
        lambda c: c.get_destinations(),
        lambda c: c.mark_object_received(META),
        lambda c: c.delete_object("t", "i"),
    ]
    with scripted(always(says(200, b"[]"))) as (elsewhere, stolen):
        target = f"{elsewhere}/login?token=hidden-token"
        answer = says(status, b"", f"Location: {target}")
        with scripted(always(answer)) as (url, _):
            for call in calls:
                with pytest.raises(RedirectedError, match=f"{elsewhere}/login") as caught:
                    call(client(url))
                assert "hidden" not in str(caught.value)
    assert stolen == []


def test_tls_port_that_says_so_is_understood() -> None:
    """As servers in Go and nginx answer plain HTTP."""
    for text in (
        b"Client sent an HTTP request to an HTTPS server.\n",
        b"The plain HTTP request was sent to HTTPS port",
    ):
        with (
            scripted(always(says(400, text, "Content-Type: text/plain"))) as (url, _),
            pytest.raises(RequestRefusedError, match="write https://"),
        ):
            client(url).get_destinations()
    with (
        scripted(always(b"\x15\x03\x01\x00\x02\x02\x16\r\n")) as (url, _),
        pytest.raises(ConnectionFailedError, match="speaks TLS: write https"),
    ):
        client(url).get_destinations()


def test_cookies_are_not_kept() -> None:
    """They would grow, and tie calls to each other."""
    with scripted(always(says(200, b"[]", "Set-Cookie: a=b; Path=/"))) as (url, heads):
        one = client(url)
        one.get_destinations()
        one.get_destinations()
    assert len(heads) == 2
    assert b"Cookie:" not in heads[1]


def test_close_leaves_no_connection_though_an_error_is_kept() -> None:
    """Its traceback refers to the answer, and that to the pool."""
    with scripted(always(says(404, b"nothing"))) as (url, _):
        port = int(url.rpartition(":")[2])
        one = client(url)
        with pytest.raises(ObjectNotFoundError) as kept:
            one.get_object_status("t", "i")
        one.close()
        mine = [c for c in psutil.Process().net_connections("tcp") if c.raddr]
    assert kept.value.__traceback__ is not None
    assert not [connection for connection in mine if connection.raddr.port == port]

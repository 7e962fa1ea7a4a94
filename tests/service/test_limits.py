"""Limits, each with an answer that says what it is."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest
import requests

from tests.service.conftest import ADMIN, NODE, Running, Start, until
from tests.service.raw import BASIC, HEALTH, Raw

UPLOAD = (
    "PUT /api/v1/objects/acme/t/slow/data HTTP/1.1\r\nHost: x\r\n"
    f"Authorization: Basic {BASIC}\r\nContent-Length: 1000\r\n\r\n"
).encode()


def still_answers(service: Running) -> bool:
    """Whether others are served."""
    return requests.get(f"{service.url}/api/v1/health", auth=ADMIN, timeout=10).ok


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        pytest.param(b"GET /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n", 414, b"2048", id="line"),
        pytest.param(
            b"GET / HTTP/1.1\r\nA: " + b"a" * 5000 + b"\r\n\r\n", 431, b"4096", id="field"
        ),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 900 + b"\r\n", 431, b"4096", id="many"),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"a" * 900_000, 431, b"4096", id="endless"),
        pytest.param(b"NONSENSE\r\n\r\n", 400, b"", id="nonsense"),
    ],
)
def test_header_that_is_too_large_is_refused(
    start: Start, request_: bytes, status: int, words: bytes
) -> None:
    """And the answer can be read, although the caller is not through."""
    css = start("css", "--max-request-line", "2048", "--max-header-size", "4 KiB")
    with Raw(css) as raw:
        raw.send(request_)
        answer = raw.answer()
        assert answer.startswith(f"HTTP/1.1 {status} ".encode())
        assert words in answer
        assert raw.ends_after() < 5
    with Raw(css) as raw:
        raw.send(HEALTH * 3)  # a limit on one header, not on those of a connection
        assert raw.status() == 200
    assert still_answers(css)


def test_connection_without_a_complete_header_is_ended(start: Start) -> None:
    """Also one that sends a byte now and then, or begins its second request so."""
    css = start("css", "--header-timeout", "1")
    with ExitStack() as stack:
        silent, slow, second, blank = (stack.enter_context(Raw(css)) for _ in range(4))
        slow.send(b"GET / HTTP/1.1\r\n")
        second.send(HEALTH)
        assert second.status() == 200
        second.send(b"GET ")
        blank.send(HEALTH)
        assert blank.status() == 200
        blank.send(b"\r\n")
        stop = time.monotonic() + 0.8
        while time.monotonic() < stop:
            slow.send(b"A: a\r\n")
            time.sleep(0.1)
        assert [raw.status() for raw in (slow, second, blank)] == [408, 408, 408]
        assert silent.ends_after() < 3
    assert still_answers(css)


def test_body_that_stands_still_is_ended(start: Start) -> None:
    """With an answer; one that moves may take as long as it likes."""
    css = start("css", "--body-timeout", "1")
    css.put("slow", b"")
    with Raw(css) as raw:
        raw.send(UPLOAD + b"x" * 10)
        assert raw.status() == 408
        assert raw.ends_after() < 5
    with Raw(css) as raw:
        raw.send(UPLOAD)
        for _ in range(10):
            time.sleep(0.25)
            raw.send(b"x" * 100)
        assert raw.status() == 204
    assert (
        requests.get(f"{css.url}/api/v1/objects/acme/t/slow/data", auth=ADMIN, timeout=10).content
        == b"x" * 1000
    )


def test_caller_who_does_not_read_is_ended(start: Start) -> None:
    """One who reads slowly gets everything."""
    css = start("css", "--body-timeout", "1")
    size = 60_000_000
    assert css.put("large", bytes(size)).ok
    get = f"GET /api/v1/objects/acme/t/large/data HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {BASIC}\r\n\r\n"
    with Raw(css) as deaf, Raw(css) as slow:
        deaf.send(get.encode())
        slow.send(get.encode())
        began, got = time.monotonic(), len(slow.head())
        while time.monotonic() - began < 3:
            got += len(slow.receive(1_000_000))
            time.sleep(0.1)
        while got < size:
            piece = slow.receive(1 << 20)
            assert piece, f"ended after {got} bytes"
            got += len(piece)
        assert deaf.rest() < size


@pytest.mark.parametrize("method", ["whole", "chunked", "ranged", "inline"])
def test_data_that_are_too_large_are_refused(start: Start, method: str) -> None:
    """Whichever way they come; what was there stays."""
    css = start("css", "--max-object-size", "1000")
    assert css.put("x", b"a" * 1000).ok
    url = f"{css.url}/api/v1/objects/acme/t/x"
    data = b"b" * 1001

    def upload(body: bytes | Iterator[bytes], **headers: str) -> requests.Response:
        return requests.put(
            f"{url}/data",
            data=body,
            headers=headers,
            auth=ADMIN,
            timeout=10,
        )

    ways: dict[str, Callable[[], requests.Response]] = {
        "whole": lambda: upload(data),
        "chunked": lambda: upload(iter([data[:500], data[500:]])),
        "ranged": lambda: upload(data[:500], **{"Content-Range": "bytes 0-499/1001"}),
        "inline": lambda: requests.put(
            url,
            json={
                "meta": {"objectID": "x", "objectType": "t"},
                "data": base64.b64encode(data).decode(),
            },
            auth=ADMIN,
            timeout=10,
        ),
    }
    answer = ways[method]()
    assert (answer.status_code, "1000" in answer.text) == (413, True)
    assert requests.get(f"{url}/data", auth=ADMIN, timeout=10).content == b"a" * 1000


@pytest.mark.parametrize("header", ["", "Connection: close\r\n"])
def test_large_upload_that_is_refused_gets_its_answer(start: Start, header: str) -> None:
    """The caller reads it when everything is sent, as simple clients do."""
    css = start("css", "--max-object-size", "1 MB")
    css.put("slow", b"")
    size = 40_000_000
    with Raw(css) as raw:
        raw.send(
            UPLOAD.replace(b"Content-Length: 1000", f"{header}Content-Length: {size}".encode())
        )
        raw.send(bytes(size))
        assert raw.status() == 413
        if not header:
            raw.send(HEALTH)
            assert raw.status() == 200
    with Raw(css) as raw:  # one who would send for ever is cut off
        raw.send(UPLOAD.replace(b"1000", b"10000000000"))
        assert raw.status() == 413
        assert raw.ends_after() < 5
    assert still_answers(css)


def test_data_inside_of_metadata_have_a_limit_of_their_own(start: Start) -> None:
    """The remedy is to upload them."""
    css = start("css", "--max-inline-size", "10")
    body = {
        "meta": {"objectID": "x", "objectType": "t"},
        "data": base64.b64encode(b"12345678901").decode(),
    }
    answer = requests.put(f"{css.url}/api/v1/objects/acme/t/x", json=body, auth=ADMIN, timeout=10)
    assert (answer.status_code, "upload" in answer.text) == (413, True)


def test_connections_beyond_the_limit_are_told_so(start: Start) -> None:
    """503 for those of the service, 429 for those of one address; room again when some go."""
    css = start("css", "--max-connections", "5")
    each = start("css", "--max-connections-per-address", "3", name="each")
    for service, most, status in ((css, 5, 503), (each, 3, 429)):
        with ExitStack() as stack:
            inside = [stack.enter_context(Raw(service)) for _ in range(most)]
            for raw in inside:
                raw.send(HEALTH)
                assert raw.status() == 200
            with Raw(service) as extra:
                extra.send(HEALTH)
                answer = extra.answer()
                assert answer.startswith(f"HTTP/1.1 {status} ".encode())
                assert b"retry-after: 2\r\n" in answer
                assert extra.ends_after() < 5
            inside[0].send(HEALTH)
            assert inside[0].status() == 200
        until(partial(_survives, service))


def test_flood_of_connections_leaves_the_service_alive(start: Start) -> None:
    """Beyond a second limit nobody is even told why."""
    css = start("css", "--max-connections", "20")
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(Raw(css))
    until(partial(_survives, css))


def _survives(css: Running) -> bool:
    try:
        return still_answers(css)
    except requests.ConnectionError:
        return False


def test_rate_of_an_identity_is_limited_but_not_what_nodes_report(start: Start) -> None:
    """429 says when to come again; others are not touched."""
    css = start("css", "--rate-limit", "2", "--rate-burst", "5")
    url = f"{css.url}/api/v1/objects/acme/t"
    answers = [requests.get(url, auth=ADMIN, timeout=10) for _ in range(8)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:5] == [404] * 5
    assert 429 in statuses[5:]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    assert "2 requests a second" in refused.text
    assert requests.get(url, auth=("other", "s3cret"), timeout=10).status_code == 404
    headers = {"X-Sync-Service-Dest": "acme/edge/node1"}
    spi = f"{css.url}/spi/v1"
    assert requests.put(
        f"{spi}/register-new/acme/edge/node1", auth=NODE, headers=headers, timeout=10
    ).ok
    reports = {
        requests.put(
            f"{spi}/objects/acme/t/x/1/1/received", auth=NODE, headers=headers, timeout=10
        ).status_code
        for _ in range(20)
    }
    assert reports == {409}
    polls = [
        requests.get(f"{spi}/objects/", auth=NODE, headers=headers, timeout=10).status_code
        for _ in range(8)
    ]
    assert 429 in polls


def test_many_slow_connections_do_not_hold_up_the_others(start: Start) -> None:
    """A service with hundreds of half-sent headers answers at once."""
    css = start("css", "--header-timeout", "5")
    with ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(Raw(css)).send(b"GET / HTTP/1.1\r\nA:")
        took: list[float] = []

        def ask() -> None:
            began = time.monotonic()
            assert still_answers(css)
            took.append(time.monotonic() - began)

        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(took) == 5
        assert max(took) < 2


def test_tls_handshake_that_does_not_come_is_not_waited_for(start: Start) -> None:
    """The connection is closed, as there is nobody to answer to."""
    css = start("css", "--header-timeout", "1", listen="https://127.0.0.1:0")
    with Raw(css) as silent, Raw(css) as half:
        half.send(b"\x16\x03\x01\x02\x00\x01")
        assert silent.ends_after() < 4
        assert half.ends_after() < 4
    url = f"{css.url}/api/v1/health"
    assert requests.get(url, auth=ADMIN, verify=css.ca, timeout=10).ok

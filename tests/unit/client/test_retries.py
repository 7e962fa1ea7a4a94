"""What is sent again, after how long, and what is not."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.client.retries import Retries, may_repeat, retry_after
from syncnb.errors import ConnectionFailedError, ServiceUnavailableError
from tests.unit.client.hostile import Script, always, says, scripted

META = ObjectMetaData(object_type="t", object_id="i")
Call = Callable[[SyncServiceClient], object]
READ: Call = lambda c: c.get_object_status("t", "i")  # noqa: E731
WRITE: Call = lambda c: c.update_object(META)  # noqa: E731
RECEIVED: Call = lambda c: c.mark_object_received(META)  # noqa: E731
CONSUMED: Call = lambda c: c.mark_object_consumed(META)  # noqa: E731
DELETE: Call = lambda c: c.delete_object("t", "i")  # noqa: E731
BYTES: Call = lambda c: c.update_object_data(META, b"data")  # noqa: E731
STREAM: Call = lambda c: c.update_object_data(META, iter([b"data"]))  # noqa: E731


def cut_then(answer: bytes) -> Script:
    """The first connection ends without an answer."""
    left = [b""]

    def script(sock: socket.socket, head: bytes) -> None:
        if left:
            left.pop()
            sock.shutdown(socket.SHUT_RDWR)
        else:
            sock.sendall(answer)

    return script


@pytest.mark.parametrize(
    ("call", "tries"),
    [(READ, 2), (WRITE, 2), (RECEIVED, 2), (CONSUMED, 2), (BYTES, 2), (DELETE, 1), (STREAM, 1)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_refusal_is_tried_again_unless_it_is_a_deletion(
    call: Call, tries: int, status: int
) -> None:
    """Nothing was done; a second deletion would make nodes keep the object (13, D9)."""
    with scripted(always(says(status), says(200, b"ready"))) as (url, heads):
        client = SyncServiceClient(url)
        if tries == 2:
            call(client)
        else:
            with pytest.raises(ServiceUnavailableError):
                call(client)
    assert len(heads) == tries


@pytest.mark.parametrize(
    ("call", "tries"),
    [(READ, 2), (WRITE, 2), (RECEIVED, 1), (CONSUMED, 1), (BYTES, 2), (DELETE, 1), (STREAM, 1)],
)
def test_lost_answer_is_asked_for_again_only_if_twice_is_as_good_as_once(
    call: Call, tries: int
) -> None:
    """A second `consumed` would be refused, a second `received` count for somebody else."""
    with scripted(cut_then(says(200, b"ready"))) as (url, heads):
        client = SyncServiceClient(url)
        if tries == 2:
            call(client)
        else:
            with pytest.raises(ConnectionFailedError):
                call(client)
    assert len(heads) == tries


@pytest.mark.parametrize("http_date", [False, True])
def test_retry_after_is_waited(http_date: bool) -> None:
    """In seconds and as a date."""
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    value = format_datetime(later, usegmt=True) if http_date else "1"
    script = always(says(503, b"", f"Retry-After: {value}"), says(200, b"ready"))
    with scripted(script) as (url, heads):
        began = time.monotonic()
        assert SyncServiceClient(url).get_object_status("t", "i") == "ready"
    assert 0.7 < time.monotonic() - began < 4
    assert len(heads) == 2


@pytest.mark.parametrize("value", ["60", "3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_retry_after_that_is_too_long_is_told_instead(value: str) -> None:
    """The caller decides; the program does not sleep for an hour."""
    with scripted(always(says(429, b"slow down", f"Retry-After: {value}"))) as (url, heads):
        began = time.monotonic()
        with pytest.raises(
            ServiceUnavailableError, match=r"slow down\)\..*try again in \d+ s"
        ) as e:
            SyncServiceClient(url).get_object_status("t", "i")
    assert time.monotonic() - began < 1
    assert len(heads) == 1
    assert e.value.retry_after is not None
    assert e.value.retry_after >= 60


def test_tries_end() -> None:
    """After four of them, within moments."""
    with scripted(always(says(503))) as (url, heads):
        began = time.monotonic()
        with pytest.raises(ServiceUnavailableError, match="in a moment"):
            SyncServiceClient(url).get_object_status("t", "i")
    assert len(heads) == 4
    assert 0.3 < time.monotonic() - began < 3


def test_pauses_grow_and_differ() -> None:
    """Clients that failed together do not come back together."""
    pauses = [{Retries(tries=9).pause(done) for _ in range(20)} for done in range(1, 7)]
    assert all(len(one) > 10 for one in pauses)
    for done, one in enumerate(pauses):
        most = min(0.1 * 2**done, 2.0)
        assert all(pause is not None and most / 2 <= pause <= most for pause in one)


@given(st.text())
def test_any_retry_after_is_survived(value: str) -> None:
    """Servers write what they like."""
    seconds = retry_after(value)
    assert seconds is None or seconds >= 0


@given(
    st.sampled_from(["DELETE", "POST", "PATCH"]),
    st.lists(st.text()).map(tuple),
    st.booleans(),
)
def test_only_reads_and_puts_are_ever_repeated(
    method: str, segments: tuple[str, ...], doubt: bool
) -> None:
    """Whatever the path."""
    assert not may_repeat(method, segments, doubt=doubt)


def test_log_shows_each_exchange_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Under one name, at the level DEBUG: method, path, status, bytes, milliseconds."""
    caplog.set_level(logging.DEBUG)
    with scripted(always(says(503), says(200, b"ready"))) as (url, _):
        client = SyncServiceClient(url, org_id="acme", key="me", secret="hidden-secret")
        client.get_object_status("t", "i")
        client.close()
    lines = [r.getMessage() for r in caplog.records if r.name == "syncnb"]
    assert lines[0].startswith("GET /api/v1/objects/acme/t/i/status 503 0 bytes ")
    assert lines[0].endswith(" ms")
    assert "again in" in lines[1]
    assert lines[2].startswith("GET /api/v1/objects/acme/t/i/status 200 5 bytes ")
    everything = " ".join(r.getMessage() for r in caplog.records)
    assert "hidden-secret" not in everything
    assert "bWU6aGlkZGVuLXNlY3JldA" not in everything  # the same in base64
    assert "hidden-secret" not in repr(client) + repr(vars(client))

"""Requests that another thread breaks off."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

from syncnb import SyncServiceClient
from syncnb.client.interrupting import (
    Interrupt,
    InterruptibleAdapter,
    _attaching,
    is_interrupted,
)
from syncnb.client.patience import persistently
from syncnb.errors import ConnectionFailedError, ServiceUnavailableError
from tests.unit.client.test_faults import answer, server

from .conftest import SOON, own_threads, silent_server

WaitUntil = Callable[..., None]


@contextmanager
def full_server() -> Iterator[tuple[str, threading.Event]]:
    """An address where a connect neither succeeds nor fails; it is when the event is set."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        came = threading.Event()
        came.set()
        yield f"127.0.0.1:{listening.getsockname()[1]}", came
        for one in waiting:
            one.close()


def broken_off(url: str, came: threading.Event) -> float:
    """Seconds from `set` to the error of a request that is under way when it is called."""
    interrupt, client = Interrupt(), SyncServiceClient(url)
    at: list[float] = []

    def later() -> None:
        assert came.wait(10)
        at.append(time.monotonic())
        interrupt.set()

    thread = threading.Thread(target=later)
    thread.start()
    with interrupt.requests(), pytest.raises(ConnectionFailedError):
        client.get_object_status("t", "i")
    took = time.monotonic() - at[0]
    thread.join()
    client.close()
    return took


def test_wait_for_an_answer_is_broken_off() -> None:
    """The other side sees the connection end."""
    with silent_server() as (address, came, gone):
        assert broken_off(f"http://{address}", came) < SOON
        assert gone.wait(5)


def test_wait_on_a_unix_socket_is_broken_off(tmp_path: Path) -> None:
    """As on any other."""
    came, gone = threading.Event(), threading.Event()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                came.set()
                connection.recv(65536)
                gone.set()

        thread = threading.Thread(target=serve)
        thread.start()
        assert broken_off(f"unix://{tmp_path}/s", came) < SOON
        thread.join(5)
    assert gone.is_set()


def test_greeting_of_tls_is_broken_off() -> None:
    """While the descriptor belongs to nobody's socket."""
    with silent_server() as (address, came, gone):
        assert broken_off(f"https://{address}", came) < SOON
        assert gone.wait(5)


def test_connect_that_hangs_is_left() -> None:
    """The thread that does it waits no longer than a connect may."""
    with full_server() as (address, came):
        assert broken_off(f"http://{address}", came) < SOON


def test_connection_that_is_used_again_can_be_broken_off() -> None:
    """The second request on one connection has its own interrupt."""
    second = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer(200, b"ready"))
                connection.recv(65536)
                second.set()
                connection.recv(65536)

        thread = threading.Thread(target=serve)
        thread.start()
        client = SyncServiceClient(f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert client.get_object_status("t", "i") == "ready"
        interrupt = Interrupt()
        stopper = threading.Thread(target=lambda: second.wait(10) and interrupt.set())  # type: ignore[func-returns-value]
        stopper.start()
        with interrupt.requests(), pytest.raises(ConnectionFailedError):
            client.get_object_status("t", "i")
        assert second.is_set()
        stopper.join()
        thread.join()


def test_nothing_is_requested_after_it() -> None:
    """Not even a connection is made."""
    interrupt = Interrupt()
    interrupt.set()
    with server(answer(200, b"ready")) as (url, requests):
        with interrupt.requests():
            assert is_interrupted()
            with pytest.raises(ConnectionFailedError):
                SyncServiceClient(url).get_object_status("t", "i")
        assert requests == []
        assert SyncServiceClient(url).get_object_status("t", "i") == "ready"


def test_inside_of_it_nothing_is_tried_again_by_the_transport() -> None:
    """Its pauses could not be ended, and the loop outside has better ones."""
    with (
        server(answer(503, b"", "Retry-After: 10"), answer(200, b"ready")) as (url, requests),
        Interrupt().requests(),
        pytest.raises(ServiceUnavailableError),
    ):
        SyncServiceClient(url).get_object_status("t", "i")
    assert len(requests) == 1


def test_other_threads_are_not_touched() -> None:
    """Two requests at the same client, one interrupt."""
    one, other = Interrupt(), Interrupt()
    ended: list[str] = []
    with silent_server() as (first, came1, _), silent_server() as (second, came2, _):

        def run(name: str, address: str, interrupt: Interrupt) -> None:
            with interrupt.requests(), pytest.raises(ConnectionFailedError):
                SyncServiceClient(f"http://{address}").get_object_status("t", "i")
            ended.append(name)

        threads = [
            threading.Thread(target=run, args=("one", first, one)),
            threading.Thread(target=run, args=("other", second, other)),
        ]
        for thread in threads:
            thread.start()
        assert came1.wait(10)
        assert came2.wait(10)
        one.set()
        threads[0].join(10)
        assert ended == ["one"]
        other.set()
        threads[1].join(10)
        assert ended == ["one", "other"]


def test_persistence_ends_with_it(wait_until: WaitUntil) -> None:
    """Also in a pause."""
    interrupt, failures = Interrupt(), []

    def call() -> None:
        failures.append(time.monotonic())
        raise ConnectionFailedError("http://nowhere", "refused")

    def run() -> None:
        with interrupt.requests(), pytest.raises(ConnectionFailedError):
            persistently(call, timeout=60)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: len(failures) >= 4)
    interrupt.set()
    thread.join(SOON)
    assert not thread.is_alive()


def test_event_of_the_caller_is_followed_and_leaves_no_thread(wait_until: WaitUntil) -> None:
    """Set, and not set."""
    event, interrupt = threading.Event(), Interrupt()
    with interrupt.following(event):
        event.set()
        wait_until(interrupt.is_set, timeout=SOON)
    with Interrupt().following(threading.Event()):
        pass
    assert "syncnb-stop" not in own_threads()


def test_first_requests_of_two_threads_do_not_trip_over_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another thread prepares the pool after this one has seen that it is not prepared."""

    class Pool(HTTPConnectionPool):
        looks = 0

        @property
        def ConnectionCls(self) -> Any:  # noqa: N802
            self.looks += 1
            return HTTPConnection if self.looks == 1 else prepared

        @ConnectionCls.setter
        def ConnectionCls(self, kind: Any) -> None:  # noqa: N802
            made.append(kind)

    made: list[Any] = []
    prepared = _attaching(HTTPConnection)
    monkeypatch.setattr(HTTPAdapter, "get_connection_with_tls_context", lambda _: Pool("h"))
    InterruptibleAdapter().get_connection_with_tls_context()
    assert set(made) == {prepared}

"""Pollers in the background: independent, honest about errors, stopped at once."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncnb import LocalFleet, ObjectMetaData, SyncServiceClient
from syncnb.client import Poller
from syncnb.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    InvalidMetaDataError,
    SettingsError,
)

from .conftest import SOON, CannotWait, Lonely, Scripted, connections_to, own_threads

WaitUntil = Callable[..., None]
Send = Callable[..., Any]
Polled = tuple[SyncServiceClient, CannotWait]


def stopped(poller: Poller) -> float:
    """Stop it; seconds that it took."""
    began = time.monotonic()
    assert poller.stop()
    return time.monotonic() - began


def status_at_node(publication: Any) -> str:
    return str({row.dest_id: row.status for row in publication.delivery_rows()}["node1"])


def test_callback_gets_each_update_once(
    polled: Polled, kind: str, send: Send, wait_until: WaitUntil
) -> None:
    """However often the list with the unmarked object is looked at."""
    client, adapter = polled
    got: list[str] = []
    with client.start_polling_for_updates(
        kind, lambda meta: got.append(meta.object_id), poll_interval=0.05
    ) as poller:
        send("one")
        wait_until(lambda: got == ["one"])
        seen = len(adapter.looks)
        wait_until(lambda: len(adapter.looks) > seen + 10)
        assert "running, 1 update>" in repr(poller)
    assert got == ["one"]
    assert not poller.running
    assert "stopped" in repr(poller)


def test_stop_in_a_long_wait_is_at_once_and_leaves_nothing(
    node: SyncServiceClient, kind: str, wait_until: WaitUntil
) -> None:
    """No thread, no connection."""
    node.close()
    before = connections_to(node.url)
    poller = node.start_polling_for_updates(kind, print)
    wait_until(lambda: len(connections_to(node.url) - before) == 1)
    assert stopped(poller) < SOON
    assert not {name for name in own_threads() if kind in name}
    wait_until(lambda: not connections_to(node.url) - before, timeout=5)


def test_pollers_of_one_client_are_independent(
    node: SyncServiceClient, kind: str, send: Send, wait_until: WaitUntil
) -> None:
    """Two of one type and one of another; to stop one of them stops no other."""
    first: queue.Queue[ObjectMetaData] = queue.Queue()
    second: queue.Queue[ObjectMetaData] = queue.Queue()
    one = node.start_polling_for_updates(kind, first)
    two = node.start_polling_for_updates(kind, second)
    other = node.start_polling_for_updates("other", print)
    send("a")
    assert (first.get(timeout=20).object_id, second.get(timeout=20).object_id) == ("a", "a")
    one.stop()
    send("b")
    assert second.get(timeout=20).object_id == "b"
    assert first.empty()
    node.stop_polling_for_updates(kind)
    assert (one.running, two.running, other.running) == (False, False, True)
    node.stop_polling_for_updates()
    assert not other.running
    node.stop_polling_for_updates()  # nothing runs: nothing happens


def test_pollers_that_start_at_once_are_all_stopped(
    monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    """None is forgotten while another one is taken note of."""
    client = SyncServiceClient("http://127.0.0.1:1")
    first = client.start_polling_for_updates("a", print)
    together = threading.Barrier(2)

    def running(poller: Poller) -> bool:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.3)
        return poller._thread.is_alive()

    with monkeypatch.context() as patched:
        patched.setattr(Poller, "running", property(running))
        starts = [
            threading.Thread(target=client.start_polling_for_updates, args=(name, print))
            for name in ("b", "c")
        ]
        for one in starts:
            one.start()
        for one in starts:
            one.join()
    client.close()
    assert not first.running
    wait_until(lambda: not own_threads())  # a look that was under way ends by itself


def test_closing_the_client_stops_its_pollers(fleet: LocalFleet, kind: str) -> None:
    """So that nothing opens connections again."""
    settings = fleet.environment("node1")
    with SyncServiceClient(
        settings["SYNCNB_URL"], key=settings["SYNCNB_KEY"], secret=settings["SYNCNB_SECRET"]
    ) as client:
        poller = client.start_polling_for_updates(kind, print)
    assert not poller.running


def test_exception_of_the_callback_stops_it_and_is_raised_by_stop(
    node: SyncServiceClient, kind: str, send: Send, wait_until: WaitUntil,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Once; it is in the log when it happens, and in `errors`."""

    def fails(meta: ObjectMetaData) -> None:
        raise LookupError(meta.object_id)

    poller = node.start_polling_for_updates(kind, fails)
    send("one")
    wait_until(lambda: not poller.running)
    assert "LookupError" in caplog.text
    with pytest.raises(LookupError, match="one"):
        poller.stop()
    assert poller.stop()
    assert [type(one) for one in poller.errors] == [LookupError]
    assert "ended by LookupError" in repr(poller)
    assert "&lt;Poller" in poller._repr_html_()


def test_exception_of_the_callback_leaves_the_with_block(
    node: SyncServiceClient, kind: str, send: Send, wait_until: WaitUntil
) -> None:
    """Unless the block has one of its own."""

    def fails(meta: ObjectMetaData) -> None:
        raise LookupError

    def run(ends: Callable[[], object]) -> None:
        with node.start_polling_for_updates(kind, fails) as poller:
            wait_until(lambda: not poller.running)
            ends()

    send("one")
    with pytest.raises(LookupError):
        run(lambda: None)
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)


def test_error_that_nobody_was_told_is_raised_by_the_client(
    node: SyncServiceClient, kind: str, send: Send, wait_until: WaitUntil
) -> None:
    """All others are stopped nevertheless."""

    def fails(meta: ObjectMetaData) -> None:
        raise LookupError

    failed = node.start_polling_for_updates(kind, fails)
    send("one")
    wait_until(lambda: not failed.running)
    good = node.start_polling_for_updates(kind, print)
    with pytest.raises(LookupError):
        node.stop_polling_for_updates()
    assert not good.running


def test_callback_that_fails_gets_the_update_again_if_asked_for(
    node: SyncServiceClient, kind: str, send: Send, wait_until: WaitUntil
) -> None:
    """Only that one; and it is acknowledged when the callback returned."""
    got: list[str] = []

    def fails_once(meta: ObjectMetaData) -> None:
        got.append(meta.object_id)
        if got.count("bad") == 1 and meta.object_id == "bad":
            raise LookupError

    publications = [send("bad"), send("good")]
    with node.start_polling_for_updates(
        kind, fails_once, on_error="again", acknowledge=True
    ) as poller:
        wait_until(lambda: len(got) == 3)
        wait_until(lambda: {status_at_node(one) for one in publications} == {"consumed"})
    assert sorted(got) == ["bad", "bad", "good"]
    assert [type(one) for one in poller.errors] == [LookupError]


def test_callback_can_stop_its_poller(
    node: SyncServiceClient, kind: str, send: Send, wait_until: WaitUntil
) -> None:
    """Without waiting for itself, and without another call."""
    send("one")
    send("two")
    got: list[str] = []

    def stops(meta: ObjectMetaData) -> None:
        got.append(meta.object_id)
        node.stop_polling_for_updates(kind)

    poller = node.start_polling_for_updates(kind, stops)
    assert poller.join(20)
    assert got == ["one"]


def test_wrong_credentials_are_told(fleet: LocalFleet, kind: str, wait_until: WaitUntil) -> None:
    """At the latest when it is stopped."""
    client = SyncServiceClient(fleet.node("node1").url, key="x", secret="y")
    poller = client.start_polling_for_updates(kind, print)
    with pytest.raises(AccessDeniedError):
        poller.join(20)


def test_full_queue_holds_it_up_and_does_not_keep_it_from_stopping(
    node: SyncServiceClient, kind: str, send: Send, wait_until: WaitUntil
) -> None:
    """What did not fit is not lost: the next one gets it."""
    arrived: queue.Queue[ObjectMetaData] = queue.Queue(maxsize=1)
    send("one")
    send("two")
    poller = node.start_polling_for_updates(kind, arrived)
    wait_until(arrived.full)
    assert stopped(poller) < SOON
    assert arrived.get().object_id == "one"
    rest: queue.Queue[ObjectMetaData] = queue.Queue()
    with node.start_polling_for_updates(kind, rest):
        assert [rest.get(timeout=20).object_id for _ in range(2)] == ["one", "two"]


def test_errors_of_the_network_never_end_it(tmp_path: Path, wait_until: WaitUntil) -> None:
    """They are in `errors`, the last hundred of them."""
    lonely = Lonely(tmp_path)
    poller = lonely.client.start_polling_for_updates("t", print, poll_interval=0.1)
    try:
        wait_until(lambda: len(connections_to(lonely.client.url)) == 1)
        lonely.kill()
        wait_until(lambda: len(poller.errors) >= 2)
        lonely.start()
        wait_until(lambda: len(connections_to(lonely.client.url)) == 1)
        assert poller.running
        assert stopped(poller) < SOON
    finally:
        poller.stop()
        lonely.kill()


def test_state_file_keeps_a_callback_from_being_called_twice(
    node: SyncServiceClient, kind: str, send: Send, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """Over a restart, although nothing was acknowledged."""
    send("one")
    got: list[str] = []
    for _ in range(2):
        with node.start_polling_for_updates(
            kind, lambda meta: got.append(meta.object_id), state=tmp_path / "state"
        ) as poller:
            wait_until(lambda: "one" in got)
        assert not poller.errors
    send("two")
    with node.start_polling_for_updates(
        kind, lambda meta: got.append(meta.object_id), state=tmp_path / "state"
    ):
        wait_until(lambda: len(got) >= 2)
    assert got == ["one", "two"]


def test_acknowledgement_that_hangs_does_not_hang_the_stop() -> None:
    """On a node without its cloud it does (rest-api.md, 4.19); it has two seconds."""
    service = Scripted([{"objectType": "t", "objectID": "i", "instanceID": 1}], others=None)
    with service.running() as url:
        poller = SyncServiceClient(url).start_polling_for_updates(
            "t", lambda meta: None, acknowledge=True
        )
        assert service.silenced.wait(10)
        assert stopped(poller) < 2 + SOON
    assert [type(one) for one in poller.errors] == [ConnectionFailedError]


def test_acknowledgement_that_begins_after_the_stop_is_made(
    node: SyncServiceClient, kind: str, send: Send
) -> None:
    """The callback was under way, and its work is not to be done twice."""
    publication = send("one")
    began, go_on = threading.Event(), threading.Event()

    def works(meta: ObjectMetaData) -> None:
        began.set()
        assert go_on.wait(20)

    poller = node.start_polling_for_updates(kind, works, acknowledge=True)
    assert began.wait(20)
    assert not poller.stop(timeout=0)
    go_on.set()
    assert poller.join(20)
    publication.wait_for_change(5)
    assert status_at_node(publication) == "consumed"


@pytest.mark.parametrize(
    ("to", "options", "message"),
    [
        pytest.param(5, {}, "takes no updates", id="number"),
        pytest.param(asyncio.sleep, {}, "updates_async", id="coroutine"),
        pytest.param(asyncio.Queue(), {}, "updates_async", id="queue-of-asyncio"),
        pytest.param(queue.Queue(), {"state": "x"}, "cannot say what", id="queue-and-state"),
        pytest.param(queue.Queue(), {"acknowledge": True}, "cannot say what", id="queue-marks"),
        pytest.param(print, {"on_error": "ignore"}, "'stop' or 'again'", id="on-error"),
        pytest.param(print, {"poll_interval": -1}, "positive", id="interval"),
    ],
)
def test_bad_input_is_refused_before_a_thread_runs(
    to: Any, options: dict[str, Any], message: str
) -> None:
    """With what to do."""
    client = SyncServiceClient("http://127.0.0.1:1")
    with pytest.raises(SettingsError, match=message):
        client.start_polling_for_updates("never", to, **options)
    assert "syncnb-poller-never" not in own_threads()


def test_type_that_is_no_name_is_refused() -> None:
    """As everywhere."""
    with pytest.raises(InvalidMetaDataError):
        SyncServiceClient("http://127.0.0.1:1").start_polling_for_updates("a b", print)

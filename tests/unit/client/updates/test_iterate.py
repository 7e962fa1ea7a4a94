"""The iterator: each update once, whatever the network does, ended at once."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from syncnb import (
    LocalFleet,
    ObjectMetaData,
    SyncServiceClient,
    Update,
    updates,
    updates_async,
)
from syncnb.client.iterate import iter_updates
from syncnb.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    InvalidMetaDataError,
    SettingsError,
)

from .conftest import SOON, CannotWait, Lonely, Scripted, connections_to, own_threads, silent_server

WaitUntil = Callable[..., None]
Send = Callable[..., Any]
Polled = tuple[SyncServiceClient, CannotWait]


class Collector:
    """Takes updates in a thread until it is stopped."""

    def __init__(self, client: SyncServiceClient, kind: str, **options: Any) -> None:
        self.stop = threading.Event()
        self.got: list[ObjectMetaData] = []
        self.failure: BaseException | None = None
        self._found = iter_updates(client, kind, stop=self.stop, **options)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.got.extend(self._found)
        except Exception as error:  # noqa: BLE001  raised again by `end`
            self.failure = error

    @property
    def names(self) -> list[str]:
        return [meta.object_id for meta in self.got]

    def end(self) -> float:
        """Stop it; seconds that it took."""
        began = time.monotonic()
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()
        if self.failure is not None:
            raise self.failure
        return time.monotonic() - began


def meta(name: str, instance: int, **more: Any) -> dict[str, Any]:
    return {"objectType": "t", "objectID": name, "instanceID": instance, **more}


def test_long_wait_ends_at_once_and_leaves_nothing(
    fleet: LocalFleet, node: SyncServiceClient, kind: str, wait_until: WaitUntil
) -> None:
    """No thread of ours, no connection to the service."""
    node.close()
    before = connections_to(node.url)
    collector = Collector(node, kind)
    wait_until(lambda: len(connections_to(node.url) - before) == 1)
    assert collector.end() < SOON
    assert not own_threads() & {"syncnb-stop", "syncnb-connect"}
    wait_until(lambda: not connections_to(node.url) - before, timeout=5)


def test_service_that_never_answers_does_not_delay_the_end() -> None:
    """The connection is closed."""
    with silent_server() as (address, came, gone):
        collector = Collector(SyncServiceClient(f"http://{address}"), "t")
        assert came.wait(10)
        assert collector.end() < SOON
        assert gone.wait(5)


def test_pause_ends_at_once(polled: Polled, kind: str, wait_until: WaitUntil) -> None:
    """A minute between two looks."""
    client, adapter = polled
    collector = Collector(client, kind, poll_interval=60)
    wait_until(lambda: len(adapter.looks) == 1)
    assert collector.end() < SOON


def test_pause_after_a_failure_ends_at_once() -> None:
    """Nobody listens."""
    failed = threading.Event()
    collector = Collector(
        SyncServiceClient("http://127.0.0.1:1"), "t", on_outage=lambda error: failed.set()
    )
    assert failed.wait(10)
    assert collector.end() < SOON


@pytest.mark.parametrize("waits", [True, False])
def test_update_comes_once_although_nobody_marks_it(
    waits: bool, node: SyncServiceClient, polled: Polled, kind: str, send: Send,
    wait_until: WaitUntil,
) -> None:  # fmt: skip
    """A new version comes as well, and so does the deletion."""
    client, adapter = (node, None) if waits else polled
    collector = Collector(client, kind, poll_interval=0.05)
    publication = send("one", b"1")
    wait_until(lambda: collector.names == ["one"])
    send("one", b"2")
    wait_until(lambda: collector.names == ["one", "one"])
    if adapter is not None:
        seen = len(adapter.looks)
        wait_until(lambda: len(adapter.looks) > seen + 5)
    publication.delete()
    wait_until(lambda: len(collector.got) == 3)
    collector.end()
    assert [one.deleted for one in collector.got] == [False, False, True]


def test_interval_varies_by_a_tenth(polled: Polled, kind: str, wait_until: WaitUntil) -> None:
    """A fleet that was switched on at once does not look at once for ever."""
    client, adapter = polled
    collector = Collector(client, kind, poll_interval=0.5)
    wait_until(lambda: len(adapter.looks) >= 25)
    collector.end()
    pauses = [b - a for a, b in pairwise(adapter.looks)]
    assert 0.4375 <= min(pauses) < 0.4875


def test_what_was_marked_received_comes_once_more_after_a_restart(
    node: SyncServiceClient, kind: str, send: Send
) -> None:
    """The first look of the next run asks for it."""
    send("kept")
    (first,) = iter_updates(node, kind, timeout=0.3)
    node.mark_object_received(first)
    assert list(iter_updates(node, kind, timeout=0.3)) == [first]


def test_all_that_was_marked_received_comes_once_more_however_long_the_work_takes(
    node: SyncServiceClient, kind: str, send: Send
) -> None:
    """Also what the second look is for, which is taken after a second of work."""
    for name in ("a", "b", "c"):
        send(name)
    for meta in node.get_updated_objects(kind):
        node.mark_object_received(meta)
    got = []
    for update in updates(kind, client=node, timeout=1):
        got.append(update.name)
        update.received()
        if len(got) < 3:
            time.sleep(1.1)  # the work
    assert sorted(got) == ["a", "b", "c"]


def test_killed_service_is_waited_for(tmp_path: Path, wait_until: WaitUntil) -> None:
    """The loop survives, and waits again as soon as the service is there."""
    lonely = Lonely(tmp_path)
    outages: list[Exception] = []
    collector = Collector(lonely.client, "t", on_outage=outages.append, poll_interval=0.2)
    try:
        wait_until(lambda: len(connections_to(lonely.client.url)) == 1)
        lonely.kill()
        wait_until(lambda: len(outages) >= 3)
        assert isinstance(outages[0], ConnectionFailedError)
        lonely.start()
        seen = len(outages)
        wait_until(lambda: len(connections_to(lonely.client.url)) == 1)
        assert len(outages) <= seen + 1
        assert collector.end() < SOON
    finally:
        collector.stop.set()
        lonely.kill()


def test_wrong_credentials_end_it_at_the_first_look(fleet: LocalFleet, kind: str) -> None:
    """They will be wrong the next time."""
    with pytest.raises(AccessDeniedError):
        next(iter_updates(SyncServiceClient(fleet.node("node1").url, key="x", secret="y"), kind))


def test_refusal_later_is_taken_for_an_outage() -> None:
    """An authentication that is away for a moment answers 403 as well (rest-api.md, 9.1)."""
    outages: list[Exception] = []
    with Scripted([meta("a", 1)], 403, [meta("b", 2)]).running() as url:
        found = iter_updates(
            SyncServiceClient(url), "t", poll_interval=0.01, on_outage=outages.append
        )
        assert [next(found).object_id, next(found).object_id] == ["a", "b"]
    assert [type(one) for one in outages] == [AccessDeniedError]


def test_one_object_that_cannot_be_read_hides_no_other() -> None:
    """No type, and a time that is a number."""
    with Scripted([{"objectID": "x"}, meta("y", 1, expiration=5), meta("z", 2)]).running() as url:
        assert next(iter_updates(SyncServiceClient(url), "t")).object_id == "z"


def test_deletion_of_the_cloud_itself_is_no_update_there() -> None:
    """A CSS lists the tombstones of its own objects (rest-api.md, 9.1)."""
    own = meta("own", 1, deleted=True, originType="Cloud")
    report = meta("report", 2, deleted=True, originType="edge")
    with Scripted([own, report]).running() as url:
        assert next(iter_updates(SyncServiceClient(url, org_id="acme"), "t")).object_id == "report"
    with Scripted([own]).running() as url:  # on a node it is one
        assert next(iter_updates(SyncServiceClient(url), "t")).object_id == "own"


def test_oldest_comes_first() -> None:
    """Services list in an order of their own."""
    with Scripted([meta("c", 3), meta("a", 1), meta("b", 2)]).running() as url:
        found = iter_updates(SyncServiceClient(url), "t")
        assert [next(found).object_id for _ in range(3)] == ["a", "b", "c"]


def test_version_that_was_replaced_while_another_was_processed_is_not_handed_out() -> None:
    """After more than a second the list is looked at again before more of it is handed out."""
    with Scripted([meta("a", 1), meta("b", 2)], [meta("a", 1), meta("b", 3)]).running() as url:
        found = iter_updates(SyncServiceClient(url), "t")
        assert next(found).object_id == "a"
        time.sleep(1.1)  # the work
        assert next(found).instance_id == 3


def test_object_that_was_gone_and_is_there_again_comes_again() -> None:
    """A `resend` brings back what was consumed (rest-api.md, 4.3)."""
    with Scripted([meta("a", 1)], 404, [meta("a", 1)]).running() as url:
        found = iter_updates(SyncServiceClient(url), "t", poll_interval=0.01)
        assert [next(found).object_id, next(found).object_id] == ["a", "a"]


def test_service_that_only_says_that_it_waits_is_not_asked_all_the_time(
    wait_until: WaitUntil,
) -> None:
    """A cache in between, say: it answers at once, for ever."""
    service = Scripted(*[404] * 10_000, headers={"Preference-Applied": "wait=20"})
    with service.running() as url:
        collector = Collector(SyncServiceClient(url), "t", poll_interval=60)
        wait_until(lambda: len(service.requests) >= 8)
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 1)
        collector.end()
    assert len(service.requests) < 20


def test_only_the_latest_is_handed_out_and_the_others_are_acknowledged(
    node: SyncServiceClient, kind: str, send: Send, fleet: LocalFleet
) -> None:
    """Three objects that carry the same thing, by a name of the caller's; another thing stays."""
    publications = [send(name) for name in ("a-1", "a-2", "a-3", "b-1")]
    got = []
    for update in updates(
        kind, client=node, timeout=1, only_latest=lambda one: one.object_id.partition("-")[0]
    ):
        with update:
            got.append(update.name)
    assert got == ["a-3", "b-1"]
    for publication in publications:
        rows = {row.dest_id: row.status for row in publication.delivery_rows()}
        assert rows["node1"] == "consumed"
        assert rows["node2"] == "delivered"


def test_versions_of_one_name_are_told_by_the_manifest() -> None:
    """`only_latest=True`."""

    def described(number: int) -> dict[str, Any]:
        about = {"format": "bytes", "codec": "bytes/1", "sha256": "", "size": 0, "name": "m"}
        return meta(f"m-{number}", number, description=json.dumps({"text": "", "syncnb": about}))

    service = Scripted([described(2), described(1), meta("other", 3)])
    with service.running() as url:
        found = iter_updates(SyncServiceClient(url), "t", only_latest=True)
        assert [next(found).object_id, next(found).object_id] == ["m-2", "other"]
    assert "GET /api/v1/objects/t/m-1" in service.requests  # looked at, to be acknowledged


def test_crash_between_work_and_acknowledgement_gives_nothing_twice(
    node: SyncServiceClient, polled: Polled, kind: str, send: Send, tmp_path: Path
) -> None:
    """The next run acknowledges, and goes on with what is new."""
    state = tmp_path / "state"
    publication = send("one")
    client, adapter = polled
    adapter.crashes = True
    with pytest.raises(KeyboardInterrupt), next(updates(kind, client=client, state=state)):
        pass
    assert {r.dest_id: r.status for r in publication.delivery_rows()}["node1"] == "delivered"
    second = updates(kind, client=node, state=state, timeout=1)
    assert list(second) == []
    publication.wait_for_change(5)
    assert {r.dest_id: r.status for r in publication.delivery_rows()}["node1"] == "consumed"
    send("one", b"newer")
    assert [one.name for one in updates(kind, client=node, state=state, timeout=1)] == ["one"]


def test_without_a_state_file_it_comes_again(
    node: SyncServiceClient, kind: str, send: Send
) -> None:
    """What was not acknowledged is not done."""
    send("one")
    assert next(updates(kind, client=node)).name == "one"
    assert next(updates(kind, client=node)).name == "one"


def test_state_file_can_be_used_by_one_loop_at_a_time(
    node: SyncServiceClient, kind: str, send: Send, tmp_path: Path
) -> None:
    """It would forget what the other one wrote."""
    send("one")
    first = updates(kind, client=node, state=tmp_path / "state")
    assert next(first).name == "one"
    with pytest.raises(SettingsError, match="in use"):
        next(updates(kind, client=node, state=tmp_path / "state"))
    first.close()  # type: ignore[attr-defined]
    assert next(updates(kind, client=node, state=tmp_path / "state")).name == "one"


def test_update_that_failed_comes_again_and_no_other_does(
    node: SyncServiceClient, kind: str, send: Send
) -> None:
    """An exception in the block is no acknowledgement."""
    send("bad")
    send("good")
    seen: list[str] = []
    for update in updates(kind, client=node, timeout=7):
        seen.append(update.name)
        try:
            with update:
                if seen.count("bad") < 2 and update.name == "bad":
                    raise ValueError
        except ValueError:
            continue
    assert sorted(seen) == ["bad", "bad", "good"]


@pytest.mark.parametrize("awaited", [False, True], ids=["loop", "asyncio"])
def test_version_that_is_replaced_while_it_is_read_makes_room_for_the_next(
    node: SyncServiceClient, kind: str, send: Send, wait_until: WaitUntil, awaited: bool
) -> None:
    """The block ends, nothing is acknowledged, and the program goes on with what is there."""
    send("a", kind.encode())  # bytes that no cache has
    read: list[int] = []

    def take(update: Update) -> None:
        version = update.meta_data.instance_id
        if not read:
            send("a", b"something else")
            wait_until(lambda: node.get_object_metadata(kind, "a").instance_id > version)
            wait_until(lambda: node.get_object_status(kind, "a") == "completelyReceived")
        read.append(version)
        assert update.path().exists()
        read.append(0)

    async def wait_for_them() -> None:
        async for update in updates_async(kind, client=node, timeout=20):
            async with update:
                take(update)
            if read[-1] == 0:
                return

    if awaited:
        asyncio.run(wait_for_them())
    else:
        for update in updates(kind, client=node, timeout=20):
            with update:
                take(update)
            if read[-1] == 0:
                break
    assert len(read) == 3
    assert read[0] < read[1]
    assert node.get_updated_objects(kind) == []


@pytest.mark.parametrize("again", [False, True])
def test_one_application_counts_as_one_of_several(
    again: bool, node: SyncServiceClient, fleet: LocalFleet, kind: str
) -> None:
    """It does not speak for the other, which would never get the object (rest-api.md, 8.3)."""
    meta = ObjectMetaData(object_type=kind, object_id="shared", dest_type="edge", consumers=2)
    fleet.cloud.update_object(meta, data=b"data")
    seen = 0
    for update in updates(kind, client=node, timeout=7):
        seen += 1
        with update:
            if again:
                update.consumed()
    assert seen == 1
    assert [one.object_id for one in node.get_updated_objects(kind)] == ["shared"]


def test_bad_input_is_refused_at_once(node: SyncServiceClient) -> None:
    """Before the first look."""
    with pytest.raises(InvalidMetaDataError, match="object_type"):
        iter_updates(node, "a type")
    with pytest.raises(SettingsError, match="poll_interval"):
        iter_updates(node, "t", poll_interval=0)
    with pytest.raises(SettingsError, match="folder of yours"):
        next(updates("t", client=node, state="/nowhere/at/all"))

"""`current` and `follow`: always a whole model, the newest that works."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncnb import (
    Cache,
    Follower,
    LocalFleet,
    Publication,
    SyncServiceClient,
    Update,
    current,
    follow,
    publish,
)
from syncnb.errors import (
    InvalidMetaDataError,
    NotReadyError,
    SelfCheckError,
    SettingsError,
    TransferBrokenError,
)
from syncnb.following import close_all

from .helpers import fresh, publish_raw

WaitUntil = Callable[..., None]
PROGRAM = """
import sys
import time
import syncnb
from syncnb.client import SyncServiceClient

url, key, secret, name, cache, versions = sys.argv[1:]
client = SyncServiceClient(url, key=key, secret=secret)
with syncnb.follow("a", object_type=name, client=client, cache=syncnb.Cache(cache)) as follower:
    for wanted in versions.split(","):
        deadline = time.monotonic() + 60
        while follower.wait() != wanted.encode():
            if time.monotonic() > deadline:
                sys.exit(f"{follower!r} never came to {wanted}")
            time.sleep(0.01)
        print(wanted, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _nothing_is_followed_on() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def put(fleet: LocalFleet, object_type: str, data: bytes, version: str = "") -> Publication:
    return publish(data, object_type, "a", version=version, dest_type="edge", client=fleet.cloud)


def odd(fleet: LocalFleet, object_type: str, version: str = "") -> Publication:
    return publish_raw(fleet.cloud, object_type, b"odd", version=version, format="parquet")


def status_at(publication: Publication, node: str = "node1") -> str:
    (row,) = [row for row in publication.delivery_rows() if row.dest_id == node]
    return row.status


def test_first_call_waits_and_the_others_do_not(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """A program asks for each picture that it looks at."""
    name, node = fresh(), fleet.node("node1")
    later = threading.Timer(0.5, put, (fleet, name, b"v1"))
    later.start()
    assert current("a", object_type=name, client=node) == b"v1"
    later.join()
    second = put(fleet, name, b"v2")
    wait_until(lambda: current("a", object_type=name, client=node) == b"v2")
    wait_until(lambda: status_at(second) == "consumed")


def test_no_call_waits_while_the_next_version_is_made_ready(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """The program goes on with what it has."""
    name, node = fresh(), fleet.node("node1")
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def check(data: bytes) -> None:
        if data == b"v2":
            begun.set()
            go_on.wait(60)
            done.set()

    def now() -> object:
        return current("a", object_type=name, client=node, check=check)

    put(fleet, name, b"v1")
    assert now() == b"v1"
    put(fleet, name, b"v2")
    assert begun.wait(60)
    assert now() == b"v1"
    assert not done.is_set()
    go_on.set()
    wait_until(lambda: now() == b"v2")


def test_bad_version_is_told_and_the_last_good_one_stays(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """Also in a loop that goes on; the next good one is taken."""
    name = fresh()
    put(fleet, name, b"v1", "1.0.0")
    with follow("a", object_type=name, client=fleet.node("node1")) as follower:
        assert follower.wait() == b"v1"
        bad = odd(fleet, name, "2.0.0")
        wait_until(lambda: status_at(bad) == "failed")
        assert (follower.model, follower.version) == (b"v1", "1.0.0")
        (failed,) = follower.failures
        assert (failed.version, failed.final) == ("2.0.0", True)
        assert "no Parquet file" in failed.reason
        third = put(fleet, name, b"v3", "3.0.0")
        wait_until(lambda: follower.model == b"v3")
        wait_until(lambda: status_at(third) == "consumed")
        assert follower.version == "3.0.0"
        assert follower.manifest is not None
        assert follower.since is not None


def test_bad_version_is_tried_once(
    fleet: LocalFleet, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the list of the node, and is not loaded again and again."""
    tries: list[str] = []
    load = Update.load

    def counted(update: Update, **options: Any) -> Any:
        tries.append(update.version)
        return load(update, **options)

    monkeypatch.setattr(Update, "load", counted)
    monkeypatch.setattr("syncnb.follower._LOOK_ASIDE", 0.2)
    name = fresh()
    bad = odd(fleet, name, "1.0.0")
    with follow("a", object_type=name, client=fleet.node("node1")) as follower:
        wait_until(lambda: status_at(bad) == "failed")
        time.sleep(1.0)  # several rounds
        assert tries == ["1.0.0"]
        with pytest.raises(NotReadyError, match=r"no usable version .* no Parquet file"):
            follower.wait(0)


def test_cause_that_passes_is_tried_again(
    fleet: LocalFleet, monkeypatch: pytest.MonkeyPatch, cache: Cache
) -> None:
    """Later each time, and nothing is told to the publisher."""
    tries: list[float] = []
    download = SyncServiceClient.download_object_data

    def broken_twice(client: SyncServiceClient, *args: Any, **options: Any) -> Path:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise TransferBrokenError("object a", 1, 5, "reset")
        return download(client, *args, **options)

    monkeypatch.setattr(SyncServiceClient, "download_object_data", broken_twice)
    name = fresh()
    put(fleet, name, b"v1")
    with follow("a", object_type=name, client=fleet.node("node1"), cache=cache) as follower:
        assert follower.wait(20) == b"v1"
        assert [one.final for one in follower.failures] == [False]
    pauses = [after - before for before, after in itertools.pairwise(tries)]
    assert 0.9 < pauses[0] < 1.9 < pauses[1] < 3.5


def test_version_is_consumed_only_when_it_is_in_use(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """While the program's own check runs, the old one is in use and the new one delivered."""
    name, checking, go_on = fresh(), threading.Event(), threading.Event()

    def check(model: bytes) -> None:
        if model == b"v2":
            checking.set()
            assert go_on.wait(20)

    put(fleet, name, b"v1")
    with follow("a", object_type=name, client=fleet.node("node1"), check=check) as follower:
        follower.wait()
        second = put(fleet, name, b"v2")
        assert checking.wait(20)
        assert follower.model == b"v1"
        assert fleet.node("node1").get_object_status(name, "a") == "completelyReceived"
        wait_until(lambda: status_at(second) == "delivered")
        go_on.set()
        wait_until(lambda: follower.model == b"v2" and status_at(second) == "consumed")


def test_own_check_refuses(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """With the words of the program."""

    def check(model: bytes) -> None:
        if b"2" in model:
            raise ValueError("two is not allowed here")

    name = fresh()
    put(fleet, name, b"v1")
    with follow("a", object_type=name, client=fleet.node("node1"), check=check) as follower:
        follower.wait()
        bad = put(fleet, name, b"v2")
        wait_until(lambda: status_at(bad) == "failed")
        assert "two is not allowed here" in bad.rows()[0]["message"]
        assert follower.model == b"v1"


def test_model_that_predicts_otherwise_is_refused(
    fleet: LocalFleet, wait_until: WaitUntil, tmp_path: Path
) -> None:
    """The example in its manifest is what it said at its publisher."""
    from sklearn.linear_model import LinearRegression
    from skops.io import dump

    name, path = fresh(), tmp_path / "m.skops"
    dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), path)
    for version, said in (("1", 1.0), ("2", 7.0)):
        example = {
            "input": {"list": [[0.5]]},
            "output": {"dtype": "float64", "shape": [1], "values": [said]},
        }
        bad = publish_raw(
            fleet.cloud, name, path.read_bytes(), version=version, format="skops", example=example
        )
        if version == "1":
            follower = follow("a", object_type=name, client=fleet.node("node1"))
            assert round(follower.wait().predict([[1.0]])[0], 6) == 2.0
    with follower:
        wait_until(lambda: status_at(bad) == "failed")
        assert isinstance(follower.failures[-1].error, SelfCheckError)
        assert follower.version == "1"


def test_last_good_version_is_there_after_a_restart_without_the_service(cache: Cache) -> None:
    """The service has lost its copy when the node consumed it."""
    name = fresh()
    with LocalFleet(nodes=1) as fleet:
        node = fleet.node("node1")
        url, key = node.url, node.key
        first = put(fleet, name, b"v1", "1.0.0")
        with follow("a", object_type=name, client=node, cache=cache) as follower:
            follower.wait()
            first.wait("consumed")
            bad = odd(fleet, name, "2.0.0")
            while status_at(bad) != "failed":
                bad.wait_for_change(1)
    cache.clear()
    away = SyncServiceClient(url, key=key)
    with follow("a", object_type=name, client=away, cache=Cache(cache.path)) as again:
        assert again.wait(10) == b"v1"
        assert again.version == "1.0.0"
    with (
        follow("b", object_type=name, client=away, cache=cache) as other,
        pytest.raises(NotReadyError),
    ):
        other.wait(0.3)


def test_what_was_kept_and_is_damaged_is_not_used(
    fleet: LocalFleet, wait_until: WaitUntil, cache: Cache, caplog: pytest.LogCaptureFixture
) -> None:
    """Better none than a wrong one; the next version is taken."""
    name, node = fresh(), fleet.node("node1")
    first = put(fleet, name, b"v1")
    with follow("a", object_type=name, client=node, cache=cache) as follower:
        follower.wait()
        wait_until(lambda: status_at(first) == "consumed")
    (blob,) = (cache.path / "data").iterdir()
    blob.chmod(0o600)
    blob.write_bytes(b"vX")
    with follow("a", object_type=name, client=node, cache=cache) as again:
        with pytest.raises(NotReadyError):
            again.wait(1.0)
        put(fleet, name, b"v2")
        assert again.wait(20) == b"v2"
    assert "was damaged on the disk" in caplog.text


def test_alias_is_an_object_of_its_own(fleet: LocalFleet) -> None:
    """What was promoted, not what was published last."""
    name, node = fresh(), fleet.node("node1")
    for object_id, data in (("a", b"newest"), ("a@production", b"promoted")):
        publish(data, name, object_id, dest_type="edge", client=fleet.cloud)
    assert current("a", object_type=name, alias="production", client=node) == b"promoted"
    assert current("a", object_type=name, client=node) == b"newest"


def test_other_objects_of_the_type_are_left_alone(fleet: LocalFleet) -> None:
    """They may be another program's."""
    name, node = fresh(), fleet.node("node1")
    other = publish(b"other", name, "b", dest_type="edge", client=fleet.cloud)
    other.wait("delivered", timeout=20)
    put(fleet, name, b"mine")
    assert current("a", object_type=name, client=node) == b"mine"
    assert status_at(other) == "delivered"


def test_deleted_object_stays_in_use_until_the_program_ends(
    fleet: LocalFleet, wait_until: WaitUntil, cache: Cache
) -> None:
    """Then it is gone, since its publisher took it back."""
    name, node = fresh(), fleet.node("node1")
    published = put(fleet, name, b"v1")
    with follow("a", object_type=name, client=node, cache=cache) as follower:
        follower.wait()
        wait_until(lambda: status_at(published) == "consumed")
        published.delete()
        wait_until(lambda: not list((cache.path / "kept").iterdir()))
        assert follower.model == b"v1"
    with (
        follow("a", object_type=name, client=node, cache=cache) as again,
        pytest.raises(NotReadyError),
    ):
        again.wait(0.5)


def test_program_is_told_of_each_exchange(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """What it raises then does not end the follower."""
    name, seen = fresh(), []

    def swapped(follower: Follower) -> None:
        seen.append((follower.version, follower.model))
        raise RuntimeError("a bug")

    put(fleet, name, b"v1", "1.0.0")
    with follow("a", object_type=name, client=fleet.node("node1"), on_swap=swapped) as follower:
        follower.wait()
        put(fleet, name, b"v2", "2.0.0")
        wait_until(lambda: len(seen) == 2)
    assert seen == [("1.0.0", b"v1"), ("2.0.0", b"v2")]


def test_file_of_a_version_stays_until_the_second_after_it(
    fleet: LocalFleet, wait_until: WaitUntil, cache: Cache
) -> None:
    """Whoever holds the old one when it is exchanged can finish its work."""
    name, node = fresh(), fleet.node("node1")
    paths: list[Path] = []
    with follow("a", object_type=name, client=node, cache=cache) as follower:
        for number in range(3):
            publish_raw(fleet.cloud, name, b"data %d" % number, format="file", version=str(number))
            wait_until(lambda number=number: follower.version == str(number))
            paths.append(follower.model)
            assert paths[-1].read_bytes() == b"data %d" % number
        assert [path.exists() for path in paths] == [False, True, True]
    assert not any(path.exists() for path in paths)


def test_two_programs_of_a_node_get_every_version(
    fleet: LocalFleet, wait_until: WaitUntil, cache: Cache
) -> None:
    """Although the service forgets what the first of them has consumed."""
    name, node = fresh(), fleet.node("node1")
    secret = fleet.environment("node1")["SYNCNB_SECRET"]
    put(fleet, name, b"v1")
    arguments = [node.url, node.key, secret, name, str(cache.path), "v1,v2"]
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        for wanted in ("v1", "v2"):
            for program in programs:
                assert program.stdout is not None
                assert program.stdout.readline() == f"{wanted}\n"
            if wanted == "v1":
                second = put(fleet, name, b"v2")
        wait_until(lambda: status_at(second) == "consumed")
    finally:
        for program in programs:
            program.communicate("\n", timeout=20)


def test_killed_program_finds_what_it_had(fleet: LocalFleet, cache: Cache) -> None:
    """Its successor begins with it, before the service says anything."""
    name, node = fresh(), fleet.node("node1")
    secret = fleet.environment("node1")["SYNCNB_SECRET"]
    put(fleet, name, b"v1").wait("delivered")
    arguments = [node.url, node.key, secret, name, str(cache.path), "v1"]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"v1\n"
        while not list((cache.path / "kept").glob("*.json")):
            time.sleep(0.01)
        program.send_signal(signal.SIGKILL)
    with follow("a", object_type=name, client=node, cache=cache) as again:
        assert again.wait(5) == b"v1"


def test_child_of_a_fork_follows_on_its_own(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """The thread is the parent's; the first call in the child makes another."""
    name, node = fresh(), fleet.node("node1")
    put(fleet, name, b"v1")
    assert current("a", object_type=name, client=node) == b"v1"
    child = os.fork()
    if not child:
        os._exit(0 if current("a", object_type=name, client=node, timeout=20) == b"v1" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    put(fleet, name, b"v2")
    wait_until(lambda: current("a", object_type=name, client=node) == b"v2")


def test_same_object_with_other_options_is_refused(fleet: LocalFleet) -> None:
    """Only one of the two could be true."""
    name, node = fresh(), fleet.node("node1")
    put(fleet, name, b"v1")
    assert current("a", object_type=name, client=node) == b"v1"
    with pytest.raises(SettingsError, match="followed already, with other options"):
        current("a", object_type=name, client=node, trusted=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "a b"}, "name = 'a b'"),
        ({"name": "a", "object_type": "x/y"}, "object_type = 'x/y'"),
        ({"name": "a", "alias": "b c"}, "alias = 'b c'"),
        ({"name": "a@b", "alias": "c"}, "alias = 'a@b@c'"),
    ],
)
def test_impossible_name_is_refused_at_once(arguments: dict[str, Any], words: str) -> None:
    """Nothing would ever come."""
    nowhere = SyncServiceClient("http://127.0.0.1:1")
    with pytest.raises(InvalidMetaDataError, match=words):
        current(**arguments, client=nowhere)


def test_nothing_published_is_an_error_after_the_timeout(fleet: LocalFleet) -> None:
    """It says what to look at."""
    with pytest.raises(NotReadyError, match=r"no version came within 0.2 s. Check that it is pub"):
        current(fresh(), client=fleet.node("node1"), timeout=0.2)


def test_refused_credentials_are_named_and_tried_again(
    caplog: pytest.LogCaptureFixture, fleet: LocalFleet
) -> None:
    """They may be put right while the program runs."""
    stranger = SyncServiceClient(fleet.node("node1").url, key="nobody", secret="wrong")
    with follow(fresh(), client=stranger) as follower:
        with pytest.raises(NotReadyError, match="HTTP 403"):
            follower.wait(1.0)
        assert not follower.closed


def test_model_and_its_version_are_given_as_one(
    fleet: LocalFleet, cache: Cache, wait_until: WaitUntil
) -> None:
    """A program that reports which version it used must not mix two."""
    name = fresh()
    with follow("a", object_type=name, client=fleet.node("node1"), cache=cache) as follower:
        with pytest.raises(NotReadyError):
            follower.in_use  # noqa: B018
        first = put(fleet, name, b"v1", "1")
        follower.wait()
        now = follower.in_use
        put(fleet, name, b"v2", "2")
        wait_until(lambda: follower.version == "2", show=lambda: repr(follower))
        assert (now.model, now.version, now.manifest) == (b"v1", "1", first.manifest)
        after = follower.in_use
        assert (after.model, after.version, after.since) == (b"v2", "2", follower.since)


def test_follower_shows_what_it_has(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """As text and as HTML, in which nothing of a reason is markup."""

    def check(model: bytes) -> None:
        if model == b"v2":
            raise ValueError("<script>")

    name = fresh()
    with follow("a", object_type=name, client=fleet.node("node1"), check=check) as follower:
        assert "nothing yet" in repr(follower)
        put(fleet, name, b"v1", "1.0.0")
        follower.wait()
        put(fleet, name, b"v2", "2.0.0")
        wait_until(lambda: bool(follower.failures))
        assert repr(follower) == f"<Follower of {name}/a: 1.0.0, 1 failed>"
        shown = follower._repr_html_()
        assert "failed: 2.0.0" in shown
        assert "&lt;script&gt;" in shown
        assert "<script>" not in shown
    assert "closed" in repr(follower)


def test_close_does_not_wait_for_the_service(fleet: LocalFleet) -> None:
    """A long wait is broken off, and the thread has ended."""
    before = set(threading.enumerate())
    follower = follow(fresh(), client=fleet.node("node1"))
    time.sleep(0.3)
    began = time.monotonic()
    follower.close()
    assert time.monotonic() - began < 2
    assert not [
        thread
        for thread in set(threading.enumerate()) - before
        if thread.name.startswith("syncnb-follow")
    ]

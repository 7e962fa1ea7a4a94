"""`Reporter`: rows arrive once and in order, and the program never waits."""

from __future__ import annotations

import logging
import secrets
import stat
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from requests.adapters import HTTPAdapter

from syncnb import LocalFleet, Reporter, SyncServiceClient, publish, updates
from syncnb.errors import InvalidMetaDataError, SettingsError, WrongSideError
from syncnb.statistics import handover
from syncnb.statistics.reporter import close_all
from tests.conftest import WaitUntil

from .reporters import Arrived, FakeClock, arrived, bytes_in, values

AWAY = "http://127.0.0.1:1"


@pytest.fixture
def kind() -> str:
    """A type of object that no other test has."""
    return f"s{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Nothing stays in the folder of whoever runs the tests."""
    monkeypatch.setenv("SYNCNB_SPOOL", str(tmp_path / "spool"))
    yield tmp_path / "spool"
    close_all(timeout=0)


def wait_for(
    cloud: SyncServiceClient, kind: str, rows: int, wait_until: WaitUntil
) -> list[Arrived]:
    """Consume what arrives until so many rows are there."""
    found: list[Arrived] = []

    def enough() -> bool:
        found.extend(arrived(cloud, kind))
        return sum(len(one.table) for one in found) >= rows

    wait_until(enough, timeout=60, show=lambda: [one.sequences for one in found])
    return found


def test_rows_arrive_in_order_with_all_that_is_added(
    fleet: LocalFleet, kind: str, wait_until: WaitUntil
) -> None:
    """Node, time, sequence; a frame as well as rows."""
    before = pd.Timestamp.now("UTC")
    with Reporter(kind, client=fleet.node("node1")) as reporter:
        reporter.report({"n": 1, "label": "a"})
        reporter.report([{"n": 2, "label": "b"}, {"n": 3}])
        reporter.report(pd.DataFrame({"n": [4, 5], "label": ["d", "e"]}))
    assert (reporter.waiting, reporter.sent, reporter.dropped) == (0, 5, 0)
    (one,) = wait_for(fleet.cloud, kind, 5, wait_until)
    assert one.node == "node1"
    assert one.table["n"].to_pylist() == one.sequences == [1, 2, 3, 4, 5]
    assert one.table["label"].to_pylist() == ["a", "b", None, "d", "e"]
    times = one.table["reported_at"].to_pylist()
    assert before <= min(times) <= max(times) <= pd.Timestamp.now("UTC")
    assert (one.extra["first"], one.extra["last"], one.extra["dropped"]) == (1, 5, 0)
    assert one.object_id == f"{one.extra['node']}.{one.extra['stream']}.1"


def test_version_of_the_model_in_use_is_noted_with_each_row(
    fleet: LocalFleet, kind: str, wait_until: WaitUntil
) -> None:
    """Of the model that is named, or what the program says."""
    node = fleet.node("node1")
    with Reporter(kind, client=node, model=f"{kind}-m/a") as reporter:
        reporter.report({"n": 0})
        publish(b"x", f"{kind}-m", "a", version="1.2.0", dest_type="edge", dest_id="node1",
                client=fleet.cloud)  # fmt: skip
        for update in updates(f"{kind}-m", client=node, timeout=30, trust=False):
            with update:
                update.load()
                reporter.report({"n": 1})
            break
        reporter.report({"n": 2}, model_version="9")
    found = wait_for(fleet.cloud, kind, 3, wait_until)
    assert values(found, "model_version") == [None, "1.2.0", "9"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        pytest.param({}, "values", id="no value"),
        pytest.param([], "values", id="no row"),
        pytest.param("a", "values", id="text"),
        pytest.param({"sequence": 1}, "sequence", id="added column"),
        pytest.param({1: 1}, "values", id="name that is no text"),
        pytest.param({"picture": object()}, "picture", id="no JSON"),
        pytest.param([{"a": 1}, {"b": {1, 2}}], "b", id="second row"),
    ],
)
def test_what_cannot_be_reported_is_refused_and_nothing_of_it_is_kept(
    kind: str, value: Any, name: str
) -> None:
    """By its name, before anything is written."""
    with Reporter(kind, client=SyncServiceClient(AWAY)) as reporter:
        with pytest.raises(InvalidMetaDataError, match=name):
            reporter.report(value)
        assert reporter.waiting == 0


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"every": "often"}, "every"),
        ({"every": 0}, "every"),
        ({"max_rows": 0}, "max_rows"),
        ({"max_bytes": 1000}, "max_bytes"),
        ({"max_bytes": 1e9}, "max_bytes"),
        ({"when_full": "newest"}, "when_full"),
        ({"model": "a b"}, "model"),
        ({"object_type": "a/b"}, "object_type"),
    ],
)
def test_option_that_is_not_possible_is_refused(options: dict[str, Any], field: str) -> None:
    """At once, and it is named."""
    with pytest.raises(InvalidMetaDataError, match=field):
        Reporter(**{"object_type": "stats", "client": SyncServiceClient(AWAY), **options})


def test_client_of_a_css_is_refused(fleet: LocalFleet) -> None:
    """It would send the rows to every node."""
    with pytest.raises(WrongSideError):
        Reporter("stats", client=fleet.cloud)


def test_folder_is_private_and_one_of_others_is_refused(
    kind: str, spool: Path, tmp_path: Path
) -> None:
    """Nobody else reads or writes what waits."""
    Reporter(kind, client=SyncServiceClient(AWAY)).report({"n": 1})
    for path in (spool, *spool.rglob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o022
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(SettingsError, match="others may write"):
        Reporter(kind, client=SyncServiceClient(AWAY), folder=tmp_path / "open")
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be used"):
        Reporter(kind, client=SyncServiceClient(AWAY), folder=tmp_path / "file")


def test_service_that_is_away_stops_nobody_and_nothing_is_lost(
    kind: str, wait_until: WaitUntil, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said in the log and the repr, and what waited arrives when the service is back."""
    with LocalFleet(nodes=1) as fleet:
        fleet.kill("node1")
        node = fleet.node("node1")
        with caplog.at_level(logging.WARNING, "syncnb"):
            reporter = Reporter(kind, client=node, every=0.05)
            for n in range(100):
                reporter.report({"n": n})
            wait_until(lambda: "waits" in caplog.text)  # said after the repr knows it
        assert reporter.last_error
        assert "100 rows wait, 0 handed over, 0 dropped; " in repr(reporter)
        assert not reporter.flush(timeout=0.2)
        fleet.restart("node1")
        assert reporter.flush(timeout=60)
        wait_until(lambda: reporter.last_error == "")
        found = wait_for(fleet.cloud, kind, 100, wait_until)
        assert values(found, "n") == list(range(100))
        reporter.close()


class LosesAnswers(HTTPAdapter):
    """The service does what it is asked; the answers to what stores something are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        answer = super().send(request, *args, **options)
        if request.method == "PUT" and self.lost < 3:
            self.lost += 1
            answer.close()
            raise requests.ConnectionError("the connection broke")
        return answer


@pytest.mark.parametrize("size", [10, 5000], ids=["small", "large"])
def test_lost_answer_doubles_nothing(
    fleet: LocalFleet, kind: str, wait_until: WaitUntil, size: int
) -> None:
    """The service is asked what it has before anything is sent again."""
    adapter = LosesAnswers()
    around = fleet.environment("node1")
    client = SyncServiceClient(
        around["SYNCNB_URL"], key=around["SYNCNB_KEY"], secret=around["SYNCNB_SECRET"],
        adapter=adapter,
    )  # fmt: skip
    with client, Reporter(kind, client=client) as reporter:
        for _ in range(100):
            reporter.report({"text": secrets.token_hex(size)})
        assert reporter.flush(timeout=60)
    assert adapter.lost
    (one,) = wait_for(fleet.cloud, kind, 100, wait_until)
    assert one.sequences == list(range(1, 101))
    assert (one.table.nbytes > 256 << 10) == (size == 5000)
    assert arrived(fleet.cloud, kind) == []


def test_cloud_that_takes_nothing_is_sent_a_bounded_number_of_objects(
    fleet: LocalFleet, kind: str, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest waits in the spool, in fewer and larger objects, and follows."""
    monkeypatch.setattr(handover, "MOST_WAITING", 3)
    node, clock = fleet.node("node1"), FakeClock()
    reporter = Reporter(kind, client=node, every="60s", clock=clock)
    for n in range(30):
        reporter.report({"n": n})
        clock.advance(60)
    assert len(node.get_objects(kind)) == 3
    assert (reporter.sent, reporter.waiting) == (3, 27)
    found: list[Arrived] = []

    def all_there() -> bool:
        clock.advance(60)
        found.extend(arrived(fleet.cloud, kind))
        return sum(len(one.table) for one in found) == 30

    wait_until(all_there, timeout=60, show=lambda: reporter)
    assert values(found, "n") == list(range(30))
    assert len(found) < 10
    reporter.close()


def test_so_many_rows_go_at_once(fleet: LocalFleet, kind: str, wait_until: WaitUntil) -> None:
    """An object has no more rows than that, however long it takes."""
    reporter = Reporter(kind, client=fleet.node("node1"), every="1h", max_rows=10)
    for n in range(35):
        reporter.report({"n": n})
    found = wait_for(fleet.cloud, kind, 30, wait_until)
    assert max(len(one.table) for one in found) <= 10
    assert values(found, "n") == list(range(30))
    assert reporter.waiting == 5
    reporter.report([{"n": n} for n in range(35, 100)])
    reporter.close()
    found = wait_for(fleet.cloud, kind, 70, wait_until)
    assert values(found, "n") == list(range(30, 100))
    assert max(len(one.table) for one in found) <= 20


def test_clock_that_jumps_disturbs_nobody(
    fleet: LocalFleet, kind: str, wait_until: WaitUntil
) -> None:
    """Rows keep the time that the clock said; they go when they should, in order."""
    clock = FakeClock()
    with Reporter(kind, client=fleet.node("node1"), every="60s", clock=clock) as reporter:
        for n, jump in enumerate((0, -400 * 86400, 800 * 86400)):
            clock.jump(jump)
            reporter.report({"n": n})
            reporter.count("rows")
            clock.advance(60)
            assert reporter.waiting == 0
    found = wait_for(fleet.cloud, kind, 3, wait_until)
    assert values(found, "n") == [0, 1, 2]
    years = [moment.year for moment in values(found, "reported_at")]
    assert years == [2023, 2022, 2024]
    for one in wait_for(fleet.cloud, f"{kind}-aggregates", 3, wait_until):
        for row in one.table.to_pylist():
            assert row["started_at"] <= row["ended_at"] <= row["reported_at"]


def test_threads_share_a_reporter(fleet: LocalFleet, kind: str, wait_until: WaitUntil) -> None:
    """Each row has a number of its own, and each thread's are in order."""
    with Reporter(kind, client=fleet.node("node1"), every=0.1, max_rows=500) as reporter:

        def run(thread: int) -> None:
            for n in range(500):
                reporter.report({"thread": thread, "n": n})
                reporter.count("rows")

        threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = wait_for(fleet.cloud, kind, 4000, wait_until)
    assert [n for one in found for n in one.sequences] == list(range(1, 4001))
    frame = pd.concat([one.table.to_pandas() for one in found])
    for _, rows in frame.groupby("thread"):
        assert rows["n"].tolist() == list(range(500))
    counted = wait_for(fleet.cloud, f"{kind}-aggregates", 1, wait_until)
    assert sum(values(counted, "count")) == 4000


def test_closed_reporter_takes_nothing_and_keeps_what_it_has(kind: str, spool: Path) -> None:
    """Without a word from the service; the next one finds it."""
    reporter = Reporter(kind, client=SyncServiceClient(AWAY))
    reporter.report({"n": 1})
    reporter.count("defects")
    reporter.close()
    reporter.close()
    with pytest.raises(SettingsError, match="closed"):
        reporter.report({"n": 2})
    assert not reporter.flush(0.1)
    again = Reporter(kind, client=SyncServiceClient(AWAY))
    assert again.waiting == 1
    assert bytes_in(spool) > 0


def test_rows_for_one_service_never_go_to_another(fleet: LocalFleet, kind: str) -> None:
    """Although the folder is the same."""
    Reporter(kind, client=SyncServiceClient(AWAY)).report({"n": 1})
    close_all(timeout=0)
    with Reporter(kind, client=fleet.node("node1")) as reporter:
        assert reporter.waiting == 0
        assert reporter.flush()
    assert fleet.node("node1").get_objects(kind) == []


def test_repr_says_how_it_stands(kind: str) -> None:
    """As text and as HTML, where nothing of an error becomes markup."""
    with Reporter(kind, client=SyncServiceClient(AWAY)) as reporter:
        reporter.report({"n": 1})
        assert repr(reporter).startswith(
            f"<Reporter of '{kind}' to {AWAY}: 1 rows wait, 0 handed over, 0 dropped"
        )
        reporter._problems["network"] = ValueError("<b>")
        assert "&lt;b&gt;" in reporter._repr_html_()
        assert "<b>" not in reporter._repr_html_()
    assert repr(reporter).endswith("closed>")

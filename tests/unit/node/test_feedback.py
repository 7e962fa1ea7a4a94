"""What a node cannot use is shown where it was published."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable

import pytest
from pandas.testing import assert_frame_equal

from syncnb import (
    LocalFleet,
    Manifest,
    ObjectMetaData,
    Publication,
    SyncServiceClient,
    Update,
    publish,
    updates,
)
from syncnb.errors import (
    AccessDeniedError,
    DataError,
    LoadError,
    UntrustedDataError,
    WaitTimeoutError,
)
from syncnb.feedback import MAX_REASON, OBJECT_TYPE, mark_of, reason_of, report_failure

from .helpers import fresh, publish_raw

WaitUntil = Callable[..., None]


def status_at(publication: Publication, node: str) -> tuple[str, str]:
    (row,) = [row for row in publication.delivery_rows() if row.dest_id == node]
    return row.status, row.message


def fail_at(fleet: LocalFleet, object_type: str, node: str = "node1") -> None:
    """A program that tries to load what comes."""
    with (
        pytest.raises(DataError),
        next(updates(object_type, client=fleet.node(node), timeout=20)) as update,
    ):
        update.load()


def reports(fleet: LocalFleet, object_type: str) -> list[ObjectMetaData]:
    found = fleet.cloud.get_updated_objects(OBJECT_TYPE, received=True)
    return [meta for meta in found if object_type in meta.description and not meta.deleted]


def test_node_that_cannot_load_is_shown_with_its_reason(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """In the frame, the table and the error of a wait; the other node is not affected."""
    name = fresh()
    published = publish_raw(fleet.cloud, name, b"odd", version="1.0.0", format="parquet")
    published.wait("delivered")
    fail_at(fleet, name)
    wait_until(lambda: status_at(published, "node1")[0] == "failed")
    assert "no Parquet file" in status_at(published, "node1")[1]
    assert tempfile.gettempdir() not in status_at(published, "node1")[1]
    assert status_at(published, "node2") == ("delivered", "")
    assert published.status()["status"].tolist() == ["failed", "delivered"]
    assert "failed" in repr(published)
    assert "no Parquet file" in published._repr_html_()
    assert not published.done()
    with pytest.raises(WaitTimeoutError, match=r"edge/node1: failed \(object .*no Parquet file"):
        published.wait(timeout=0.2)
    other = Publication.of(name, "a", client=fleet.cloud)
    assert status_at(other, "node1")[0] == "failed"


def test_failure_is_noticed_while_the_table_waits(fleet: LocalFleet) -> None:
    """Within two seconds, by two requests that wait and not by many that ask."""
    name = fresh()
    published = publish_raw(fleet.cloud, name, b"odd", version="1.0.0", format="parquet")
    published.wait("delivered")
    while published.wait_for_change(0.5):
        pass
    failed_at: list[float] = []

    def fail() -> None:
        fail_at(fleet, name)
        failed_at.append(time.monotonic())

    program = threading.Timer(1.0, fail)
    program.start()
    looks = 0
    while status_of_rows(published) != "failed":
        looks += 1
        published.wait_for_change(20)
        assert looks < 5
    program.join()
    assert time.monotonic() - failed_at[0] < 2


def status_of_rows(published: Publication) -> str:
    return published.rows()[0]["status"]


def test_failure_belongs_to_one_publication(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """The next one starts clean, and its success removes the report."""
    name = fresh()
    first = publish_raw(fleet.cloud, name, b"odd", version="1.0.0", format="parquet")
    first.wait("delivered")
    fail_at(fleet, name)
    wait_until(lambda: status_at(first, "node1")[0] == "failed")
    second = publish(b"good", name, "a", version="2.0.0", dest_type="edge", client=fleet.cloud)
    second.wait("delivered")
    assert status_at(second, "node1") == ("delivered", "")
    with next(updates(name, client=fleet.node("node1"), timeout=20)) as update:
        update.load()
    wait_until(lambda: status_at(second, "node1")[0] == "consumed")
    wait_until(lambda: not reports(fleet, name))
    second.status()  # confirms to the node that its report is gone
    third = publish_raw(fleet.cloud, name, b"odd", version="3.0.0", format="parquet")
    third.wait("delivered")
    fail_at(fleet, name)
    wait_until(lambda: status_at(third, "node1")[0] == "failed")


def test_same_version_is_told_once(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """However often a program tries it, also after a restart of the program."""
    name = fresh()
    publish_raw(fleet.cloud, name, b"odd", format="parquet").wait("delivered")
    fail_at(fleet, name)
    wait_until(lambda: len(reports(fleet, name)) == 1)
    (before,) = reports(fleet, name)
    fail_at(fleet, name)
    time.sleep(0.3)
    (after,) = reports(fleet, name)
    assert after.instance_id == before.instance_id


def test_each_node_speaks_for_itself(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """Two nodes on one machine, one report each."""
    name = fresh()
    published = publish_raw(fleet.cloud, name, b"odd", format="parquet")
    published.wait("delivered")
    for node in fleet.nodes:
        fail_at(fleet, name, node)
    wait_until(lambda: published.status()["status"].tolist() == ["failed", "failed"])
    assert len(reports(fleet, name)) == 2


def test_exception_of_the_program_is_not_the_fault_of_the_data(fleet: LocalFleet) -> None:
    """Not even one of our own types."""
    name = fresh()
    published = publish(b"good", name, "a", dest_type="edge", client=fleet.cloud)
    published.wait("delivered")
    for error in (ValueError("a bug"), LoadError("object a", "raised by hand", "look")):
        update = next(updates(name, client=fleet.node("node1"), timeout=20))
        with pytest.raises(type(error)), update:  # noqa: PT012
            update.load()
            raise error
    time.sleep(0.3)
    assert not reports(fleet, name)
    assert status_at(published, "node1")[0] == "delivered"


def wraps(update: Update) -> None:
    with update:
        try:
            update.load()
        except DataError as error:
            raise RuntimeError("cannot go on") from error


def ends(update: Update) -> None:
    with update:
        try:
            update.load()
        except DataError:
            sys.exit(1)


def looks_first(update: Update) -> None:
    with update:
        assert update.manifest is not None


def has_no_block(update: Update) -> None:
    with pytest.raises(DataError):
        update.load()


@pytest.mark.parametrize("program", [wraps, ends, looks_first, has_no_block])
def test_refusal_is_told_however_the_program_is_written(
    fleet: LocalFleet, wait_until: WaitUntil, program: Callable[[Update], None]
) -> None:
    """What `load` refused is the fault of what arrived, whatever becomes of the exception."""
    name = fresh()
    if program is looks_first:
        broken = ObjectMetaData(
            object_type=name, object_id="a", dest_type="edge", description='{"syncnb":{'
        )
        fleet.cloud.update_object(broken, data=b"odd")
        published = Publication(
            broken, Manifest(format="", codec="", sha256="", size=3), fleet.cloud
        )
    else:
        published = publish_raw(fleet.cloud, name, b"odd", format="parquet")
    with contextlib.suppress(DataError, RuntimeError, SystemExit):
        for update in updates(name, client=fleet.node("node1"), timeout=20):
            try:
                program(update)
            finally:
                assert not update.acknowledged
            break
    wait_until(lambda: status_at(published, "node1")[0] == "failed")
    assert re.search("no Parquet file|no JSON", status_at(published, "node1")[1])


def test_refusal_that_the_program_got_over_is_not_told(fleet: LocalFleet) -> None:
    """It loads on the second try, and fails by itself then."""
    name = fresh()
    published = publish({"a"}, name, "a", format="pickle", dest_type="edge", client=fleet.cloud)
    published.wait("delivered")
    update = next(updates(name, client=fleet.node("node1"), timeout=20))
    with pytest.raises(ValueError, match="a bug"), update:  # noqa: PT012
        with pytest.raises(UntrustedDataError):
            update.load()
        update.load(trusted=True)
        raise ValueError("a bug")
    time.sleep(0.3)
    assert not reports(fleet, name)


def test_publisher_sees_the_failure_of_what_came_in_its_place(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """Somebody else has stored it, so the table is all that the publisher has; it names both."""
    name = fresh()
    good = publish(b"good", name, "a", version="1.0.0", dest_type="edge", client=fleet.cloud)
    publish_raw(fleet.cloud, name, b"odd", version="0.9.0", format="parquet").wait("delivered")
    fail_at(fleet, name)
    wait_until(lambda: [row.status for row in good.delivery_rows()] == ["failed"])
    assert status_at(good, "node1")[1].startswith("version 0.9.0 came in its place: object ")
    better = publish(b"better", name, "a", version="2.0.0", dest_type="edge", client=fleet.cloud)
    better.wait("delivered")
    assert status_at(better, "node1") == ("delivered", "")


def test_report_that_no_node_sent_is_not_believed(fleet: LocalFleet) -> None:
    """Its text may say what it likes; the service says where it comes from."""
    name = fresh()
    published = publish(b"good", name, "a", dest_type="edge", client=fleet.cloud)
    published.wait("delivered")
    forged = {
        "feedback": 1, "object_type": name, "object_id": "a", "version": "",
        "mark": mark_of(published.meta_data), "reason": "forged", "at": "2030-01-01T00:00:00Z",
        "dest_type": "edge", "dest_id": "node1",
    }  # fmt: skip
    meta = ObjectMetaData(
        object_type=OBJECT_TYPE,
        object_id=fresh(),
        no_data=True,
        description=json.dumps({"syncnb_feedback": forged}),
    )
    fleet.node("node2").update_object(meta)  # another node says it
    time.sleep(0.5)
    assert status_at(published, "node1") == ("delivered", "")
    assert status_at(published, "node2") == ("failed", "forged")


@pytest.mark.parametrize(
    "description",
    ["", "odd", "[]", "{}", '{"syncnb_feedback": 1}', '{"syncnb_feedback": {"feedback": 2}}',
     '{"syncnb_feedback": {"feedback": 1, "object_type": 3}}', "[" * 5000],
)  # fmt: skip
def test_report_that_is_none_disturbs_nobody(fleet: LocalFleet, description: str) -> None:
    """Anybody may write anything into the type."""
    name = fresh()
    meta = ObjectMetaData(
        object_type=OBJECT_TYPE, object_id=fresh(), no_data=True, description=description
    )
    fleet.node("node1").update_object(meta)
    published = publish(b"good", name, "a", dest_type="edge", client=fleet.cloud)
    published.wait("delivered")
    assert status_at(published, "node1") == ("delivered", "")


def test_node_whose_service_refuses_the_report_goes_on(
    fleet: LocalFleet, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log."""
    stranger = SyncServiceClient(fleet.node("node1").url, key="nobody", secret="wrong")
    meta = ObjectMetaData(object_type="model", object_id=fresh(), version="1")
    assert not report_failure(stranger, meta, LoadError("a", "it is odd", "look"))
    assert "is not told to the cloud" in caplog.text
    with pytest.raises(AccessDeniedError):
        stranger.get_updated_objects("model")


def test_user_who_may_not_see_reports_sees_deliveries(
    fleet: LocalFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a service whose access lists do not name the type."""
    name = fresh()
    published = publish(b"good", name, "a", dest_type="edge", client=fleet.cloud)

    def denied(*_: object, **__: object) -> None:
        raise AccessDeniedError(403, "watch_updated_objects", "objects", "Unauthorized")

    monkeypatch.setattr(SyncServiceClient, "watch_updated_objects", denied)
    assert published.wait("delivered")["status"].tolist() == ["delivered", "delivered"]


def test_failure_is_in_the_log_of_who_waits(
    fleet: LocalFleet, caplog: pytest.LogCaptureFixture
) -> None:
    """At once; the wait goes on, for the node may recover."""
    name = fresh()
    published = publish_raw(fleet.cloud, name, b"odd", format="parquet")
    published.wait("delivered")
    fail_at(fleet, name)
    with caplog.at_level(logging.WARNING), pytest.raises(WaitTimeoutError):
        published.wait("consumed", timeout=1.5)
    assert caplog.text.count(f"{name}/a failed at edge/node1") == 1


def test_refusal_by_all_can_be_waited_for(fleet: LocalFleet) -> None:
    """Of what was published to see it refused; not when one of two has done so."""
    name = fresh()
    published = publish_raw(fleet.cloud, name, b"odd", format="parquet")
    fail_at(fleet, name, "node1")
    with pytest.raises(WaitTimeoutError, match=r"is not failed everywhere .* edge/node2: deliver"):
        published.wait("failed", timeout=1.0)
    fail_at(fleet, name, "node2")
    failed = published.wait("failed", timeout=20)
    assert failed["status"].tolist() == ["failed", "failed"]
    assert all("Parquet" in message for message in failed["message"])


def test_refused_version_does_not_take_the_credit_of_the_next(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """Services keep the statuses of an object, whatever its version: its table must not turn green."""
    name = fresh()
    good = publish(b"good", name, "a", version="1", dest_type="edge", client=fleet.cloud)
    bad = publish_raw(fleet.cloud, name, b"odd", version="2", format="parquet")
    for node in fleet.nodes:
        there = fleet.node(node)
        wait_until(lambda at=there: [m.version for m in at.get_updated_objects(name)] == ["2"])
        fail_at(fleet, name, node)
    refused = bad.wait("failed", timeout=20)
    back = bad.rollback(to="1")
    for node in fleet.nodes:
        there = fleet.node(node)
        wait_until(lambda at=there: [m.version for m in at.get_updated_objects(name)] == ["1"])
        with next(updates(name, client=there, timeout=20)) as update:
            assert update.load() == b"good"
    back.wait("consumed", timeout=20)
    assert_frame_equal(bad.status(), refused)
    assert bad.done()
    assert f"{name}/a 2, replaced by 1" in repr(bad)
    with pytest.raises(
        WaitTimeoutError, match="will not be, for 1 has taken its place: edge/node1: f"
    ):
        bad.wait("consumed", timeout=3600)
    assert "replaced by another publication" in repr(good)  # which has the same version


def test_reason_is_short_and_tells_no_secret() -> None:
    """A library may put anything into its errors."""
    error = ValueError("x" * 5000 + "\x1b[31m")
    assert len(reason_of(error)) == MAX_REASON
    assert "hidden" not in reason_of(ValueError("s3://me:hidden@bucket/key"))
    assert "\x1b" not in reason_of(ValueError("\x1b[31m"))
    assert "/srv/secret" not in reason_of(ValueError("cannot open '/srv/secret/plans/a.onnx'"))


def test_markup_in_a_reason_travels(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """Services refuse a description that looks like a tag."""
    name = fresh()
    published = publish(b"good", name, "a", dest_type="edge", client=fleet.cloud)
    published.wait("delivered")
    (meta,) = [
        meta for meta in fleet.node("node1").get_updated_objects(name) if meta.object_id == "a"
    ]
    assert report_failure(fleet.node("node1"), meta, ValueError("<img src=x> & more"))
    wait_until(lambda: status_at(published, "node1")[0] == "failed")
    assert status_at(published, "node1")[1] == "ValueError: <img src=x> & more"
    assert "<img" not in published._repr_html_()

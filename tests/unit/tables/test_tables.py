"""Tables that follow a service, on a real fleet."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta

import pytest

from syncnb import (
    LocalFleet,
    ObjectMetaData,
    Publication,
    SyncServiceClient,
    fleet_table,
    follow,
    publish,
    transfers,
    updates,
    watch,
)
from syncnb.client.progress import Meter, Transfers
from syncnb.errors import AccessDeniedError, InvalidMetaDataError, SettingsError, WrongSideError
from syncnb.tables.fleet import Fleet
from tests.conftest import WaitUntil


def consume(fleet: LocalFleet, node: str, object_type: str) -> None:
    with next(iter(updates(object_type, client=fleet.node(node), timeout=30))) as update:
        update.load()


def refuse(_: object) -> None:
    raise ValueError("no such line <b>here</b>")


def publish_and_settle(fleet: LocalFleet, object_type: str) -> Publication:
    """One node consumed it, one refused it, the others have it."""
    done = publish(b"7", object_type, "limits", dest_type="edge", version="1.1", client=fleet.cloud)
    done.wait("delivered", timeout=30)
    consume(fleet, "node1", object_type)
    with follow(
        "limits", object_type=object_type, client=fleet.node("node2"), cache=False, check=refuse
    ) as follower:
        until = threading.Event()
        for _ in range(300):
            if follower.failures:
                break
            until.wait(0.1)
    assert follower.failures
    return done


def test_the_fleet_table_says_what_each_node_has(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    publish_and_settle(fleet, "of-tables")
    nodes = fleet_table(fleet.cloud, object_types=["of-tables"])

    def at(node: str) -> list[str]:
        found = nodes.to_pandas().set_index("node").loc[f"edge/{node}"]
        return [str(found[name]) for name in ("status", "of-tables/limits", "message")]

    wait_until(lambda: at("node2")[0] == "failed")
    assert at("node1") == ["up to date", "1.1", ""]
    assert at("node2")[1] == "1.1 failed"
    assert at("node2")[2].endswith("ValueError: no such line <b>here</b>")
    assert "&lt;b&gt;here" in nodes._repr_html_()
    seen = nodes.to_pandas()["since"]
    assert (datetime.now(UTC) - seen < timedelta(hours=2)).all()
    assert "last seen (UTC)" in repr(nodes)


def test_a_node_without_a_sign_of_life_is_silent(fleet: LocalFleet) -> None:
    source = Fleet(fleet.cloud, ("nothing-of-this-type",), None, timedelta(seconds=-5))
    assert {row["status"] for row in source.rows()} == {"silent"}
    nobody = fleet_table(fleet.cloud, dest_type="truck")
    assert "No nodes yet" in repr(nobody)


def test_only_a_cloud_knows_the_nodes(fleet: LocalFleet) -> None:
    with pytest.raises(WrongSideError, match="fleet_table"):
        fleet_table(fleet.node("node1"))
    with pytest.raises(InvalidMetaDataError, match=r"object_types.*\['model'\]"):
        fleet_table(fleet.cloud, object_types="model")
    with pytest.raises(SettingsError, match="silent_after"):
        fleet_table(fleet.cloud, silent_after=-1)


def test_who_may_not_look_is_told_so_and_not_that_there_is_nothing(fleet: LocalFleet) -> None:
    stranger = SyncServiceClient(fleet.cloud.url, org_id=fleet.org_id, key="admin", secret="wrong")
    nodes = fleet_table(stranger)
    assert "Check the key and the secret" in " ".join(repr(nodes).split())
    assert "What is there is not known" in repr(nodes)
    assert "No nodes" not in repr(nodes)
    with pytest.raises(AccessDeniedError):
        nodes.follow(timeout=0)


def test_two_tables_of_one_fleet_ask_the_service_once(fleet: LocalFleet) -> None:
    one, other = fleet_table(fleet.cloud), fleet_table(fleet.cloud)
    assert one._source is other._source
    assert fleet_table(fleet.cloud, dest_type="edge")._source is not one._source


def test_updates_are_seen_as_they_arrive_and_are_handled(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """Looking on takes nothing away from the program that works on them."""
    node = fleet.node("node1")
    table = watch("of-watching", client=node)
    assert "Nothing has arrived yet" in repr(table)
    publish(b"1234", "of-watching", "a", dest_type="edge", version="3", client=fleet.cloud).wait(
        "delivered", timeout=30
    )
    wait_until(lambda: table.to_pandas()["status"].tolist() == ["arrived"])
    row = table.to_pandas().iloc[0]
    assert row[["object", "version", "size", "from"]].tolist() == ["a", "3", "4 B", "Cloud/Cloud"]
    consume(fleet, "node1", "of-watching")
    wait_until(lambda: table.to_pandas()["status"].tolist() == ["handled"])
    with pytest.raises(InvalidMetaDataError, match="object_type"):
        watch("a/b", client=node)


def test_followed_in_a_script_it_says_a_line_a_change(
    fleet: LocalFleet, capsys: pytest.CaptureFixture[str]
) -> None:
    done = publish_and_settle(fleet, "of-following")
    nodes = fleet_table(fleet.cloud, object_types=["of-following"])
    nodes.follow(timeout=0)
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("edge/node1  up to date  1.1") for line in said)
    assert done.version == "1.1"


def test_transfers_are_listed_while_they_run_and_when_they_failed(fleet: LocalFleet) -> None:
    note = ObjectMetaData(object_type="of-transfers", object_id="a")
    fleet.cloud.update_object(note)
    table = transfers()
    seen: list[str] = []

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            seen.extend(table.to_pandas().query("transfer == 'of-transfers/a up'")["status"])
            return super().read(size)

    fleet.cloud.update_object_data(note, Slow(b"x" * 100_000))
    assert seen[0] == "running"
    found = table.to_pandas().set_index("transfer").loc["of-transfers/a up"]
    assert [found["status"], found["progress"]] == ["done", "100 % of 97.7 KiB"]

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk is gone"):
        fleet.cloud.update_object_data(note, Broken(b"x"))
    row = table.to_pandas().iloc[0]
    assert [row["status"], row["message"]] == ["failed", "the disk is gone"]


def test_of_ended_transfers_the_last_hundred_are_listed() -> None:
    transfers = Transfers()
    for number in range(250):
        with transfers.of(Meter(str(number), None, False)):
            pass
    assert [one.title for one in transfers.listed()] == [str(n) for n in range(150, 250)]

"""What the random stories found, once more as short stories: each failed before it was mended."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model.cloud import CHUNKS, FILE, Publication
from tests.model.fate import SimulatedTale
from tests.model.machine import MEMORY
from tests.model.model import Name
from tests.model.network import Fault
from tests.model.stage import ORG
from tests.model.state import look
from tests.model.world import World

NAME = Name("models", "a")


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield World(1, Path(folder))


@pytest.fixture
def tale(world: World) -> Iterator[SimulatedTale]:
    """A story whose end is that all sides agree and nothing is left."""
    told = SimulatedTale(world)
    try:
        yield told
        told.clean_up()
    finally:
        told.close()


def partial(world: World, node: str) -> list[str]:
    """What a node has begun to fetch and not finished."""
    found = look(world.nodes[node]).objects.items()
    return [str(key) for key, one in found if one.status == "partiallyreceived"]


def test_a_node_outlives_an_outage_of_hours(tale: SimulatedTale) -> None:
    """The pauses grew as 2 to the number of tries, until that was no float any more."""
    tale.cut("node1", silently=False)
    tale.report("node1", 1, 300)
    tale.wait(3600)
    tale.publish(NAME, Publication())


def test_an_empty_node_gets_what_was_delivered_to_its_earlier_disk(tale: SimulatedTale) -> None:
    tale.publish(NAME, Publication(size=FILE))
    tale.settle()
    tale.wipe("node1")


def test_a_node_sends_everything_again_although_the_answer_to_register_new_is_lost(
    tale: SimulatedTale, world: World
) -> None:
    """Its second try is no "register": that would do for a CSS that lost its records."""
    tale.back_up()
    tale.report("node1", 1, 300)
    tale.settle()
    world.nodes["node1"].weather.next = {"/register-new/": [Fault.UNANSWERED]}
    tale.restore()


def test_what_was_consumed_is_not_sent_again_by_a_node_that_was_unregistered(
    tale: SimulatedTale,
) -> None:
    tale.report("node1", 1, 300)
    tale.settle()
    tale.cut("node1", silently=False)
    tale.collect()
    tale.unregister("node1")
    tale.heal("node1")
    tale.settle()
    tale.collect()  # fails if it comes twice


def test_an_unregistered_node_registers_as_soon_as_the_link_allows(
    tale: SimulatedTale, world: World
) -> None:
    """Its waiting poll is answered at once; it used to wait for the rest of its 50 seconds."""
    tale.wait(5)
    before = world.loop.time()
    tale.unregister("node1")
    tale.settle()
    assert world.loop.time() - before < 5


def test_late_reports_of_an_older_instance_say_nothing_of_the_present_one(
    tale: SimulatedTale,
) -> None:
    tale.publish(NAME, Publication())
    tale.settle()
    tale.publish(NAME, Publication(inactive=True))
    tale.consume("node1", NAME)
    tale.settle()


def test_a_node_taken_off_the_list_is_told_although_the_object_is_deleted_then(
    tale: SimulatedTale,
) -> None:
    tale.publish(NAME, Publication(to="node2"))
    tale.settle()
    tale.cut("node2", silently=False)
    tale.readdress(NAME, frozenset(), "set")
    tale.delete(NAME, twice=False)
    tale.settle()


def test_a_node_taken_off_the_list_is_told_although_the_object_goes_on_elsewhere(
    tale: SimulatedTale,
) -> None:
    tale.publish(NAME, Publication(to="type"))
    tale.settle()
    tale.cut("node2", silently=False)
    tale.publish(NAME, Publication(to="node1"))
    tale.publish(NAME, Publication(to="node1"))
    tale.settle()


def test_a_node_that_is_listed_again_before_it_heard_of_the_removal_has_no_deletion(
    tale: SimulatedTale,
) -> None:
    tale.publish(NAME, Publication(to="type"))
    tale.settle()
    tale.cut("node1", silently=False)
    tale.publish(NAME, Publication(kind="later", to="node2"))
    tale.readdress(NAME, frozenset({"node1", "node2"}), "set")
    tale.settle()


def test_nobody_is_added_to_an_object_that_is_being_deleted(
    tale: SimulatedTale, world: World
) -> None:
    tale.publish(NAME, Publication(to="node1"))
    tale.settle()
    tale.cut("node1", silently=False)
    tale.delete(NAME, twice=False)
    body = json.dumps({"action": "add", "destinations": ["edge:node2"]}).encode()
    path = f"/api/v1/objects/{ORG}/models/a/destinations"
    assert world.call(world.css, "POST", path, body).status == 400
    tale.settle()


def test_a_clock_that_goes_back_delays_no_second_try(tale: SimulatedTale, world: World) -> None:
    """A failed download is announced again within minutes, not when the old time comes again."""
    tale.fill("node1", full=True)
    tale.publish(NAME, Publication(to="node1", size=FILE))
    tale.wait(10)
    tale.jump("css", -86400)
    before = world.loop.time()
    tale.settle()
    assert world.loop.time() - before < 900


def test_a_name_that_the_cloud_used_first_is_sent_when_it_is_free(
    tale: SimulatedTale, world: World
) -> None:
    path, theirs = "/api/v1/objects/stats/node1-1", f"/api/v1/objects/{ORG}/stats/node1-1"
    meta = {"objectID": "node1-1", "objectType": "stats", "noData": True}
    cloud = meta | {"destinationType": "edge", "destinationID": "node2"}
    assert world.call(world.css, "PUT", theirs, json.dumps({"meta": cloud}).encode()).status == 204
    tale.report("node1", 1, 300)
    tale.wait(60)
    assert world.call(world.css, "DELETE", theirs).status == 204
    tale.wait(120)
    assert world.call(world.nodes["node2"], "PUT", f"{path}/deleted").status == 204
    tale.settle()


def test_a_node_that_lost_its_numbers_is_heard_all_the_same(tale: SimulatedTale) -> None:
    """An empty disk and a clock that goes back: its instance IDs are lower than those known."""
    tale.report("node1", 1, 300)
    tale.settle()
    tale.jump("node1", -86400)
    tale.wipe("node1")
    tale.report("node1", 1, 300)
    tale.settle()


def test_what_expires_after_its_announcement_was_taken_leaves_nothing_half_fetched(
    tale: SimulatedTale, world: World
) -> None:
    world.nodes["node1"].weather.next = {"/updated": [Fault.LOST]}
    tale.publish(NAME, Publication(to="node1", expires=20))
    tale.wait(0.03)
    tale.cut("node1", silently=False)
    tale.wait(120)
    tale.settle()
    tale.wait(60)
    assert not partial(world, "node1")


def test_what_is_replaced_and_not_announced_leaves_nothing_half_fetched(
    tale: SimulatedTale, world: World
) -> None:
    world.nodes["node1"].weather.next = {"/data": [Fault.SILENT]}
    tale.publish(NAME, Publication(to="node1", size=FILE))
    tale.wait(0.03)
    tale.publish(NAME, Publication(to="node1", size=FILE, inactive=True))
    tale.wait(200)
    assert not partial(world, "node1")


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("call", ["/update", "/data", "/ackconsumed"])
def test_a_fault_in_any_call_about_statistics_changes_nothing(
    tale: SimulatedTale, world: World, fault: Fault, call: str
) -> None:
    world.nodes["node1"].weather.next = {call: [fault]}
    tale.report("node1", 1, CHUNKS)
    tale.settle()
    tale.collect()
    tale.settle()


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("call", ["/updated", "/data", "/received", "/consumed", "/ackDelete"])
def test_a_fault_in_any_call_about_an_object_changes_nothing(
    tale: SimulatedTale, world: World, fault: Fault, call: str
) -> None:
    world.nodes["node1"].weather.next = {call: [fault]}
    tale.publish(NAME, Publication(size=CHUNKS))
    tale.settle()
    tale.consume("node1", NAME)
    tale.settle()


@pytest.mark.parametrize("seed", range(20))
def test_the_last_chunk_may_arrive_twice_at_once(seed: int) -> None:
    """Whichever request comes second must not remove the file that the first made complete."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        world = World(seed, Path(folder))
        tale = SimulatedTale(world)
        world.nodes["node1"].weather.next = {"/data": [Fault.TWICE] * 3}
        tale.report("node1", 1, CHUNKS)
        tale.settle()
        tale.close()


@pytest.mark.parametrize("after", [0.005 * step for step in range(1, 21)])
def test_a_deletion_in_the_middle_of_a_download_leaves_no_file(
    tale: SimulatedTale, after: float
) -> None:
    """A chunk that was being written makes the file anew, after the deletion has removed it."""
    tale.publish(NAME, Publication(size=FILE))
    tale.wait(after)
    tale.readdress(NAME, frozenset({"node1"}), "remove")
    tale.settle()


def test_a_restored_cloud_is_obeyed_although_the_node_has_a_newer_instance(
    tale: SimulatedTale,
) -> None:
    tale.publish(NAME, Publication())
    tale.settle()
    tale.back_up()
    tale.publish(NAME, Publication(size=FILE))
    tale.settle()
    tale.restore()
    tale.settle()


def test_a_cloud_that_went_back_without_a_word_is_obeyed_once_that_shows(
    tale: SimulatedTale,
) -> None:
    """An older instance than the node's own: it registers as new, and takes what it is given."""
    tale.publish(NAME, Publication(to="node1"))
    tale.settle()
    tale.cut("node1", silently=False)
    tale.publish(NAME, Publication(to="node1", size=CHUNKS))
    tale.back_up()
    tale.settle()
    tale.publish(NAME, Publication(to="node1", size=FILE))
    tale.settle()
    tale.restore(unnoticed=True)
    tale.settle()

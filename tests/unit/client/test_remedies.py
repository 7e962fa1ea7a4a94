"""What an error tells to do is what helps."""

from __future__ import annotations

from uuid import uuid4

import pytest

from syncnb import DestinationPolicy, LocalFleet, ObjectMetaData
from syncnb.client.remedies import remedy_of
from syncnb.errors import ObjectNotFoundError, ServiceError


def note(**fields: object) -> ObjectMetaData:
    """One that no other test has."""
    return ObjectMetaData(object_type="note", object_id=uuid4().hex, **fields)  # type: ignore[arg-type]  # of many types


def test_unknown_node_points_to_the_nodes(fleet: LocalFleet) -> None:
    """The status of the object says nothing about it."""
    with pytest.raises(ServiceError, match=r"not registered\)\. See client\.get_destinations\(\)"):
        fleet.cloud.update_object(note(destinations_list=["edge:nope"]), data=b"x")
    stored = note(destinations_list=["edge:node1"])
    fleet.cloud.update_object(stored, data=b"x")
    with pytest.raises(ServiceError, match=r"See client\.get_destinations\(\)"):
        fleet.cloud.add_object_destinations("note", stored.object_id, ["edge:nope"])


def test_policy_that_cannot_be_added_says_what_can_be_done(fleet: LocalFleet) -> None:
    """An update never does it."""
    stored = note()
    fleet.cloud.update_object(stored, data=b"x")
    policy = DestinationPolicy(constraints=["gpu == true"])
    with pytest.raises(ServiceError, match="Delete the object first, or use another ID"):
        fleet.cloud.update_object(stored.for_update(destination_policy=policy), data=b"x")


def test_data_without_an_object_say_what_comes_first(fleet: LocalFleet) -> None:
    """It is no question of what is there."""
    with pytest.raises(ObjectNotFoundError, match="Call update_object first"):
        fleet.cloud.update_object_data(note(), b"x")


@pytest.mark.parametrize(
    ("status", "operation", "said", "words"),
    [
        (500, "update_object", "Destination edge:nope not found", "get_destinations"),
        (400, "update_object_destinations", "Invalid destination edge:nope", "get_destinations"),
        (400, "update_object", "Can't update the existence of Destination Policy", "another ID"),
        (400, "update_object", "Invalid destination policy", ""),
        (400, "update_object", "The object is in the wrong state", ""),
        (404, "get_object_metadata", "", ""),
        (503, "update_object", "destination edge:nope is not registered", ""),
    ],
)
def test_services_of_another_make_are_understood_or_left(
    status: int, operation: str, said: str, words: str
) -> None:
    """Where their words say nothing, the usual remedy of the status holds."""
    remedy = remedy_of(status, operation, said)
    assert words in remedy
    assert bool(words) == bool(remedy)

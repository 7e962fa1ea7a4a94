"""The calls that list objects, against a live CSS and a live ESS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import DestinationPolicy, PolicyService
from tests.unit.service.stage import Running

from .conftest import client_of

SOON = datetime.now(UTC) + timedelta(days=1)


def ids(found: Any) -> list[str]:
    """What was found, by ID."""
    return sorted(one.object_id for one in found)


@pytest.fixture
def shelf(cloud: SyncServiceClient, name: str) -> str:
    """A type with one object of each kind."""
    policy = DestinationPolicy(
        properties={"family": "vision"}, services=[PolicyService("acme", "detector", "1.0")]
    )
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "policy": {"destination_policy": policy},
        "node": {"dest_type": "nobody", "dest_id": "n1"},
        "empty": {"no_data": True},
        "expires": {"expiration": SOON},
    }
    for object_id, more in kinds.items():
        cloud.update_object(ObjectMetaData(object_type=name, object_id=object_id, **more))
    return name


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["empty", "expires", "node", "plain", "policy"]),
        ({"object_id": "node"}, ["node"]),
        ({"destination_policy": True}, ["policy"]),
        ({"destination_policy": False}, ["empty", "expires", "node", "plain"]),
        ({"destination_policy": True, "service": ("acme", "detector")}, ["policy"]),
        ({"destination_policy": True, "service": ("acme", "other")}, []),
        ({"destination_policy": True, "property_name": "family"}, ["policy"]),
        ({"destination_policy": True, "since": SOON}, []),
        ({"dest_type": "nobody"}, ["node"]),
        ({"dest_type": "nobody", "dest_id": "n2"}, []),
        ({"no_data": True}, ["empty"]),
        ({"expires_before": SOON + timedelta(days=1)}, ["expires"]),
        ({"deleted": True}, []),
    ],
)
def test_filters_find_what_they_say(
    cloud: SyncServiceClient, shelf: str, filters: dict[str, Any], found: list[str]
) -> None:
    """All of them together."""
    assert ids(cloud.get_objects_with_filters(object_type=shelf, **filters)) == found


@pytest.mark.parametrize(
    ("field", "filters"),
    [
        ("object_id", {"object_id": "a"}),
        ("dest_id", {"dest_id": "a"}),
        ("service", {"service": ("a", "b")}),
        ("property_name", {"property_name": "a", "destination_policy": False}),
        ("since", {"since": SOON}),
        ("since", {"since": datetime(1969, 1, 1, tzinfo=UTC), "destination_policy": True}),
        ("since", {"since": datetime(2030, 1, 1), "destination_policy": True}),  # noqa: DTZ001
        ("expires_before", {"expires_before": "tomorrow"}),
        ("service", {"service": "acme/detector", "destination_policy": True}),
        ("service", {"service": ("acme", "a/b"), "destination_policy": True}),
        ("object_type", {"object_type": "a b"}),
        ("dest_type", {"dest_type": "<b>"}),
        ("no_data", {"no_data": "yes"}),
    ],
)
def test_filter_that_cannot_work_is_refused(field: str, filters: dict[str, Any]) -> None:
    """A service would ignore it, or answer without a word; nothing is sent."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(InvalidMetaDataError) as caught:
        client.get_objects_with_filters(**filters)
    assert caught.value.field == field


def test_all_objects_of_a_type_are_listed(side: SyncServiceClient, name: str) -> None:
    """With their metadata, and with their destinations."""
    for object_id in ("a", "b"):
        side.update_object(ObjectMetaData(object_type=name, object_id=object_id), data=b"1234")
    assert ids(side.get_objects(name)) == ["a", "b"]
    frame = side.objects(name).to_pandas()
    assert sorted(frame["object_id"]) == ["a", "b"]
    assert frame["object_size"].tolist() == [4, 4]
    assert side.objects(f"{name}.none") == []


def test_destinations_of_all_objects_are_counted(
    cloud: SyncServiceClient, edge: SyncServiceClient, name: str
) -> None:
    """One row an object, one column a status."""
    cloud.update_object(ObjectMetaData(object_type=name, object_id="a", dest_type="edge"))
    row = cloud.get_objects(name).to_pandas().iloc[0]
    assert (row["object_id"], row["destinations"], row["pending"], row["error"]) == ("a", 1, 1, 0)
    assert cloud.get_objects(name)[0].destinations[0].status == "pending"


def test_types_are_listed(cloud: SyncServiceClient, name: str) -> None:
    """Each once."""
    for object_id in ("a", "b"):
        cloud.update_object(ObjectMetaData(object_type=name, object_id=object_id))
    types = cloud.get_object_types()
    assert types.count(name) == 1
    assert name in set(types.to_pandas()["object_type"])


def test_types_that_may_not_be_read_are_not_listed(
    css: Running, cloud: SyncServiceClient, name: str
) -> None:
    """Neither in an organisation of one's own nor in another."""
    cloud.update_object(ObjectMetaData(object_type=name, object_id="a"))
    with client_of(css, "user2") as client:
        assert name not in client.get_object_types()
    with client_of(css, "other-admin", "yourorg") as client:
        assert client.get_object_types() == []
        assert client.objects(name) == []


def test_objects_with_a_policy_are_listed_until_it_was_evaluated(
    cloud: SyncServiceClient, shelf: str
) -> None:
    """`received`, `service` and `since` say which."""

    def of(**options: Any) -> list[str]:
        found = cloud.get_objects_with_destination_policy(**options)
        return ids(one for one in found if one.object_type == shelf)

    assert of() == ["policy"]
    (one,) = (o for o in cloud.get_objects_with_destination_policy() if o.object_type == shelf)
    assert one.destination_policy is not None
    assert one.destination_policy.properties[0].value == "vision"
    meta = ObjectMetaData(object_type=shelf, object_id="policy")
    cloud.mark_object_policy_received(meta)
    assert of() == []
    assert of(received=True) == ["policy"]
    assert of(service=("acme", "detector")) == ["policy"]
    assert of(service=("acme", "other")) == []
    assert of(since=one.destination_policy.timestamp) == ["policy"]
    assert of(since=one.destination_policy.timestamp + 1) == []
    assert of(since=datetime(2020, 1, 1, tzinfo=UTC)) == ["policy"]


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("since", {"since": 0}),
        ("since", {"since": True}),
        ("since", {"since": 2**63}),
        ("since", {"since": datetime(1960, 1, 1, tzinfo=UTC)}),
        ("since", {"since": 5, "received": True}),
        ("service", {"service": ("", "b")}),
    ],
)
def test_question_about_policies_that_cannot_be_asked_is_refused(
    field: str, options: dict[str, Any]
) -> None:
    """Before anything is sent."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(InvalidMetaDataError) as caught:
        client.get_objects_with_destination_policy(**options)
    assert caught.value.field == field

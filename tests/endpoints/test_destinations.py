"""The calls about nodes, against a live CSS."""

from __future__ import annotations

import pytest

from syncnb import Destination, ObjectMetaData, SyncServiceClient
from syncnb.errors import InvalidMetaDataError, ObjectNotFoundError, ServiceError
from syncnb.metadata import DestinationPolicy, ObjectStatus
from tests.unit.service.stage import ORG

from .conftest import WaitUntil

NODE = Destination(dest_type="edge", dest_id="node1")


def statuses(cloud: SyncServiceClient, name: str) -> list[str]:
    """Of the object `a` at its nodes."""
    return [one.status for one in cloud.get_object_destinations(name, "a")]


@pytest.mark.usefixtures("edge")
def test_nodes_are_listed(cloud: SyncServiceClient) -> None:
    """With what they speak."""
    (node,) = cloud.get_destinations()
    assert (node.org_id, str(node), node.communication) == (ORG, "edge:node1", "http")
    assert cloud.get_destinations().to_pandas()["dest_id"].tolist() == ["node1"]


def test_objects_of_a_node_are_listed(
    cloud: SyncServiceClient, edge: SyncServiceClient, name: str, wait_until: WaitUntil
) -> None:
    """How far each is there."""
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type="edge", no_data=True)
    cloud.update_object(meta)

    def there() -> list[ObjectStatus]:
        return [o for o in cloud.get_destination_objects("edge", "node1") if o.object_type == name]

    wait_until(lambda: [one.status for one in there()] == ["delivered"], show=there)
    edge.mark_object_consumed(meta)
    wait_until(lambda: [one.status for one in there()] == ["consumed"], show=there)
    assert there()[0].org_id == ORG
    assert cloud.get_destination_objects("edge", "nobody") == []


@pytest.mark.usefixtures("edge")
def test_destinations_of_an_object_are_replaced(cloud: SyncServiceClient, name: str) -> None:
    """How an object with a policy finds its nodes; the metadata stay."""
    cloud.update_object(
        ObjectMetaData(object_type=name, object_id="a", destination_policy=DestinationPolicy())
    )
    assert cloud.get_object_destinations(name, "a") == []
    cloud.update_object_destinations(name, "a", [NODE])
    assert statuses(cloud, name) == ["pending"]
    assert cloud.get_object_metadata(name, "a").destinations_list is None
    cloud.update_object_destinations(name, "a", [])
    assert statuses(cloud, name) == []


@pytest.mark.usefixtures("edge")
def test_destinations_are_added_and_removed(cloud: SyncServiceClient, name: str) -> None:
    """Twice is as good as once."""
    cloud.update_object(ObjectMetaData(object_type=name, object_id="a", dest_type="nobody"))
    for _ in range(2):
        cloud.add_object_destinations(name, "a", ["edge:node1"])
        assert statuses(cloud, name) == ["pending"]
    for _ in range(2):
        cloud.remove_object_destinations(name, "a", [NODE])
        assert statuses(cloud, name) == []


@pytest.mark.usefixtures("edge")
def test_wait_for_a_change_at_a_node(cloud: SyncServiceClient, name: str) -> None:
    """What is there at once, and nothing as long as it stays."""
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type="edge")
    cloud.update_object(meta)
    first = cloud.watch_object_destinations(name, "a", wait=1)
    assert [one.status for one in first.items or ()] == ["pending"]
    again = cloud.watch_object_destinations(name, "a", etag=first.etag, wait=1)
    assert again.items is None


@pytest.mark.parametrize("call", ["update", "add", "remove"])
@pytest.mark.parametrize(
    "nodes",
    [["node1"], ["edge:"], [":node1"], ["a:b:c"], ["a/b:c"], ["a:<b>"], [5], "edge:node1", [""]],
)
def test_node_that_is_none_is_refused(call: str, nodes: list[str]) -> None:
    """Before anything is sent."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(InvalidMetaDataError, match="destinations"):
        getattr(client, f"{call}_object_destinations")("t", "a", nodes)


@pytest.mark.parametrize("call", ["update", "add", "remove"])
def test_node_that_is_not_registered_is_an_error(
    cloud: SyncServiceClient, name: str, call: str
) -> None:
    """Only the service knows that."""
    cloud.update_object(ObjectMetaData(object_type=name, object_id="a", dest_type="nobody"))
    with pytest.raises(ServiceError, match="edge:nobody"):
        getattr(cloud, f"{call}_object_destinations")(name, "a", ["edge:nobody"])


def test_destinations_of_no_object_cannot_be_set(cloud: SyncServiceClient, name: str) -> None:
    """It says which object."""
    with pytest.raises(ObjectNotFoundError, match=f"{name}/a"):
        cloud.update_object_destinations(name, "a", [])


@pytest.mark.parametrize("names", [("a b", "c"), ("a", ""), ("a", "b/c")])
def test_name_of_a_node_that_is_none_is_refused(names: tuple[str, str]) -> None:
    """Before anything is sent."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(InvalidMetaDataError, match="dest_"):
        client.get_destination_objects(*names)

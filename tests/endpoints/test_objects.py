"""The calls on one object, against a live CSS and a live ESS."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.client import acknowledging
from syncnb.errors import InvalidMetaDataError, PreconditionFailedError, RequestRefusedError
from syncnb.metadata import (
    DestinationPolicy,
    DestinationState,
    ObjectState,
    PolicyProperty,
    PolicyService,
)
from tests.unit.service.stage import ORG, Running

from .conftest import WaitUntil, client_of

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


def wire(service: Running, path: str) -> dict[str, object]:
    """What the service really has."""
    answer = service.call("admin", "GET", path)
    assert answer.status_code == 200
    return dict(answer.json())


def arrived(client: SyncServiceClient, object_type: str, wait_until: WaitUntil) -> ObjectMetaData:
    """The one object of a type that arrives."""
    wait_until(lambda: len(client.get_updated_objects(object_type)) == 1)
    return client.get_updated_objects(object_type)[0]


def test_object_is_stored_changed_and_deleted(side: SyncServiceClient, name: str) -> None:
    """Its metadata, its status and its end."""
    meta = ObjectMetaData(object_type=name, object_id="a", version="1", description="für alle")
    side.update_object(meta)
    stored = side.get_object_metadata(name, "a")
    assert (stored.version, stored.description) == ("1", "für alle")
    assert stored.instance_id > 2**53
    assert side.get_object_status(name, "a") is ObjectState.NOT_READY
    side.update_object(stored.for_update(version="2"), data=b"weights")
    assert side.get_object_metadata(name, "a").version == "2"
    assert side.get_object_status(name, "a") == "ready"
    side.delete_object(name, "a")
    # Gone, or known as deleted until every destination has heard of it.
    assert {m.deleted for m in side.objects(name)} <= {True}


def test_data_go_up_and_down(side: SyncServiceClient, name: str, tmp_path: Path) -> None:
    """In one call with the metadata, in one of their own, and of no bytes."""
    meta = ObjectMetaData(object_type=name, object_id="a", inactive=True)
    side.update_object(meta, data=bytearray(b"with the metadata"))
    assert side.read_object_data(side.get_object_metadata(name, "a")) == b"with the metadata"
    side.update_object_data(meta, BytesIO(b"by themselves"))
    out = BytesIO()
    assert side.fetch_object_data(side.get_object_metadata(name, "a"), out) == 13
    assert out.getvalue() == b"by themselves"
    file = side.download_object_data(side.get_object_metadata(name, "a"), tmp_path / "data")
    assert file.read_bytes() == b"by themselves"
    stored = side.get_object_metadata(name, "a")
    assert b"".join(side.iter_object_data(stored, offset=3)) == b"themselves"
    with side.open_object_data(stored) as remote:
        assert remote.read() == b"by themselves"
    side.update_object(meta, data=b"")
    assert side.get_object_metadata(name, "a").object_size == 0
    assert side.get_object_status(name, "a") == "ready"


def test_object_is_replaced_only_in_the_place_of_a_known_instance(
    side: SyncServiceClient, name: str, tmp_path: Path
) -> None:
    """Whoever comes second is told, and what is there stays whole."""
    meta = ObjectMetaData(object_type=name, object_id="a", version="1")
    first = side.replace_object(meta, 0, data=b"first") or 0
    assert first == side.get_object_metadata(name, "a").instance_id
    with pytest.raises(PreconditionFailedError, match=f"{name}/a"):
        side.replace_object(meta, 0, data=b"late")
    without_data = side.replace_object(meta, first) or 0
    path = tmp_path / "data"
    path.write_bytes(b"second")
    with pytest.raises(PreconditionFailedError, match=f"{name}/a"):
        side.replace_object_data(meta, path, first)
    side.replace_object_data(meta, path, without_data)
    assert side.read_object_data(side.get_object_metadata(name, "a")) == b"second"


def test_change_of_the_metadata_loses_nothing(
    cloud: SyncServiceClient, css: Running, name: str
) -> None:
    """Every field that an application sets is as it was, and the data are there (14.1)."""
    cloud.update_object(
        ObjectMetaData(
            object_type=name,
            object_id="a",
            destination_policy=DestinationPolicy(
                properties=[PolicyProperty("size", 12, "int"), PolicyProperty("tags", ["a", None])],
                constraints=["gpu == true", ""],
                services=[PolicyService("acme", "detector", "[1.0,2.0)", "amd64")],
            ),
            expiration=SOON,
            version="1",
            description="a < b & c",
            activation_time=SOON,
            inactive=True,
            consumers=3,
            destination_data_uri="file:///data/model",
            hash_algorithm="SHA256",
            public_key="AAAA",
            public=True,
        ),
        data=b"weights",
    )
    path = f"objects/{ORG}/{name}/a"
    before = wire(css, path)
    stored = cloud.get_object_metadata(name, "a")
    assert stored.destination_policy is not None
    assert stored.destination_policy.services[0].service_name == "detector"
    assert stored.expiration == SOON
    cloud.update_object(stored.for_update(meta_only=True, version="2"))
    after = wire(css, path)
    assert cloud.read_object_data(cloud.get_object_metadata(name, "a")) == b"weights"
    assert (after.pop("version"), after.pop("metaOnly")) == ("2", True)
    for one in (before, after):
        for changed in ("instanceID", "version", "metaOnly"):
            one.pop(changed, None)
        policy = one["destinationPolicy"]
        assert isinstance(policy, dict)
        policy.pop("timestamp")
    assert after == before


def test_update_of_what_was_read_sends_nothing_that_the_service_sets(
    cloud: SyncServiceClient, root: SyncServiceClient, css: Running, name: str
) -> None:
    """Also where the caller forgot to say `for_update`."""
    cloud.update_object(ObjectMetaData(object_type=name, object_id="a", no_data=True))
    stored = cloud.get_object_metadata(name, "a")
    assert (stored.origin_id, stored.owner_id) == ("Cloud", f"{ORG}/alice")
    sent = stored.as_sent().to_json()
    assert sent == {"objectType": name, "objectID": "a", "noData": True}
    root.update_object(stored)
    assert cloud.get_object_metadata(name, "a").owner_id == "/frank"


def test_object_of_another_organisation_is_not_written(cloud: SyncServiceClient, name: str) -> None:
    """Some services would store it there (13, D1)."""
    meta = ObjectMetaData(object_type=name, object_id="a", dest_org_id="yourorg")
    with pytest.raises(InvalidMetaDataError, match=r"dest_org_id.*its own organisation, myorg"):
        cloud.update_object(meta)
    assert cloud.get_objects(name) == []


@pytest.mark.parametrize("kind", ["css", "ess"])
def test_object_that_another_program_named_is_read_and_deleted(
    kind: str, name: str, request: pytest.FixtureRequest
) -> None:
    """The protocol takes names that its link does not (rest-api.md, 1.5)."""
    service: Running = request.getfixturevalue(kind)
    client: SyncServiceClient = request.getfixturevalue("cloud" if kind == "css" else "edge")
    assert service.put(f"{ORG}/{name}/a~b" if kind == "css" else f"{name}/a~b", b"hello") == 204
    (meta,) = client.objects(name)
    assert client.read_object_data(meta) == b"hello"
    with pytest.raises(InvalidMetaDataError, match="object_id"):
        client.update_object(meta)  # it would never arrive
    client.delete_object(name, meta.object_id)


@pytest.mark.parametrize(
    ("object_type", "object_id", "field"),
    [("..", "other", "object_type"), ("t", "..", "object_id"), ("t", "", "object_id"),
     ("a b", "i", "object_type"), ("t", "a/b", "object_id")],
)  # fmt: skip
def test_data_of_what_is_no_object_are_not_asked_for(
    object_type: str, object_id: str, field: str
) -> None:
    """With ".." as its type the path would be that of something else."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    meta = ObjectMetaData(object_type=object_type, object_id=object_id, instance_id=1)
    with pytest.raises(InvalidMetaDataError, match=field):
        client.update_object_data(meta, b"x")
    with pytest.raises(InvalidMetaDataError, match=field):
        client.fetch_object_data(meta, BytesIO())


def test_inactive_object_is_delivered_when_it_is_activated(
    cloud: SyncServiceClient, edge: SyncServiceClient, name: str, wait_until: WaitUntil
) -> None:
    """Not before."""
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type="edge", inactive=True)
    cloud.update_object(meta, data=b"x")
    assert [one.status for one in cloud.get_object_destinations(name, "a")] == ["pending"]
    cloud.activate_object(meta)
    assert not cloud.get_object_metadata(name, "a").inactive
    arrived(edge, name, wait_until)
    edge.update_object(ObjectMetaData(object_type=name, object_id="b", inactive=True), data=b"y")
    edge.activate_object(ObjectMetaData(object_type=name, object_id="b"))
    assert arrived(cloud, name, wait_until).object_id == "b"


def test_node_acknowledges_what_it_received(
    cloud: SyncServiceClient, edge: SyncServiceClient, name: str, wait_until: WaitUntil
) -> None:
    """Received hides it from polls, consumed tells the sender, deleted ends it."""
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type="edge", dest_id="node1")
    cloud.update_object(meta, data=b"x")
    got = arrived(edge, name, wait_until)
    assert edge.get_object_status(name, "a") is ObjectState.COMPLETELY_RECEIVED
    edge.mark_object_received(got)
    assert edge.get_object_status(name, "a") is ObjectState.RECEIVED
    assert edge.get_updated_objects(name) == []
    assert [m.object_id for m in edge.get_updated_objects(name, received=True)] == ["a"]
    edge.mark_object_consumed(got)
    wait_until(
        lambda: cloud.get_object_destinations(name, "a")[0].status is DestinationState.CONSUMED
    )
    cloud.delete_object(name, "a")
    tombstone = arrived(edge, name, wait_until)
    assert tombstone.deleted
    edge.mark_object_deleted(tombstone)
    wait_until(lambda: edge.get_objects(name) == [])


def test_newer_version_is_not_marked_for_an_older_one(
    cloud: SyncServiceClient,
    edge: SyncServiceClient,
    name: str,
    wait_until: WaitUntil,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither by the call, nor if the newer one comes between its look and its call."""
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type="edge", version="1")
    cloud.update_object(meta, data=b"old")
    old = arrived(edge, name, wait_until)
    cloud.update_object(replace(meta, version="2"), data=b"new")
    wait_until(lambda: [m.version for m in edge.get_updated_objects(name)] == ["2"])
    for mark in (edge.mark_object_received, edge.mark_object_consumed):
        with pytest.raises(PreconditionFailedError, match=f"{name}/a"):
            mark(old)
    looks = iter([True])
    real = acknowledging._waits
    monkeypatch.setattr(acknowledging, "_waits", lambda *about: next(looks, None) or real(*about))
    acknowledging.acknowledge(edge, old, "consumed")
    (new,) = edge.get_updated_objects(name)
    assert new.version == "2"
    with pytest.raises(RequestRefusedError):  # not deleted, whichever version is meant
        edge.mark_object_deleted(new)
    with pytest.raises(RequestRefusedError):
        edge.mark_object_consumed(replace(old, object_id="nobody"))


def test_cloud_acknowledges_what_a_node_sent(
    cloud: SyncServiceClient, edge: SyncServiceClient, name: str, wait_until: WaitUntil
) -> None:
    """The same three calls on the other side."""
    edge.update_object(ObjectMetaData(object_type=name, object_id="a"), data=b"x")
    got = arrived(cloud, name, wait_until)
    assert (got.origin_type, got.origin_id) == ("edge", "node1")
    cloud.mark_object_received(got)
    assert cloud.get_object_status(name, "a") is ObjectState.RECEIVED
    cloud.mark_object_consumed(got)
    wait_until(lambda: edge.get_object_status(name, "a") is ObjectState.CONSUMED_BY_DEST)
    edge.update_object(ObjectMetaData(object_type=name, object_id="b"), data=b"x")
    arrived(cloud, name, wait_until)
    edge.delete_object(name, "b")
    wait_until(lambda: [m.deleted for m in cloud.get_updated_objects(name)] == [True])
    cloud.mark_object_deleted(got.for_update(object_id="b"))
    wait_until(lambda: cloud.get_updated_objects(name) == [])


def test_waiting_call_shows_what_is_there(side: SyncServiceClient, name: str) -> None:
    """And a second one with the tag of the first that nothing is new."""
    first = side.watch_updated_objects(name, wait=1)
    assert first.items == []
    again = side.watch_updated_objects(name, etag=first.etag, wait=1)
    assert again.waited
    assert not again.items


def test_identity_decides_what_is_seen(css: Running, cloud: SyncServiceClient, name: str) -> None:
    """A public object is for everybody, another one for nobody else."""
    cloud.update_object(ObjectMetaData(object_type=name, object_id="a", public=True, no_data=True))
    cloud.update_object(ObjectMetaData(object_type=name, object_id="b", no_data=True))
    with client_of(css, "other-user") as stranger:
        assert [one.object_id for one in stranger.get_objects(name)] == ["a"]
        assert [one.object_id for one in stranger.objects(name)] == ["a"]


def test_type_that_some_services_mix_up_is_warned_of_once(
    cloud: SyncServiceClient, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """They keep the data of ``a-b``/``c`` and of ``a``/``b-c`` in one file (1.5)."""
    for object_id in ("a", "b-c"):
        cloud.update_object(ObjectMetaData(object_type=f"{name}-x", object_id=object_id))
        cloud.update_object(ObjectMetaData(object_type=name, object_id=object_id))
    warnings = [one.getMessage() for one in caplog.records if one.name == "syncnb"]
    assert len(warnings) == 1
    assert f"{name}-x" in warnings[0]

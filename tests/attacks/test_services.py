"""What the services refuse themselves, so that no program is ever given it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from syncnb import LocalFleet, Manifest, ObjectMetaData, Publication
from syncnb.errors import ServiceError
from syncnb.signing import triple
from tests.conftest import WaitUntil
from tests.unit.signing.conftest import key

from .stage import GOOD, Stage


def wrong_digest(stage: Stage) -> None:
    stage.begin(guarded=False)
    stage.forge(b"data", sha256="ab" * 32)


def mixed(stage: Stage) -> None:
    """The manifest of version 1 with the data of version 2, each signed."""
    stage.begin(guarded=True)
    one, _ = stage.stored()
    stage.publish(b"bad!", "2.0.0")
    two, data = stage.stored()
    stage.put(replace(two, description=one.description), data)


@pytest.mark.xdist_group("attacks")
@pytest.mark.parametrize("attack", [wrong_digest, mixed])
def test_node_offers_no_data_of_another_digest(
    stage: Stage, attack: Callable[[Stage], None]
) -> None:
    """The table says so at every node."""
    attack(stage)
    stage.wait(lambda: [status for status, _ in stage.rows()] == ["error", "error"])
    for _, message in stage.rows():
        assert "the data do not have the published SHA-256" in message
    for node in stage.fleet.nodes:
        listed = stage.fleet.node(node).get_updated_objects(stage.kind)
        assert stage.name not in {meta.object_id for meta in listed}
    assert stage.follower is not None
    assert stage.follower.model in (GOOD, b"bad!")  # the good one of that name


def signed(data: bytes) -> ObjectMetaData:
    """By another tool than syncnb: there is no manifest."""
    fields: dict[str, Any] = dict(triple(sha256(data).digest(), key("alice")))
    return ObjectMetaData(object_type="signed", object_id="a", dest_type="edge", **fields)


def test_cloud_takes_no_data_that_were_not_signed(fleet: LocalFleet) -> None:
    """Whoever has the password of a publisher has not got its key."""
    meta = signed(b"data")
    with pytest.raises(ServiceError, match="signature"):
        fleet.cloud.update_object(meta, data=b"evil")
    fleet.cloud.update_object(meta)
    with pytest.raises(ServiceError, match="signature does not fit the data"):
        fleet.cloud.update_object_data(meta, b"evil")
    assert not fleet.node("node1").get_updated_objects("signed")
    fleet.cloud.delete_object("signed", "a")


def test_node_takes_no_data_that_were_not_signed(wait_until: WaitUntil) -> None:
    """Somebody exchanged them on the disk of the cloud."""
    with LocalFleet(nodes=1) as fleet:
        data = b"a" * 500_000
        fleet.kill("node1")
        fleet.cloud.update_object(signed(data), data=data)
        (blob,) = (fleet.folder("cloud") / "blobs").iterdir()
        blob.write_bytes(data.replace(b"a", b"b"))
        fleet.restart("node1")
        shown = Publication(
            signed(data), Manifest(format="", codec="", sha256="", size=0), fleet.cloud
        )
        wait_until(lambda: shown.delivery_rows()[0].status == "error", show=shown.delivery_rows)
        assert re.search("signature does not fit the data", repr(shown))
        assert fleet.node("node1").get_updated_objects("signed") == []

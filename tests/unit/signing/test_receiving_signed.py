"""A fleet takes what is signed by its keys, and learns of new ones, over real HTTP."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import pytest

from syncnb import LocalFleet, Manifest, ObjectMetaData, Trust, Update, updates
from syncnb.errors import (
    DataError,
    InvalidManifestError,
    ServiceError,
    SignatureError,
    UnknownKeyError,
    UntrustedDataError,
)
from syncnb.key_statements import fetch_statements, publish_statements
from syncnb.signing import Signer, revocation, rotation, seal, triple
from tests.conftest import WaitUntil

from .conftest import Keys


def send(
    fleet: LocalFleet, kind: str, name: str, data: bytes, signer: Signer | None, **manifest: Any
) -> ObjectMetaData:
    """Publish as a program in another language would: by the documents alone."""
    values: dict[str, Any] = {
        "format": "bytes",
        "codec": "bytes/1",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "version": "1.0.0",
        "sequence": 1,
        "org_id": fleet.cloud.org_id,
        "object_type": kind,
        "object_id": name,
    }
    description = Manifest(**values | manifest).to_description()
    meta = ObjectMetaData(
        object_type=kind, object_id=name, dest_type="edge", version="1.0.0", description=description
    )
    if signer is not None:
        signed = triple(hashlib.sha256(data).digest(), signer)
        meta = replace(meta, description=seal(description, signer), **signed)
    fleet.cloud.update_object(meta.check(), data=data)
    return meta


def received(fleet: LocalFleet, kind: str, trust: Trust | bool | None) -> Update:
    return next(updates(kind, client=fleet.node("node1"), timeout=20, trust=trust))


@pytest.fixture
def trust(tmp_path: Path, keys: Keys) -> Trust:
    trust = Trust(tmp_path / "trust.json")
    trust.pin(keys("alice").fingerprint)
    return trust


def test_signed_object_arrives_and_loads(fleet: LocalFleet, trust: Trust, keys: Keys) -> None:
    """The CSS and the ESS checked the data, the reader the manifest and its organisation."""
    send(fleet, "signed-arrives", "a", b"signed data", keys("alice"))
    with received(fleet, "signed-arrives", trust) as update:
        assert update.meta_data.dest_org_id == fleet.cloud.org_id
        assert update.load() == b"signed data"
    assert trust.state.seen[fleet.cloud.org_id, "signed-arrives", "a"].sequence == 1


def test_service_refuses_data_that_were_not_signed(fleet: LocalFleet, keys: Keys) -> None:
    """The CSS is the first to look."""
    signed = triple(hashlib.sha256(b"signed").digest(), keys("alice"))
    meta = ObjectMetaData(object_type="signed-else", object_id="a", dest_type="edge", **signed)
    with pytest.raises(ServiceError):
        fleet.cloud.update_object(meta, data=b"other")


def test_refused_object_is_neither_fetched_nor_acknowledged(
    fleet: LocalFleet, trust: Trust, keys: Keys
) -> None:
    """It is still there for those who decide to trust its key."""
    send(fleet, "stranger", "a", b"data", keys("mallory"))
    node = fleet.node("node1")
    update = received(fleet, "stranger", trust)
    with pytest.raises(UnknownKeyError, match=keys("mallory").fingerprint), update:
        update.load()
    assert not update.acknowledged
    assert update._lease is None
    trust.pin(keys("mallory").fingerprint)
    with received(fleet, "stranger", trust) as update:
        assert update.load() == b"data"
    assert node.get_updated_objects("stranger") == []


def test_save_asks_too(fleet: LocalFleet, trust: Trust, tmp_path: Path) -> None:
    """A file on the disk is as good as loaded."""
    send(fleet, "unsigned-save", "a", b"data", None)
    update = received(fleet, "unsigned-save", trust)
    with pytest.raises(UnknownKeyError):
        update.save(tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_pinned_key_counts_as_the_word_of_the_caller(
    fleet: LocalFleet, trust: Trust, keys: Keys, tmp_path: Path
) -> None:
    """For formats that can run code; without a trust it takes ``trusted=True``."""
    joblib.dump({"weights": [1, 2]}, tmp_path / "model.joblib")
    data = (tmp_path / "model.joblib").read_bytes()
    send(fleet, "pickled", "a", data, keys("alice"), format="joblib", codec="joblib/1")
    with pytest.raises(UntrustedDataError, match="can run any code"):
        received(fleet, "pickled", False).load()
    assert received(fleet, "pickled", trust).load() == {"weights": [1, 2]}


def test_newer_version_that_is_not_trusted_takes_the_place_of_none(
    fleet: LocalFleet, trust: Trust, keys: Keys, wait_until: WaitUntil
) -> None:
    """With `only_latest`, the older ones are acknowledged unseen."""
    node, kind = fleet.node("node1"), "latest-signed"
    for name, signer in (("m-6", "alice"), ("m-7", "alice"), ("m-8", None), ("m-9", "mallory")):
        send(fleet, kind, name, name.encode(), keys(signer) if signer else None)
    wait_until(lambda: len(node.get_updated_objects(kind)) == 4)
    found = updates(kind, client=node, trust=trust, only_latest=lambda _: "m", timeout=0.5)
    loaded = []
    for update in found:
        with contextlib.suppress(UnknownKeyError), update:
            loaded.append(update.load())
    assert loaded == [b"m-7"]
    assert {one.object_id for one in node.get_updated_objects(kind)} == {"m-8", "m-9"}


def test_manifest_that_lies_about_the_size_is_refused_without_a_trust_too(
    fleet: LocalFleet,
) -> None:
    """Before a byte is fetched."""
    send(fleet, "lying", "a", b"data", None, size=3)
    update = received(fleet, "lying", False)
    with pytest.raises(InvalidManifestError, match="3 bytes, they have 4"):
        update.load()
    assert update._lease is None


def test_trust_of_the_environment_is_the_default(
    fleet: LocalFleet, trust: Trust, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No program needs to be changed."""
    monkeypatch.setenv("SYNCNB_TRUST", str(trust.path))
    send(fleet, "default-trust", "a", b"data", None)
    with pytest.raises(UnknownKeyError):
        received(fleet, "default-trust", None).load()
    assert received(fleet, "default-trust", False).load() == b"data"


@pytest.fixture
def own_fleet() -> Iterator[LocalFleet]:
    """Its nodes get no statements but those of one test."""
    with LocalFleet(nodes=1) as fleet:
        yield fleet


def test_node_learns_of_a_new_key_and_of_a_revocation(
    own_fleet: LocalFleet, trust: Trust, keys: Keys, wait_until: WaitUntil
) -> None:
    """By an object that every node gets; nobody has to log in to it."""
    cloud, node = own_fleet.cloud, own_fleet.node("node1")
    publish_statements(cloud, [rotation(keys("bob"), old=keys("alice"))])
    wait_until(lambda: len(fetch_statements(node)) == 1)
    send(own_fleet, "rotated", "a", b"data", keys("bob"))
    with received(own_fleet, "rotated", trust) as update:
        assert update.load() == b"data"
    assert keys("bob").fingerprint in trust.state.pins
    everything = publish_statements(cloud, [revocation(keys("alice").fingerprint, by=keys("bob"))])
    assert len(everything) == 2
    assert publish_statements(cloud, []) == everything
    wait_until(lambda: len(fetch_statements(node)) == 2)
    send(own_fleet, "rotated", "b", b"data", keys("alice"))
    update = received(own_fleet, "rotated", Trust(trust.path))  # as a program that starts
    with pytest.raises(SignatureError, match="revoked"):
        update.load()


def test_something_else_under_the_name_of_the_statements_is_an_error_and_no_hindrance(
    own_fleet: LocalFleet, trust: Trust, keys: Keys
) -> None:
    """What is signed by a known key is still taken."""
    for data in (b"{", b"{}", b"[" * 5000, b"[]" + b" " * (1 << 20)):
        meta = ObjectMetaData(object_type="syncnb-keys", object_id="statements")
        own_fleet.cloud.update_object(meta, data=data)
        with pytest.raises(DataError, match="statements"):
            fetch_statements(own_fleet.cloud)
    send(own_fleet, "hindered", "a", b"data", keys("alice"))
    assert received(own_fleet, "hindered", trust).load() == b"data"

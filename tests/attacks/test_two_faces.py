"""A service that says one thing in its list and another when it is asked."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from syncnb import Cache, Manifest, ObjectMetaData, SyncServiceClient, Trust, updates
from syncnb.errors import DigestMismatchError
from syncnb.signing import seal, triple
from tests.unit.client.hostile import says, scripted
from tests.unit.signing.conftest import key

GOOD = b"good"
MANIFEST = Manifest(
    format="bytes", codec="bytes/1", sha256=sha256(GOOD).hexdigest(), size=len(GOOD), sequence=1,
    version="1.0.0", org_id="acme", object_type="model", object_id="a",
)  # fmt: skip
SIGNED = ObjectMetaData(
    object_type="model", object_id="a", version="1.0.0", object_size=len(GOOD), dest_org_id="acme",
    description=seal(MANIFEST.to_description(), key("alice")),
    **triple(sha256(GOOD).digest(), key("alice")),
)  # fmt: skip


def two_faces(sock: socket.socket, head: bytes) -> None:
    """Lists what Alice signed, without an instance; says that the data are of something else."""
    path = head.split(b" ")[1].split(b"?")[0].decode()
    if path.endswith("/objects/model"):
        sock.sendall(says(200, json.dumps([SIGNED.to_json()]).encode()))
    elif path.endswith("/objects/model/a"):
        other = replace(SIGNED, description="", instance_id=7)
        sock.sendall(says(200, json.dumps(other.to_json()).encode()))
    elif path.endswith("/objects/model/a/data"):
        sock.sendall(says(200, b"evil"))
    else:
        sock.sendall(says(404))


@pytest.mark.parametrize("cached", [True, False])
def test_data_are_those_of_the_manifest_that_was_checked(tmp_path: Path, cached: bool) -> None:
    """And of no other one that the service gives when the data are fetched."""
    trust, cache = Trust(tmp_path / "trust.json"), Cache(tmp_path / "cache")
    trust.pin(key("alice").fingerprint)
    with scripted(two_faces) as (url, _), SyncServiceClient(url, key="me", secret="s") as node:
        update = next(updates("model", client=node, trust=trust, timeout=20))
        with pytest.raises(DigestMismatchError):
            update.load(cache=cache if cached else False)
    assert MANIFEST.sha256 not in cache

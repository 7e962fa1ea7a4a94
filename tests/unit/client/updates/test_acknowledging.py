"""What is acknowledged is what was handed out."""

from __future__ import annotations

import uuid

import pytest

from syncnb import LocalFleet, SyncServiceClient, publish, updates


def test_version_that_comes_in_the_last_moment_is_not_acknowledged(
    fleet: LocalFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last look and the call; it comes next."""
    name, node = f"n{uuid.uuid4().hex}", fleet.node("node1")
    publish(b"first", name, "a", dest_type="edge", client=fleet.cloud).wait("delivered")
    look = SyncServiceClient.get_object_status

    def late(client: SyncServiceClient, object_type: str, object_id: str) -> object:
        seen = look(client, object_type, object_id)
        monkeypatch.undo()
        publish(b"second", name, "a", dest_type="edge", client=fleet.cloud).wait("delivered")
        return seen

    with next(updates(name, client=node, timeout=20)) as update:
        assert update.load() == b"first"
        monkeypatch.setattr(SyncServiceClient, "get_object_status", late)
    with next(updates(name, client=node, timeout=20)) as update:
        assert update.load() == b"second"

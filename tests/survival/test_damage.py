"""Bytes that were damaged where they lie are refused, shown, and replaced by the next publication."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from syncnb import LocalFleet, publish, updates
from syncnb.errors import DigestMismatchError

WaitUntil = Callable[..., None]


def flip_one_bit(folder: Path) -> None:
    (blob,) = (folder / "blobs").iterdir()
    with blob.open("r+b") as file:
        file.seek(blob.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))


def test_node_refuses_damaged_data_and_the_table_says_why(wait_until: WaitUntil) -> None:
    """The bit is flipped in the cloud, before the node has fetched the data."""
    with LocalFleet(nodes=1) as fleet:
        fleet.kill("node1")
        first = publish(b"a" * 500_000, "d", "x", version="1", dest_type="edge", client=fleet.cloud)
        flip_one_bit(fleet.folder("cloud"))
        fleet.restart("node1")
        wait_until(lambda: first.delivery_rows()[0].status == "error", show=first.delivery_rows)
        assert "do not have the published SHA-256" in first.rows()[0]["message"]
        assert "error" in repr(first)
        assert "SHA-256" in repr(first)
        assert fleet.node("node1").get_updated_objects("d") == []

        second = publish(
            b"b" * 500_000, "d", "x", version="2", dest_type="edge", client=fleet.cloud
        )
        for update in updates("d", client=fleet.node("node1"), timeout=20):
            with update:
                assert update.load() == b"b" * 500_000
            break
        second.wait("consumed", timeout=20)


def test_edge_program_refuses_what_was_damaged_on_its_node(wait_until: WaitUntil) -> None:
    """The bit is flipped on the node, after the data have arrived; nothing is acknowledged."""
    with LocalFleet(nodes=1) as fleet:
        first = publish(b"a" * 500_000, "d", "x", version="1", dest_type="edge", client=fleet.cloud)
        first.wait("delivered", timeout=20)
        flip_one_bit(fleet.folder("node1"))
        (update,) = [next(updates("d", client=fleet.node("node1"), timeout=20))]
        with pytest.raises(DigestMismatchError, match="publish it again"), update:
            update.load()
        first.wait("failed", timeout=20)  # and so not consumed

        publish(b"b" * 500_000, "d", "x", version="2", dest_type="edge", client=fleet.cloud).wait(
            "delivered", timeout=20
        )
        for update in updates("d", client=fleet.node("node1"), timeout=20):
            with update:
                assert update.load() == b"b" * 500_000
            break

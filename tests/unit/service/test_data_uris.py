"""Data at file URIs: obeyed inside the configured folders, and nowhere else."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from syncnb import LocalFleet, ObjectMetaData
from syncnb.errors import ObjectNotFoundError, RequestRefusedError
from syncnb.service.data_uris import DataFolders, OutsideError

WaitUntil = Callable[..., None]


def fresh() -> str:
    return f"t{uuid.uuid4().hex}"


@pytest.mark.parametrize(
    "path",
    ["../outside", "a/../../outside", "link/outside", "%2e%2e/outside", "/etc/passwd", "a\0b", ""],
)
def test_no_path_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    """Neither by dots, nor by a link, nor by an absolute path."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path)
    folders = DataFolders([root])
    uri = f"file://{path}" if path.startswith("/") else f"file://{root}/{path}"
    with pytest.raises((OutsideError, OSError, ValueError)):
        folders.place(uri, b"mine now")
    with pytest.raises((OutsideError, OSError, ValueError)):
        folders.open(uri)
    assert outside.read_bytes() == b"secret"
    assert sorted(os.listdir(root)) == ["link"]


def test_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """A link with the name of the file must not carry the data elsewhere."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.write_bytes(b"kept")
    (root / "data").symlink_to(outside)
    folders = DataFolders([root])
    with pytest.raises(OSError, match="symbolic links"):
        folders.open(f"file://{root}/data")
    folders.place(f"file://{root}/data", b"new")
    assert outside.read_bytes() == b"kept"
    assert (root / "data").read_bytes() == b"new"


def test_uri_that_cannot_be_parsed_is_outside(tmp_path: Path) -> None:
    """A foreign CSS may send it; its removal is asked for later."""
    folders = DataFolders([tmp_path])
    with pytest.raises(OutsideError, match="no file URI"):
        folders.place("file://[", b"x")
    folders.delete("file://[")


@pytest.mark.parametrize("size", [10, 300_000], ids=["small", "large"])
def test_node_puts_data_where_the_publisher_wants_them(
    fleet: LocalFleet, wait_until: WaitUntil, size: int
) -> None:
    """The file appears whole, is replaced by the next version, and goes when it is consumed."""
    cloud, node, name = fleet.cloud, fleet.node("node1"), fresh()
    target = fleet.folder("node1") / "files" / name
    meta = ObjectMetaData(
        object_type=name, object_id="a", dest_type="edge", dest_id="node1",
        destination_data_uri=target.as_uri(),
    )  # fmt: skip
    for content in (b"1" * size, b"2" * size):
        cloud.update_object(meta, data=content)
        wait_until(lambda c=content: target.exists() and target.read_bytes() == c)
        wait_until(lambda: len(node.get_updated_objects(name)) == 1)
        assert node.read_object_data(node.get_object_metadata(name, "a")) == content
    node.mark_object_consumed(node.get_object_metadata(name, "a"))
    wait_until(lambda: not target.exists())
    wait_until(
        lambda: [one.status for one in cloud.get_object_destinations(name, "a")] == ["consumed"]
    )


def test_file_goes_with_the_deletion(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """The sender deleted the object: what it had placed is not left behind."""
    cloud, node, name = fleet.cloud, fleet.node("node1"), fresh()
    target = fleet.folder("node1") / "files" / name
    meta = ObjectMetaData(
        object_type=name, object_id="a", dest_type="edge", dest_id="node1",
        destination_data_uri=target.as_uri(),
    )  # fmt: skip
    cloud.update_object(meta, data=b"x")
    wait_until(target.exists)
    cloud.delete_object(name, "a")
    wait_until(lambda: not target.exists())
    wait_until(lambda: [m.deleted for m in node.get_updated_objects(name)] == [True])


@pytest.mark.parametrize("where", ["/etc/syncnb-test", "{files}/no/such/folder/data"])
def test_sender_is_told_why_data_cannot_be_placed(
    fleet: LocalFleet, wait_until: WaitUntil, where: str
) -> None:
    """The destination shows the reason, and nothing is written."""
    cloud, name = fleet.cloud, fresh()
    path = Path(where.format(files=fleet.folder("node1") / "files"))
    meta = ObjectMetaData(
        object_type=name, object_id="a", dest_type="edge", dest_id="node1",
        destination_data_uri=path.as_uri(),
    )  # fmt: skip
    cloud.update_object(meta, data=b"x")

    def failed() -> bool:
        (one,) = cloud.get_object_destinations(name, "a")
        return one.status == "error" and path.as_uri() in one.message

    wait_until(failed, show=lambda: cloud.get_object_destinations(name, "a"))
    assert not path.exists()
    cloud.delete_object(name, "a")


def test_node_sends_data_from_where_they_lie(fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """The size is known at once, both sides read the bytes, and the file stays."""
    cloud, node, name = fleet.cloud, fleet.node("node1"), fresh()
    source = fleet.folder("node1") / "files" / name
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(b"measured" * 50_000)
    meta = ObjectMetaData(
        object_type=name, object_id=f"node1-{name}", source_data_uri=source.as_uri()
    )
    node.update_object(meta)
    stored = node.get_object_metadata(name, meta.object_id)
    assert stored.object_size == 400_000
    assert node.read_object_data(stored) == source.read_bytes()
    wait_until(lambda: len(cloud.get_updated_objects(name)) == 1)
    arrived = cloud.get_object_metadata(name, meta.object_id)
    assert cloud.read_object_data(arrived) == source.read_bytes()
    cloud.mark_object_consumed(arrived)
    wait_until(lambda: node.get_object_status(name, meta.object_id) == "consumedByDest")
    assert source.exists()
    with pytest.raises(ObjectNotFoundError):
        node.read_object_data(stored)


@pytest.mark.parametrize("where", ["/etc/passwd", "{files}/missing"])
def test_source_that_cannot_be_read_is_refused_at_once(fleet: LocalFleet, where: str) -> None:
    """Before anything is stored."""
    node, name = fleet.node("node1"), fresh()
    path = Path(where.format(files=fleet.folder("node1") / "files"))
    meta = ObjectMetaData(object_type=name, object_id="a", source_data_uri=path.as_uri())
    with pytest.raises(RequestRefusedError, match=path.as_uri()):
        node.update_object(meta)
    assert node.get_objects(name) == []

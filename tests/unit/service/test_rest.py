"""The application API of the embedded service, over real HTTP."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Callable

import pytest
import requests

from syncnb import LocalFleet, ObjectMetaData, SyncServiceClient
from syncnb.errors import AccessDeniedError

WaitUntil = Callable[..., None]


def fresh() -> str:
    return f"t{uuid.uuid4().hex}"


def raw(fleet: LocalFleet) -> tuple[requests.Session, str]:
    """A session that shows what really travels."""
    environment = fleet.environment()
    session = requests.Session()
    session.auth = (environment["SYNCNB_KEY"], environment["SYNCNB_SECRET"])
    return session, f"{environment['SYNCNB_URL']}/api/v1/objects/{fleet.org_id}"


def test_body_that_breaks_off_leaves_the_stored_data(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """A client that vanishes in the middle of an upload loses nothing that was there."""
    import base64
    import socket
    from urllib.parse import urlsplit

    cloud, name = fleet.cloud, fresh()
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type="nobody")
    cloud.update_object(meta, data=b"the old data")
    environment, parts = fleet.environment(), urlsplit(fleet.url)
    login = f"{environment['SYNCNB_KEY']}:{environment['SYNCNB_SECRET']}".encode()
    blobs = fleet.folder("cloud") / "blobs"
    before = len(list(blobs.iterdir()))
    with socket.create_connection((parts.hostname, parts.port)) as one:
        one.sendall(
            f"PUT /api/v1/objects/{fleet.org_id}/{name}/a/data HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Basic {base64.b64encode(login).decode()}\r\n"
            "Content-Length: 3000000\r\n\r\n".encode()
            + b"z" * 2_000_000
        )
        wait_until(lambda: len(list(blobs.iterdir())) > before)
    wait_until(lambda: len(list(blobs.iterdir())) == before, show=lambda: list(blobs.iterdir()))
    assert cloud.read_object_data(cloud.get_object_metadata(name, "a")) == b"the old data"


def test_waiting_call_is_answered_when_an_update_arrives(fleet: LocalFleet) -> None:
    """Prefer: wait on the list of updates of a node; the answer says that it was honoured."""
    name = fresh()
    answers: list[tuple[float, int]] = []

    def wait() -> None:
        started = time.monotonic()
        watched = fleet.node("node1").watch_updated_objects(name, wait=20)
        assert watched.waited
        answers.append((time.monotonic() - started, len(watched.items or ())))

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.5)  # the call must have been idle for a while to show that it is woken
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type="edge")
    fleet.cloud.update_object(meta, data=b"x")
    waiting.join(15)
    ((seconds, found),) = answers
    assert found == 1
    assert seconds < 10


def test_waiting_call_without_news_ends_as_it_always_does(fleet: LocalFleet) -> None:
    """After the time it is 404, and says how long it waited."""
    session, base = raw(fleet)
    started = time.monotonic()
    answer = session.get(f"{base}/{fresh()}", headers={"Prefer": "wait=1"}, timeout=10)
    assert answer.status_code == 404
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert time.monotonic() - started >= 1


def test_known_list_of_destinations_is_not_sent_again(fleet: LocalFleet) -> None:
    """If-None-Match with the tag of the list that is known."""
    cloud, name = fleet.cloud, fresh()
    cloud.update_object(ObjectMetaData(object_type=name, object_id="a", dest_type="edge"))
    first = cloud.watch_object_destinations(name, "a", wait=1)
    assert [one.status for one in first.items or ()] == ["pending", "pending"]
    again = cloud.watch_object_destinations(name, "a", etag=first.etag, wait=1)
    assert again.items is None
    assert again.etag == first.etag


def test_wrong_password_is_told_apart_from_everything_else(fleet: LocalFleet) -> None:
    """And the error says what to do, without the secret."""
    client = SyncServiceClient(fleet.url, org_id=fleet.org_id, key="admin", secret="wrong-secret")
    with pytest.raises(AccessDeniedError, match="Check the key and the secret") as caught:
        client.get_destinations()
    assert "wrong-secret" not in str(caught.value)


def test_other_organisation_sees_and_writes_nothing(fleet: LocalFleet) -> None:
    """Organisations of one CSS are apart."""
    cloud, name = fleet.cloud, fresh()
    cloud.update_object(ObjectMetaData(object_type=name, object_id="a"), data=b"secret")
    environment = fleet.environment()
    foreign = SyncServiceClient(
        fleet.url, org_id="other", key="admin", secret=environment["SYNCNB_SECRET"]
    )
    assert foreign.get_objects(name) == []
    with pytest.raises(AccessDeniedError):
        foreign.update_object(ObjectMetaData(object_type=name, object_id="a"), data=b"mine now")
    session, base = raw(fleet)
    meta = {"objectType": name, "objectID": "b", "destinationOrgID": "other", "noData": True}
    answer = session.put(f"{base}/{name}/b", json={"meta": meta}, timeout=30)
    assert answer.status_code == 403
    assert cloud.read_object_data(cloud.get_object_metadata(name, "a")) == b"secret"


@pytest.mark.parametrize(
    ("headers", "status", "body"),
    [
        ({}, 200, b"0123456789"),
        ({"If-None-Match": '"7", W/{}'}, 304, b""),
        ({"If-None-Match": "*"}, 304, b""),
        ({"If-None-Match": '"7"'}, 200, b"0123456789"),
        ({"Range": "bytes=0-3", "If-Range": "{}"}, 206, b"0123"),
        ({"Range": "bytes=0-3", "If-Range": '"7"'}, 200, b"0123456789"),
    ],
)
def test_tag_of_the_data_is_their_version(
    fleet: LocalFleet, headers: dict[str, str], status: int, body: bytes
) -> None:
    """RFC 9110, 13: whoever knows the version need not fetch it, nor mix two."""
    name = fresh()
    fleet.cloud.update_object(ObjectMetaData(object_type=name, object_id="a"), data=b"0123456789")
    tag = f'"{fleet.cloud.get_object_metadata(name, "a").data_id}"'
    session, base = raw(fleet)
    sent = {key: value.format(tag) for key, value in headers.items()}
    answer = session.get(f"{base}/{name}/a/data", headers=sent, timeout=30)
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["ETag"] == tag


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=0-9", 200, b"0123456789"),
        ("bytes=10-12", 416, b""),
    ],
)
def test_ranges_follow_the_standard(
    fleet: LocalFleet, asked: str, status: int, body: bytes
) -> None:
    """RFC 9110, 14: 206 for a part, 416 outside."""
    name = fresh()
    fleet.cloud.update_object(ObjectMetaData(object_type=name, object_id="a"), data=b"0123456789")
    session, base = raw(fleet)
    answer = session.get(f"{base}/{name}/a/data", headers={"Range": asked}, timeout=10)
    assert (answer.status_code, answer.content) == (status, body)


def test_chunks_in_any_order_make_one_object(fleet: LocalFleet) -> None:
    """Content-Range on uploads; it is ready only when every byte is there."""
    cloud, name = fleet.cloud, fresh()
    cloud.update_object(ObjectMetaData(object_type=name, object_id="a"))
    session, base = raw(fleet)
    data = bytes(range(256)) * 40
    for first, last in ((0, 4095), (8192, 10239), (4096, 8191)):
        assert cloud.get_object_status(name, "a") == "notReady"
        answer = session.put(
            f"{base}/{name}/a/data",
            data=data[first : last + 1],
            headers={"Content-Range": f"bytes {first}-{last}/{len(data)}"},
            timeout=10,
        )
        assert answer.status_code == 204
        assert answer.headers["Mms-Upload-Owner"]
    assert cloud.get_object_status(name, "a") == "ready"
    assert cloud.read_object_data(cloud.get_object_metadata(name, "a")) == data


def test_body_that_is_too_large_for_metadata_is_refused(fleet: LocalFleet) -> None:
    """Inline data are limited, and the answer names the other way."""
    session, base = raw(fleet)
    answer = session.put(f"{base}/{fresh()}/a", data=b" " * (17 << 20), timeout=30)
    assert answer.status_code == 413
    assert "upload the data on their own" in answer.text


def test_deletion_reaches_the_node_also_when_it_is_repeated(
    fleet: LocalFleet, wait_until: WaitUntil
) -> None:
    """A second DELETE while nodes are being told does not make them miss it."""
    cloud, node, name = fleet.cloud, fleet.node("node1"), fresh()
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type="edge", dest_id="node1")
    cloud.update_object(meta, data=b"x")
    wait_until(lambda: len(node.get_updated_objects(name)) == 1)
    cloud.delete_object(name, "a")
    with contextlib.suppress(LookupError):  # the node may be faster
        cloud.delete_object(name, "a")
    wait_until(lambda: [m.deleted for m in node.get_updated_objects(name)] == [True])
    node.mark_object_deleted(meta)
    wait_until(lambda: not node.get_objects(name))
    wait_until(lambda: not cloud.get_objects(name))

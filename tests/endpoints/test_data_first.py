"""An object and its data in one request, against a live CSS and a live ESS."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from syncnb import AclEntry, ObjectMetaData, SyncServiceClient
from syncnb.errors import (
    AccessDeniedError,
    DigestMismatchError,
    ObjectReplacedError,
    PreconditionFailedError,
    RequestRefusedError,
)
from tests.unit.service.stage import CREDENTIALS, ORG, Running

from .conftest import WaitUntil, client_of

SIZES = [0, 10, 100_000, 3_000_000]  # in the database, and in a file


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes a file."""

    def written(data: bytes) -> Path:
        path = tmp_path / "data"
        path.write_bytes(data)
        return path

    return written


File = Callable[[bytes], Path]


def files_of(service: Running) -> set[str]:
    """The large data that a service keeps."""
    return {path.name for path in (service.folder / "data" / "blobs").iterdir()}


def has(client: SyncServiceClient, name: str, size: int) -> bool:
    """Whether one object has arrived, with that many bytes."""
    return [meta.object_size for meta in client.get_updated_objects(name)] == [size]


def put(
    css: Running, name: str, body: Any, query: str, who: str = "admin", **headers: str
) -> requests.Response:
    """The request by itself."""
    return requests.put(
        f"{css.url}/api/v1/objects/{ORG}/{name}/a?{query}", data=body, timeout=20,
        auth=(who, CREDENTIALS[who].get("secret", CREDENTIALS[who]["username"])),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )  # fmt: skip


def update(name: str, **meta: Any) -> bytes:
    """The metadata, as they stand behind the data."""
    return json.dumps({"meta": {"objectID": "a", "objectType": name, **meta}}).encode()


@pytest.mark.parametrize("size", SIZES)
def test_object_is_stored_with_its_data_in_the_place_of_a_known_instance(
    side: SyncServiceClient, name: str, file: File, size: int
) -> None:
    """Whoever comes second is told, and what is there stays whole."""
    side.health()
    assert side.takes_data_first
    meta = ObjectMetaData(object_type=name, object_id="a", version="1")
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    stored = side.store_data_first(name, "a", file(data), 0, lambda: meta)
    assert stored.instance_id == side.get_object_metadata(name, "a").instance_id
    for known in (0, stored.instance_id - 1):
        with pytest.raises(PreconditionFailedError, match=f"{name}/a"):
            side.store_data_first(name, "a", file(b"late"), known, lambda: meta)
    found = side.get_object_metadata(name, "a")
    assert (found.object_size, found.version) == (size, "1")
    assert side.get_object_status(name, "a") == "ready"
    assert side.read_object_data(found) == data
    again = side.store_data_first(
        name, "a", file(b"new"), stored.instance_id, lambda: meta.for_update(version="2")
    )
    assert side.read_object_data(again) == b"new"


def test_node_gets_it_and_is_told_of_the_next(
    cloud: SyncServiceClient, edge: SyncServiceClient, name: str, file: File, wait_until: WaitUntil
) -> None:
    """As of any other update; and the other way."""
    for sender, receiver in ((cloud, edge), (edge, cloud)):
        known = 0
        for data in (b"1" * 400_000, b"2" * 10):
            meta = ObjectMetaData(object_type=name, object_id=sender.org_id or "up")
            stored = sender.store_data_first(
                name, meta.object_id, file(data), known, partial(replace, meta)
            )
            known = stored.instance_id
            wait_until(partial(has, receiver, name, len(data)))
            (arrived,) = receiver.get_updated_objects(name)
            assert receiver.read_object_data(arrived) == data
        receiver.mark_object_consumed(arrived)


def test_reader_never_sees_metadata_without_their_data(
    cloud: SyncServiceClient, css: Running, name: str, file: File
) -> None:
    """While an update is on its way, what was there is there, data and all."""
    first = ObjectMetaData(object_type=name, object_id="a", version="1")
    known = cloud.store_data_first(name, "a", file(b"1" * 300_000), 0, lambda: first).instance_id
    over = threading.Event()

    def watch() -> set[tuple[str, bytes]]:
        seen = set()
        with client_of(css, "admin") as client:
            while not over.is_set():
                assert client.get_object_status(name, "a") == "ready"
                before = client.get_object_metadata(name, "a")
                with contextlib.suppress(ObjectReplacedError):
                    seen.add((before.version, client.read_object_data(before)[:1]))
        return seen

    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(watch)
        try:
            for version in "23456":
                meta = first.for_update(version=version)
                path = file(version.encode() * 5_000_000)
                known = cloud.store_data_first(
                    name, "a", path, known, partial(replace, meta)
                ).instance_id
        finally:
            over.set()
        assert len(seen.result()) > 1
        assert all(version.encode() == data for version, data in seen.result())


@pytest.mark.parametrize("how", ["raises", "digest", "refused"])
def test_object_stays_as_it_is_if_the_end_does_not_come(
    side: SyncServiceClient, name: str, file: File, how: str, request: pytest.FixtureRequest,
    wait_until: WaitUntil,
) -> None:  # fmt: skip
    """The publisher finds something wrong, or the service; and no file is left."""
    service = request.getfixturevalue("css" if side.org_id else "ess")
    meta = ObjectMetaData(object_type=name, object_id="a", version="1")
    old = name.encode() * 10_000
    stored = side.store_data_first(name, "a", file(old), 0, lambda: meta)
    before = files_of(service)
    path = file(old * 10)

    def complete() -> ObjectMetaData:
        if how == "raises":
            raise KeyError("taken")
        return meta.for_update(object_id="b") if how == "refused" else meta

    with pytest.raises((KeyError, DigestMismatchError, RequestRefusedError)):
        side.store_data_first(
            name, "a", path, stored.instance_id, complete,
            sha256="0" * 64 if how == "digest" else None,
        )  # fmt: skip
    assert side.get_object_metadata(name, "a").instance_id == stored.instance_id
    assert side.read_object_data(stored) == old
    wait_until(lambda: files_of(service) <= before)


def test_connection_that_breaks_leaves_what_was_there(
    cloud: SyncServiceClient, css: Running, name: str, file: File, wait_until: WaitUntil
) -> None:
    """In the data and in the metadata behind them."""
    meta = ObjectMetaData(object_type=name, object_id="a")
    stored = cloud.store_data_first(name, "a", file(b"old" * 100_000), 0, lambda: meta)
    before = files_of(css)
    host, _, port = css.url.removeprefix("http://").partition(":")
    login = base64.b64encode(b"admin:alice").decode()
    body = (name.encode() * 10_000)[:300_000] + update(name)
    for end in (100_000, 300_000, len(body) - 1):
        with socket.create_connection((host, int(port)), 20) as sock:
            sock.sendall(
                f"PUT /api/v1/objects/{ORG}/{name}/a?data=300000 HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Basic {login}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            sock.sendall(body[:end])
        wait_until(lambda: files_of(css) <= before)
    assert cloud.get_object_metadata(name, "a").instance_id == stored.instance_id
    assert cloud.read_object_data(stored) == b"old" * 100_000


def test_rights_are_those_of_an_update(css: Running, cloud: SyncServiceClient, name: str) -> None:
    """Who may not write the type is refused before the data come, and who may not, behind them."""
    for who in ("user", "node", "other-admin", "service"):
        assert put(css, name, b"x" * 10, "data=10", who).status_code == 403
    cloud.add_users_to_object_acl(name, [AclEntry("bob", user_type="user", role="aclWriter")])
    for meta in ({}, {"destinationType": f"{name}-elsewhere"}):
        assert put(css, name, b"x" + update(name, **meta), "data=1", "user").status_code == 403
    cloud.add_users_to_destination_acl(name, [AclEntry("bob", user_type="user", role="aclReader")])
    there = update(name, destinationType=name)
    assert put(css, name, b"x" + there, "data=1", "user").status_code == 204
    assert cloud.get_object_metadata(name, "a").owner_id == f"{ORG}/bob"
    other = update(name, destinationOrgID="yourorg")
    assert put(css, name, b"x" + other, "data=1").status_code == 403


def test_refused_before_the_data_come(css: Running, name: str, tmp_path: Path) -> None:
    """By what the header says."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    def status(service: Running, query: str, **headers: str) -> int:
        with contextlib.suppress(requests.ConnectionError):
            return put(service, name, endless(), query, **headers).status_code
        return put(service, name, b"", query, **headers).status_code

    assert status(css, "data=1000000000", If_Match='"5"') == 412
    assert status(css, "data=999999999999999999") == 413  # more than the disk has
    with Running(tmp_path / "small", role="css", max_object_size=1000) as small:
        assert status(small, "data=1001") == 413
        assert put(small, name, b"x" * 1000 + update(name), "data=1000").status_code == 204


@pytest.mark.parametrize(
    "size",
    ["", "-1", "1.5", "x", "1e3", "0x10", "１", "9" * 19, "9" * 400, "%00", "+1", " 1", "1,2"],
)
def test_size_that_is_none_is_refused(css: Running, name: str, size: str) -> None:
    """With 400."""
    assert put(css, name, b"x" + update(name), f"data={size}").status_code == 400


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        pytest.param(lambda name: b"", 400, id="none"),
        pytest.param(lambda name: None, 400, id="not-even-all-data"),
        pytest.param(lambda name: b"[]", 400, id="array"),
        pytest.param(lambda name: b"{", 400, id="half"),
        pytest.param(lambda name: update(name, objectID="b"), 400, id="another-object"),
        pytest.param(lambda name: update(name, metaOnly=True), 400, id="meta-only"),
        pytest.param(lambda name: update(name, version=5), 400, id="another-type"),
        pytest.param(lambda name: update(name)[:-1] + b',"data":"eA=="}', 400, id="data-twice"),
        pytest.param(lambda name: b" " * (65 << 20), 413, id="endless"),
        pytest.param(lambda name: b" " * 100_000 + update(name), 204, id="blanks"),
        pytest.param(lambda name: update(name, noData=True), 204, id="no-data"),
    ],
)
def test_metadata_behind_the_data_are_checked(
    css: Running, name: str, ending: Callable[[str], bytes | None], status: int,
    wait_until: WaitUntil,
) -> None:  # fmt: skip
    """Like those of any update, and within the same bound."""
    before, end = files_of(css), ending(name)
    data = name.encode() * 10_000
    body = data[1:] if end is None else data + end
    assert put(css, name, body, f"data={len(data)}").status_code == status
    wait_until(lambda: status == 204 or files_of(css) <= before)


def test_data_that_are_not_those_signed_are_thrown_away(
    css: Running, name: str, wait_until: WaitUntil
) -> None:
    """As they are of the call for data alone."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = rsa.generate_private_key(65537, 2048).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signed = {"hashAlgorithm": "SHA256", "publicKey": base64.b64encode(der).decode(),
              "signature": base64.b64encode(b"x" * 256).decode()}  # fmt: skip
    before = files_of(css)
    data = name.encode() * 10_000
    answer = put(css, name, data + update(name, **signed), f"data={len(data)}")
    assert answer.status_code == 500
    assert css.call("admin", "GET", f"objects/{ORG}/{name}/a/status").text == "verificationFailed"
    wait_until(lambda: files_of(css) <= before)


def test_right_that_is_taken_away_meanwhile_counts(
    css: Running, cloud: SyncServiceClient, name: str, file: File
) -> None:
    """When the metadata come, and so does a right that is missing."""
    entry = AclEntry("bob", user_type="user", role="aclWriter")
    cloud.add_users_to_object_acl(name, [entry])
    cloud.add_users_to_destination_acl(name, [entry])

    def complete() -> ObjectMetaData:
        cloud.remove_users_from_object_acl(name, ["bob"], user_type="user")
        return ObjectMetaData(object_type=name, object_id="a", dest_type=name)

    with client_of(css, "user") as client, pytest.raises(AccessDeniedError):
        client.store_data_first(name, "a", file(b"x" * 5_000_000), 0, complete)
    assert cloud.get_objects(name) == []

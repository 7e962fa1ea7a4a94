"""A disk that is full: a clear error, and what was stored before is still there."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import ServiceError, StorageFullError

OLD = b"old data" * 20_000  # large enough for a file
LIMIT = 2_000_000  # bytes of a file; writing more fails as it does on a full disk
META = ObjectMetaData(object_type="t", object_id="a", version="1")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[SyncServiceClient]:
    """A CSS that cannot write large files."""
    auth = tmp_path / "auth.json"
    admin = {"secret": "s", "orgID": "acme", "username": "me", "type": "admin"}
    auth.write_text(json.dumps({"credentials": {"me": admin}}))
    process = subprocess.Popen(
        [sys.executable, "-m", "syncnb", "css", "--listen", "127.0.0.1:0",
         "--data", str(tmp_path / "css"), "--auth", str(auth)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    with SyncServiceClient(url, org_id="acme", key="me", secret="s") as client:
        yield client
    process.terminate()
    process.wait(10)
    process.stdout.close()


def test_data_that_do_not_fit_leave_those_that_are_there(
    client: SyncServiceClient, tmp_path: Path
) -> None:
    """And no half of them stays on the disk."""
    client.update_object(META, data=OLD)
    with pytest.raises(StorageFullError, match="Free some space"):
        client.update_object_data(META, b"x" * (LIMIT + 1_000_000))
    assert client.get_object_status("t", "a") == "ready"
    assert client.read_object_data(client.get_object_metadata("t", "a")) == OLD
    assert len(list((tmp_path / "css" / "blobs").iterdir())) == 1
    client.update_object_data(META, b"x" * 1_000_000)


def test_new_version_that_cannot_fit_is_refused_before_the_old_one_goes(
    client: SyncServiceClient, tmp_path: Path
) -> None:
    """The announced size is enough to know; one that can never fit is the caller's mistake."""
    client.update_object(META, data=OLD)
    disk = shutil.disk_usage(tmp_path).total
    for size, error, status in ((disk, StorageFullError, 507), (10**17, ServiceError, 413)):
        huge = ObjectMetaData(object_type="t", object_id="a", version="2", object_size=size)
        with pytest.raises(error) as caught:
            client.update_object(huge)
        assert caught.value.status == status
    stored = client.get_object_metadata("t", "a")
    assert stored.version == "1"
    assert client.read_object_data(stored) == OLD

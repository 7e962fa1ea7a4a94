"""A publisher whose service is killed in the middle of an upload."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncnb import LocalFleet, SyncServiceClient, publish
from syncnb.errors import ConnectionFailedError
from tests.archives import Slow

SIZE = 5_000_000


def content(client: SyncServiceClient) -> bytes:
    """What the service has."""
    return client.read_object_data(client.get_object_metadata("model", "a"))


@pytest.mark.parametrize("patience", [0.0, 60.0], ids=["gives up", "waits"])
def test_service_that_is_killed_during_the_upload_has_the_old_version(
    tmp_path: Path, patience: float
) -> None:
    """Whole; and the new one as well, if the publisher waits until it is back."""
    archive = Slow(tmp_path)
    with LocalFleet(nodes=0) as fleet, ThreadPoolExecutor(1) as pool:
        publish(b"1" * SIZE, "model", "a", client=fleet.cloud, archive=tmp_path)
        sent = pool.submit(
            publish, b"2" * SIZE, "model", "a", client=fleet.cloud, archive=archive,
            timeout=patience,
        )  # fmt: skip
        assert archive.reached.wait(60)
        fleet.kill("cloud")
        if patience:
            fleet.restart("cloud")
            assert content(fleet.cloud) == b"1" * SIZE
            archive.go_on.set()
            sent.result()
        else:
            archive.go_on.set()
            with pytest.raises(ConnectionFailedError):
                sent.result()
            fleet.restart("cloud")
            assert content(fleet.cloud) == b"1" * SIZE
            publish(b"2" * SIZE, "model", "a", client=fleet.cloud, archive=tmp_path)
        assert content(fleet.cloud) == b"2" * SIZE

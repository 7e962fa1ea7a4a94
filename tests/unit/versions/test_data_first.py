"""Publishing at a service that takes the data first, and at one that does not."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from requests.adapters import HTTPAdapter

from syncnb import LocalFleet, publish, publish_file, versions
from syncnb.archive import Archive, ArchiveKey, LocalArchive, Record
from syncnb.errors import ArchiveError, InvalidMetaDataError
from syncnb.signing import Signer
from tests.archives import Slow

from .test_races import publisher
from .test_versions import there

SIZE = 3_000_000


class Recording(HTTPAdapter):
    """Notes what is stored."""

    def __init__(self, *, elsewhere: bool = False) -> None:
        super().__init__()
        self.stored: list[str] = []
        self._elsewhere = elsewhere

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> Any:
        if request.method == "PUT":
            self.stored.append(str(request.path_url).rpartition("/")[2])
        answer = super().send(request, *args, **more)
        if self._elsewhere:
            answer.headers.pop("Syncnb-Calls")
        return answer


@pytest.mark.parametrize("elsewhere", [False, True], ids=["own", "another"])
@pytest.mark.parametrize("signed", [False, True])
def test_what_is_there_or_kept_does_not_travel_again(
    fleet: LocalFleet, name: str, tmp_path: Path, elsewhere: bool, signed: bool, signer: Signer
) -> None:
    """One request for new data, none for those that are there; an older version is sent again."""
    adapter = Recording(elsewhere=elsewhere)
    whole = ["a", "data"] if elsewhere else [f"a?data={SIZE}"]
    options: dict[str, Any] = {"archive": tmp_path, "signer": signer if signed else False}
    with publisher(fleet, adapter) as client:

        def stored(byte: bytes, **more: Any) -> tuple[str, list[str]]:
            adapter.stored.clear()
            done = publish(byte * SIZE, name, "a", client=client, **options, **more)
            assert there(fleet.cloud, name) == (done.version, byte * SIZE)
            return done.version, list(adapter.stored)

        assert stored(b"1") == ("1", whole)
        assert stored(b"1") == ("1", [])
        assert stored(b"1", description="new") == ("1", ["a"])
        assert stored(b"2") == ("2", whole)
        assert stored(b"1") == ("3", whole)
    assert [v.version for v in versions("a", name, client=fleet.cloud, archive=tmp_path)] == [
        "3", "2", "1",
    ]  # fmt: skip


@pytest.mark.parametrize("elsewhere", [False, True], ids=["own", "another"])
def test_objects_of_all_kinds_arrive_with_the_right_digest(
    fleet: LocalFleet, name: str, tmp_path: Path, elsewhere: bool
) -> None:
    """Made here, a file of somebody else, kept or not."""
    path = tmp_path / "file.bin"
    path.write_bytes(os.urandom(SIZE))
    objects: dict[str, Any] = {"array": np.arange(SIZE // 8), "arrays": {"a": np.ones(SIZE // 8)}}
    with publisher(fleet, Recording(elsewhere=elsewhere)) as client:
        for archive in (tmp_path / "archive", False):
            for kind, obj in objects.items():
                done = publish(obj, name, f"{kind}-{bool(archive)}", client=client, archive=archive)
                data = client.read_object_data(done.meta_data)
                assert done.manifest.sha256 == sha256(data).hexdigest()
            done = publish_file(
                path, name=f"file-{bool(archive)}", object_type=name, client=client, archive=archive
            )
            assert client.read_object_data(done.meta_data) == path.read_bytes()


def test_reader_sees_the_old_version_until_the_new_one_is_complete(
    fleet: LocalFleet, name: str, tmp_path: Path
) -> None:
    """Also while the archive is slow, which the service waits for."""
    publish(b"1" * SIZE, name, "a", client=fleet.cloud, archive=tmp_path)
    archive = Slow(tmp_path)
    with publisher(fleet) as client, ThreadPoolExecutor(1) as pool:
        sent = pool.submit(publish, b"2" * SIZE, name, "a", client=client, archive=archive)
        assert archive.reached.wait(20)
        for _ in range(50):  # meanwhile all data arrive
            assert there(fleet.cloud, name) == ("1", b"1" * SIZE)
        assert fleet.cloud.get_object_status(name, "a") == "ready"
        archive.go_on.set()
        assert sent.result().version == "2"
    assert there(fleet.cloud, name) == ("2", b"2" * SIZE)


class Failing(LocalArchive):
    """Is broken, at one of its two steps."""

    def __init__(self, root: Path, step: str) -> None:
        super().__init__(root)
        self._step = step

    def keep(self, path: Path, digest: str, *, ours: bool = False) -> None:
        """Perhaps."""
        if self._step == "keep":
            raise ArchiveError("the archive", "it is broken", "mend it")
        super().keep(path, digest, ours=ours)

    def claim(self, record: Record) -> bool:
        """Not."""
        raise ArchiveError("the archive", "it is broken", "mend it")


@pytest.mark.parametrize("step", ["keep", "claim"])
def test_archive_that_fails_during_the_upload_ends_it(
    fleet: LocalFleet, name: str, tmp_path: Path, step: str
) -> None:
    """What is there stays, and the version is free again."""
    publish(b"1" * SIZE, name, "a", client=fleet.cloud, archive=tmp_path)
    broken: Archive = Failing(tmp_path, step)
    with publisher(fleet) as client, pytest.raises(ArchiveError, match="broken"):
        publish(b"2" * SIZE, name, "a", version="2", client=client, archive=broken)
    assert there(fleet.cloud, name) == ("1", b"1" * SIZE)
    done = publish(b"3" * SIZE, name, "a", version="2", client=fleet.cloud, archive=tmp_path)
    assert there(fleet.cloud, name) == (done.version, b"3" * SIZE)


def test_manifest_that_is_too_long_with_its_signature_ends_it(
    fleet: LocalFleet, name: str, tmp_path: Path, signer: Signer
) -> None:
    """Nothing is kept of it."""
    key = ArchiveKey(fleet.org_id, name, "a")
    with publisher(fleet) as client, pytest.raises(InvalidMetaDataError, match="signature"):
        publish(
            b"1" * SIZE, name, "a", client=client, archive=tmp_path, signer=signer,
            description="x" * 7_600,
        )  # fmt: skip
    assert LocalArchive(tmp_path).records(key) == []
    assert fleet.cloud.get_objects(name) == []

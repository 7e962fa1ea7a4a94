"""Data that go to a service: whole or in chunks, once, and only if they are the right ones."""

from __future__ import annotations

import hashlib
import mmap
import os
import random
from array import array
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncnb import LocalFleet, ObjectMetaData, SyncServiceClient
from syncnb.errors import (
    ConnectionFailedError,
    DataError,
    DigestMismatchError,
    InvalidMetaDataError,
    ServiceError,
    ServiceUnavailableError,
)
from syncnb.manifest import Manifest

from .stand import cutting, stand

META = ObjectMetaData(object_type="t", object_id="i", dest_type="nobody")
DATA = random.Random(3).randbytes(3_000_000)


class Unseekable(BytesIO):
    """As a pipe."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise OSError("a pipe")


@given(
    data=st.binary(max_size=5000),
    start=st.integers(0, 100),
    steps=st.lists(st.integers(0, 2000), max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_every_kind_of_data_arrives_byte_for_byte(
    data: bytes, start: int, steps: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file from where it stands."""
    path = tmp_path_factory.getbasetemp() / "upload"
    path.write_bytes(data)
    start = min(start, len(data))
    at, pieces = 0, []
    for step in steps:
        pieces.append(data[at : at + step])
        at += step
    file = BytesIO(data)
    file.seek(start)
    with stand(b"old") as service, SyncServiceClient(service.url) as client:
        for given_data, wanted in (
            (data, data),
            (bytearray(data), data),
            (memoryview(data), data),
            (path, data),
            (str(path), data),
            (file, data[start:]),
            (Unseekable(data), data),
            (iter(pieces), b"".join(pieces)),
            (pieces, b"".join(pieces)),
        ):
            client.update_object_data(META, given_data)
            assert service.data == wanted


def test_memory_of_other_libraries_is_sent_as_it_is(tmp_path: Path) -> None:
    """Arrays and mapped files."""
    path = tmp_path / "mapped"
    path.write_bytes(b"0123456789")
    with stand(b"old") as service, path.open("rb") as file:
        client = SyncServiceClient(service.url)
        numbers: Any = array("H", [1, 2, 3])
        client.update_object_data(META, numbers)
        assert service.data == numbers.tobytes()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            view: Any = mapped
            client.update_object_data(META, view)
        assert service.data == b"0123456789"


@pytest.mark.parametrize(
    "data",
    [StringIO("text"), 7, None, ["text"], [b"a", 7]],
    ids=["text", "int", "none", "str", "mix"],
)
def test_what_is_no_data_is_refused_and_nothing_is_stored(data: Any) -> None:
    """With what may be given."""
    with stand(b"old") as service:
        with pytest.raises(InvalidMetaDataError, match=r"data = .*(binary|iterable of bytes)"):
            SyncServiceClient(service.url).update_object_data(META, data)
        assert service.data == b"old"


@pytest.mark.parametrize("seekable", [True, False])
def test_upload_is_repeated_after_a_break_if_it_can_be_read_again(seekable: bool) -> None:
    """If not, the error comes at once, and nothing is stored."""
    with stand(b"old") as service, cutting(service.url) as proxy:
        proxy.up = [1_000_000, 2_000_000]
        with SyncServiceClient(proxy.url) as client:
            if seekable:
                client.update_object_data(META, BytesIO(DATA))
                assert service.data == DATA
            else:
                with pytest.raises(ConnectionFailedError):
                    client.update_object_data(META, Unseekable(DATA))
                assert service.data == b"old"
                assert proxy.connections == 1


def test_busy_service_gets_the_data_a_moment_later() -> None:
    """503, then 204; but not for ever."""
    with stand(b"old", failures=[503, 503]) as service:
        client = SyncServiceClient(service.url)
        client.update_object_data(META, DATA)
        assert service.data == DATA
        service.failures = [503, 503]
        with pytest.raises(ServiceUnavailableError):
            client.update_object_data(META, b"new", retries=1)


def test_file_that_becomes_shorter_is_an_error_and_nothing_is_stored(tmp_path: Path) -> None:
    """Instead of a wait for bytes that will not come."""
    path = tmp_path / "file"
    path.write_bytes(DATA)

    class Shrinking(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            self.truncate(2_000_000)
            return super().read(size)

    with stand(b"old") as service, SyncServiceClient(service.url) as client:
        with pytest.raises(DataError, match="1000000 bytes shorter"):
            client.update_object_data(META, Shrinking(DATA))
        assert service.data == b"old"


def test_error_of_the_source_reaches_the_caller_as_it_is() -> None:
    """Also one that looks like an error of the network, and it is not tried again."""

    def broken() -> Iterator[bytes]:
        yield b"a" * 2_000_000
        raise ConnectionResetError("the database went away")

    with stand(b"old") as service, SyncServiceClient(service.url) as client:
        with pytest.raises(ConnectionResetError, match="the database went away"):
            client.update_object_data(META, broken())
        assert (service.data, len(service.asked)) == (b"old", 0)


@pytest.mark.parametrize("of", ["path", "stream", "bytes"])
def test_wrong_data_are_not_stored(of: str, tmp_path: Path) -> None:
    """The digest of the caller or of the manifest is compared before the last byte is sent."""
    path = tmp_path / "file"
    path.write_bytes(DATA)
    other = hashlib.sha256(b"other").hexdigest()
    manifest = Manifest(format="bytes", codec="bytes/1", sha256=other, size=5).to_description()
    right = hashlib.sha256(DATA).hexdigest()

    def data() -> Any:
        return {"path": path, "stream": iter([DATA[:7], DATA[7:]]), "bytes": DATA}[of]

    with stand(b"old") as service, SyncServiceClient(service.url) as client:
        with pytest.raises(DigestMismatchError):
            client.update_object_data(META, data(), sha256=other)
        with pytest.raises(DigestMismatchError):
            client.update_object_data(replace(META, description=manifest), data())
        assert (service.data, len(service.asked)) == (b"old", 0)
        client.update_object_data(META, data(), sha256=right)
        assert service.data == DATA


def test_chunks_go_on_after_a_break_with_the_one_that_broke() -> None:
    """What has been taken is not sent again."""
    seen = list[tuple[int, int | None]]()
    with stand(b"old") as service, cutting(service.url) as proxy:
        proxy.up = [1_500_000]
        with SyncServiceClient(proxy.url) as client:
            client.update_object_data(
                META, DATA, chunk_size=1_000_000, progress=lambda *at: seen.append(at)
            )
        assert service.data == DATA
        assert [one for one in service.asked if "PUT" in one] == [
            "PUT data bytes 0-999999/3000000",
            "PUT data bytes 1000000-1999999/3000000",
            "PUT data bytes 2000000-2999999/3000000",
        ]
    assert seen[-1] == (len(DATA), len(DATA))


def test_chunks_start_over_when_another_process_answers() -> None:
    """It may not have those that came before (rest-api.md, 4.17)."""
    with stand(b"old", owners=["a", "b", "b", "b", "b"]) as service:
        SyncServiceClient(service.url).update_object_data(META, DATA, chunk_size=1_000_000)
        assert service.data == DATA
        assert sum("PUT data bytes 0-" in one for one in service.asked) == 2
        service.owners = list("abcdefghijkl")
        with pytest.raises(DataError, match="several processes"):
            SyncServiceClient(service.url).update_object_data(META, DATA, chunk_size=1_000_000)


def test_chunks_that_are_never_put_together_are_an_error() -> None:
    """As with a service that keeps its data in memory, which says what to do."""
    with stand(b"old", part="never together", status="notReady") as service:
        client = SyncServiceClient(service.url)
        with pytest.raises(DataError, match=r"notReady after 1 s.*without chunk_size"):
            client.update_object_data(META, DATA, chunk_size=1_000_000, timeout=1)


def test_service_that_damages_the_object_by_chunks_is_named() -> None:
    """500 (rest-api.md, 4.17): the note says how to repair it."""
    with stand(b"old", failures=[500]) as service:
        client = SyncServiceClient(service.url)
        with pytest.raises(ServiceError) as caught:
            client.update_object_data(META, DATA, chunk_size=1_000_000)
        assert "create it again" in caught.value.__notes__[0]


def test_data_that_cannot_be_read_again_are_not_sent_in_chunks() -> None:
    """Before anything is sent."""
    with stand(b"old") as service:
        client = SyncServiceClient(service.url)
        with pytest.raises(InvalidMetaDataError, match="chunk_size = 5"):
            client.update_object_data(META, iter([b"a" * 10]), chunk_size=5)
        with pytest.raises(InvalidMetaDataError, match="at least 1"):
            client.update_object_data(META, b"a" * 10, chunk_size=0)
        assert not [one for one in service.asked if "PUT" in one]


def test_chunks_arrive_at_the_embedded_service_over_a_line_that_breaks(fleet: LocalFleet) -> None:
    """And the object is ready when the call returns."""
    data = os.urandom(5_000_000)
    meta = replace(META, object_type="chunks")
    with cutting(fleet.url) as proxy:
        client = SyncServiceClient(
            proxy.url, org_id=fleet.org_id, key="admin",
            secret=fleet.environment()["SYNCNB_SECRET"],
        )  # fmt: skip
        with client:
            client.update_object(meta)
            client.close()
            proxy.up = [1_700_000, 800_000]
            client.update_object_data(meta, data, chunk_size=1 << 20)
            assert client.get_object_status("chunks", "i") == "ready"
            assert client.read_object_data(client.get_object_metadata("chunks", "i")) == data

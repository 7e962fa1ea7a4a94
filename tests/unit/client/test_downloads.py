"""Data that come from a service, whatever it answers and wherever the connection breaks."""

from __future__ import annotations

import hashlib
import os
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from syncnb import LocalFleet, ObjectMetaData, SyncServiceClient
from syncnb.client import parallel
from syncnb.errors import (
    DigestMismatchError,
    InvalidMetaDataError,
    ObjectNotFoundError,
    ObjectReplacedError,
    ServiceError,
    TransferBrokenError,
)
from syncnb.manifest import Manifest

from .hostile import scripted
from .stand import Stand, cutting, stand

ODD = ["ignored", "part as 200", "416", "400 and all", "no place", "shifted", "whole as 206"]
DATA = random.Random(1).randbytes(100_000)
LARGE = 2 * parallel.PART + 12_345


@pytest.fixture(scope="module")
def large() -> bytes:
    """More than comes over one connection."""
    return random.Random(2).randbytes(1 << 20) * (LARGE >> 20) + DATA[: LARGE % (1 << 20)]


@pytest.fixture
def running() -> Iterator[Callable[..., Stand]]:
    """Starts services that are not ours."""
    with ExitStack() as stack:
        yield lambda data, **how: stack.enter_context(stand(data, **how))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@given(
    cuts=st.lists(st.integers(0, 100_000), max_size=3),
    part=st.sampled_from(["good", "half", *ODD]),
    chunked=st.booleans(),
    offset=st.integers(0, 99_999),
)
@settings(max_examples=60, deadline=None)
def test_right_bytes_arrive_wherever_it_breaks_and_however_parts_are_answered(
    cuts: list[int], part: str, chunked: bool, offset: int
) -> None:
    """None twice, none left out."""
    assume(not (chunked and part == "whole as 206"))  # only a digest shows such a lie
    with stand(DATA, cuts=cuts, part=part, chunked=chunked) as service:
        client, out = SyncServiceClient(service.url), BytesIO()
        with client:
            assert (
                client.fetch_object_data(service.object, out, offset=offset) == len(DATA) - offset
            )
    assert out.getvalue() == DATA[offset:]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("part", ["good", "half", *ODD[:-1]])
def test_right_bytes_arrive_from_an_offset_on(part: str, chunked: bool) -> None:
    """However the service answers to a range, with a length or without."""
    with stand(DATA, part=part, chunked=chunked) as service:
        out = BytesIO()
        SyncServiceClient(service.url).fetch_object_data(service.object, out, offset=1000)
    assert out.getvalue() == DATA[1000:]


def test_only_what_is_missing_is_asked_for_after_a_break() -> None:
    """Not everything again."""
    with stand(DATA, cuts=[60_000, 30_000]) as service:
        assert SyncServiceClient(service.url).read_object_data(service.object) == DATA
        assert service.sent == len(DATA)
        asked = [one for one in service.asked if "data" in one]
        assert asked == ["GET data", "GET data bytes=60000-99999", "GET data bytes=90000-99999"]


def test_iterator_goes_on_after_a_break() -> None:
    """It gives every byte once."""
    with stand(DATA, cuts=[10, 20]) as service:
        pieces = SyncServiceClient(service.url).iter_object_data(service.object, offset=5)
        assert b"".join(pieces) == DATA[5:]


def test_break_that_does_not_end_says_where_to_go_on() -> None:
    """With all bytes before it in the file."""
    with stand(DATA, cuts=[500, 0, 0, 0]) as service:
        out = BytesIO()
        with pytest.raises(TransferBrokenError) as caught:
            SyncServiceClient(service.url).fetch_object_data(service.object, out, retries=1)
        assert (caught.value.offset, out.getvalue()) == (500, DATA[:500])


def test_unknown_length_after_a_change_of_metadata_is_no_obstacle() -> None:
    """``objectSize`` 0 with ``metaOnly`` means nothing (rest-api.md, 8.4); no range is asked for."""
    with stand(DATA, cuts=[70_000]) as service:
        service.meta |= {"objectSize": 0, "metaOnly": True}
        assert SyncServiceClient(service.url).read_object_data(service.object) == DATA
        assert [one for one in service.asked if "data" in one] == ["GET data", "GET data"]


@pytest.mark.parametrize("new", [DATA[::-1], DATA[:10], DATA * 2])
@pytest.mark.parametrize("part", ["good", *ODD])
def test_object_that_is_replaced_during_a_break_is_never_mixed(new: bytes, part: str) -> None:
    """The error says so, whatever the length of the new data and the answer to a range."""
    with stand(DATA, cuts=[50_000], part=part) as service:
        meta = service.object
        service.before = lambda spread: service.replace(new) if spread else None
        with pytest.raises(ObjectReplacedError, match="metadata again"):
            SyncServiceClient(service.url).read_object_data(meta)


def test_object_that_is_replaced_after_a_break_is_named() -> None:
    """A service may read the file that it writes: an answer need not be of one version."""
    with stand(DATA * 20, cuts=[50_000]) as service:
        pieces = SyncServiceClient(service.url).iter_object_data(service.object)
        read = 0
        while read <= 50_000:
            read += len(next(pieces))
        service.replace(DATA * 20)
        with pytest.raises(ObjectReplacedError):
            assert len(b"".join(pieces)) == len(DATA) * 20 - read


def test_object_that_was_replaced_before_by_one_of_another_length_is_named() -> None:
    """Not only that the length is wrong."""
    with stand(DATA) as service:
        meta = service.object
        service.replace(DATA[:10])
        with pytest.raises(ObjectReplacedError):
            SyncServiceClient(service.url).read_object_data(meta)


@pytest.mark.parametrize(
    "read",
    [
        lambda client, meta, _: client.fetch_object_data(meta, BytesIO()),
        lambda client, meta, _: list(client.iter_object_data(meta)),
        lambda client, meta, path: client.download_object_data(meta, path),
    ],
    ids=["fetch", "iterate", "download"],
)
def test_object_that_was_replaced_before_by_one_of_the_same_length_is_named(
    read: Callable[[SyncServiceClient, ObjectMetaData, Path], object], tmp_path: Path
) -> None:
    """Its bytes are not given out as those of the version that was asked for."""
    with stand(DATA) as service, SyncServiceClient(service.url) as client:
        meta = service.object
        service.replace(DATA[::-1])
        with pytest.raises(ObjectReplacedError):
            read(client, meta, tmp_path / "data")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tag", ['"{}"', '"another"', 'W/"{}"', ""])
def test_tag_of_the_version_saves_the_second_look_and_another_one_does_not(tag: str) -> None:
    with stand(DATA, tag=tag) as service, SyncServiceClient(service.url) as client:
        meta = service.object
        assert client.read_object_data(meta) == DATA
        assert ("GET i" in service.asked) is (tag != '"{}"')
        service.replace(DATA[::-1])
        with pytest.raises(ObjectReplacedError):
            client.read_object_data(meta)


def test_version_of_every_answer_counts_where_tags_name_it() -> None:
    """The object is replaced while a read that broke goes on."""
    half = len(DATA) // 2

    def replace(spread: str) -> None:
        if spread:
            service.replace(DATA[::-1])

    with stand(DATA, tag='"{}"', cuts=[half], before=replace) as service:
        with pytest.raises(ObjectReplacedError):
            SyncServiceClient(service.url).read_object_data(service.object)
        assert any("bytes=" in one for one in service.asked)


def test_object_that_is_replaced_as_parts_arrive_leaves_no_file(
    running: Callable[..., Stand], large: bytes, tmp_path: Path
) -> None:
    """What was there before stays."""
    service = running(large)
    meta, path = service.object, tmp_path / "data"
    path.write_bytes(b"old")
    service.before = lambda spread: service.replace(large) if "=33554432-" in spread else None
    with pytest.raises(ObjectReplacedError):
        SyncServiceClient(service.url).download_object_data(meta, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_large_data_come_over_several_connections(
    running: Callable[..., Stand], large: bytes, tmp_path: Path
) -> None:
    """Each byte once, and breaks cost only what is missing."""
    service = running(large, cuts=[1_000_000, 40_000_000, 5_000_000])
    digest, seen = sha256(large), list[tuple[int, int | None]]()
    path = SyncServiceClient(service.url).download_object_data(
        service.object, tmp_path / "data", sha256=digest, progress=lambda *at: seen.append(at)
    )
    assert sha256(path.read_bytes()) == digest
    assert service.sent == len(large)
    assert {f"GET data bytes={parallel.PART}-{2 * parallel.PART - 1}"} <= set(service.asked)
    assert seen[-1] == (len(large), len(large))
    assert not [one for one in threading.enumerate() if one.name.startswith("syncnb-")]


@pytest.mark.parametrize("part", ODD)
def test_large_data_come_whole_from_a_service_that_gives_no_parts(
    running: Callable[..., Stand], large: bytes, tmp_path: Path, part: str
) -> None:
    """After one try."""
    service = running(large, part=part)
    client = SyncServiceClient(service.url)
    path = client.download_object_data(service.object, tmp_path / "data", sha256=sha256(large))
    assert path.read_bytes() == large
    assert sum("bytes=" in one for one in service.asked) == 1


def test_service_that_gives_few_parts_at_a_time_is_asked_for_fewer(
    running: Callable[..., Stand], large: bytes, tmp_path: Path
) -> None:
    """429 (rest-api.md, 4.16) ends a connection, not the download."""
    service = running(large, most=1)
    service.before = lambda _: time.sleep(1.5)  # longer than the others try
    client = SyncServiceClient(service.url)
    path = client.download_object_data(service.object, tmp_path / "data", retries=0)
    assert path.read_bytes() == large


def test_digest_of_the_caller_is_compared(tmp_path: Path) -> None:
    """And no file appears."""
    with stand(DATA) as service:
        client = SyncServiceClient(service.url)
        with pytest.raises(DigestMismatchError):
            client.download_object_data(service.object, tmp_path / "a", sha256="0" * 64)
        assert not list(tmp_path.iterdir())
        with pytest.raises(DigestMismatchError):
            client.read_object_data(service.object, sha256="0" * 64)
        good = sha256(DATA).upper()
        assert client.read_object_data(service.object, sha256=good) == DATA
        with pytest.raises(InvalidMetaDataError, match="64 hexadecimal"):
            client.read_object_data(service.object, sha256="abc")


def test_digest_of_the_manifest_is_compared(tmp_path: Path) -> None:
    """Without a word of the caller."""
    manifest = Manifest(format="bytes", codec="bytes/1", sha256=sha256(DATA), size=len(DATA))
    with stand(DATA) as service:
        service.meta["description"] = manifest.to_description()
        client = SyncServiceClient(service.url)
        client.download_object_data(service.object, tmp_path / "a")
        service.data = DATA[:-1] + b"x"
        with pytest.raises(DigestMismatchError):
            client.download_object_data(service.object, tmp_path / "b")
        assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_data_that_come_compressed_are_refused() -> None:
    """They were asked for as they are; their length and digest would be others."""
    with stand(DATA, coding="gzip") as service, pytest.raises(ServiceError, match="gzip"):
        SyncServiceClient(service.url).read_object_data(service.object)


def test_metadata_made_by_hand_are_looked_up() -> None:
    """So that a break cannot mix versions either."""
    with stand(DATA, cuts=[10]) as service:
        by_hand = ObjectMetaData(object_type="t", object_id="i")
        assert SyncServiceClient(service.url).read_object_data(by_hand) == DATA
        assert "GET data bytes=10-99999" in service.asked


@pytest.mark.parametrize("offset", [-1, 100_000, 1 << 40])
def test_offset_outside_of_the_data_is_refused_before_anything_is_sent(offset: int) -> None:
    """With the bytes that are there."""
    with stand(DATA) as service:
        client = SyncServiceClient(service.url)
        with pytest.raises(InvalidMetaDataError, match="from 0 to 99999"):
            client.fetch_object_data(service.object, BytesIO(), offset=offset)
        assert service.asked == []


def test_download_takes_its_place_at_once_and_with_usual_rights(tmp_path: Path) -> None:
    """A reader sees the old file or the new one, whole."""
    path, seen = tmp_path / "data", set[bytes]()
    path.write_bytes(b"old")
    with stand(DATA, cuts=[50_000]) as service:
        service.before = lambda _: seen.add(path.read_bytes())
        with path.open("rb") as reader:
            SyncServiceClient(service.url).download_object_data(service.object, path)
            assert reader.read() == b"old"
    assert (seen, path.read_bytes()) == ({b"old"}, DATA)
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_place_that_cannot_be_written_is_found_before_anything_is_sent(tmp_path: Path) -> None:
    """A folder, or one that is not there."""
    with stand(DATA) as service:
        client = SyncServiceClient(service.url)
        with pytest.raises(IsADirectoryError):
            client.download_object_data(service.object, tmp_path)
        with pytest.raises(FileNotFoundError):
            client.download_object_data(service.object, tmp_path / "none" / "data")
        assert service.asked == []


def test_long_names_of_files_are_possible(tmp_path: Path) -> None:
    """The temporary neighbour has a short one."""
    with stand(DATA) as service:
        client = SyncServiceClient(service.url)
        path = client.download_object_data(service.object, tmp_path / ("n" * 255))
    assert path.read_bytes() == DATA


def test_progress_that_raises_ends_the_download(tmp_path: Path) -> None:
    """Which is how a program calls it off."""

    def stop(_done: int, _total: int | None) -> None:
        raise KeyError("enough")

    with stand(DATA) as service:
        client = SyncServiceClient(service.url)
        with pytest.raises(KeyError, match="enough"):
            client.download_object_data(service.object, tmp_path / "data", progress=stop)
    assert not list(tmp_path.iterdir())


def test_download_that_is_called_off_waits_for_no_answer(tmp_path: Path) -> None:
    """Neither for parts that stopped nor for those that never began."""
    size, parts = 4 * parallel.PART, list[bytes]()

    def script(sock: socket.socket, head: bytes) -> None:
        found = re.search(rb"bytes=(\d+)-(\d+)", head)
        assert found
        parts.append(head)
        if len(parts) == 1:
            spread = b"Content-Range: bytes %b-%b/%d" % (found[1], found[2], size)
            sock.sendall(b"HTTP/1.1 206 Partial Content\r\n%b\r\n" % spread)
            sock.sendall(b"Content-Length: %d\r\n\r\n" % parallel.PART + bytes(1 << 20))

    def stop(_done: int, _total: int | None) -> None:
        if len(parts) == 4:
            raise KeyError("enough")

    meta = ObjectMetaData(object_type="t", object_id="i", instance_id=1, object_size=size)
    began = time.monotonic()
    with scripted(script) as (url, _), pytest.raises(KeyError, match="enough"):
        SyncServiceClient(url).download_object_data(meta, tmp_path / "data", progress=stop)
    assert time.monotonic() - began < 20
    assert not list(tmp_path.iterdir())


def test_embedded_service_over_a_line_that_breaks(fleet: LocalFleet, tmp_path: Path) -> None:
    """Up and down, over real HTTP."""
    data = os.urandom(3_000_000)
    meta = ObjectMetaData(object_type="breaking", object_id="a", dest_type="nobody")
    with cutting(fleet.url) as proxy:
        client = SyncServiceClient(
            proxy.url, org_id=fleet.org_id, key="admin",
            secret=fleet.environment()["SYNCNB_SECRET"],
        )  # fmt: skip
        with client:
            client.update_object(meta)
            client.close()
            proxy.up = [1_000_000, 2_500_000]
            client.update_object_data(meta, data)
            client.close()
            proxy.down = [1_000_000, 500, 1_500_000]
            stored = client.get_object_metadata("breaking", "a")
            before = proxy.got
            path = client.download_object_data(stored, tmp_path / "data", sha256=sha256(data))
            assert path.read_bytes() == data
            assert proxy.got - before < len(data) + 100_000
            client.delete_object("breaking", "a")
            with pytest.raises(ObjectNotFoundError):
                client.read_object_data(stored)

"""`DataReader` is a file, and fetches little more than is read."""

from __future__ import annotations

import io
import random
import shutil
import threading
import zipfile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncnb import LocalFleet, ObjectMetaData, SyncServiceClient
from syncnb.errors import ObjectReplacedError

from .stand import Stand, stand

DATA = random.Random(4).randbytes(400_000)
MODES: list[dict[str, Any]] = [
    {},
    {"part": "ignored"},
    {"part": "part as 200"},
    {"part": "half"},
    {"part": "416"},
    {"chunked": True},
    {"meta": {"metaOnly": True}},
]
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 200_000)),
        st.tuples(st.just("seek"), st.integers(0, 500_000)),
        st.tuples(st.just("back"), st.integers(0, 400_000)),
        st.tuples(st.just("on"), st.integers(0, 100_000)),
        st.tuples(st.just("into"), st.integers(0, 100_000)),
        st.tuples(st.just("line"), st.integers(0, 1000)),
        st.tuples(st.just("rest"), st.just(0)),
    ),
    max_size=15,
)


def act(file: Any, what: str, number: int) -> tuple[object, int]:
    result: object
    if what == "read":
        result = file.read(number)
    elif what == "seek":
        result = file.seek(number)
    elif what == "back":
        result = file.seek(-number, io.SEEK_END)
    elif what == "on":
        result = file.seek(number, io.SEEK_CUR)
    elif what == "into":
        buffer = bytearray(number)
        result = file.readinto(buffer), bytes(buffer)
    elif what == "line":
        result = file.readline(number)
    else:
        result = file.read()
    return result, file.tell()


@given(acts=ACTS, mode=st.sampled_from(MODES), cuts=st.lists(st.integers(1, 100_000), max_size=2))
@settings(max_examples=100, deadline=None)
def test_it_reads_and_seeks_as_a_file_does(
    acts: list[tuple[str, int]], mode: dict[str, Any], cuts: list[int]
) -> None:
    """Compared with `BytesIO`, over breaks and with services that give no parts."""
    with (
        stand(DATA, **{**mode, "meta": dict(mode.get("meta", {}))}, cuts=list(cuts)) as service,
        SyncServiceClient(service.url) as client,
    ):
        if service.meta.get("metaOnly"):
            service.meta["objectSize"] = 0
        with client.open_object_data(service.object) as file:
            mirror = io.BytesIO(DATA)
            for what, number in acts:
                assert act(file, what, number) == act(mirror, what, number)


def opened(service: Stand) -> Any:
    return SyncServiceClient(service.url).open_object_data(service.object)


def test_one_member_of_an_archive_costs_little() -> None:
    """Of 30 MB."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("large", bytes(30_000_000))
        archive.writestr("wanted", "found")
        archive.writestr("other", bytes(1_000_000))
    with stand(target.getvalue()) as service, opened(service) as file:
        assert zipfile.ZipFile(file).read("wanted") == b"found"
        assert file.fetched < 300_000
        assert service.sent < 600_000
        assert len([one for one in service.asked if "data" in one]) < 8


def test_one_column_of_a_table_costs_little() -> None:
    """Of ten columns in ten groups."""
    rng, target = random.Random(5), io.BytesIO()
    columns = {f"c{i}": [rng.random() for _ in range(100_000)] for i in range(10)}
    table = pa.table(columns)
    pq.write_table(table, target, row_group_size=10_000, compression="none", use_dictionary=False)
    with stand(target.getvalue()) as service, opened(service) as file:
        column = pq.ParquetFile(file).read_row_group(7, columns=["c3"])
        assert column.equals(table.select(["c3"]).slice(70_000, 10_000))
        assert file.fetched < 400_000
        whole = len(target.getvalue())
        assert whole > 8_000_000


def test_reading_straight_on_takes_few_requests() -> None:
    """They ask for more and more, and fetch no byte twice."""
    data = DATA * 50
    with stand(data) as service, opened(service) as file:
        copy = io.BytesIO()
        shutil.copyfileobj(file, copy)
        assert copy.getvalue() == data
        assert service.sent == file.fetched == len(data)
        assert len([one for one in service.asked if "data" in one]) < 12


@pytest.mark.parametrize("new", [DATA[::-1], DATA[:1000]])
def test_replaced_object_is_an_error_and_not_a_mixture(new: bytes) -> None:
    """Also if the new data are as long."""
    with stand(DATA) as service, opened(service) as file:
        assert file.read(10) == DATA[:10]
        service.replace(new)
        file.seek(300_000)
        with pytest.raises(ObjectReplacedError):
            file.read(10)


def test_service_without_parts_is_asked_once_and_said_so() -> None:
    """All data come, and the reader says that they had to."""
    with stand(DATA, part="ignored") as service, opened(service) as file:
        assert file.ranged
        for at in (200_000, 10, 399_990):
            file.seek(at)
            assert file.read(10) == DATA[at : at + 10]
        assert not file.ranged
        assert sum(one == "GET data" for one in service.asked) == 1


def test_it_is_a_good_citizen() -> None:
    """What files have, it has; what it is, it says."""
    with stand(DATA) as service:
        file = opened(service)
        assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
        assert repr(file) == "<DataReader of object t/i, 400000 bytes>"
        assert file.size == len(DATA)
        with pytest.raises(ValueError, match="before the data"):
            file.seek(-1, io.SEEK_END) and file.seek(-500_000, io.SEEK_END)
        file.close()
        file.close()
        assert "closed" in repr(file)
        with pytest.raises(ValueError, match="closed"):
            file.read()


def test_several_threads_share_one() -> None:
    """Each byte goes to one of them."""
    with stand(DATA) as service, opened(service) as file:
        pieces = list[bytes]()

        def read() -> None:
            while piece := file.read(1000):
                pieces.append(piece)

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(pieces) == sorted(DATA[at : at + 1000] for at in range(0, len(DATA), 1000))


def test_embedded_service_gives_parts(fleet: LocalFleet) -> None:
    """On both sides of the link."""
    meta = ObjectMetaData(object_type="reading", object_id="a", dest_type="edge", dest_id="node1")
    fleet.cloud.update_object(meta, data=DATA)
    with fleet.cloud.open_object_data(meta) as file:
        file.seek(390_000)
        assert file.read() == DATA[390_000:]
        assert (file.fetched, file.ranged) == (10_000, True)

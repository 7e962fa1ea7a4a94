"""Several publishers of one object at once: one wins, the others are told, the data always fit."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from syncnb import LocalFleet, ObjectMetaData, Publication, SyncServiceClient, publish, versions
from syncnb.errors import PreconditionFailedError, VersionExistsError

from .test_versions import there

SMALL, LARGE = 10, 400 * 1024  # bytes; in the metadata, and beside them
DATA_FIRST = f"?data={LARGE}"
STORES = [("/a", SMALL), (DATA_FIRST, LARGE), ("/a", LARGE), ("/data", LARGE)]  # and their data
Outcome = Publication | VersionExistsError


def publisher(fleet: LocalFleet, adapter: HTTPAdapter | None = None) -> SyncServiceClient:
    """A client of its own, as another process has it; without an archive."""
    return SyncServiceClient(
        fleet.url, org_id=fleet.org_id, key="admin",
        secret=fleet.environment()["SYNCNB_SECRET"], adapter=adapter,
    )  # fmt: skip


def race(
    fleet: LocalFleet, name: str, count: int, size: int, **options: Any
) -> list[tuple[bytes, Outcome]]:
    """What becomes of each of several publishers of different bytes."""
    gate = threading.Barrier(count)

    def run(number: int) -> tuple[bytes, Outcome]:
        data = bytes([number]) * size
        with publisher(fleet) as client:
            gate.wait()
            try:
                return data, publish(data, name, "a", client=client, **options)
            except VersionExistsError as error:
                return data, error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("shared", [True, False], ids=["archive", "no archive"])
def test_of_many_publishers_of_a_version_one_wins(
    fleet: LocalFleet, name: str, size: int, shared: bool, tmp_path: Path
) -> None:
    """Again and again, on top of what is there."""
    for version in ("1", "2", "3"):
        archive = tmp_path if shared else False
        outcomes = race(fleet, name, 8, size, version=version, archive=archive)
        won = [data for data, one in outcomes if isinstance(one, Publication)]
        assert len(won) == 1
        assert there(fleet.cloud, name) == (version, won[0])
    if shared:
        assert [v.version for v in versions("a", name, client=fleet.cloud, archive=tmp_path)] == [
            "3", "2", "1",
        ]  # fmt: skip


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("shared", [True, False], ids=["archive", "no archive"])
def test_publishers_without_a_version_get_one_each(
    fleet: LocalFleet, name: str, size: int, shared: bool, tmp_path: Path
) -> None:
    """None twice, though one may be left out; what is there in the end is the newest, and whole."""
    outcomes = race(fleet, name, 6, size, archive=tmp_path if shared else False)
    published = {one.version: data for data, one in outcomes if isinstance(one, Publication)}
    assert len(published) == 6
    newest = max(published, key=int)
    assert there(fleet.cloud, name) == (newest, published[newest])


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_publishers_of_the_same_bytes_all_succeed(fleet: LocalFleet, name: str, size: int) -> None:
    """There is nothing to lose."""
    gate = threading.Barrier(4)

    def run(_: int) -> str:
        with publisher(fleet) as client:
            gate.wait()
            return publish(
                b"x" * size, name, "a", version="1", client=client, archive=False
            ).version

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == ["1"] * 4
    assert there(fleet.cloud, name) == ("1", b"x" * size)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_of_several_processes_one_wins(
    fleet: LocalFleet, name: str, size: int, tmp_path: Path
) -> None:
    """They share an archive and nothing else."""
    program = (
        "import sys\n"
        "from syncnb import publish\n"
        "from syncnb.errors import VersionExistsError\n"
        "number, size, name, archive = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "try:\n"
        "    publish(bytes([number]) * size, name, 'a', version='1', archive=archive)\n"
        "except VersionExistsError:\n"
        "    print('lost')\n"
        "else:\n"
        "    print('won')\n"
    )
    environment = {**fleet.environment(), "PYTHONPATH": ":".join(sys.path), "PATH": ""}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(n), str(size), name, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for n in range(4)
    ]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.communicate(timeout=60)[0].strip() for one in running]
    assert sorted(said) == ["lost", "lost", "lost", "won"]
    assert there(fleet.cloud, name) == ("1", bytes([said.index("won")]) * size)


class Interfering(HTTPAdapter):
    """Does something around one of the requests that store, at a service with just those."""

    def __init__(
        self,
        which: str,
        *,
        before: Callable[[], object] | None = None,
        after: Callable[[], object] | None = None,
        lose_answer: bool = False,
        ignore_conditions: bool = False,
    ) -> None:
        super().__init__()
        self._which, self._before, self._lose = which, before, lose_answer
        self._after = after
        self._ignore = ignore_conditions

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> Any:
        stores = request.method == "PUT" and str(request.path_url).endswith(self._which)
        if stores and self._before is not None:
            before, self._before = self._before, None
            before()
        if self._ignore:
            request.headers.pop("If-Match", None)
            request.headers.pop("If-None-Match", None)
        answer = super().send(request, *args, **more)
        if self._ignore and request.method == "PUT":
            answer.headers.pop("ETag", None)
        if self._which != DATA_FIRST:
            answer.headers.pop("Syncnb-Calls")
        if stores and self._after is not None:
            after, self._after = self._after, None
            after()
        if stores and self._lose:
            self._lose = False
            answer.close()
            raise requests.ConnectionError("the answer is lost")
        return answer


@pytest.mark.parametrize(("which", "size"), STORES)
def test_answer_that_is_lost_is_not_taken_for_somebody_elses_version(
    fleet: LocalFleet, name: str, which: str, size: int
) -> None:
    """The repeated request is refused by what the first one stored."""
    with publisher(fleet, Interfering(which, lose_answer=True)) as client:
        done = publish(b"x" * size, name, "a", version="1", client=client, archive=False)
    assert done.version == "1"
    assert there(fleet.cloud, name) == ("1", b"x" * size)


@pytest.mark.parametrize(("which", "size"), STORES)
def test_publisher_that_is_overtaken_is_told(
    fleet: LocalFleet, name: str, which: str, size: int
) -> None:
    """At every point; its data never come to lie under the manifest of the other."""

    def other() -> None:
        meta = ObjectMetaData(object_type=name, object_id="a", version="7")
        fleet.cloud.update_object(
            meta.for_update(description=publish_elsewhere(fleet, name)), data=b"theirs"
        )

    with (
        publisher(fleet, Interfering(which, before=other)) as client,
        pytest.raises(VersionExistsError, match="version 7"),
    ):
        publish(b"x" * size, name, "a", version="7", client=client, archive=False)
    assert there(fleet.cloud, name) == ("7", b"theirs")


def publish_elsewhere(fleet: LocalFleet, name: str) -> str:
    """The description of version 7 with the data of somebody else."""
    done = publish(b"theirs", name, "b", version="7", client=fleet.cloud, archive=False)
    return done.meta_data.description


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_service_that_ignores_conditions_is_looked_at_before_and_after(
    fleet: LocalFleet, name: str, size: int
) -> None:
    """It publishes there too, and whoever is overwritten in between is told."""
    with publisher(fleet, Interfering("-", ignore_conditions=True)) as client:
        assert publish(b"1" * size, name, "a", client=client, archive=False).version == "1"
        assert publish(b"2" * size, name, "a", client=client, archive=False).version == "2"
        with pytest.raises(VersionExistsError):
            publish(b"3" * size, name, "a", version="2", client=client, archive=False)
    assert there(fleet.cloud, name) == ("2", b"2" * size)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_publisher_that_is_overwritten_there_is_told(
    fleet: LocalFleet, name: str, size: int
) -> None:
    """By the look after, so that its data do not follow."""

    def other() -> None:
        meta = ObjectMetaData(object_type=name, object_id="a", version="7")
        fleet.cloud.update_object(
            meta.for_update(description=publish_elsewhere(fleet, name)), data=b"theirs"
        )

    with (
        publisher(fleet, Interfering("/a", after=other, ignore_conditions=True)) as client,
        pytest.raises(VersionExistsError, match="version 7"),
    ):
        publish(b"x" * size, name, "a", version="7", client=client, archive=False)
    assert there(fleet.cloud, name) == ("7", b"theirs")


def test_conditions_are_those_of_rfc_9110(fleet: LocalFleet, name: str, tmp_path: Path) -> None:
    """On the object and on its data, with the tag of the new instance in each answer."""
    cloud = fleet.cloud
    meta = ObjectMetaData(object_type=name, object_id="a")
    path = tmp_path / "data"
    path.write_bytes(b"data")
    with pytest.raises(PreconditionFailedError, match="not there"):
        cloud.replace_object(meta, 5)
    first = cloud.replace_object(meta, 0)
    assert first is not None
    assert first == cloud.get_object_metadata(name, "a").instance_id
    for known in (0, first - 1, first + 1):
        with pytest.raises(PreconditionFailedError):
            cloud.replace_object(meta, known, data=b"other")
        with pytest.raises(PreconditionFailedError):
            cloud.replace_object_data(meta, path, known)
    assert cloud.get_object_status(name, "a") == "notReady"
    second = cloud.replace_object_data(meta, path, first)
    stored = cloud.get_object_metadata(name, "a")
    assert second == stored.instance_id == stored.data_id
    assert cloud.read_object_data(stored) == b"data"
    third = cloud.replace_object(meta.for_update(meta_only=True), second)
    assert third is not None
    with pytest.raises(PreconditionFailedError):
        cloud.replace_object(meta, second)
    assert (
        cloud.replace_object_data(meta, path, second) or 0
    ) > third  # the data are those of before


def test_conditions_as_they_stand_in_requests(fleet: LocalFleet, name: str) -> None:
    """Lists, stars and weak tags, which match nothing where data are to be kept."""
    key, secret = "admin", fleet.environment()["SYNCNB_SECRET"]
    url = f"{fleet.url}/api/v1/objects/{fleet.org_id}/{name}/a"
    body = {"meta": {"objectID": "a", "objectType": name}, "data": "eA=="}

    def put(place: str = url, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.put(place, json=body, headers=named, auth=(key, secret), timeout=20)

    assert put(If_Match="*").status_code == 412
    stored = put(If_None_Match="*")
    assert stored.status_code == 204
    tag = stored.headers["ETag"]
    assert requests.get(url, auth=(key, secret), timeout=20).headers["ETag"] == tag
    assert put(If_None_Match="*").status_code == 412
    assert put(If_None_Match=f"W/{tag}").status_code == 412
    assert put(If_Match=f"W/{tag}").status_code == 412
    assert put(f"{url}/data", If_Match='"1"').status_code == 412
    assert put(If_Match=f'"1", {tag}').status_code == 204
    assert put(If_Match="*").status_code == 204
    assert put(If_None_Match='"1"').status_code == 204


@pytest.mark.parametrize("ends", ["replaced", "kept"])
def test_data_on_their_way_when_the_object_is_replaced_are_not_stored(
    fleet: LocalFleet, name: str, ends: str
) -> None:
    """The condition holds when they are stored, not only when they begin to come."""
    cloud, meta = fleet.cloud, ObjectMetaData(object_type=name, object_id="a")
    known = cloud.replace_object(meta, 0)

    def body() -> Iterator[bytes]:
        yield b"x" * LARGE
        if ends == "replaced":
            cloud.update_object(meta.for_update(version="2"))
        yield b"y"

    answer = requests.put(
        f"{fleet.url}/api/v1/objects/{fleet.org_id}/{name}/a/data",
        data=body(),
        headers={"If-Match": f'"{known}"'},
        auth=("admin", fleet.environment()["SYNCNB_SECRET"]),
        timeout=20,
    )
    assert answer.status_code == (412 if ends == "replaced" else 204)
    status = cloud.get_object_status(name, "a")
    assert status == ("notReady" if ends == "replaced" else "ready")

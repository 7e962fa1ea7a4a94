"""Versions of an object: counted, kept, promoted, and gone back to."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from syncnb import (
    LocalFleet,
    Manifest,
    ObjectMetaData,
    Publication,
    SyncServiceClient,
    promote,
    publish,
    updates,
    versions,
)
from syncnb.archive import LocalArchive
from syncnb.cli import main
from syncnb.errors import (
    ArchiveError,
    InvalidMetaDataError,
    SignatureError,
    VersionExistsError,
)
from syncnb.manifest import MAX_SIZE
from syncnb.signing import PublicKey, Signer, unseal

LARGE = 300 * 1024  # bytes; more than travels with the metadata
WaitUntil = Callable[..., None]


class Counting(HTTPAdapter):
    """Counts what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self.puts: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> Any:
        if request.method == "PUT":
            self.puts.append(str(request.path_url))
            first = parse_qs(urlsplit(str(request.url)).query).get("data", ["0"])[0]
            self.sent += int(request.headers.get("Content-Length") or first)
        return super().send(request, *args, **more)


def counting(fleet: LocalFleet) -> tuple[SyncServiceClient, Counting]:
    adapter = Counting()
    client = SyncServiceClient(
        fleet.url, org_id=fleet.org_id, key="admin",
        secret=fleet.environment()["SYNCNB_SECRET"], adapter=adapter,
    )  # fmt: skip
    client.archive = fleet.cloud.archive
    return client, adapter


def there(client: SyncServiceClient, name: str, object_id: str = "a") -> tuple[str, bytes]:
    """Version and data that the service has, which fit each other."""
    meta = client.get_object_metadata(name, object_id)
    manifest = Manifest.from_description(meta.description)
    assert manifest is not None
    assert manifest.version == meta.version
    return meta.version, client.read_object_data(meta, sha256=manifest.sha256)


def test_versions_count_up_by_themselves(fleet: LocalFleet, name: str) -> None:
    """From 1."""
    found = [publish(data, name, "a", client=fleet.cloud).version for data in (b"1", b"2", b"3")]
    assert found == ["1", "2", "3"]


def test_version_after_a_chosen_one(fleet: LocalFleet, name: str) -> None:
    """1.2.1 after 1.2.0."""
    before = datetime.now(UTC)
    first = publish(b"1", name, "a", version="1.2.0", client=fleet.cloud)
    second = publish(b"2", name, "a", client=fleet.cloud)
    assert second.version == "1.2.1"
    one, two = first.manifest, second.manifest
    assert before.timestamp() * 1000 - 1 <= one.sequence < two.sequence
    assert two.published is not None
    assert two.published >= before.replace(microsecond=0)
    assert (two.org_id, two.object_type, two.object_id) == (fleet.org_id, name, "a")
    assert not two.rollback


def test_sequence_grows_when_the_clock_went_back(fleet: LocalFleet, name: str) -> None:
    """Nodes would refuse a smaller one."""
    first = publish(b"1", name, "a", client=fleet.cloud)
    ahead = Manifest(
        **{**vars(first.manifest), "sequence": first.manifest.sequence + 10**9, "version": "1"}
    )
    fleet.cloud.update_object(
        first.meta_data.for_update(description=ahead.to_description()), data=b"1"
    )
    assert publish(b"2", name, "a", client=fleet.cloud).manifest.sequence == ahead.sequence + 1


@pytest.mark.parametrize("size", [5, LARGE])
def test_rollback_brings_the_bytes_back(fleet: LocalFleet, name: str, size: int) -> None:
    """To the node, with a sequence that grows, marked; twice in a row, and forward again."""
    for n in (b"1", b"2", b"3"):
        last = publish(n * size, name, "a", dest_type="edge", client=fleet.cloud)
    back = last.rollback()
    assert (back.version, back.manifest.rollback) == ("2", True)
    assert back.manifest.sequence > last.manifest.sequence
    assert there(fleet.cloud, name) == ("2", b"2" * size)
    for update in updates(name, client=fleet.node("node1"), timeout=20):
        with update:
            if update.version == "2":
                assert update.load() == b"2" * size
                break
    again = Publication.of(name, "a", client=fleet.cloud).rollback()
    assert (again.version, again.meta_data.dest_type) == ("1", "edge")
    with pytest.raises(ArchiveError, match="no version before 1"):
        again.rollback()
    forward = again.rollback(to="3")
    assert (forward.version, forward.manifest.rollback) == ("3", False)
    assert publish(b"new", name, "a", client=fleet.cloud).version == "4"


def test_rollback_to_what_nobody_has_says_what_there_is(fleet: LocalFleet, name: str) -> None:
    """And changes nothing."""
    publish(b"1", name, "a", client=fleet.cloud)
    last = publish(b"2", name, "a", client=fleet.cloud)
    with pytest.raises(ArchiveError, match=r"version 7. Give one of 2, 1"):
        last.rollback(to="7")
    with pytest.raises(InvalidMetaDataError, match="version"):
        last.rollback(to="latest")
    assert there(fleet.cloud, name) == ("2", b"2")


def test_older_version_is_refused_with_the_remedy(fleet: LocalFleet, name: str) -> None:
    """Without a word about a rollback it is most likely a mistake."""
    publish(b"2", name, "a", version="2", client=fleet.cloud)
    with pytest.raises(VersionExistsError, match=r"rollback\(to='1.9'\)"):
        publish(b"1", name, "a", version="1.9", client=fleet.cloud)
    assert there(fleet.cloud, name) == ("2", b"2")


@pytest.mark.parametrize("archive", [None, False])
def test_same_version_with_other_bytes_is_refused(
    fleet: LocalFleet, name: str, archive: bool | None
) -> None:
    """Also written another way; the first stays, also in the archive."""
    options: dict[str, Any] = {"client": fleet.cloud, "archive": archive}
    publish(b"first", name, "a", version="1.0", **options)
    for same in ("1.0", "1", "1.0.0"):
        with pytest.raises(VersionExistsError, match="with other bytes"):
            publish(b"other", name, "a", version=same, **options)
    assert there(fleet.cloud, name) == ("1.0", b"first")
    assert publish(b"first", name, "a", version="1.0", **options).version == "1.0"


@pytest.mark.parametrize("bad", ["latest", "v1", "1.2.", "1..2", "1 2", "../1", "1" * 99])
def test_version_that_is_none_is_refused(bad: str) -> None:
    """Before anything is sent: nobody is there."""
    nowhere = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(InvalidMetaDataError, match="version"):
        publish(b"x", "t", "a", version=bad, client=nowhere)


@pytest.mark.parametrize("size", [100_000, LARGE])
def test_identical_bytes_do_not_travel_again(fleet: LocalFleet, name: str, size: int) -> None:
    """Nothing at all if nothing is new; a new version of them is its manifest alone."""
    client, counted = counting(fleet)
    data = b"x" * size
    first = publish(data, name, "a", dest_type="edge", client=client)
    assert counted.sent >= size
    counted.sent, counted.puts = 0, []
    same = publish(data, name, "a", dest_type="edge", client=client)
    assert (counted.sent, counted.puts) == (0, [])
    assert same.manifest.sequence == first.manifest.sequence
    assert same.version == "1"
    second = publish(data, name, "a", version="2", dest_type="edge", client=client)
    assert 0 < counted.sent < 20_000
    assert second.manifest.sequence > first.manifest.sequence
    assert there(client, name) == ("2", data)
    for update in updates(name, client=fleet.node("node1"), timeout=20):
        with update:
            if update.version == "2":
                assert update.load() == data
                break


def test_what_is_new_about_identical_bytes_arrives(fleet: LocalFleet, name: str) -> None:
    """A description, or nodes; the data stay where they are."""
    client, counted = counting(fleet)
    data = b"x" * LARGE
    publish(data, name, "a", dest_type="edge", dest_id="node1", client=client)
    counted.sent = 0
    publish(data, name, "a", dest_type="edge", dest_id="node1", description="new", client=client)
    assert 0 < counted.sent < 20_000
    publish(data, name, "a", dest_type="edge", description="new", client=client)
    assert {n.dest_id for n in client.get_object_destinations(name, "a")} == {"node1", "node2"}
    update = next(updates(name, client=fleet.node("node2"), timeout=20))
    with update:
        assert update.load() == data
        assert update.manifest is not None
        assert update.manifest.text == "new"
    assert counted.sent < 20_000


def test_bytes_that_never_arrived_are_sent_again(fleet: LocalFleet, name: str) -> None:
    """A publisher that died between the metadata and the data."""
    data = b"x" * LARGE
    first = publish(data, name, "a", client=fleet.cloud)
    fleet.cloud.update_object(first.meta_data)  # the data are gone
    assert fleet.cloud.get_object_status(name, "a") == "notReady"
    publish(data, name, "a", client=fleet.cloud)
    assert there(fleet.cloud, name) == ("1", data)


def test_versions_are_listed_with_what_is_known(fleet: LocalFleet, name: str) -> None:
    """The newest first, with aliases, and as a table."""
    for data in (b"1", b"22", b"333"):
        last = publish(data, name, "a", dest_type="edge", client=fleet.cloud)
    promote("a", "2", object_type=name, dest_type="edge", client=fleet.cloud)
    last.rollback()
    found = versions("a", name, client=fleet.cloud)
    assert [(v.version, v.size, v.current, v.aliases) for v in found] == [
        ("3", 3, False, ()), ("2", 2, True, ("production",)), ("1", 1, False, ()),
    ]  # fmt: skip
    assert all(v.archived and v.format == "bytes" and v.published for v in found)
    frame = found.to_pandas()
    assert frame["current"].tolist() == [False, True, False]
    assert str(frame["published"].dtype) == "datetime64[us, UTC]"
    html = found._repr_html_()
    assert "production" in html
    assert found[0].sha256 not in html  # which is wider than all else
    assert f"{found[0].sha256[:8]}..." in html
    assert found[0].sha256 in found[0]._repr_html_()
    assert [v.version for v in versions("a@production", name, client=fleet.cloud)] == ["2"]
    assert versions("nothing", name, client=fleet.cloud) == []


def test_version_of_another_publisher_is_listed_too(
    fleet: LocalFleet, name: str, tmp_path: Path
) -> None:
    """The archive has not seen it; also one of a tool without manifests."""
    publish(b"1", name, "a", client=fleet.cloud, archive=tmp_path / "theirs")
    (one,) = versions("a", name, client=fleet.cloud, archive=tmp_path / "ours")
    assert (one.version, one.current, one.archived) == ("1", True, False)
    fleet.cloud.update_object(
        ObjectMetaData(object_type=name, object_id="b", version="blue"), data=b"x"
    )
    (one,) = versions("b", name, client=fleet.cloud)
    assert (one.version, one.size) == ("blue", 1)
    assert publish(b"y", name, "b", client=fleet.cloud).version == "1"


def test_alias_is_an_object_with_addresses_of_its_own(fleet: LocalFleet, name: str) -> None:
    """The first promotion says where to; an older version is a rollback of the alias."""
    for data in (b"1", b"2"):
        publish(data, name, "a", dest_type="edge", dest_id="node2", client=fleet.cloud)
    with pytest.raises(InvalidMetaDataError, match="say where it goes"):
        promote("a", "1", object_type=name, client=fleet.cloud)
    first = promote(
        "a", "1", object_type=name, dest_type="edge", dest_id="node1", client=fleet.cloud
    )
    assert not first.manifest.rollback
    second = promote("a", "2", object_type=name, client=fleet.cloud)
    assert (second.meta_data.dest_id, second.manifest.rollback) == ("node1", False)
    back = promote("a", "1", object_type=name, client=fleet.cloud)
    assert (back.object_id, back.manifest.name, back.manifest.object_id) == (
        "a@production", "a", "a@production",
    )  # fmt: skip
    assert back.manifest.rollback
    assert there(fleet.cloud, name, "a@production") == ("1", b"1")
    assert there(fleet.cloud, name, "a") == ("2", b"2")
    with pytest.raises(ArchiveError, match="version 9"):
        promote("a", "9", object_type=name, client=fleet.cloud)
    with pytest.raises(InvalidMetaDataError, match="to = 'x@y'"):
        promote("a", "1", to="x@y", object_type=name, client=fleet.cloud)


def test_alias_of_a_version_that_only_the_service_has(fleet: LocalFleet, name: str) -> None:
    """Nothing was archived."""
    publish(b"1", name, "a", client=fleet.cloud, archive=False)
    options: dict[str, Any] = {"object_type": name, "client": fleet.cloud, "archive": False}
    promote("a", "1", dest_type="edge", **options)
    assert there(fleet.cloud, name, "a@production") == ("1", b"1")


def test_rollback_and_versions_from_an_archive_in_s3(
    fleet: LocalFleet, name: str, place: str
) -> None:
    """Small and large; also a folder."""
    for data in (b"1", b"2" * LARGE, b"3"):
        last = publish(data, name, "a", client=fleet.cloud, archive=place)
    assert last.rollback().version == "2"
    assert there(fleet.cloud, name) == ("2", b"2" * LARGE)
    assert len(versions("a", name, client=fleet.cloud, archive=place)) == 3


def test_what_is_signed_is_signed_again_for_a_rollback(
    fleet: LocalFleet, name: str, signer: Signer
) -> None:
    """Data and manifest, both of which fit."""
    publish(b"1", name, "a", client=fleet.cloud, signer=signer)
    last = publish(b"2", name, "a", client=fleet.cloud, signer=signer)
    back = last.rollback()
    for one in (last, back):
        sealed = unseal(one.meta_data.description)
        assert sealed is not None
        sealed.check(PublicKey(signer.public_key), "it")
        assert one.meta_data.signature
    assert there(fleet.cloud, name) == ("1", b"1")


def test_archive_that_was_tampered_with_is_not_signed(
    fleet: LocalFleet, name: str, signer: Signer, tmp_path: Path
) -> None:
    """Whoever can write there could otherwise have anything signed."""
    archive = LocalArchive(tmp_path)
    options: dict[str, Any] = {"client": fleet.cloud, "signer": signer, "archive": archive}
    publish(b"1", name, "a", **options)
    last = publish(b"2", name, "a", **options)
    (path,) = tmp_path.rglob("1.json")
    value = json.loads(path.read_text())
    value["description"] = value["description"].replace('"name":"a"', '"name":"b"')
    path.write_text(json.dumps(value))
    with pytest.raises(SignatureError):
        last.rollback()
    assert there(fleet.cloud, name) == ("2", b"2")


def test_signature_that_is_new_travels_with_the_data(
    fleet: LocalFleet, name: str, signer: Signer
) -> None:
    """A service keeps the old signature of data that are not sent."""
    publish(b"1", name, "a", client=fleet.cloud)
    publish(b"1", name, "a", client=fleet.cloud, signer=signer)
    assert fleet.cloud.get_object_metadata(name, "a").signature
    client, counted = counting(fleet)
    publish(b"1", name, "a", client=client, signer=signer)
    assert counted.puts == []


def test_manifest_says_what_was_asked_for(fleet: LocalFleet, name: str) -> None:
    """The commit, what is installed, and until when it is good."""
    done = publish(
        b"1", name, "a", client=fleet.cloud, sbom=True, expires=timedelta(days=1),
        extra={"long": "x" * 3000},
    )  # fmt: skip
    manifest = done.manifest
    assert len(done.meta_data.description.encode()) <= MAX_SIZE
    assert any("==" in line for line in manifest.sbom)
    assert "more" in manifest.sbom[-1]
    assert manifest.expires is not None
    assert timedelta(hours=23) < manifest.expires - datetime.now(UTC) < timedelta(hours=25)
    assert manifest.commit == "" or len(manifest.commit) >= 40
    for bad in (datetime(2030, 1, 1), datetime(2000, 1, 1, tzinfo=UTC), timedelta(0), "soon"):  # noqa: DTZ001
        with pytest.raises(InvalidMetaDataError, match="expires"):
            publish(b"1", name, "a", client=fleet.cloud, expires=bad)  # type: ignore[arg-type]


def test_folder_without_git_has_no_commit(
    fleet: LocalFleet, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a machine without it."""
    monkeypatch.chdir(tmp_path)
    assert publish(b"1", name, "a", client=fleet.cloud).manifest.commit == ""
    monkeypatch.setenv("PATH", "")
    assert publish(b"2", name, "a", client=fleet.cloud).manifest.commit == ""


def test_archive_that_was_asked_for_has_to_work(
    fleet: LocalFleet, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual place need not: a full disk does not stop a publication."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArchiveError, match="file"):
        publish(b"1", name, "a", client=fleet.cloud, archive=tmp_path / "file")
    assert fleet.cloud.get_objects(name) == []
    monkeypatch.delenv("SYNCNB_ARCHIVE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    client, _ = counting(fleet)
    client.archive = ""
    assert publish(b"1", name, "a", client=client).version == "1"


def test_what_becomes_of_a_file_later_does_not_reach_the_archive(
    fleet: LocalFleet, name: str, tmp_path: Path
) -> None:
    """It has a copy of its own, and nothing beside it."""
    path, place = tmp_path / "a.bin", tmp_path / "archive"
    path.write_bytes(b"1" * LARGE)
    first = publish(path, "version", name, client=fleet.cloud, archive=place)
    with path.open("r+b") as file:
        file.write(b"2" * LARGE)
    second = publish(path, "version", name, client=fleet.cloud, archive=place)
    back = second.rollback()
    assert fleet.cloud.read_object_data(back.meta_data) == b"1" * LARGE
    assert (first.manifest.file_name, back.version) == ("a.bin", "1")
    assert {one.name for one in place.iterdir()} == {"blobs", "records"}


def test_file_travels_without_an_archive_that_has_no_place(
    fleet: LocalFleet, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nobody asked for one."""
    (tmp_path / "file").write_bytes(b"1" * LARGE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    cloud = SyncServiceClient(
        fleet.url, org_id=fleet.org_id, key="admin", secret=fleet.environment()["SYNCNB_SECRET"]
    )
    done = publish(tmp_path / "file", "version", name, client=cloud)
    assert cloud.read_object_data(done.meta_data) == b"1" * LARGE


def test_refused_publication_does_not_take_the_version(
    fleet: LocalFleet, name: str, tmp_path: Path
) -> None:
    """It can be published after what was wrong is right."""
    from syncnb.errors import RequestRefusedError

    with pytest.raises(RequestRefusedError):
        publish(
            b"1", name, "a", version="1", destinations=["edge:nobody"], client=fleet.cloud,
            archive=tmp_path,
        )  # fmt: skip
    publish(b"other", name, "a", version="1", client=fleet.cloud, archive=tmp_path)
    assert there(fleet.cloud, name) == ("1", b"other")


def test_commands_list_promote_and_go_back(
    fleet: LocalFleet,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As typed in a shell."""
    for variable, value in fleet.environment().items():
        monkeypatch.setenv(variable, value)
    for data in (b"1", b"2"):
        publish(data, name, "a", dest_type="edge", client=fleet.cloud)
    assert main(["promote", "a", "2", "--type", name, "--to", "lab", "--dest-type", "edge"]) == 0
    assert main(["rollback", "a", "--type", name]) == 0
    capsys.readouterr()
    assert main(["versions", "a", "--type", name]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(line[0], line[-1]) for line in lines] == [("2", "lab"), ("1", "current")]
    assert main(["versions", "a", "--type", name, "--json"]) == 0
    assert [one["version"] for one in json.loads(capsys.readouterr().out)] == ["2", "1"]
    assert main(["rollback", "a", "--type", name, "--to", "9"]) == 1

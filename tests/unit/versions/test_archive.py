"""The archive: what is in it is whole, comes back as it was, and stays in its folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.archive import Archive, ArchiveKey, LocalArchive, Record, open_archive
from syncnb.archive.local import SPOOL
from syncnb.archive.opening import archive_for, default_place
from syncnb.errors import ArchiveError, DigestMismatchError, InvalidMetaDataError, SettingsError

KEY = ArchiveKey("acme", "model", "defects")


def record_of(version: str, data: bytes = b"", sequence: int = 1) -> Record:
    return Record(
        key=KEY, version=version, sha256=sha256(data).hexdigest(), size=len(data),
        description='{"text":"ü"}', sequence=sequence, published=datetime(2030, 1, 1, tzinfo=UTC),
        addresses={"dest_type": "edge"},
    )  # fmt: skip


def kept(archive: Archive, folder: Path, data: bytes) -> str:
    path = folder / "data"
    path.write_bytes(data)
    digest = sha256(data).hexdigest()
    archive.keep(path, digest)
    return digest


def test_bytes_and_records_come_back_as_they_were(archive: Archive, tmp_path: Path) -> None:
    """Small, empty, and more than a part of an upload."""
    for data in (b"small", b"", os.urandom((9 << 20) + 1)):
        digest = kept(archive, tmp_path, data)
        archive.fetch(digest, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data
    assert archive.records(KEY) == []
    first, second = record_of("1", sequence=5), record_of("2", sequence=9)
    assert archive.claim(second)
    assert archive.claim(first)
    assert archive.records(KEY) == [first, second]
    archive.update(replace(first, sequence=10))
    assert [one.version for one in archive.records(KEY)] == ["2", "1"]
    archive.release(second)
    assert [one.version for one in archive.records(KEY)] == ["1"]
    assert archive.records(KEY._replace(object_id="other")) == []


def test_of_many_that_claim_a_version_one_gets_it(archive: Archive) -> None:
    """And its record is the one that stays."""
    won: list[int] = []
    gate = threading.Barrier(8)

    def claim(number: int) -> None:
        gate.wait()
        if archive.claim(record_of("1", bytes([number]), sequence=number)):
            won.append(number)

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(won) == 1
    assert [one.sequence for one in archive.records(KEY)] == won


def test_file_with_other_bytes_is_not_kept(archive: Archive, tmp_path: Path) -> None:
    """It changed since it was looked at."""
    path = tmp_path / "data"
    path.write_bytes(b"changed")
    digest = sha256(b"before").hexdigest()
    with pytest.raises(DigestMismatchError):
        archive.keep(path, digest)
    with pytest.raises(ArchiveError, match="has no data"):
        archive.fetch(digest, tmp_path / "back")


def test_prune_forgets_old_versions_and_their_bytes(archive: Archive, tmp_path: Path) -> None:
    """What was published last stays, and bytes that are young: somebody is publishing them."""
    digests = [kept(archive, tmp_path, b"%d" % n) for n in range(4)]
    for n in range(4):
        archive.claim(record_of(str(n), b"%d" % n, sequence=n + 1))
    archive.update(record_of("0", b"0", sequence=9))  # a rollback
    assert archive.prune(keep=2) == 2
    assert [one.version for one in archive.records(KEY)] == ["3", "0"]
    archive.fetch(digests[1], tmp_path / "back")
    for bad in (0, -1):
        with pytest.raises(InvalidMetaDataError, match="at least 1"):
            archive.prune(keep=bad)


def test_bytes_of_no_version_go_when_they_are_old(tmp_path: Path) -> None:
    """With what was left behind by a crash."""
    archive = LocalArchive(tmp_path / "archive")
    digest = kept(archive, tmp_path, b"old")
    wanted = kept(archive, tmp_path, b"wanted")
    archive.claim(record_of("1", b"wanted"))
    spool = tmp_path / "archive" / f"{SPOOL}abandoned"
    spool.mkdir()
    for path in (tmp_path / "archive").rglob("*"):
        os.utime(path, (0, 0))
    archive.prune(keep=1)
    assert not spool.exists()
    archive.fetch(wanted, tmp_path / "back")
    with pytest.raises(ArchiveError):
        archive.fetch(digest, tmp_path / "back")


def test_damaged_bytes_are_not_handed_out(tmp_path: Path) -> None:
    """Nor left where they would be taken for good."""
    archive = LocalArchive(tmp_path / "archive")
    digest = kept(archive, tmp_path, b"good")
    (blob,) = (tmp_path / "archive" / "blobs").rglob(digest)
    blob.write_bytes(b"evil")
    with pytest.raises(ArchiveError, match="damaged"):
        archive.fetch(digest, tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{", b"[" * 10000, b'{"record":1}', b"x" * 100_000],
    ids=["empty", "list", "half", "deep", "fields", "large"],
)
def test_record_that_is_none_is_named(tmp_path: Path, text: bytes) -> None:
    """By its file."""
    archive = LocalArchive(tmp_path)
    record = record_of("1")
    archive.claim(record)
    (tmp_path / record.place).write_bytes(text)
    with pytest.raises(ArchiveError, match=r"1\.json"):
        archive.records(KEY)


def test_record_of_another_object_or_with_a_path_for_a_digest_is_refused(tmp_path: Path) -> None:
    """Whoever can write into a shared archive must not choose what is read."""
    archive = LocalArchive(tmp_path)
    for evil in (
        record_of("1").to_json().replace(b"defects", b"other"),
        record_of("1").to_json().replace(sha256(b"").hexdigest().encode(), b"../../etc/passwd"),
    ):
        archive.claim(record_of("1"))
        (tmp_path / record_of("1").place).write_bytes(evil)
        with pytest.raises(ArchiveError):
            archive.records(KEY)
    with pytest.raises(ArchiveError, match="its digest is"):
        archive.fetch("../../etc/passwd", tmp_path / "back")


@given(st.lists(st.text(max_size=200), min_size=3, max_size=3), st.text(max_size=200))
def test_no_name_leaves_its_folder(names: list[str], version: str) -> None:
    """Whatever it is; each part is one name that every file system takes."""
    record = Record(key=ArchiveKey(*names), version=version, sha256="0" * 64, size=0)
    parts = record.place.split("/")
    assert len(parts) == 5
    assert all(0 < len(part) <= 255 and not part.startswith(".") for part in parts)
    assert record.place.isascii()
    assert record.place == record.place.lower()
    assert "\\" not in record.place


@given(st.text(max_size=150), st.text(max_size=150))
def test_two_names_have_two_places(one: str, other: str) -> None:
    """Also where letters of both cases are one."""
    places = {ArchiveKey("a", "b", name).place.lower() for name in (one, other)}
    assert len(places) == len({one, other})


def test_kill_in_the_middle_leaves_nothing_half(tmp_path: Path) -> None:
    """Under its final name, whatever is there is whole, and the next one can write."""
    program = (
        "import sys, hashlib, itertools, pathlib\n"
        "from syncnb.archive import ArchiveKey, LocalArchive, Record\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "archive, path = LocalArchive(root / 'archive'), root / 'data'\n"
        "key = ArchiveKey('acme', 'model', 'defects')\n"
        "for n in itertools.count():\n"
        "    data = bytes([n % 256]) * (3 << 20)\n"
        "    path.write_bytes(data)\n"
        "    digest = hashlib.sha256(data).hexdigest()\n"
        "    archive.keep(path, digest)\n"
        "    archive.claim(Record(key=key, version=str(n), sha256=digest, size=len(data),\n"
        "                         sequence=n))\n"
        "    print(n, flush=True)\n"
    )
    for round_ in range(6):
        root = tmp_path / str(round_)
        root.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.003 * round_)  # at another point of the writing each time
            os.kill(process.pid, signal.SIGKILL)
        archive = LocalArchive(root / "archive")
        for blob in (root / "archive" / "blobs").rglob("[!.]*"):
            if blob.is_file():
                assert sha256(blob.read_bytes()).hexdigest() == blob.name
        records = archive.records(KEY)
        assert records
        for record in records:
            archive.fetch(record.sha256, root / "back")
        assert kept(archive, root, b"next")


def test_place_comes_from_argument_client_environment_or_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In this order; what an edge node publishes is kept only where somebody said so."""

    def place(source: str | bool | None = None, *, cloud: bool = True, own: str = "") -> str:
        found, _ = archive_for(source, url="http://a", is_cloud=cloud, of_client=own)
        return found.place if found is not None else ""

    monkeypatch.delenv("SYNCNB_ARCHIVE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert place().startswith(str(tmp_path / "syncnb" / "archive"))
    assert place(cloud=False) == ""
    assert default_place("http://a") != default_place("http://b")
    monkeypatch.setenv("SYNCNB_ARCHIVE", "/env")
    assert [place(), place(cloud=False), place(own="/own"), place("/arg", own="/own")] == [
        "/env", "/env", "/own", "/arg",
    ]  # fmt: skip
    assert place(False) == ""
    monkeypatch.setenv("SYNCNB_ARCHIVE", "none")
    assert place() == ""


@pytest.mark.parametrize("bad", ["", "ftp://host/x", "s3://", "s3://user@host/x", 5])
def test_place_that_is_none_is_refused(bad: str) -> None:
    """Before anything is published."""
    with pytest.raises(SettingsError):
        open_archive(bad)

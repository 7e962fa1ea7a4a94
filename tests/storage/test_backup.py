"""Backups: whole, while the service runs, into any storage; and nodes find back to a restored CSS."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from syncnb import ObjectMetaData, SyncServiceClient

from .conftest import Operator, Storage, application_at, client_of

StorageOf = Callable[[str], Storage]
WaitUntil = Callable[..., None]


def keep(
    action: str, folder: Path, storage: Storage, data: Path, *more: str
) -> subprocess.CompletedProcess[str]:
    """Run ``syncnb css backup`` or ``restore``."""
    return subprocess.run(
        command(action, folder, storage, data, *more), capture_output=True, text=True,
        timeout=120, check=False, env={**os.environ, **storage.environment},
    )  # fmt: skip


def command(action: str, folder: Path, storage: Storage, data: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "syncnb", "css", action, str(folder), *storage.options,
        "--data", str(data), "--auth", str(data.parent / "css-auth.json"), *more,
    ]  # fmt: skip


def publish(client: SyncServiceClient, name: str, data: bytes) -> None:
    meta = ObjectMetaData(object_type="model", object_id=name, dest_type="edge")
    client.update_object(meta, data=data)


@pytest.mark.parametrize(
    ("source", "target"), [("sqlite-files", "postgres-s3"), ("postgres-s3", "sqlite-files")]
)
def test_backup_under_load_restores_into_the_other_storage(
    source: str, target: str, storage_of: StorageOf, operator: Operator, tmp_path: Path
) -> None:
    """What was published before it began is there, with the right bytes; later things are whole."""
    rng = random.Random(1)
    before = {f"large{n}": rng.randbytes(200_000 + n) for n in range(5)}
    before |= {f"small{n}": rng.randbytes(100 + n) for n in range(30)}
    before["empty"] = b""
    first, stop = storage_of(source), threading.Event()
    published: dict[str, set[str]] = {}
    css = operator.css(first)
    with client_of(css) as client:
        for name, data in before.items():
            publish(client, name, data)

        def load() -> None:
            """Objects come, change and go, so that files are dropped while they are copied."""
            with client_of(css) as busy:
                number = 0
                while not stop.is_set():
                    number += 1
                    name, data = f"busy{number % 7}", random.randbytes(100_000)
                    published.setdefault(name, set()).add(hashlib.sha256(data).hexdigest())
                    publish(busy, name, data)
                    if number % 5 == 0:
                        busy.delete_object("model", name)

        loading = threading.Thread(target=load)
        loading.start()
        try:
            while len(published) < 7:
                time.sleep(0.02)
            for _ in range(2):  # the second one takes over files of the first
                done = keep("backup", tmp_path / "backup", first, tmp_path / "css")
                assert done.returncode == 0, done.stderr
                assert "damaged" not in done.stdout
        finally:
            stop.set()
            loading.join()
    css.stop()

    second = storage_of(target)
    done = keep("restore", tmp_path / "backup", second, tmp_path / "other")
    assert done.returncode == 0, done.stderr
    with client_of(operator.css(second, "other")) as client:
        for name, data in before.items():
            meta = client.get_object_metadata("model", name)
            assert client.read_object_data(meta) == data
        for one in client.get_objects("model"):
            name = one.object_id
            if name in published and client.get_object_status("model", name) == "ready":
                full = client.get_object_metadata("model", name)
                digest = hashlib.sha256(client.read_object_data(full)).hexdigest()
                assert digest in published[name]


def test_killed_backup_leaves_the_one_of_before(
    storage_of: StorageOf, operator: Operator, tmp_path: Path
) -> None:
    """Never half a backup under the name that was asked for."""
    storage = storage_of("sqlite-s3")  # data are fetched over the network, which takes a moment
    with client_of(operator.css(storage)) as client:
        publish(client, "a", b"a" * 100_000)
        assert keep("backup", tmp_path / "backup", storage, tmp_path / "css").returncode == 0
        kept = (tmp_path / "backup" / "manifest.json").read_bytes()
        for n in range(40):
            publish(client, f"b{n}", random.randbytes(300_000))
        process = subprocess.Popen(
            command("backup", tmp_path / "backup", storage, tmp_path / "css"),
            env={**os.environ, **storage.environment},
        )
        partial = tmp_path / "backup.partial" / "files"
        while process.poll() is None and not (partial.exists() and any(partial.iterdir())):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert (tmp_path / "backup" / "manifest.json").read_bytes() == kept
        assert keep("backup", tmp_path / "backup", storage, tmp_path / "css").returncode == 0
        manifest = json.loads((tmp_path / "backup" / "manifest.json").read_bytes())
        assert len(manifest["files"]) == 41
        assert not (tmp_path / "backup.partial").exists()


def test_damaged_backup_changes_nothing(
    storage_of: StorageOf, operator: Operator, tmp_path: Path
) -> None:
    """Not even with --replace; the error names the file."""
    storage = storage_of("sqlite-files")
    css = operator.css(storage)
    with client_of(css) as client:
        publish(client, "a", b"a" * 100_000)
        assert keep("backup", tmp_path / "backup", storage, tmp_path / "css").returncode == 0
        publish(client, "later", b"b")
    css.stop()
    (file,) = (tmp_path / "backup" / "files").iterdir()
    content = bytearray(file.read_bytes())
    content[5] ^= 1
    file.unlink()  # it is linked to that of the service
    file.write_bytes(content)
    done = keep("restore", tmp_path / "backup", storage, tmp_path / "css", "--replace")
    assert done.returncode == 1
    assert file.name in done.stderr
    assert "nothing was changed" in done.stderr
    with client_of(operator.css(storage)) as client:
        assert {meta.object_id for meta in client.get_objects("model")} == {"a", "later"}


@pytest.mark.parametrize("name", ["sqlite-files", "postgres-s3"])
def test_restore_is_refused_while_the_service_runs_or_has_records(
    name: str, storage_of: StorageOf, operator: Operator, tmp_path: Path
) -> None:
    """Each with its remedy."""
    storage = storage_of(name)
    css = operator.css(storage)
    with client_of(css) as client:
        publish(client, "a", b"a")
        assert keep("backup", tmp_path / "backup", storage, tmp_path / "css").returncode == 0
        elsewhere = tmp_path / ("css" if name == "sqlite-files" else "restore")
        running = keep("restore", tmp_path / "backup", storage, elsewhere, "--replace")
        assert running.returncode == 2
        assert "stop" in running.stderr.lower()
    css.stop()
    used = keep("restore", tmp_path / "backup", storage, tmp_path / "css")
    assert used.returncode == 2
    assert "--replace" in used.stderr
    assert (
        keep("restore", tmp_path / "backup", storage, tmp_path / "css", "--replace").returncode == 0
    )


def test_folder_of_something_else_is_not_overwritten(
    storage_of: StorageOf, operator: Operator, tmp_path: Path
) -> None:
    """A typing error must not cost anything."""
    storage = storage_of("sqlite-files")
    operator.css(storage)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "thesis").write_text("all of it")
    done = keep("backup", tmp_path / "documents", storage, tmp_path / "css")
    assert done.returncode == 2
    assert "neither empty nor a backup" in done.stderr
    assert (tmp_path / "documents" / "thesis").read_text() == "all of it"


@pytest.mark.parametrize("name", ["sqlite-files", "postgres-s3"])
def test_nodes_find_back_to_a_css_that_comes_back_from_an_older_backup(
    name: str, storage_of: StorageOf, operator: Operator, wait_until: WaitUntil, tmp_path: Path
) -> None:
    """They know newer instances than it does, and had told it things that it has forgotten."""
    storage = storage_of(name)
    css = operator.css(storage)
    port = int(css.url.rpartition(":")[2])
    node = operator.ess(css.url)
    edge = application_at(node)
    with client_of(css) as client:

        def delivered(object_id: str, status: str = "delivered") -> bool:
            found = client.get_object_destinations("model", object_id)
            return [one.status for one in found] == [status]

        wait_until(lambda: bool(client.get_destinations()))
        for object_id in ("updated", "deleted", "consumed"):
            publish(client, object_id, b"old " * 30_000)
            wait_until(lambda o=object_id: delivered(o))
        assert keep("backup", tmp_path / "backup", storage, tmp_path / "css").returncode == 0

        publish(client, "updated", b"new " * 30_000)
        publish(client, "forgotten", b"only the node will have it")
        wait_until(lambda: delivered("updated") and delivered("forgotten"))
        newer = client.get_object_metadata("model", "updated").instance_id
        edge.mark_object_consumed(edge.get_object_metadata("model", "consumed"))
        wait_until(lambda: delivered("consumed", "consumed"))
        client.delete_object("model", "deleted")
        report = ObjectMetaData(object_type="stats", object_id="node1-1")
        edge.update_object(report, data=b"fps: 30")
        wait_until(lambda: bool(client.get_updated_objects("stats")))

    css.stop()
    done = keep("restore", tmp_path / "backup", storage, tmp_path / "css", "--replace")
    assert done.returncode == 0, done.stderr

    css = operator.css(storage, port=port)
    with client_of(css) as client:
        # What the node had reported after the backup comes again.
        wait_until(lambda: bool(client.get_updated_objects("stats")), show=lambda: css.log)
        (again,) = client.get_updated_objects("stats")
        assert client.read_object_data(again) == b"fps: 30"
        # The next publications are newer than what the node has, whatever happened to the object.
        for object_id in ("updated", "deleted", "consumed", "forgotten"):
            data = f"newest {object_id} ".encode() * 10_000
            publish(client, object_id, data)
            instance = client.get_object_metadata("model", object_id).instance_id
            assert instance > newer + 3600 * 10**9  # also if this clock were behind by an hour
            wait_until(lambda o=object_id: delivered(o), show=lambda: node.log)
            assert edge.read_object_data(edge.get_object_metadata("model", object_id)) == data
        client.delete_object("model", "updated")
        wait_until(lambda: edge.get_object_status("model", "updated") == "objdeleted")
    edge.close()


def test_backup_of_no_service_says_so(storage_of: StorageOf, tmp_path: Path) -> None:
    """And makes nothing."""
    done = keep("backup", tmp_path / "backup", storage_of("sqlite-files"), tmp_path / "nothing")
    assert done.returncode == 2
    assert "no data folder" in done.stderr
    assert not (tmp_path / "backup").exists()
    assert not (tmp_path / "nothing").exists()

"""Databases of every released version become those of this one, whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncnb.service.store import Store, StoreError
from syncnb.service.store.backend import Backend, Connection
from syncnb.service.store.dump import rows_of
from syncnb.service.store.postgres import Postgres
from syncnb.service.store.schema import MIGRATIONS, TABLES, Types, run_migrations
from syncnb.service.store.sqlite import SQLite
from tests.servers import PostgresServer

from .conftest import Operator, Storage, application_at, client_of

RELEASED = Path(__file__).parent.parent / "data"  # each made by running that version
DATA = {  # name -> bytes of its file, and how far node1 got
    "consumed": (20_000, "consumed"),
    "delivered": (5, "delivered"),
    "inactive": (100, "pending"),
    "pending": (3000, "delivering"),
}


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """The data folder of a CSS of the first release, as it was when that stopped."""
    folder = tmp_path / "css"
    shutil.copytree(RELEASED / "released-0001" / "blobs", folder / "blobs")
    with sqlite3.connect(folder / "records.sqlite") as database:
        database.executescript((RELEASED / "released-0001" / "records.sql").read_text("utf-8"))
    database.close()
    return folder


def test_backup_knows_every_table(tmp_path: Path) -> None:
    """A table that `TABLES` does not name would be missing from every backup."""
    with ThreadPoolExecutor(1) as executor:
        path = tmp_path / "records.sqlite"
        store = Store(SQLite(path), executor, on_change=lambda _: None, on_dropped=lambda _: None)
        store.close()
    with sqlite3.connect(path) as database:
        found = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in found if not name.startswith("sqlite_")}
    database.close()
    assert tables == {*TABLES, "migrations"}  # of which a backup has the version


def test_first_release_becomes_this_one(
    released: Path, operator: Operator, wait_until: object
) -> None:
    """Objects, deliveries and data are there, and what was under way goes on."""
    css = operator.css(Storage(), released.name)
    with client_of(css) as client:
        for name, (size, status) in DATA.items():
            meta = client.get_object_metadata("model", name)
            assert len(client.read_object_data(meta)) == meta.object_size == size
            (at,) = client.get_object_destinations("model", name)
            assert (at.dest_id, at.status) == ("node1", status)
        assert client.get_object_metadata("model", "consumed").description == "größer"
        policy = client.get_object_metadata("model", "policy").destination_policy
        assert policy is not None
        assert client.get_object_status("model", "deleted") == "objdeleted"
        (report,) = client.get_updated_objects("stats")
        assert report.origin_id == "node1"
        assert len(client.read_object_data(report)) == 3000
        # Half of an upload had arrived: the other half completes it.
        answer = client_answer(css.url, "model/half/data", b"abcdefghij", "bytes 10-19/20")
        assert answer == 204
        half = client.get_object_metadata("model", "half")
        assert client.read_object_data(half) == b"0123456789abcdefghij"
        # The node of before goes on where it was.
        node = application_at(operator.ess(css.url))
        assert callable(wait_until)
        wait_until(
            lambda: {m.object_id for m in node.get_updated_objects("model")} >= {"pending", "half"}
        )
        node.close()
        client.update_object(client.get_object_metadata("model", "delivered"), data=b"newer")


def client_answer(url: str, path: str, data: bytes, spread: str) -> int:
    import requests

    return requests.put(
        f"{url}/api/v1/objects/acme/{path}", data=data, headers={"Content-Range": spread},
        auth=("admin", "s3cret"), timeout=10,
    ).status_code  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return SQLite(tmp_path / "records.sqlite")
    server: PostgresServer = request.getfixturevalue("postgres")
    return Postgres(server.new_database())


@pytest.fixture
def connection(backend: Backend) -> Iterator[Connection]:
    one = backend.connect()
    yield one
    one.close()


def test_migration_that_fails_leaves_the_old_state(
    backend: Backend, connection: Connection
) -> None:
    """Also where it had changed tables before it failed; the right one runs afterwards."""

    def fails(connection: Connection, types: Types) -> None:
        MIGRATIONS[1][1](connection, types)
        connection.execute("ALTER TABLE objects ADD COLUMN half INTEGER", {})
        connection.execute("INSERT INTO no_such_table VALUES (1)", {}).fetchall()

    connection.begin(write=True)
    run_migrations(connection, backend.types, MIGRATIONS[:1])
    connection.execute("INSERT INTO organizations VALUES ('acme', 'there')", {})
    connection.commit()
    connection.begin(write=True)
    with pytest.raises(StoreError):
        run_migrations(connection, backend.types, (MIGRATIONS[0], ("0002 fails", fails)))
    connection.rollback()

    with ThreadPoolExecutor(1) as executor:
        store = Store(backend, executor, on_change=lambda _: None, on_dropped=lambda _: None)
        assert store.read_now(lambda tx: tx.organizations()) == {"acme": "there"}
        store.close()


def test_two_processes_that_start_at_once_migrate_once(postgres: PostgresServer) -> None:
    """The second one waits, and finds that it is done."""
    url = postgres.new_database()

    def start(number: int) -> None:
        with ThreadPoolExecutor(1) as executor:
            Store(
                Postgres(url), executor, on_change=lambda _: None, on_dropped=lambda _: None
            ).close()

    with ThreadPoolExecutor(6) as several:
        list(several.map(start, range(6)))
    found = postgres.execute(url, "SELECT name FROM migrations ORDER BY name")
    assert [row[0] for row in found] == [name for name, _ in MIGRATIONS]


def test_all_rows_of_a_table_are_exported_in_pages(
    backend: Backend, connection: Connection
) -> None:
    """More of them than fit a page, in the order of bytes, each once."""
    with ThreadPoolExecutor(1) as executor:
        Store(backend, executor, on_change=lambda _: None, on_dropped=lambda _: None).close()
    names = [f"{prefix}{n}" for n in range(250) for prefix in ("a", "B", "ä", "Z-")]
    connection.begin(write=True)
    for name in names:
        connection.execute(
            "INSERT INTO organizations (org, address) VALUES (:name, '')", {"name": name}
        )
    connection.commit()
    connection.begin(write=False)
    found = [row["org"] for table, row in rows_of(connection) if table == "organizations"]
    connection.rollback()
    assert found == sorted(names, key=str.encode)

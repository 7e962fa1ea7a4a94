"""A store on either database: what PostgreSQL adds must not change what callers see."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from syncnb.service.store import Store, StoreError, Transaction
from syncnb.service.store.backend import Backend
from syncnb.service.store.postgres import Postgres
from syncnb.service.store.records import Topic
from syncnb.service.store.sqlite import SQLite
from tests.servers import PostgresServer

WaitUntil = Callable[..., None]


@pytest.fixture(params=["sqlite", "postgres"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return SQLite(tmp_path / "records.sqlite")
    server: PostgresServer = request.getfixturevalue("postgres")
    return Postgres(server.new_database())


def run(backend: Backend, *works: Callable[[Store], Coroutine[Any, Any, object]]) -> list[object]:
    """Run coroutines that take a store, all at once."""

    async def main() -> list[object]:
        with ThreadPoolExecutor(4) as executor:
            store = Store(backend, executor, on_change=lambda _: None, on_dropped=lambda _: None)
            try:
                return await asyncio.gather(
                    *(work(store) for work in works), return_exceptions=True
                )
            finally:
                store.close()

    return asyncio.run(main())


def registering(name: str) -> Callable[[Store], Coroutine[Any, Any, object]]:
    def write(tx: Transaction) -> None:
        tx.put_organization(name, "")
        if name == "bad":
            raise ValueError(name)

    return lambda store: store.write(write)


def test_failed_write_undoes_itself_and_nothing_else(backend: Backend) -> None:
    """Writes that share a commit are apart all the same."""
    outcome = run(backend, *(registering(name) for name in ("a", "bad", "b", "c")))
    assert [type(one) for one in outcome] == [type(None), ValueError, type(None), type(None)]
    (known,) = run(backend, lambda store: store.read(lambda tx: tx.organizations()))
    assert known == {"a": "", "b": "", "c": ""}


def test_statement_that_fails_is_an_error_of_its_own_write(backend: Backend) -> None:
    """Also where statements are pipelined and the failure shows later."""

    def fails(tx: Transaction) -> None:
        tx.put_organization("half", "")
        tx._change("INSERT INTO no_such_table VALUES (:one)", {"one": 1})

    outcome = run(backend, registering("a"), lambda store: store.write(fails), registering("b"))
    assert [type(one) for one in outcome] == [type(None), StoreError, type(None)]
    (known,) = run(backend, lambda store: store.read(lambda tx: tx.organizations()))
    assert known == {"a": "", "b": ""}


def test_numbers_only_grow(backend: Backend) -> None:
    """One after the other, at once, from a clock that went back, and after they were raised."""

    def numbers(now: float) -> Callable[[Store], Coroutine[Any, Any, object]]:
        return lambda store: store.write(lambda tx: tx.next_instance(now))

    first = run(backend, *(numbers(1000.0) for _ in range(20)))
    second = run(backend, numbers(900.0), numbers(2000.0), numbers(1500.0))
    run(backend, lambda store: store.write(lambda tx: tx.raise_number("instance", 3 * 10**12)))
    third = run(backend, numbers(1000.0))
    found = [*first, *second, *third]
    assert found == sorted(set(found))  # type: ignore[type-var]
    assert found[0] == 10**12
    assert found[-1] == 3 * 10**12 + 1


def test_timer_is_due_once_for_all_processes(postgres: PostgresServer) -> None:
    """However many ask at the same moment."""
    url = postgres.new_database()

    def ask(number: int) -> object:
        (found,) = run(
            Postgres(url),
            lambda store: store.write(lambda tx: tx.timer_is_due("sweep", time.time(), 60.0)),
        )
        return found

    with ThreadPoolExecutor(5) as executor:
        assert sorted(executor.map(ask, range(5)), key=bool) == [False] * 4 + [True]


def test_other_processes_hear_what_a_commit_changed(
    postgres: PostgresServer, wait_until: WaitUntil
) -> None:
    """Exactly its topics; when there are too many of them, that there was something."""
    url = postgres.new_database()
    heard: list[set[Topic] | None] = []
    listener = Postgres(url)
    stop = listener.listen(heard.append)
    wait_until(lambda: heard == [None])  # whatever was before

    def wake(*topics: Topic) -> None:
        run(Postgres(url), lambda store: store.write(lambda tx: tx.wake(topics)))

    wake(("updates", "acme", "ä\u2028'\\"), ("deliveries", "acme", "t", "i"))
    wait_until(lambda: len(heard) == 2)
    assert heard[1] == {("updates", "acme", "ä\u2028'\\"), ("deliveries", "acme", "t", "i")}

    several = {("notices", "acme", "edge", f"node{n}") for n in range(1000)}
    wake(*several)
    wait_until(lambda: several <= set().union(*(one or set() for one in heard[2:])))
    assert None not in heard[2:]

    before = len(heard)
    wake(*((("deliveries", "acme", "t", f"{n}" * 50)) for n in range(5000)))
    wait_until(lambda: heard[before:] == [None])

    # After its connection was lost, it cannot know what it missed.
    postgres.execute(url, _TERMINATE_OTHERS)
    wait_until(lambda: heard[before + 1 :] == [None])
    wake(("updates", "acme", "again"))
    wait_until(lambda: heard[-1] == {("updates", "acme", "again")})
    stop()


_TERMINATE_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_lost_connection_fails_one_write_and_the_next_works(postgres: PostgresServer) -> None:
    """Reads notice nothing."""
    url = postgres.new_database()

    async def main() -> None:
        with ThreadPoolExecutor(2) as executor:
            store = Store(
                Postgres(url), executor, on_change=lambda _: None, on_dropped=lambda _: None
            )
            await store.write(lambda tx: tx.put_organization("a", ""))
            await store.read(lambda tx: tx.organizations())
            postgres.execute(url, _TERMINATE_OTHERS)
            assert await store.read(lambda tx: tx.organizations()) == {"a": ""}
            with pytest.raises(StoreError) as caught:
                await store.write(lambda tx: tx.put_organization("b", ""))
            assert caught.value.lost
            await store.write(lambda tx: tx.put_organization("c", ""))
            assert await store.read(lambda tx: tx.organizations()) == {"a": "", "c": ""}
            store.close()

    asyncio.run(main())


def test_write_whose_commit_may_have_happened_is_not_run_again(postgres: PostgresServer) -> None:
    """A second run would count twice; its callers are told that the outcome is not known."""
    url, runs = postgres.new_database(), []
    together = threading.Event()

    def first(tx: Transaction) -> None:
        together.wait(5)

    def second(tx: Transaction) -> None:
        runs.append("second")
        tx.put_organization("second", "")

    def third(tx: Transaction) -> None:
        runs.append("third")
        tx.put_organization("third", "")
        tx.organizations()  # everything has been sent
        postgres.execute(url, _TERMINATE_OTHERS)  # so that only the commit meets it

    async def main() -> list[object]:
        with ThreadPoolExecutor(4) as executor:
            store = Store(
                Postgres(url), executor, on_change=lambda _: None, on_dropped=lambda _: None
            )
            waiting = [asyncio.ensure_future(store.write(first))]
            await asyncio.sleep(0)
            waiting += [asyncio.ensure_future(store.write(one)) for one in (second, third)]
            await asyncio.sleep(0)
            together.set()
            outcome = await asyncio.gather(*waiting, return_exceptions=True)
            store.close()
            return list(outcome)

    outcome = asyncio.run(main())
    assert outcome[0] is None
    assert [type(one) for one in outcome[1:]] == [StoreError, StoreError]
    assert all(isinstance(one, StoreError) and one.lost for one in outcome[1:])
    assert runs == ["second", "third"]


def test_commits_are_on_the_disk_also_where_the_server_would_not_wait(
    postgres: PostgresServer,
) -> None:
    """A setting of the database must not undo what a 204 promises."""
    url = postgres.new_database()
    postgres.execute(url, f"ALTER DATABASE {url.rpartition('/')[2]} SET synchronous_commit = off")
    connection = Postgres(url).connect()
    connection.begin(write=True)
    found = connection.execute("SELECT current_setting('synchronous_commit')", {}).fetchone()
    connection.rollback()
    connection.close()
    assert found[0] == "on"


def test_database_of_another_encoding_is_refused(postgres: PostgresServer) -> None:
    """With the remedy."""
    url = postgres.new_database()
    name = f"{url.rpartition('/')[2]}_ascii"
    postgres.execute(
        "postgres",
        f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0",
    )
    with pytest.raises(StoreError, match="ENCODING 'UTF8'"):
        Postgres(f"{url}_ascii").connect()


def test_schemas_of_one_database_are_services_of_their_own(postgres: PostgresServer) -> None:
    """Each has its tables, its lock and its channel."""
    url = postgres.new_database()
    for name in ("one", "two"):
        postgres.execute(url, f"CREATE SCHEMA {name}")
    one, two = (Postgres(f"{url}?options=-csearch_path%3D{name}") for name in ("one", "two"))
    run(one, registering("a"))
    run(two, registering("b"))
    assert run(one, lambda s: s.read(lambda tx: tx.organizations())) == [{"a": ""}]
    assert run(two, lambda s: s.read(lambda tx: tx.organizations())) == [{"b": ""}]
    with one.occupy(alone=True) as first, two.occupy(alone=True) as second:
        assert first
        assert second
        with one.occupy(alone=False) as third:
            assert not third

"""The store: what it says is committed is there, and one failure undoes nobody else's work."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from syncnb.service.store import Key, Store, Transaction
from syncnb.service.store.records import Topic
from syncnb.service.store.sqlite import SQLite
from syncnb.service.uploads import with_range


def run(folder: Path, work: object, changed: list[set[Topic]] | None = None) -> list[object]:
    """Run coroutines that take a store, all at once."""

    async def main() -> list[object]:
        with ThreadPoolExecutor(2) as executor:
            store = Store(
                SQLite(folder / "records.sqlite"),
                executor,
                on_change=(changed if changed is not None else []).append,
                on_dropped=lambda files: None,
            )
            try:
                return await asyncio.gather(*work(store), return_exceptions=True)  # type: ignore[operator]
            finally:
                store.close()

    return asyncio.run(main())


def test_instance_ids_grow_over_a_restart(tmp_path: Path) -> None:
    """Also for many at once."""

    def work(store: Store) -> list[object]:
        return [store.write(lambda tx: tx.next_instance(time.time())) for _ in range(50)]

    first, second = run(tmp_path, work), run(tmp_path, work)
    ids = [*first, *second]
    assert ids == sorted(set(ids))  # type: ignore[type-var]


def test_failed_write_undoes_itself_and_nothing_else(tmp_path: Path) -> None:
    """Writes that share a commit are apart all the same."""

    def register(name: str) -> object:
        def write(tx: Transaction) -> None:
            tx.put_organization(name, "")
            if name == "bad":
                raise ValueError(name)

        return write

    names = ["a", "bad", "b", "c"]
    outcome = run(tmp_path, lambda store: [store.write(register(name)) for name in names])
    assert [type(one) for one in outcome] == [type(None), ValueError, type(None), type(None)]
    (known,) = run(tmp_path, lambda store: [store.read(lambda tx: tx.organizations())])
    assert known == {"a": "", "b": "", "c": ""}


def test_those_who_wait_are_told_after_the_commit_only(tmp_path: Path) -> None:
    """And never of work that was undone."""
    changed: list[set[Topic]] = []

    def fail(tx: Transaction) -> None:
        tx.wake([("updates", "org", "never")])
        raise ValueError

    def succeed(tx: Transaction) -> None:
        tx.wake([("updates", "org", "type")])

    run(tmp_path, lambda store: [store.write(fail), store.write(succeed)], changed)
    assert set().union(*changed) == {("updates", "org", "type")}


def test_unknown_object_is_none(tmp_path: Path) -> None:
    """Not an error."""
    assert run(tmp_path, lambda s: [s.read(lambda tx: tx.object(Key("o", "t", "i")))]) == [None]


@pytest.mark.parametrize(
    ("ranges", "added", "expected"),
    [
        ((), (0, 4), ((0, 4),)),
        (((0, 4),), (4, 8), ((0, 8),)),
        (((0, 4), (8, 12)), (4, 8), ((0, 12),)),
        (((0, 8),), (2, 4), ((0, 8),)),
        (((4, 8),), (0, 2), ((0, 2), (4, 8))),
        (((0, 4),), (6, 6), ((0, 4),)),
    ],
)
def test_ranges_that_touch_become_one(
    ranges: tuple[tuple[int, int], ...],
    added: tuple[int, int],
    expected: tuple[tuple[int, int], ...],
) -> None:
    """What makes a chunked upload complete."""
    assert with_range(ranges, *added) == expected

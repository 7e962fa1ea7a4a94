"""Twenty nodes report numbers while everything is killed; each number is in the table once."""

from __future__ import annotations

import os
import random
from pathlib import Path

import duckdb
import pytest

from syncnb import StatisticsTable

from .world import NODES, World


def run(folder: Path, seconds: float, seed: int) -> None:
    """Let it go on, then look."""
    with World(folder) as world:
        killed = world.harm(random.Random(seed), seconds)
        world.stop_reporting()
        handed_over = world.wait_until(lambda: not world.waits(), timeout=120)
        assert handed_over, f"seed {seed}, {killed}: {world.waits()} {world.logs()}"
        reported = {node: done for node, (_, done) in world.journals.items()}
        table = StatisticsTable(world.table)

        def is_all_here() -> bool:
            if table.info().rows < sum(map(len, reported.values())):
                return False
            got = world.arrived()
            here = all(done <= set(got.get(node, ())) for node, done in reported.items())
            waits = world.fleet.cloud.get_updated_objects("numbers", received=True)
            return here and not waits and not table.info().waiting

        came = world.wait_until(is_all_here, timeout=60)
        got = world.arrived()
        lost = {node: sorted(done - set(got.get(node, ()))) for node, done in reported.items()}
        assert not any(lost.values()), f"seed {seed}, {killed}: {lost} {world.logs()}"
        assert came, f"seed {seed}, {killed}: {table.info()} {world.logs()}"
        assert len(got) == NODES
        for node, (tried, _) in world.journals.items():
            assert len(got[node]) == len(set(got[node])), f"seed {seed}, {killed}: twice: {node}"
            assert set(got[node]) <= tried
        assert all(killed.values()), killed
        assert not table.info().set_aside
        rows = sum(map(len, got.values()))
        files = f"read_parquet('{world.table}/**/*.parquet', hive_partitioning = true)"
        with duckdb.connect() as connection:
            query = f"SELECT count(*), count(DISTINCT (node, number)) FROM {files}"
            assert connection.execute(query).fetchone() == (rows, rows)
        print(f"{rows} numbers of {len(got)} nodes, each once; killed: {killed}")


def test_every_number_is_in_the_table_exactly_once(tmp_path: Path) -> None:
    """A short time of it: each process is killed at least once."""
    run(tmp_path, seconds=8, seed=7)


@pytest.mark.long
def test_every_number_is_in_the_table_exactly_once_for_long(tmp_path: Path) -> None:
    """Ten minutes, or SYNCNB_LONG_SECONDS; another course each time."""
    run(tmp_path, float(os.environ.get("SYNCNB_LONG_SECONDS", "600")), random.randrange(1 << 30))

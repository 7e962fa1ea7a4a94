"""Collecting with a Dask cluster of several processes, and into a Dask DataFrame."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest

from syncnb import LocalFleet, collect, collect_batches
from syncnb.statistics import fetching

from .sent import fresh, send

pytestmark = pytest.mark.filterwarnings("default")  # of Dask and Tornado, in other processes too

WaitUntil = Callable[..., None]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A scheduler and two workers, each a process of its own."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("dask")),
        ) as running,
        Client(running) as client,
    ):  # fmt: skip
        yield client


def noted_work(folder: Path, *arguments: Any) -> Any:
    """Run a unit of work and note in which process."""
    (folder / str(os.getpid())).touch()
    return WORK(*arguments)


WORK = fetching.fetch_span


def test_workers_of_a_dask_cluster_fetch(
    cluster: Any, fleet: LocalFleet, wait_until: WaitUntil, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """In their processes, all rows once, and what they brought is acknowledged here."""
    name, node = fresh(), fleet.node("node1")
    for number in range(40):
        send(node, name, {"a": list(range(10))}, 1 + 10 * number, object_id=f"{number:02}")
    wait_until(lambda: len(fleet.cloud.watch_arrivals(name).items or []) == 40)
    monkeypatch.setattr(fetching, "_MOST", 2)  # objects of a unit of work
    monkeypatch.setattr(fetching, "fetch_span", partial(noted_work, tmp_path))
    with joblib.parallel_config(backend="dask"):
        frame = collect(name, client=fleet.cloud)
    assert frame["sequence"].tolist() == list(range(1, 401))
    assert not fleet.cloud.watch_arrivals(name).items
    workers = set(cluster.run(os.getpid).values())
    assert len(workers) == 2
    assert {int(note.name) for note in tmp_path.iterdir()} == workers


def test_batches_by_a_dask_cluster(cluster: Any, fleet: LocalFleet, wait_until: WaitUntil) -> None:
    """A few at a time, in order."""
    name, node = fresh(), fleet.node("node1")
    for number in range(6):
        send(node, name, {"a": [1, 2, 3]}, 1 + 3 * number, object_id=f"{number:02}")
    wait_until(lambda: len(fleet.cloud.watch_arrivals(name).items or []) == 6)
    with joblib.parallel_config(backend="dask"):
        batches = list(collect_batches(name, client=fleet.cloud, rows=6, limit_bytes=1))
    assert pd.concat(batches)["sequence"].tolist() == list(range(1, 19))


@pytest.mark.parametrize("partition", [2, 100])
def test_dask_dataframe_has_the_same_rows(
    cluster: Any, fleet: LocalFleet, wait_until: WaitUntil, monkeypatch: pytest.MonkeyPatch,
    partition: int,
) -> None:  # fmt: skip
    """In partitions whose types are those of the whole."""
    from syncnb.statistics import targets

    name, node = fresh(), fleet.node("node1")
    send(node, name, {"a": [1, 2, None, 4], "t": ["x", None, "y", "z"]})
    wait_until(lambda: bool(fleet.cloud.watch_arrivals(name).items))
    monkeypatch.setattr(targets, "_PARTITION", partition)
    wanted = collect(name, client=fleet.cloud, consume=False)
    frame: Any = collect(name, client=fleet.cloud, to="dask")
    assert frame.npartitions == (2 if partition == 2 else 1)
    computed = frame.compute().reset_index(drop=True)
    assert computed["a"].sum() == 7
    pd.testing.assert_frame_equal(computed, wanted, check_dtype=False)
    assert str(computed["a"].dtype) == "Int64"
    assert collect(fresh(), client=fleet.cloud, to="dask").compute().empty

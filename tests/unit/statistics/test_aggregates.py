"""Counts and distributions: what is reported of an interval, and what the cloud makes of it."""

from __future__ import annotations

import base64
import builtins
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from syncnb import LocalFleet, Reporter, SyncServiceClient
from syncnb.errors import InvalidMetaDataError, MissingDependencyError
from syncnb.statistics import quantiles
from syncnb.statistics.aggregates import Aggregates, new_sketch
from syncnb.statistics.clock import Clock
from tests.conftest import WaitUntil

from .reporters import FakeClock, arrived


def aggregates() -> Aggregates:
    return Aggregates(Clock(), ring=lambda: None)


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    """One whose service is away."""
    made = Reporter("stats", client=SyncServiceClient("http://127.0.0.1:1"), folder=tmp_path)
    yield made
    made.close(timeout=0)


def test_interval_is_one_row_a_metric_and_version() -> None:
    """A new model begins a new row, so that versions can be compared."""
    one = aggregates()
    for version in ("1", "1", "2"):
        one.add_count("defects", 2, version)
        one.add_value("score", 0.5, version)
    ended = one.end()
    assert sorted((row["metric"], version, row["count"]) for version, row in ended) == [
        ("defects", "1", 4), ("defects", "2", 2), ("score", "1", 2), ("score", "2", 1),
    ]  # fmt: skip
    assert one.end() == []


def test_distribution_says_what_was_observed() -> None:
    """Count, sum, extremes, and a sketch from which any quantile comes."""
    one, values = aggregates(), np.random.default_rng(1).normal(10, 2, 20_000)
    for value in values:
        one.add_value("score", value, None)
    ((_, row),) = one.end()
    assert (row["kind"], row["count"]) == ("distribution", 20_000)
    assert (row["min"], row["max"]) == (values.min(), values.max())
    assert row["sum"] == pytest.approx(values.sum())
    sketch = base64.b64decode(row["sketch"])
    assert len(sketch) < 6000
    median = type(new_sketch()).deserialize(sketch).get_quantile(0.5)
    assert abs((values < median).mean() - 0.5) < 0.02


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda r: r.count("a", -1), "n"),
        (lambda r: r.count("a", 1.5), "n"),
        (lambda r: r.count("a", True), "n"),
        (lambda r: r.count(""), "metric"),
        (lambda r: r.observe(7, 1.0), "metric"),
        (lambda r: r.observe("a", float("nan")), "a"),
        (lambda r: r.observe("a", "1"), "a"),
        (lambda r: r.observe("a", None), "a"),
    ],
)
def test_what_cannot_be_counted_is_refused(reporter: Reporter, call: Any, field: str) -> None:
    """By its name, and nothing is counted."""
    with pytest.raises(InvalidMetaDataError, match=f"^{field} "):
        call(reporter)
    assert reporter.waiting == 0


def test_node_without_the_library_is_told_what_to_install(
    reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it observes, before a block is timed; counting needs nothing."""
    usual = builtins.__import__

    def missing(name: str, *args: Any, **options: Any) -> Any:
        if name == "datasketches":
            raise ImportError(name)
        return usual(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    reporter.count("defects")
    ran = []
    with pytest.raises(MissingDependencyError, match=r"syncnb\[sketches\]"):
        reporter.observe("score", 0.5)
    with pytest.raises(MissingDependencyError), reporter.time("predict"):
        ran.append(1)
    assert ran == []


def test_timed_block_that_raises_is_timed_too(reporter: Reporter) -> None:
    """Slow failures are what one wants to see."""
    with pytest.raises(ZeroDivisionError), reporter.time("predict"):
        1 / 0  # noqa: B018
    ((_, row),) = reporter._aggregates.end()
    assert (row["metric"], row["count"]) == ("predict", 1)
    assert 0 <= row["sum"] < 10


def test_intervals_travel_and_merge_into_the_quantiles_of_all_values(
    fleet: LocalFleet, wait_until: WaitUntil, tmp_path: Path
) -> None:
    """Two nodes, three intervals each: as if all values had been in one place."""
    kind, rng = f"s{uuid.uuid4().hex[:12]}", np.random.default_rng(2)
    seen: dict[str, Any] = {}
    for node in ("node1", "node2"):
        clock = FakeClock()
        with Reporter(
            kind, client=fleet.node(node), clock=clock, folder=tmp_path / node
        ) as reporter:
            parts = [rng.exponential(5.0 if node == "node1" else 50.0, 3000) for _ in range(3)]
            for part in parts:
                for value in part:
                    reporter.observe("ms", value)
                reporter.count("frames", len(part))
                clock.advance(60)
        seen[node] = np.concatenate(parts)
    frames: list[pd.DataFrame] = []

    def all_there() -> bool:
        for one in arrived(fleet.cloud, f"{kind}-aggregates"):
            assert one.extra["aggregates"] is True
            frames.append(one.table.to_pandas().assign(node=one.node))
        return sum(map(len, frames)) == 12

    wait_until(all_there, timeout=60, show=lambda: frames)
    frame = pd.concat(frames)
    assert frame.groupby("metric")["count"].sum().to_dict() == {"frames": 18_000, "ms": 18_000}
    each = quantiles(frame, [0.1, 0.5, 0.99]).set_index("node")
    both = quantiles(frame, [0.5], by=())
    assert quantiles(frame, [0.5], by=["metric"]).columns.is_unique
    for node, values in seen.items():
        assert each.loc[node, "count"] == 9000
        assert each.loc[node, "max"] == values.max()
        for q in (0.1, 0.5, 0.99):
            assert abs((values <= each[q][node]).mean() - q) < 0.0133
    everything = np.concatenate([*seen.values()])
    assert both["count"].tolist() == [18_000]
    assert abs((everything <= both[0.5].iloc[0]).mean() - 0.5) < 0.0133


def test_sketch_that_is_none_is_left_out_and_said() -> None:
    """A node may send anything; the others count."""
    good = new_sketch()
    good.update(1.0)
    row = {"node": "n1", "metric": "ms", "kind": "distribution"}
    whole = good.serialize()
    odd = [b"", b"\x00" * 100, whole[:-1], bytes([255]) * 40, None, "text"]
    frame = pd.DataFrame([row | {"sketch": data} for data in (*odd, whole)])
    with pytest.warns(UserWarning, match="6 sketches"):
        assert quantiles(frame, [0.5])["count"].tolist() == [1]


def test_frame_or_quantile_that_is_none_is_refused() -> None:
    """With what is missing."""
    frame = pd.DataFrame({"metric": [], "kind": [], "sketch": []})
    with pytest.raises(InvalidMetaDataError, match="'node'"):
        quantiles(frame)
    with pytest.raises(InvalidMetaDataError, match="q = 50"):
        quantiles(frame, [50], by=())
    assert quantiles(frame, by=()).empty

"""What a data scientist is told of a fleet: who is silent, which version is better, who drifts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from scipy import stats

from syncnb import LocalFleet, collect, publish, report
from syncnb.errors import InvalidMetaDataError
from syncnb.statistics import compare, drift, summary

START = datetime(2030, 1, 1, tzinfo=UTC)
RNG = np.random.default_rng(7)


def reported(node: str, version: str, numbers: list[int], first_minute: int = 0) -> pd.DataFrame:
    """Numbered rows of one stream, one a minute."""
    at = [START + timedelta(minutes=first_minute + n) for n in range(len(numbers))]
    return pd.DataFrame(
        {
            "node": node, "node_type": "edge", "model_version": version, "reported_at": at,
            "stream": f"of-{node}", "sequence": pd.array(numbers, dtype="Int64"),
        }
    )  # fmt: skip


def test_summary_tells_who_is_silent_and_what_is_missing() -> None:
    """A gap counts where the rows go on, whatever the order in which they came."""
    rows = pd.concat(
        [
            reported("a", "1.0.0", [1, 2, 3, 7]),
            reported("a", "1.1.0", [10, 11], first_minute=30),
            reported("b", "1.0.0", [1, 2]),
        ]
    ).sample(frac=1, random_state=1)
    found = summary(rows, now=START + timedelta(hours=1)).frame
    assert found[["node", "version", "rows", "gaps"]].to_numpy().tolist() == [
        ["a", "1.0.0", 4, 3], ["a", "1.1.0", 2, 2], ["b", "1.0.0", 2, 0],
    ]  # fmt: skip
    assert found["silent"].tolist() == [timedelta(minutes=m) for m in (57, 29, 59)]
    assert found["longest_pause"].tolist() == [timedelta(minutes=1)] * 3
    assert str(found["last_seen"].dtype).endswith("UTC]")


def test_rows_without_numbers_and_versions_are_counted_all_the_same() -> None:
    """As `report` makes them."""
    rows = pd.DataFrame({"node": ["a", "a"], "reported_at": [START, START]})
    found = summary(rows).frame
    assert found[["version", "rows", "gaps"]].to_numpy().tolist() == [["", 2, 0]]


def test_from_a_row_of_the_summary_to_its_publication() -> None:
    """And back to the version before, which closes the loop."""
    with LocalFleet(nodes=1) as fleet:
        for version in ("1.0.0", "1.1.0"):
            publish(version.encode(), "model", "defects", version=version, client=fleet.cloud)
        report({"version": "1.1.0", "fps": 3}, "stats", client=fleet.node("node1"))
        found = summary(collect("stats", client=fleet.cloud, timeout=20))
        publication = found.publication(0, "defects", client=fleet.cloud)
        assert publication.version == found.frame.loc[0, "version"] == "1.1.0"
        assert publication.rollback().version == "1.0.0"
        with pytest.raises(InvalidMetaDataError, match=r"1\.1\.0"):  # it is not what is there now
            found.publication(0, "defects", client=fleet.cloud)
        with pytest.raises(InvalidMetaDataError, match="row"):
            found.publication(5, "defects", client=fleet.cloud)


def two_versions(nodes: int, rows: int, gain: float) -> pd.DataFrame:
    """Nodes differ much, the versions little."""
    level = RNG.normal(30, 8, nodes)
    parts = []
    for version, more in (("1.0.0", 0.0), ("1.1.0", gain)):
        for node in range(nodes):
            fps = RNG.normal(level[node] + more, 1.0, rows)
            parts.append(pd.DataFrame({"node": f"n{node}", "model_version": version, "fps": fps}))
    return pd.concat(parts, ignore_index=True)


def test_small_gain_is_seen_between_nodes_that_differ_much() -> None:
    """Because each node is compared with itself."""
    rows = two_versions(nodes=20, rows=30, gain=1.0)
    found = compare(rows, "1.0.0", "1.1.0", metric="fps")
    difference = found.frame.loc["difference"]
    assert found.unit == "node"
    assert 0 < difference["low"] < 1.0 < difference["high"]
    means = rows.groupby(["model_version", "node"])["fps"].mean().unstack(0)
    test = stats.ttest_rel(means["1.1.0"], means["1.0.0"])
    low, high = test.confidence_interval(0.95)
    assert (difference["low"], difference["high"]) == pytest.approx((low, high))
    assert found.p_value == pytest.approx(test.pvalue)
    assert found.sentence.startswith("fps: 1.1.0 is 1.")


def test_many_rows_of_two_nodes_are_no_many_observations() -> None:
    """With too few nodes rows count, and the result says so; with enough, only nodes do."""
    assert compare(two_versions(2, 30, 1.0), "1.0.0", "1.1.0", metric="fps").unit == "row"
    rows = two_versions(3, 500, 0.0)
    assert compare(rows, "1.0.0", "1.1.0", metric="fps").frame["n"].tolist() == [3, 3, 3]


@pytest.mark.parametrize(("gain", "p_value", "word"), [(0.0, 1.0, "no diff"), (1.0, 0.0, "high")])
def test_constant_metric_leaves_no_doubt(gain: float, p_value: float, word: str) -> None:
    """Neither NaN nor a warning comes out of it."""
    nodes = list("abcd")
    rows = pd.DataFrame(
        {"node": nodes * 2, "version": ["1"] * 4 + ["2"] * 4, "x": [5.0] * 4 + [5.0 + gain] * 4}
    )
    found = compare(rows, "1", "2", metric="x")
    assert list(found.frame.loc["difference"]) == [4, gain, gain, gain]
    assert found.p_value == p_value
    assert word in found.sentence


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 400 comparisons without a difference about 20 are wrong at 95 %."""
    wrong = 0
    for _ in range(400):
        rows = pd.DataFrame(
            {"node": "a", "version": ["1"] * 10 + ["2"] * 12, "x": RNG.normal(0, 1, 22)}
        )
        found = compare(rows, "1", "2", metric="x").frame.loc["difference"]
        wrong += not found["low"] <= 0 <= found["high"]
    assert 5 <= wrong <= 40


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"second": "9"}, "second"),
        ({"second": "1"}, "second"),
        ({"metric": "speed"}, "speed"),
        ({"metric": "node"}, "node"),
        ({"confidence": 95.0}, "confidence"),
        ({"unit": "fleet"}, "unit"),
    ],
)
def test_comparison_of_what_is_not_there_is_refused(options: dict[str, str], field: str) -> None:
    """With the field, and with what there is."""
    rows = pd.DataFrame({"node": "a", "version": ["1", "1", "2", "2"], "x": [1.0, 2.0, 3.0, 4.0]})
    given = {"first": "1", "second": "2", "metric": "x"} | options
    with pytest.raises(InvalidMetaDataError, match=field):
        compare(rows, given.pop("first"), given.pop("second"), **given)  # type: ignore[arg-type]


def fleet_of(nodes: int, rows: int, drifting: dict[str, float]) -> pd.DataFrame:
    """Light and labels as nodes see them."""
    parts = []
    for number in range(nodes):
        node = f"n{number:02}"
        light = RNG.normal(100 + drifting.get(node, 0.0), 15, rows)
        label = RNG.choice(["good", "scratch"], rows, p=[0.9, 0.1])
        parts.append(pd.DataFrame({"node": node, "light": light, "label": label}))
    return pd.concat(parts, ignore_index=True)


def test_the_one_node_that_drifts_is_found() -> None:
    """And no other of twenty, by no column."""
    reference = fleet_of(5, 400, {})
    found = drift(fleet_of(20, 300, {"n07": 25.0}), reference)
    assert found.drifted == ["n07"]
    first = found.frame[["column", "node", "verdict"]].iloc[0]
    assert list(first) == ["light", "n07", "drifted"]


@pytest.mark.parametrize("rows", [25, 60, 400])
def test_no_node_is_accused_by_accident(rows: int) -> None:
    """Forty nodes, two columns, no drift: also not where there are few rows."""
    assert drift(fleet_of(40, rows, {}), fleet_of(5, 400, {})).drifted == []


def test_texts_drift_by_their_shares_and_by_new_ones() -> None:
    """A word that the reference never had is a drift, and so is another mixture."""
    reference = pd.DataFrame({"label": ["good"] * 900 + ["scratch"] * 100})
    new = pd.DataFrame({"node": "new", "label": ["good"] * 60 + ["dent"] * 40})
    mixed = pd.DataFrame({"node": "mixed", "label": ["good"] * 50 + ["scratch"] * 50})
    same = pd.DataFrame({"node": "same", "label": ["good"] * 91 + ["scratch"] * 9})
    found = drift(pd.concat([new, mixed, same]), reference)
    assert set(found.drifted) == {"new", "mixed"}


def test_a_sensor_that_falls_silent_drifts() -> None:
    """Missing values have a share of their own."""
    reference = pd.DataFrame({"light": RNG.normal(100, 15, 500)})
    values = RNG.normal(100, 15, 200)
    values[:150] = np.nan
    rows = pd.DataFrame({"node": "a", "light": values})
    assert drift(rows, reference).frame["psi"].iloc[0] > 0.25


def test_constant_columns_and_few_rows_say_nothing() -> None:
    """Neither divides by zero, nor accuses."""
    reference = pd.DataFrame({"x": [1.0] * 50, "on": [True] * 50})
    rows = pd.DataFrame({"node": ["a"] * 50 + ["b"] * 5, "x": 1.0, "on": True})
    found = drift(rows, reference).frame.set_index(["node", "column"])["verdict"]
    assert set(found["a"]) == {"stable"}
    assert set(found["b"]) == {"too few rows"}


def test_drift_of_what_is_not_there_is_refused() -> None:
    """By name."""
    rows = pd.DataFrame({"node": ["a"] * 30, "x": range(30)})
    with pytest.raises(InvalidMetaDataError, match="speed"):
        drift(rows, rows, columns=["speed"])
    with pytest.raises(InvalidMetaDataError, match="column"):
        drift(rows, pd.DataFrame({"y": range(30)}))
    with pytest.raises(InvalidMetaDataError, match="20"):
        drift(rows, rows.head(10))
    with pytest.raises(InvalidMetaDataError, match="number"):
        drift(rows.assign(x="dark"), rows)


def test_results_show_themselves_as_tables() -> None:
    """In a terminal and in a notebook; a comparison says it in a sentence, too."""
    found = summary(reported("a", "1.0.0", [1, 2]))
    assert repr(found) == repr(found.frame)
    assert "<td>1.0.0</td>" in found._repr_html_()
    drifted = drift(fleet_of(2, 50, {}), fleet_of(5, 100, {}))
    assert repr(drifted) == repr(drifted.frame)
    compared = compare(two_versions(5, 10, 1.0), "1.0.0", "1.1.0", metric="fps")
    assert repr(compared).startswith(compared.sentence)
    assert "<p>fps: 1.1.0 is " in compared._repr_html_()


def test_pictures_say_what_the_tables_say() -> None:
    """Names of nodes and versions, what is missing, who drifts."""
    rows = pd.concat([reported("a", "1.0.0", [1, 5]), reported("b", "1.1.0", [1, 2], 9)])
    axes = summary(rows).plot()
    assert [t.get_text() for t in axes.get_yticklabels()] == ["a", "b"]
    assert [t.get_text() for t in axes.texts] == ["3 missing"]
    legend = axes.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["1.0.0", "1.1.0"]
    axes = compare(two_versions(5, 10, 1.0), "1.0.0", "1.1.0", metric="fps").plot()
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1.0.0\n5 nodes", "1.1.0\n5 nodes"]
    found = drift(fleet_of(6, 200, {"n03": 40.0}), fleet_of(5, 200, {}))
    axes = found.plot()
    assert len(axes.patches) == 1
    assert axes.texts[0].get_position() == (1, 3)
    pyplot.close("all")


@pytest.mark.parametrize(
    ("normal", "found"),
    [([0] * 95 + [1, 1, 2, 3, 5], 3), ([0] * 95 + [1] * 5, 1), ([1] * 100, 2), ([1] * 100, 0)],
)
def test_counts_that_moved_have_drifted(normal: list[int], found: int) -> None:
    """Most of their values are the same, which quantiles do not part."""
    rows = pd.DataFrame({"node": "n", "defects": [found] * 100})
    assert drift(rows, pd.DataFrame({"defects": normal})).drifted == ["n"]
    same = pd.DataFrame({"node": "n", "defects": normal})
    assert drift(same, pd.DataFrame({"defects": normal})).drifted == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda rows: summary(rows.to_dict("list")), "rows.*[Gg]ive a pandas DataFrame"),
        (
            lambda rows: summary(
                rows, now=rows["reported_at"][0].to_pydatetime().replace(tzinfo=None)
            ),
            "now.*[Aa]dd a time zone",
        ),
        (lambda rows: drift(rows, rows["x"].to_numpy()), "reference.*[Gg]ive a pandas DataFrame"),
        (lambda rows: drift(rows, rows, columns="x"), r"columns.*[Gg]ive a list, such as \['x'\]"),
        (lambda rows: drift(rows, rows, columns=["y"]), "rows.*[Gg]ive some with a column 'y'"),
        (lambda rows: compare(rows["x"], "1", "2", metric="x"), "rows.*[Gg]ive a pandas DataFrame"),
    ],
)
def test_what_is_no_table_is_named(call: Callable[[Any], object], said: str) -> None:
    """With what to give instead."""
    at = pd.to_datetime(["2030-01-01"] * 2, utc=True)
    rows = pd.DataFrame({"node": "n", "version": ["1", "2"], "reported_at": at, "x": [1.0, 2.0]})
    with pytest.raises(InvalidMetaDataError, match=said):
        call(rows)

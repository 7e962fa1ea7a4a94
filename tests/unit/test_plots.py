"""Pictures of a roll-out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from syncnb import LocalFleet, Publication, plots, publish, updates
from syncnb.errors import InvalidMetaDataError
from syncnb.publication import DeliveryRow

mpl.use("agg")


def legend(ax: Axes) -> list[str]:
    found = ax.get_legend()
    assert found is not None
    return [text.get_text() for text in found.get_texts()]


@pytest.fixture(autouse=True)
def _closed() -> object:
    yield
    plt.close("all")


@pytest.fixture
def publication(fleet: LocalFleet) -> Publication:
    """Forty nodes: 30 have it after 0.1 s each, the others not yet."""
    done = publish(b"1", "of-plots", "a", dest_type="nobody", version="1", client=fleet.cloud)
    for n in range(40):
        for status, after in (("sent", 0.0), ("delivered", 0.1 * n), ("consumed", 0.1 * n + 1)):
            if n < 30 or status == "sent":
                done._steps.append(
                    DeliveryRow(
                        dest_type="edge", dest_id=f"node{n}", status=status, message="",
                        version="1", since=done.published_at + timedelta(seconds=after),
                    )
                )  # fmt: skip
    return done


def test_the_rollout_rises_to_what_was_reached_and_names_who_did_not(
    publication: Publication,
) -> None:
    ax = plots.rollout(publication)
    x, y = map(np.asarray, ax.lines[0].get_data())
    assert (y[0], y[-1]) == (0, 30)
    assert x[-1] == pytest.approx(3.9, abs=0.01)
    assert ax.get_title(loc="left") == "30 of 40 nodes consumed"
    assert [text.get_text() for text in ax.texts] == [
        "not yet: edge/node30, edge/node31, edge/node32, edge/node33, edge/node34 and 5 more"
    ]
    assert plots.rollout(publication, status="delivered", ax=ax) is ax


def test_delivery_times_have_their_median(publication: Publication) -> None:
    ax = plots.delivery_times(publication)
    bars: list[Any] = list(ax.patches)
    assert sum(bar.get_height() for bar in bars) == 30
    assert legend(ax) == ["median: 1.45 s", "95 %: 2.75 s"]


def test_a_real_rollout_can_be_drawn(fleet: LocalFleet) -> None:
    done = publish(b"1", "of-real-plots", "a", dest_type="edge", client=fleet.cloud)
    done.wait("delivered", timeout=30)
    with next(iter(updates("of-real-plots", client=fleet.node("node1"), timeout=30))) as update:
        update.load()
    done.wait_for_change(10)
    history = done.history()
    assert {"delivered", "consumed"} <= set(history["status"])
    assert history["since"].is_monotonic_increasing
    assert plots.rollout(done).get_title(loc="left").startswith("1 of ")


def test_statistics_are_drawn_by_node_and_version() -> None:
    frame = pd.DataFrame(
        {
            "node": ["n10", "n2", "n2", "n2"],
            "model_version": ["1", "1", "2", "2"],
            "accuracy": [0.5, 0.6, 0.7, 0.9],
        }
    )
    ax = plots.by_version(frame, "accuracy")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["n2", "n10"]
    assert legend(ax) == ["1", "2"]
    drawn: list[Any] = list(ax.containers)
    means = [list(one.lines[0].get_xdata()) for one in drawn]
    assert means == [[0.5, 0.6], [pytest.approx(0.8)]]
    assert [
        label.get_text()
        for label in plots.by_version(frame, "accuracy", nodes=["n10"]).get_yticklabels()
    ] == ["n10"]


@pytest.mark.parametrize(
    ("column", "problem"), [("nothing", "nothing"), ("node", "Name a column of numbers")]
)
def test_a_column_that_cannot_be_drawn_is_named(column: str, problem: str) -> None:
    frame = pd.DataFrame({"node": ["a"], "reported_at": [datetime.now(UTC)]})
    with pytest.raises(InvalidMetaDataError, match=problem):
        plots.by_version(frame, column)


def test_what_nobody_reached_has_no_times(fleet: LocalFleet) -> None:
    done = publish(b"1", "of-plots", "b", dest_type="nobody", client=fleet.cloud)
    with pytest.raises(InvalidMetaDataError, match=r"publication\.wait"):
        plots.delivery_times(done)
    with pytest.raises(InvalidMetaDataError, match="status"):
        plots.rollout(done, status="arrived")

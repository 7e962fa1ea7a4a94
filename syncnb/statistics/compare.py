"""Whether one version does better than another, and how sure that is."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from syncnb.errors import InvalidMetaDataError
from syncnb.statistics.frames import library, numbers, require, version_column
from syncnb.statistics.shown import Shown

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas as pd

_NODES = 3  # with fewer, nodes say nothing of other nodes
Unit = Literal["node", "row"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison(Shown):
    """Two versions by one metric; in a notebook it shows itself as a table and a sentence.

    Parameters
    ----------
    metric : str
        The column that was compared.
    unit : {"node", "row"}
        What was counted as one observation.
    confidence : float
        Of the intervals, such as 0.95.
    frame : pandas.DataFrame
        A row each for the two versions and one for ``difference`` (second less first): ``n``,
        ``mean``, ``low`` and ``high``, the ends of the interval.
    p_value : float
        How probable a difference at least as large would be if there were none; two-sided.
    nodes : pandas.DataFrame
        The mean at each node: a column for each version, and ``difference``.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"node": list("abcabc"), "version": ["1"] * 3 + ["2"] * 3,
    ...                      "fps": [10.0, 20.0, 30.0, 11.0, 21.5, 31.5]})
    >>> compare(rows, "1", "2", metric="fps").frame.loc["difference", "mean"].round(2)
    np.float64(1.33)
    """

    metric: str
    unit: Unit
    confidence: float
    p_value: float
    nodes: pd.DataFrame

    @property
    def sentence(self) -> str:
        """What it says, in words."""
        first, second = self.frame.index[:2]
        found = self.frame.loc["difference"]
        percent = f"{self.confidence:.0%}"
        of = f"{int(self.frame['n'].iloc[0])} and {int(self.frame['n'].iloc[1])} {self.unit}s"
        if found["low"] <= 0 <= found["high"]:
            return (
                f"{self.metric}: no difference between {first} and {second} is shown; it lies "
                f"between {found['low']:+.4g} and {found['high']:+.4g} ({percent}, {of})"
            )
        word = "higher" if found["mean"] > 0 else "lower"
        return (
            f"{self.metric}: {second} is {abs(found['mean']):.4g} {word} than {first}, between "
            f"{found['low']:+.4g} and {found['high']:+.4g} ({percent}, {of})"
        )

    def _picture(self, ax: matplotlib.axes.Axes | None) -> matplotlib.axes.Axes:
        from syncnb.statistics.pictures import versions

        return versions(self, ax)

    def __repr__(self) -> str:
        return f"{self.sentence}\n{self.frame}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.sentence)}</p>{self.frame.to_html(border=0)}"


def compare(
    rows: pd.DataFrame,
    first: str,
    second: str,
    *,
    metric: str,
    confidence: float = 0.95,
    unit: Unit | None = None,
) -> Comparison:
    """Compare two versions by one metric.

    Rows of one node are alike, so many rows of few nodes make a difference look surer than it is.
    Therefore nodes are compared where there are enough: their means, and if each has used both
    versions, the differences of their means.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `collect` returns them.
    first, second : str
        Versions, as the column ``model_version`` (or ``version``) has them.
    metric : str
        A column of numbers; missing ones are left out.
    confidence : float, default 0.95
        Of the intervals; between 0 and 1.
    unit : {"node", "row"}, optional
        One observation; by default ``"node"`` if each version has at least three of them.

    Returns
    -------
    Comparison
        Means and difference, with their intervals.

    Raises
    ------
    InvalidMetaDataError
        A column or version is not there, the metric is no number, or there are fewer than two
        observations of a version.
    MissingDependencyError
        scipy is not installed.

    Notes
    -----
    Student's t for paired nodes, Welch's t otherwise (`scipy.stats.ttest_rel`,
    `scipy.stats.ttest_ind`); both want observations that are not too far from normal.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"node": list("abcabc"), "version": ["1"] * 3 + ["2"] * 3,
    ...                      "fps": [10.0, 20.0, 30.0, 11.0, 21.5, 31.5]})
    >>> print(compare(rows, "1", "2", metric="fps").sentence)
    fps: 2 is 1.333 higher than 1, between +0.6162 and +2.05 (95%, 3 and 3 nodes)
    """
    import pandas as pd

    stats = library("scipy.stats", "compare")
    require(rows, "node", metric)
    if not 0 < confidence < 1:
        raise InvalidMetaDataError("confidence", confidence, "give one between 0 and 1, as 0.95")
    if unit not in (None, "node", "row"):
        raise InvalidMetaDataError("unit", unit, "give 'node' or 'row'")
    table = pd.DataFrame(
        {
            "node": rows["node"].to_numpy(),
            "version": version_column(rows).to_numpy(),
            "value": numbers(rows, metric).to_numpy(),
        }
    ).dropna(subset=["value"])
    known = sorted(table["version"].unique())
    for field, version in (("first", first), ("second", second)):
        if version not in known:
            raise InvalidMetaDataError(field, version, f"take one of {known}")
    if first == second:
        raise InvalidMetaDataError("second", second, "give two versions")
    table = table[table["version"].isin([first, second])]
    nodes = table.pivot_table(index="node", columns="version", values="value", aggfunc="mean")
    nodes = nodes[[first, second]]
    if unit is None:
        unit = "node" if nodes.notna().sum().min() >= _NODES else "row"
    samples = [
        nodes[v].dropna() if unit == "node" else table.loc[table["version"] == v, "value"]
        for v in (first, second)
    ]
    for field, version, sample in zip(("first", "second"), (first, second), samples, strict=True):
        if len(sample) < 2:
            raise InvalidMetaDataError(
                field, version, f"wait until there are two {unit}s with {metric!r}, or more"
            )
    paired = unit == "node" and bool(nodes.notna().all(axis=None))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss")  # of values that are all the same
        if paired:
            test = stats.ttest_rel(samples[1], samples[0])
        else:
            test = stats.ttest_ind(samples[1], samples[0], equal_var=False)
    lines = []
    for sample in samples:
        low, high = _interval(stats, sample, confidence)
        lines.append((len(sample), float(sample.mean()), low, high))
    mean = lines[1][1] - lines[0][1]
    low, high = test.confidence_interval(confidence)
    p_value = float(test.pvalue)
    if low == high or math.isnan(low):  # all observations are the same, which leaves no doubt
        low = high = mean
        p_value = float(mean == 0)
    lines.append((min(lines[0][0], lines[1][0]), mean, float(low), float(high)))
    index = pd.Index([first, second, "difference"], name="version")
    nodes = nodes.assign(difference=nodes[second] - nodes[first])
    return Comparison(
        metric=metric,
        unit=unit,
        confidence=confidence,
        frame=pd.DataFrame(lines, columns=["n", "mean", "low", "high"], index=index),
        p_value=p_value,
        nodes=nodes.rename_axis(columns=None),
    )


def _interval(stats: Any, sample: pd.Series[float], confidence: float) -> tuple[float, float]:
    half = float(sample.sem() * stats.t.ppf(0.5 + confidence / 2, len(sample) - 1))
    return float(sample.mean()) - half, float(sample.mean()) + half

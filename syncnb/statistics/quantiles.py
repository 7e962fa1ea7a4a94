"""In the cloud: distributions of many nodes and intervals as quantiles."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from syncnb.errors import InvalidMetaDataError
from syncnb.statistics.aggregates import new_sketch

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = ("metric", "kind", "sketch")


def quantiles(
    frame: pd.DataFrame,
    q: Sequence[float] = (0.05, 0.5, 0.95),
    *,
    by: Sequence[str] = ("node",),
) -> pd.DataFrame:
    """Merge the distributions that nodes reported (`Reporter.observe`, `Reporter.time`).

    Parameters
    ----------
    frame : pandas.DataFrame
        What ``collect("stats-aggregates")`` returned, or rows of it.
    q : sequence of float, default (0.05, 0.5, 0.95)
        Which quantiles, from 0 to 1.
    by : sequence of str, default ("node",)
        Columns whose values are kept apart, beside the metric: such as ``"model_version"``; none,
        for one row a metric.

    Returns
    -------
    pandas.DataFrame
        A row for each metric and value of `by`: ``count``, ``min``, ``max``, and a column for each
        quantile, named by its number. Their ranks are off by at most 1.33 % (in 99 of 100 cases).

    Raises
    ------
    InvalidMetaDataError
        A quantile is not from 0 to 1; or the frame does not have a column.
    MissingDependencyError
        datasketches is not installed: extra ``sketches``.

    Warns
    -----
    UserWarning
        For sketches that cannot be read; they are left out.

    Notes
    -----
    KLL sketches merge without loss of that bound (Karnin, Lang, Liberty 2016, "Optimal Quantile
    Approximation in Streams"). They are read, never unpickled.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from syncnb import LocalFleet, Reporter, collect
    >>> with LocalFleet(nodes=1) as fleet, TemporaryDirectory() as folder:
    ...     with Reporter("stats", client=fleet.node("node1"), folder=folder) as reporter:
    ...         for score in range(101):
    ...             reporter.observe("score", score)
    ...     frame = collect("stats-aggregates", client=fleet.cloud, timeout=10)
    >>> quantiles(frame, [0.5])[["node", "metric", "count", 0.5]].values.tolist()
    [['node1', 'score', 101, 50.0]]
    """
    import pandas as pd

    if isinstance(by, str):
        raise InvalidMetaDataError("by", by, f"give a list, such as [{by!r}]")
    if isinstance(q, str | float | int):
        raise InvalidMetaDataError("q", q, "give a list of numbers from 0 to 1, such as [0.5]")
    for name in (*_NEEDED, *by):
        if name not in frame.columns:
            raise InvalidMetaDataError(
                "frame", list(frame.columns), f"it needs the column {name!r}, as collect has it"
            )
    for one in q:
        if not 0 <= one <= 1:
            raise InvalidMetaDataError("q", one, "give numbers from 0 to 1")
    keys = list(dict.fromkeys([*by, "metric"]))
    found = frame[frame["kind"] == "distribution"]
    rows, broken = [], 0
    for key, group in found.groupby(keys, dropna=False, sort=True):
        merged = new_sketch()
        for data in group["sketch"]:
            broken += not _merge(merged, data)
        if not merged.is_empty():
            said = {"count": merged.n, "min": merged.get_min_value(), "max": merged.get_max_value()}
            values = merged.get_quantiles(list(q))
            rows.append(
                dict(zip(keys, key, strict=True)) | said | dict(zip(q, values, strict=True))
            )
    if broken:
        warnings.warn(f"{broken} sketches cannot be read and are left out", stacklevel=2)
    return pd.DataFrame(rows, columns=[*keys, "count", "min", "max", *q])


def _merge(merged: Any, data: object) -> bool:
    """Whether the data are a sketch; then it is in the merged one."""
    try:
        merged.merge(type(merged).deserialize(bytes(data)))  # type: ignore[call-overload]
    except Exception:  # noqa: BLE001  whatever the library raises that is given odd data
        return False
    return True

"""Whether nodes see something else than what a model was made for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from syncnb.errors import InvalidMetaDataError
from syncnb.statistics.columns import COLUMNS
from syncnb.statistics.frames import library, require
from syncnb.statistics.shown import Shown

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas as pd

_BINS = 10
_SOME, _MUCH = 0.1, 0.25  # of the index: the usual bounds of small and large shifts
_SURE = 0.01  # p-value, of all tests together, below which a shift is no accident
_LEAST = 20  # rows of a node, below which nothing is said
_OWN = (*COLUMNS, "version")


class Drift(Shown):
    """A row for each column and node, the most drifted first.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns ``column``, ``node``, ``n``, ``psi`` (population stability index), ``ks``
        (Kolmogorov-Smirnov statistic, 0 to 1; NaN for texts), ``p_value`` (corrected for the
        number of tests) and ``verdict``: ``"stable"``, ``"some"``, ``"drifted"``, or
        ``"too few rows"``.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"node": "a", "light": [float(n) for n in range(500, 600)]})
    >>> drift(rows, pd.DataFrame({"light": range(100)})).drifted
    ['a']
    """

    @property
    def drifted(self) -> list[str]:
        """The nodes of which a column has drifted, the most drifted first."""
        found = self.frame.loc[self.frame["verdict"] == "drifted", "node"]
        return list(dict.fromkeys(found))

    def _picture(self, ax: matplotlib.axes.Axes | None) -> matplotlib.axes.Axes:
        from syncnb.statistics.pictures import heatmap

        return heatmap(self.frame, ax)


def drift(
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
) -> Drift:
    """Compare what each node reported with a reference, column by column.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `collect` returns them.
    reference : pandas.DataFrame
        What is normal: the data that the model was made with, or rows of a good time.
    columns : sequence of str, optional
        Which; by default all that both have, without those that syncnb adds.

    Returns
    -------
    Drift
        A row for each column and node.

    Raises
    ------
    InvalidMetaDataError
        A column is not there, there is none, or the reference has fewer than 20 values of it.
    MissingDependencyError
        scipy is not installed.

    Notes
    -----
    The index compares shares of ten bins, whose edges are quantiles of the reference (for texts:
    the shares of each), with a share of their own for missing values: the sum of ``(a - e) * log(a
    / e)``, ``a`` being the share of a node and ``e`` the expected one. Of few rows it is large by
    accident, by about (bins - 1)(1/n + 1/m); this much is taken off. A column has drifted if the
    rest is over 0.25 and the test (two samples, `scipy.stats.ks_2samp`; chi-squared for texts) is
    sure at 1 %, after Holm's correction for the number of tests.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"node": "a", "light": [float(n) for n in range(100)]})
    >>> drift(rows, rows).frame["verdict"].tolist()
    ['stable']
    """
    import pandas as pd

    stats = library("scipy.stats", "drift")
    require(rows, "node")
    require(reference, field="reference")
    names = _names(rows, reference, columns)
    found: list[dict[str, Any]] = []
    nodes = rows.groupby("node", sort=True)
    for name in names:
        normal = _Normal(stats, reference[name], name)
        for node, own in nodes:
            found.append({"column": name, "node": node} | normal.measure(own[name]))
    frame = pd.DataFrame(found, columns=["column", "node", "n", "psi", "ks", "p_value"])
    frame["p_value"] = _holm(frame["p_value"])
    frame["verdict"] = [_verdict(*row) for row in zip(frame["n"], frame["psi"], frame["p_value"],
                                                      strict=True)]  # fmt: skip
    order = frame["verdict"].map({"drifted": 0, "some": 1, "stable": 2, "too few rows": 3})
    frame = frame.assign(order=order).sort_values(
        ["order", "psi", "node", "column"], ascending=[True, False, True, True], ignore_index=True
    )
    return Drift(frame.drop(columns="order"))


class _Normal:
    """How a column is distributed in the reference."""

    def __init__(self, stats: Any, values: pd.Series[Any], name: str) -> None:
        import numpy as np
        import pandas as pd

        self._stats = stats
        self._numeric = pd.api.types.is_numeric_dtype(values.dtype) and not (
            pd.api.types.is_bool_dtype(values.dtype)
        )
        self._name = name
        there = values.dropna()
        if len(there) < _LEAST:
            raise InvalidMetaDataError(
                "reference", name, f"give at least {_LEAST} values of it, not {len(there)}"
            )
        self._size = len(values)
        if self._numeric:
            self._values = np.sort(there.to_numpy("float64"))
            quantiles = np.quantile(self._values, np.linspace(0, 1, _BINS + 1)[1:-1])
            edges, times = np.unique(quantiles, return_counts=True)
            # A value that is more than a bin by itself gets one of its own.
            above = np.nextafter(edges[times > 1], np.inf)
            self._edges = np.unique(np.concatenate([edges, above]))
        else:
            self._known = there.astype(str).unique()
        self._counts = self._count(values)

    def measure(self, values: pd.Series[Any]) -> dict[str, Any]:
        """Size, index, statistic and p-value of what a node has."""
        import numpy as np
        import pandas as pd

        there = values.dropna()
        if self._numeric and not pd.api.types.is_numeric_dtype(there.dtype):
            raise InvalidMetaDataError(
                self._name, str(there.dtype), "give rows in which it is a number, as in reference"
            )
        n = len(values)
        if n < _LEAST:
            return {"n": n, "psi": np.nan, "ks": np.nan, "p_value": np.nan}
        counts = self._count(values)
        psi = _index(self._counts, counts)
        if self._numeric and len(there):
            test = self._stats.ks_2samp(self._values, there.to_numpy("float64"))
            return {"n": n, "psi": psi, "ks": float(test.statistic), "p_value": float(test.pvalue)}
        seen = (self._counts + counts) > 0
        p = 1.0
        if seen.sum() > 1:
            table = np.vstack([self._counts[seen], counts[seen]])
            p = float(self._stats.chi2_contingency(table).pvalue)
        return {"n": n, "psi": psi, "ks": np.nan, "p_value": p}

    def _count(self, values: pd.Series[Any]) -> Any:
        """Of each bin, of what is in none, and of what is missing."""
        import numpy as np

        there = values.dropna()
        if self._numeric:
            bins = np.searchsorted(self._edges, there.to_numpy("float64"), side="right")
            counts = np.bincount(bins, minlength=len(self._edges) + 1)
        else:
            shares = there.astype(str).value_counts()
            known = shares.reindex(self._known, fill_value=0)
            counts = np.append(known.to_numpy(), len(there) - int(known.sum()))
        return np.append(counts, len(values) - len(there)).astype("float64")


def _names(
    rows: pd.DataFrame, reference: pd.DataFrame, columns: Sequence[str] | None
) -> Sequence[str]:
    if columns is None:
        both = [c for c in reference.columns if c in rows.columns and c not in _OWN]
        if not both:
            raise InvalidMetaDataError(
                "reference", list(reference.columns), "give it a column that the rows have too"
            )
        return both
    if isinstance(columns, str):
        raise InvalidMetaDataError("columns", columns, f"give a list, such as [{columns!r}]")
    for name in columns:
        require(rows, name)
        require(reference, name, field="reference")
    return list(columns)


def _index(expected: Any, found: Any) -> float:
    """Population stability index, less what few rows make by accident."""
    import numpy as np

    seen = (expected + found) > 0
    expected, found = expected[seen] + 0.5, found[seen] + 0.5  # no share is zero
    n, m = found.sum(), expected.sum()
    a, e = found / n, expected / m
    accident = (len(a) - 1) * (1 / n + 1 / m)
    return float(max(np.sum((a - e) * np.log(a / e)) - accident, 0.0))


def _holm(p_values: pd.Series[float]) -> pd.Series[float]:
    """Corrected for the number of tests (Holm 1979)."""
    known = p_values.dropna().sort_values()
    factors = range(len(known), 0, -1)
    return (known * list(factors)).cummax().clip(upper=1.0).reindex(p_values.index)


def _verdict(n: int, psi: float, p_value: float) -> str:
    if n < _LEAST:
        return "too few rows"
    if p_value > _SURE or psi < _SOME:
        return "stable"
    return "drifted" if psi > _MUCH else "some"

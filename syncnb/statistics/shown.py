"""A result that is a table, and has a picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Shown(ABC):
    """What a summary, a comparison and a drift have in common.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table; a notebook shows it.

    Examples
    --------
    >>> from syncnb.statistics import Drift
    >>> issubclass(Drift, Shown)
    True
    """

    frame: pd.DataFrame

    def plot(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where; by default a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            To go on with.

        Raises
        ------
        MissingDependencyError
            matplotlib is not installed.

        Examples
        --------
        >>> import pandas as pd
        >>> from syncnb.statistics import summary
        >>> rows = pd.DataFrame({"node": ["a"], "reported_at": pd.to_datetime(["2030-01-01"])})
        >>> summary(rows).plot().get_yticklabels()[0].get_text()
        'a'
        """
        return self._picture(ax)

    @abstractmethod
    def _picture(self, ax: matplotlib.axes.Axes | None) -> matplotlib.axes.Axes: ...

    def __repr__(self) -> str:
        return repr(self.frame)

    def _repr_html_(self) -> str:
        return self.frame.to_html(border=0)

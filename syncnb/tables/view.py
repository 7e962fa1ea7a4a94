"""One table in three forms: live in a notebook, drawn again in a terminal, lines in a script."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from syncnb.errors import SyncError
from syncnb.widgets import TableSource, follow, show, table_of, to_html, to_text
from syncnb.widgets.table import parse_time

if TYPE_CHECKING:
    import pandas as pd

    from syncnb.widgets import LiveTable

Source = TypeVar("Source", bound=TableSource)
_sources: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()


def shared(key: Hashable, make: Callable[[], Source]) -> Source:
    """What follows the same thing already, so that several tables ask the service once.

    Parameters
    ----------
    key : hashable
        What is followed.
    make : callable
        Makes the source if there is none.

    Returns
    -------
    TableSource
        It lives as long as somebody shows it.

    Examples
    --------
    >>> from syncnb.tables.transfers import Transfers
    >>> one = shared("example", Transfers)
    >>> shared("example", Transfers) is one
    True
    """
    source: Source | None = _sources.get(key)
    if source is None:
        source = _sources[key] = make()
    return source


class TableView:
    """A table that follows a service. In a notebook it shows itself, live.

    `fleet_table`, `watch` and `transfers` make it.

    Parameters
    ----------
    source : TableSource
        What it shows.

    Examples
    --------
    >>> from syncnb import LocalFleet, fleet_table
    >>> with LocalFleet(nodes=2) as fleet:
    ...     nodes = fleet_table(fleet.cloud)
    ...     nodes.to_pandas()["node"].tolist()
    ['edge/node1', 'edge/node2']
    """

    def __init__(self, source: TableSource) -> None:
        self._source = source
        self._live: LiveTable | None = None

    @property
    def title(self) -> str:
        """The line above the table."""
        return self._source.title

    @property
    def selected(self) -> list[str]:
        """Names of the rows that a reader has chosen in the notebook; its first column has them."""
        return list(self._live.selected) if self._live is not None else []

    def to_pandas(self) -> pd.DataFrame:
        """As it is now.

        Returns
        -------
        pandas.DataFrame
            The columns of the table, and ``message``; ``since`` as times (UTC).

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Examples
        --------
        >>> from syncnb import transfers
        >>> transfers().to_pandas().columns.tolist()
        ['transfer', 'progress', 'speed', 'status', 'since', 'message']
        """
        import pandas as pd

        self._source.wait_for_change(0)
        columns = [*(name for name in self._source.columns if name != "message"), "message"]
        rows = [[row.get(name, "") for name in columns] for row in self._source.rows()]
        frame = pd.DataFrame(rows, columns=columns, dtype="str")
        if "since" in columns:
            frame["since"] = pd.to_datetime(frame["since"].map(parse_time), utc=True)
        return frame

    def follow(self, *, timeout: float | None = None) -> None:
        """Show it in a terminal until nothing changes any more, or until Ctrl+C.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which it ends.

        Notes
        -----
        On a terminal, rich draws it again and again. Elsewhere each change is a line of text with
        its time, so that a log can be searched.

        Examples
        --------
        >>> from syncnb import LocalFleet, fleet_table
        >>> with LocalFleet(nodes=1) as fleet:
        ...     fleet_table(fleet.cloud).follow(timeout=0)  # doctest: +ELLIPSIS
        edge/node1  up to date  ...
        """
        with contextlib.suppress(KeyboardInterrupt):
            follow(self._source, timeout=timeout)

    def stop(self) -> None:
        """Follow no more; what is on the page stays as it is.

        Examples
        --------
        >>> from syncnb import transfers
        >>> transfers().stop()
        """
        if self._live is not None:
            self._live.stop()

    def __repr__(self) -> str:
        self._look()
        return to_text(self._source)

    def _repr_html_(self) -> str:
        self._look()
        return to_html(self._source)

    def _ipython_display_(self) -> None:
        self._look()
        show(self._source)
        self._live = table_of(self._source)

    def _look(self) -> None:
        """Look once, so that what is shown is true now; where that fails, `snapshot` says why."""
        with contextlib.suppress(SyncError):
            self._source.wait_for_change(0)

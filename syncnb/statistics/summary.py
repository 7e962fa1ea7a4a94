"""Who reported, how much, until when, and what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import in_utc, natural
from syncnb.publication import Publication
from syncnb.statistics.frames import require, version_column
from syncnb.statistics.shown import Shown

if TYPE_CHECKING:
    import matplotlib.axes
    import pandas as pd

    from syncnb.client import SyncServiceClient


class Summary(Shown):
    """A row for each node and version; in a notebook it shows itself as a table.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns ``node``, ``node_type``, ``version``, ``rows``, ``first_seen``, ``last_seen`` (UTC,
        by the node's clock), ``silent`` (time since then), ``gaps`` (rows that the node numbered
        and that are not here) and ``longest_pause``.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"node": ["a", "a"], "reported_at": pd.to_datetime(
    ...     ["2030-01-01 00:00", "2030-01-01 00:05"], utc=True)})
    >>> summary(rows, now=datetime(2030, 1, 1, 1, tzinfo=UTC)).frame["silent"].tolist()
    [Timedelta('0 days 00:55:00')]
    """

    def publication(
        self, row: int, name: str, *, client: SyncServiceClient | None = None
    ) -> Publication:
        """The publication whose model produced the rows that a row stands for.

        Parameters
        ----------
        row : int
            Label of the row in `frame`.
        name : str
            ID of the model that the nodes used.
        client : SyncServiceClient, optional
            The CSS; by default the one of the settings.

        Returns
        -------
        Publication
            Whose `rollback` goes back to an older version.

        Raises
        ------
        InvalidMetaDataError
            There is no such row, nobody said its version, or the service has another one by now.
        ObjectNotFoundError, AccessDeniedError, ServiceError, ConnectionFailedError
            As `Publication.of`.

        Examples
        --------
        >>> from syncnb import LocalFleet, collect, publish, report
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"m", "model", "defects", version="1.2.0", client=fleet.cloud)
        ...     name = report({"version": "1.2.0"}, "stats", client=fleet.node("node1"))
        ...     found = summary(collect("stats", client=fleet.cloud, timeout=10))
        ...     found.publication(0, "defects", client=fleet.cloud).version
        '1.2.0'
        """
        if row not in self.frame.index:
            raise InvalidMetaDataError("row", row, "take a label of .frame.index")
        version = str(self.frame.loc[row, "version"])
        found = Publication.of("model", name, client=client)
        if found.version != version:
            raise InvalidMetaDataError(
                "row",
                row,
                f"take one of version {found.version!r}, which the service has; this one is of "
                f"{version!r}, which syncnb.versions({name!r}) may know",
            )
        return found

    def _picture(self, ax: matplotlib.axes.Axes | None) -> matplotlib.axes.Axes:
        from syncnb.statistics.pictures import timeline

        return timeline(self.frame, ax)


def summary(rows: pd.DataFrame, *, now: datetime | None = None) -> Summary:
    """Who reported, how much, until when, and what is missing.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `collect` returns them. The version is that of the column
        ``model_version``, or of ``version`` if there is no such column.
    now : datetime, optional
        Aware; what ``silent`` is counted to.

    Returns
    -------
    Summary
        A row for each node and version, ordered by node and time.

    Raises
    ------
    InvalidMetaDataError
        A column that it needs is not there, or `now` has no time zone.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.to_datetime(["2030-01-01"] * 3, utc=True)
    >>> rows = pd.DataFrame({"node": "a", "reported_at": at, "stream": "s", "sequence": [1, 2, 5]})
    >>> summary(rows).frame[["node", "rows", "gaps"]].to_dict("records")
    [{'node': 'a', 'rows': 3, 'gaps': 2}]
    """
    import pandas as pd

    require(rows)
    rows = rows.reset_index(drop="reported_at" not in rows.index.names)
    require(rows, "node", "reported_at")
    now = datetime.now(UTC) if now is None else in_utc("now", now, exact=True)
    at = pd.to_datetime(rows["reported_at"], utc=True)
    version = version_column(rows)
    table = pd.DataFrame(
        {
            "node": rows["node"].to_numpy(),
            "node_type": rows["node_type"].to_numpy() if "node_type" in rows else "",
            "version": version.to_numpy(),
            "at": at.to_numpy(),
            "gaps": _gaps(rows).to_numpy(),
        }
    ).sort_values(["node", "version", "at"], ignore_index=True)
    groups = table.groupby(["node", "node_type", "version"], sort=False, dropna=False)
    table["pause"] = groups["at"].diff()
    found = groups.agg(
        rows=("at", "size"),
        first_seen=("at", "min"),
        last_seen=("at", "max"),
        gaps=("gaps", "sum"),
        longest_pause=("pause", "max"),
    ).reset_index()
    for name in ("first_seen", "last_seen"):
        found[name] = pd.to_datetime(found[name], utc=True)
    found["silent"] = pd.Timestamp(now) - found["last_seen"]
    nodes = sorted(found["node"].unique(), key=lambda node: natural(str(node)))
    places = {node: place for place, node in enumerate(nodes)}
    found = found.sort_values(
        ["node", "first_seen"],
        key=lambda column: column.map(places) if column.name == "node" else column,
        ignore_index=True,
    )
    return Summary(found[[*_ORDER]])


_ORDER = (
    "node", "node_type", "version", "rows", "first_seen", "last_seen", "silent", "gaps",
    "longest_pause",
)  # fmt: skip


def _gaps(rows: pd.DataFrame) -> Any:
    """How many numbers are missing before each row in its stream."""
    import pandas as pd

    none = pd.Series(0, index=rows.index, dtype="int64")
    if not {"stream", "sequence"} <= set(rows.columns):
        return none
    numbered = rows.loc[rows["sequence"].notna() & rows["stream"].notna(), ["stream", "sequence"]]
    numbered = numbered.astype({"sequence": "int64"}).sort_values(["stream", "sequence"])
    steps = numbered.groupby("stream")["sequence"].diff().fillna(1).astype("int64")
    none.loc[steps.index] = (steps - 1).clip(lower=0)
    return none

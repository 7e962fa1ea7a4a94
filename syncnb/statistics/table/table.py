"""`StatisticsTable`: what nodes reported, kept as Parquet files, each row once."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.errors import InvalidMetaDataError, SyncError, WrongSideError
from syncnb.metadata import check_name, in_utc
from syncnb.statistics.acknowledging import acknowledge_reports
from syncnb.statistics.fetching import fetch_reports
from syncnb.statistics.reports import Report, Unreadable
from syncnb.statistics.table.compacting import TARGET, compact
from syncnb.statistics.table.datasets import dataset_of
from syncnb.statistics.table.entries import Taken
from syncnb.statistics.table.info import TableInfo, brief, brief_html
from syncnb.statistics.table.log import Log
from syncnb.statistics.table.names import key_of
from syncnb.statistics.table.place import Place, open_place
from syncnb.statistics.table.planning import taken_of
from syncnb.statistics.table.reading import live_files, read_table
from syncnb.statistics.table.setting_aside import set_aside
from syncnb.statistics.table.updating import Clock, TableUpdate, Updater, utc_now

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as pads

_BATCH_BYTES = 64 << 20  # of rows in memory that one entry of the log brings
_BATCH_REPORTS = 5_000  # bounds the size of an entry of the log
_SMALL = 1 << 20  # bytes; a file for `compact` is not smaller


class StatisticsTable:
    """A table of everything that nodes reported, as plain Parquet files, each row once.

    Parameters
    ----------
    place : path or str
        A folder, or ``"s3://bucket/prefix"`` (extra ``s3``; endpoint, region and keys come from the
        ``AWS_*`` variables). Made by the first `update`.
    clock : callable, optional
        Gives the time, aware, instead of this machine's clock.

    Raises
    ------
    SettingsError
        `place` is neither.
    MissingDependencyError
        obstore is not installed, which S3 needs.

    Notes
    -----
    The rows are in ``day=YYYY-MM-DD/*.parquet``, for every program that reads Parquet with Hive
    partitions. Beside them, in ``_log``, every step of an update is written down before it is done,
    by a file that is made only if there is none: that is what makes two updaters, or one that was
    killed and its successor, bring each row once.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from syncnb import LocalFleet, report
    >>> with TemporaryDirectory() as folder, LocalFleet(nodes=1) as fleet:
    ...     sent = report({"fps": 29.8}, "stats", client=fleet.node("node1"))
    ...     arrived = fleet.cloud.watch_updated_objects("stats")
    ...     table = StatisticsTable(folder)
    ...     print(table.update("stats", client=fleet.cloud))
    ...     table.read()["fps"].tolist()
    1 new rows of 1 reports
    [29.8]
    """

    def __init__(self, place: Place | str | os.PathLike[str], *, clock: Clock = utc_now) -> None:
        self._place, self._clock = open_place(place), clock
        self._log = Log(self._place)

    @property
    def place(self) -> str:
        """Where it is."""
        return self._place.shown

    def update(
        self,
        object_type: str,
        *,
        client: SyncServiceClient | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> TableUpdate:
        """Bring in what nodes reported since, and acknowledge it.

        Parameters
        ----------
        object_type : str
            What was given to `report`, or to a `Reporter`. Several types may go into one table.
        client : SyncServiceClient, optional
            The CSS; by default the one of the settings.
        stop : callable, optional
            Asked between steps; after it says True, no further one is begun.

        Returns
        -------
        TableUpdate
            What came. What the table could not take is in its ``_set_aside``, each object in a
            folder with the reason; `info` names the latest.

        Raises
        ------
        InvalidMetaDataError
            The type is no name.
        WrongSideError
            The client is one of a node.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not give the reports, or take the acknowledgement. What was brought in
            stays; the next update finishes the rest.
        TableError
            The table cannot be read or written; as above.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from syncnb import LocalFleet
        >>> with TemporaryDirectory() as folder, LocalFleet(nodes=0) as fleet:
        ...     StatisticsTable(folder).update("stats", client=fleet.cloud)
        0 new rows of 0 reports
        """
        check_name("object_type", object_type)
        client = client_or_default(client)
        if not client.org_id:
            raise WrongSideError("StatisticsTable.update", "CSS")
        updater = Updater(
            self._place,
            self._log,
            org_id=client.org_id,
            acknowledge=partial(acknowledge_reports, client),
            clock=self._clock,
        )
        updater.finish()
        done = TableUpdate()
        with closing(self._batches(object_type, client)) as batches:
            for reports, bad, left in batches:
                done += updater.commit(reports, bad) + TableUpdate(left=left)
                if stop is not None and stop():
                    break
        updater.clean()
        return done

    def compact(self, *, target_bytes: int = TARGET) -> int:
        """Make few files of many, and give older ones the columns that came later.

        Parameters
        ----------
        target_bytes : int, default 256 MiB
            How large a file may become; those of at least half of it stay as they are.

        Returns
        -------
        int
            How many files were replaced.

        Raises
        ------
        InvalidMetaDataError
            `target_bytes` is less than 1 MiB.
        TableError
            The table cannot be read or written; nothing is lost.

        Notes
        -----
        Other programs that read the files meanwhile see the rows of a day twice for as long as it
        takes to remove the replaced files, or do not find a file that they had listed; `read` and
        `dataset` do not. In S3, files of the last ten minutes are left for the next time.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     StatisticsTable(folder).compact()
        0
        """
        if type(target_bytes) is not int or target_bytes < _SMALL:
            raise InvalidMetaDataError("target_bytes", target_bytes, f"give at least {_SMALL}")
        if not self._log.state().number:
            return 0
        updater = Updater(self._place, self._log, clock=self._clock)
        return compact(self._place, self._log, updater, self._clock, target_bytes)

    def read(
        self,
        columns: Sequence[str] | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        nodes: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """Rows, by when they were reported.

        Parameters
        ----------
        columns : sequence of str, optional
            Which; by default all, but not ``day``.
        since, until : datetime, optional
            Aware. Rows that were reported from `since` on, and before `until`, by the node's clock;
            where that was wrong, rows that came on these days.
        nodes : collection of str, optional
            IDs of nodes.

        Returns
        -------
        pandas.DataFrame
            In whole numbers and truth values where a row has none, ``<NA>``.

        Raises
        ------
        InvalidMetaDataError
            There is no such column, or a time has no time zone.
        TableError
            The table cannot be read.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     list(StatisticsTable(folder).read())[:3]
        ['node', 'node_type', 'reported_at']
        """
        if isinstance(nodes, str):
            raise InvalidMetaDataError("nodes", nodes, f"give a list, such as [{nodes!r}]")
        table = read_table(
            self._place,
            self._log,
            columns=columns,
            since=None if since is None else in_utc("since", since, exact=True),
            until=None if until is None else in_utc("until", until, exact=True),
            nodes=nodes,
        )
        return to_pandas(table)

    def dataset(self) -> pads.Dataset:
        """The table as a dataset of Arrow, which reads only what is asked for.

        Returns
        -------
        pyarrow.dataset.Dataset
            Of the files that are there now, with all columns and ``day``.

        Raises
        ------
        TableError
            The table cannot be read.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     StatisticsTable(folder).dataset().count_rows()
        0
        """
        files = live_files(self._place, self._log)
        return dataset_of(self._place, self._log.state().schema, files)

    def info(self) -> TableInfo:
        """How much there is, since when, and what was set aside.

        Returns
        -------
        TableInfo
            With a form as text and as HTML; it costs the same for every size of the table.

        Raises
        ------
        TableError
            The table cannot be read.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     StatisticsTable(folder).info().days
        ()
        """
        return TableInfo.of(self.place, self._log.state())

    def streams(self) -> pd.DataFrame:
        """What came of each spool of a `Reporter`, and what did not.

        Returns
        -------
        pandas.DataFrame
            ``stream``, ``node``, ``node_type``; ``first`` and ``last``, the sequence numbers that
            came; ``missing``, how many between 1 and ``last`` did not come; ``dropped``, how many
            of these the node says that it dropped. The others are under way, or were set aside.

        Raises
        ------
        TableError
            The table cannot be read.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     StatisticsTable(folder).streams().empty
        True
        """
        import pandas as pd

        rows = []
        for name, one in self._log.state().streams.items():
            last = one.intervals[-1][1]
            came = sum(b - a + 1 for a, b in one.intervals)
            rows.append(
                (name, one.node, one.node_type, one.intervals[0][0], last, last - came, one.dropped)
            )
        names = ["stream", "node", "node_type", "first", "last", "missing", "dropped"]
        return pd.DataFrame(rows, columns=names)

    def __repr__(self) -> str:
        try:
            return brief(self.info())
        except SyncError as error:
            return f"<StatisticsTable {self.place}: {error}>"

    def _repr_html_(self) -> str:
        try:
            return self.info()._repr_html_()
        except SyncError as error:
            return brief_html(self.place, str(error))

    def _batches(
        self, object_type: str, client: SyncServiceClient
    ) -> Generator[tuple[list[Report], list[Taken], int]]:
        """What each entry of the log is to bring; what is bad is set aside on the way."""
        reports: list[Report] = []
        bad: list[Taken] = []
        size = left = 0
        for one in fetch_reports(object_type, client):
            if isinstance(one, Report):
                reports.append(one)
                size += one.table.nbytes
            elif (taken := self._aside(one, client.org_id)) is not None:
                bad.append(taken)
            else:
                left += 1
            if size >= _BATCH_BYTES or len(reports) + len(bad) >= _BATCH_REPORTS:
                yield reports, bad, left
                reports, bad, size, left = [], [], 0, 0
        if reports or bad or left:
            yield reports, bad, left

    def _aside(self, one: Unreadable, org_id: str) -> Taken | None:
        """Keep an object that cannot be read, while its data are here; None if it has to stay."""
        meta = one.meta
        if not one.ours or (one.path is None and not meta.no_data):
            return None
        taken = taken_of(meta, org_id, key_of(org_id, meta), reason=one.reason)
        set_aside(self._place, taken, one.path)
        return taken


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Arrow's rows with dtypes that keep whole numbers whole where some are missing."""
    import pandas as pd
    import pyarrow as pa

    kept = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=kept.get)
    return frame

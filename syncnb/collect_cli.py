"""The command ``syncnb collect``: what nodes reported, once or as a service."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from syncnb.errors import (
    InvalidMetaDataError,
    MissingDependencyError,
    SettingsError,
    SyncError,
    WrongSideError,
)

if TYPE_CHECKING:
    import pandas as pd

    from syncnb.client import SyncServiceClient
    from syncnb.statistics import StatisticsTable

log = logging.getLogger("syncnb.collect")
_Client = Callable[[argparse.Namespace], "SyncServiceClient"]
_FOR_GOOD = (InvalidMetaDataError, MissingDependencyError, SettingsError, WrongSideError)
EPILOG = """\
With --to, the rows go into a table of Parquet files, each row once, whatever is interrupted:
  syncnb collect stats --to /data/stats
  syncnb collect stats --to s3://bucket/stats --every 10m --compact

With --every it goes on until SIGTERM, which it heeds between two steps, and past a service that is
away. Without --to, rows are printed or written once, and acknowledged when they are there.
docs/statistics-table.md tells it all."""


def add_options(parser: argparse.ArgumentParser, client: _Client) -> None:
    """Give a parser the options of ``syncnb collect``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Of the command.
    client : callable
        Makes a client of its options.
    """
    add = parser.add_argument
    add("type", help="type of the reports")
    add("--csv", type=Path, metavar="FILE", help="write it there")
    add("--parquet", type=Path, metavar="FILE", help="write it there, as Parquet")
    add("--json", action="store_true", help="a line of JSON a row")
    add("--keep", action="store_true", help="do not acknowledge: they come again")
    add("--timeout", type=float, default=0.0, metavar="S", help="wait for some")
    add("--to", metavar="PLACE", help="bring a table up to date: a folder, or s3://bucket/prefix")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--every", metavar="TIME", help="with --to: go on, such as 30s, 10m, 1h")
    when.add_argument("--once", action="store_true", help="with --to: once, as without --every")
    add("--compact", action="store_true", help="with --to: then compact it; at most once a day")
    parser.set_defaults(client=client)


def run(options: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    _check(options)
    with options.client(options) as client:
        return _keep(options, client) if options.to else _collect(options, client)


def _check(options: argparse.Namespace) -> None:
    """Refuse options that do not go together, before anything is done."""
    given = vars(options)
    if options.to == "":
        raise SettingsError("--to", "it is empty", "name a folder, or leave it out")
    if options.to is None:
        for name in ("every", "once", "compact"):
            if given[name]:
                raise SettingsError(f"--{name}", "it is for a table", "name one with --to")
        for name in ("csv", "parquet"):
            path = given[name]
            if not options.keep and path is not None and path.is_file() and path.stat().st_size:
                raise SettingsError(
                    f"--{name}",
                    f"{path} is there already, and what it holds comes only once",
                    "name another file, or keep a table with --to",
                )
    else:
        for name in ("json", "keep", "timeout"):
            if given[name]:
                raise SettingsError(f"--{name}", "it does not go with --to", "leave out one")


# ------------------------------------------------------------------------ once


def _collect(options: argparse.Namespace, client: SyncServiceClient) -> int:
    from syncnb.statistics import acknowledge_reports, gather

    with _exports(options) as export:  # before anything is waited for
        frame, reports = gather(
            options.type, client, timeout=options.timeout, consume=not options.keep
        )
        export(frame)
    for file in _files(options):
        print(f"{len(frame)} rows are in {file}")
    if options.json:
        print(frame.to_json(orient="records", lines=True, date_format="iso"), end="")
    elif not _files(options):
        print(frame.to_string(index=False) if len(frame) else "nothing was reported")
    sys.stdout.flush()
    if not options.keep:  # only now: the rows are where they were wanted
        acknowledge_reports(client, reports)
    return 0


def _files(options: argparse.Namespace) -> list[Path]:
    return [file for file in (options.csv, options.parquet) if file is not None]


@contextmanager
def _exports(options: argparse.Namespace) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write rows to the files that are asked for; they are whole after the block."""
    from contextlib import ExitStack

    from syncnb.whole_file import whole_bytes, whole_file

    with ExitStack() as stack:
        csv: IO[str] | None = None
        parquet: IO[bytes] | None = None
        if options.csv is not None:
            stack.enter_context(_written("--csv", options.csv))
            csv = stack.enter_context(whole_file(options.csv))
        if options.parquet is not None:
            stack.enter_context(_written("--parquet", options.parquet))
            parquet = stack.enter_context(whole_bytes(options.parquet))

        def export(frame: pd.DataFrame) -> None:
            if csv is not None:
                frame.to_csv(csv, index=False)
            if parquet is not None:
                frame.to_parquet(parquet, index=False)

        yield export


@contextmanager
def _written(option: str, path: Path) -> Iterator[None]:
    """Say which option names a place that cannot be written."""
    try:
        yield
    except SyncError:  # some are OSErrors too
        raise
    except OSError as error:
        remedy = "name a file that can be written"
        raise SettingsError(option, f"{path}: {error.strerror}", remedy) from error


# ------------------------------------------------------------------- a table


def _keep(options: argparse.Namespace, client: SyncServiceClient) -> int:
    from syncnb.statistics import StatisticsTable
    from syncnb.statistics.durations import seconds_of

    every = None if options.every is None else seconds_of("--every", options.every)
    table = StatisticsTable(options.to)
    if every is None:
        print(table.update(options.type, client=client))
        if options.compact:
            print(f"{table.compact()} files were compacted")
        _export_table(options, table)
        return 0
    log.setLevel(logging.INFO)
    stop = threading.Event()
    with _stopping(stop):
        _serve(options, client, table, every, stop)
    log.info("stopped")
    return 0


def _serve(
    options: argparse.Namespace,
    client: SyncServiceClient,
    table: StatisticsTable,
    every: float,
    stop: threading.Event,
) -> None:
    """Update a table again and again; what fails for now is tried again the next time."""
    log.info("%s goes into %s, every %s", options.type, table.place, options.every)
    compacted = ""
    due = time.monotonic()
    while not stop.is_set():
        try:
            done = table.update(options.type, client=client, stop=stop.is_set)
            if done.rows or done.reports or done.set_aside:
                log.info("%s", done)
                _export_table(options, table)
            today = datetime.now(UTC).date().isoformat()
            if options.compact and compacted != today and not stop.is_set():
                log.info("%d files were compacted", table.compact())
                compacted = today
        except _FOR_GOOD:
            raise
        except SyncError as error:
            log.error("%s", error)
        due = max(due + every, time.monotonic())
        stop.wait(due - time.monotonic())


def _export_table(options: argparse.Namespace, table: StatisticsTable) -> None:
    if files := _files(options):
        with _exports(options) as export:
            frame = table.read()
            export(frame)
        for file in files:
            print(f"{len(frame)} rows are in {file}", flush=True)


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """SIGTERM ends it between two steps."""

    def on_signal(number: int, frame: Any) -> None:
        stop.set()

    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

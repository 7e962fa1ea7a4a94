"""`syncnb collect`, once and as a service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from syncnb import LocalFleet, StatisticsTable, report
from tests.conftest import WaitUntil

from .test_cli import syncnb


def test_files_are_written_as_csv_and_parquet(fleet: LocalFleet, tmp_path: Path) -> None:
    """The same rows; they are acknowledged when both are there."""
    cloud = fleet.environment()
    report({"fps": 1.5}, "export", client=fleet.node("node1"))
    csv, parquet = tmp_path / "a.csv", tmp_path / "a.parquet"
    both = ("--csv", str(csv), "--parquet", str(parquet))
    done = syncnb("collect", "export", *both[:3], "/no/dir/x", "--timeout", "10", env=cloud)
    assert done.returncode == 2
    assert done.stderr.startswith("syncnb: --parquet: /no/dir/x: ")
    assert not list(tmp_path.iterdir())
    done = syncnb("collect", "export", *both, "--timeout", "10", env=cloud)
    assert done.stdout == f"1 rows are in {csv}\n1 rows are in {parquet}\n", done.stderr
    assert pd.read_csv(csv)["fps"].tolist() == pd.read_parquet(parquet)["fps"].tolist() == [1.5]
    done = syncnb("collect", "export", "--csv", str(csv), env=cloud)
    assert done.returncode == 2
    assert "what it holds comes only once" in done.stderr
    assert pd.read_csv(csv)["fps"].tolist() == [1.5]
    assert syncnb("collect", "export", env=cloud).stdout == "nothing was reported\n"


def test_table_is_brought_up_to_date_once(fleet: LocalFleet, tmp_path: Path) -> None:
    """With what came, and all of it exported."""
    cloud, table, csv = fleet.environment(), tmp_path / "table", tmp_path / "all.csv"
    for n in range(2):
        report({"n": n}, "to-table", client=fleet.node("node1"))
        fleet.cloud.watch_updated_objects("to-table")
        done = syncnb(
            "collect", "to-table", "--to", str(table), "--once", "--csv", str(csv), env=cloud
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("1 new rows of 1 reports\n")
        assert pd.read_csv(csv)["n"].tolist() == list(range(n + 1))
    done = syncnb("collect", "to-table", "--to", str(table), "--compact", env=cloud)
    assert done.stdout == "0 new rows of 0 reports\n2 files were compacted\n"
    assert StatisticsTable(table).read()["n"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--every", "1m"), "--every: it is for a table"),
        (("--compact",), "--compact: it is for a table"),
        (("--to", ""), "--to: it is empty"),
        (("--to", "x", "--keep"), "--keep: it does not go with --to"),
        (
            ("--to", "x", "--every", "often"),
            "--every = 'often' is not possible. Write it as \"60s\"",
        ),
        (("--to", "ftp://x"), "there are no tables at ftp://"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    fleet: LocalFleet, options: tuple[str, ...], said: str
) -> None:
    """Before anything is collected."""
    done = syncnb("collect", "stats", *options, env=fleet.environment())
    assert done.returncode == 2
    assert said in done.stderr


def test_service_goes_on_past_a_css_that_is_away_and_stops_at_sigterm(
    tmp_path: Path, wait_until: WaitUntil
) -> None:
    """It logs what it did, and what it could not do."""
    folder, log = tmp_path / "table", tmp_path / "log"
    with LocalFleet(nodes=1) as fleet, log.open("wb") as out:
        service = subprocess.Popen(
            [sys.executable, "-m", "syncnb", "collect", "stats", "--to", str(folder),
             "--every", "200ms"],
            env={**os.environ, **fleet.environment()}, stderr=out, stdout=out,
        )  # fmt: skip
        try:
            node, one = fleet.node("node1"), "INFO 1 new rows of 1 reports"
            report({"n": 1}, "stats", client=node)
            wait_until(lambda: log.read_text().count(one) == 1, show=log.read_text)
            fleet.kill("cloud")
            wait_until(lambda: "ERROR" in log.read_text(), show=log.read_text)
            fleet.restart("cloud")
            report({"n": 2}, "stats", client=node)
            wait_until(lambda: log.read_text().count(one) == 2, show=log.read_text)
            service.send_signal(signal.SIGTERM)
            assert service.wait(20) == 0
        finally:
            service.kill()
            service.wait()
    lines = log.read_text().splitlines()
    assert "stats goes into" in lines[0]
    assert lines[-1].endswith("INFO stopped")
    assert sorted(StatisticsTable(folder).read()["n"]) == [1, 2]
    assert not list(folder.glob("_staged/*"))

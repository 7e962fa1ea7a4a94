"""The time of `StatisticsTable.update()` with one new object: a table of 100 million rows and an empty one.

    python benchmarks/statistics_table.py [--rows 100_000_000] [--times 15]

The rows are made through the table's own steps (plan, stage, log, place, done), in batches of few
columns over the last 28 days. Then the same node reports one object for each table, in turns, and
each table is brought up to date by a program that has not seen it before.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from syncnb import LocalFleet, ObjectMetaData, StatisticsTable, report
from syncnb.statistics.columns import column_types
from syncnb.statistics.reports import Report
from syncnb.statistics.table.log import Log
from syncnb.statistics.table.place import open_place
from syncnb.statistics.table.updating import Updater

BATCH = 2_500_000  # rows
DAYS = 28


def fill(folder: Path, rows: int) -> None:
    """Make a table of so many rows."""
    place = open_place(folder)
    log = Log(place)
    updater = Updater(place, log, org_id="demo", acknowledge=lambda metas: None)
    now = datetime.now(UTC)
    for n in range(-(-rows // BATCH)):
        count = min(BATCH, rows - n * BATCH)
        start = now - timedelta(days=n % DAYS, hours=1)
        updater.commit([batch(n, count, start)])


def batch(n: int, count: int, start: datetime) -> Report:
    """Rows of one stream."""
    micros = int(start.timestamp() * 1e6)
    constant = {
        "node": f"node{n % 20}", "node_type": "edge", "object_id": f"o{n}", "stream": f"s{n % 20}",
        "model_version": "1.0.0",
    }  # fmt: skip
    first = n // 20 * BATCH + 1
    columns = {
        "value": pa.array(np.arange(count) % 1000 / 10),
        "reported_at": pa.array(micros + np.arange(count), pa.int64()),
        "sequence": pa.array(np.arange(first, first + count)),
        **{
            name: pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, "int8")), [text])
            for name, text in constant.items()
        },
    }
    types = {"value": pa.float64(), **column_types()}
    table = pa.table({name: columns[name].cast(kind) for name, kind in types.items()})
    meta = ObjectMetaData(
        object_type="bench", object_id=f"o{n}", instance_id=1,
        origin_type="edge", origin_id=constant["node"],
    )  # fmt: skip
    return Report(meta, table, constant["stream"], first, first + count - 1)


def one_update(fleet: LocalFleet, folder: Path, kind: str) -> float:
    """Seconds that an update with one new object takes, for a program that has just begun."""
    report([{"value": 0.5}] * 10, kind, client=fleet.node("node1"))
    while not fleet.cloud.get_updated_objects(kind, received=True):
        time.sleep(0.02)
    begun = time.perf_counter()
    done = StatisticsTable(folder).update(kind, client=fleet.cloud)
    took = time.perf_counter() - begun
    assert done.rows == 10, done
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--times", type=int, default=15)
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="syncnb-table-"))
    try:
        begun = time.perf_counter()
        fill(root / "large", options.rows)
        info = StatisticsTable(root / "large").info()
        print(info)
        print(f"made in {time.perf_counter() - begun:.0f} s")
        with LocalFleet(nodes=1) as fleet:
            took: dict[str, list[float]] = {"empty": [], "large": []}
            for n in range(options.times + 1):
                for name, times in took.items():
                    # each time a new empty table; the first turn warms up
                    folder = root / (name if name == "large" else f"{name}{n}")
                    seconds = one_update(fleet, folder, f"{name}.{n}")
                    if n:
                        times.append(seconds)
        medians = {name: statistics.median(times) for name, times in took.items()}
        for name, times in took.items():
            print(
                f"{name:<6} median {medians[name] * 1000:6.1f} ms   "
                f"least {min(times) * 1000:6.1f} ms   most {max(times) * 1000:6.1f} ms"
            )
        print(f"large / empty = {medians['large'] / medians['empty']:.2f}")
        assert (
            StatisticsTable(root / "large").info().rows
            == options.rows + 10 * len(took["large"]) + 10
        )
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()

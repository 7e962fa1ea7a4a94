"""An object that is larger than what memory shall hold."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from syncnb import LocalFleet, ObjectMetaData, StatisticsTable
from syncnb.statistics.fetching import LIMIT
from tests.conftest import WaitUntil
from tests.unit.statistics.sent import fresh

from .nodes import NOW, waiting

UPDATER = """
import sys, threading
from pathlib import Path
from syncnb import StatisticsTable, collect, connect

def anonymous():
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) * 1024

client, over = connect(), threading.Event()
collect("nothing", client=client)  # imports
before = most = anonymous()
def watch():
    global most
    while not over.wait(0.01):
        most = max(most, anonymous())
watcher = threading.Thread(target=watch)
watcher.start()
print(StatisticsTable(sys.argv[1]).update(sys.argv[2], client=client))
over.set()
watcher.join()
print(most - before)
"""


def test_large_object_is_brought_in_with_little_memory(
    fleet: LocalFleet, tmp_path: Path, wait_until: WaitUntil
) -> None:
    """By way of the disk, a piece at a time."""
    kind, node, path = fresh(), fleet.node("node1"), tmp_path / "data"
    count = 2_000_000
    values = np.random.default_rng(0).normal(size=count)
    times = pa.array(np.full(count, NOW.timestamp() * 1e6, np.int64)).cast(
        pa.timestamp("us", tz="UTC")
    )
    columns = {f"v{n}": values + n for n in range(18)}
    table = pa.table({**columns, "reported_at": times, "sequence": np.arange(1, count + 1)})
    pq.write_table(table, path, compression="none", use_dictionary=False, row_group_size=1 << 17)
    assert path.stat().st_size > LIMIT
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = {
        "manifest": 1, "format": "parquet", "codec": "parquet/1", "sha256": digest,
        "size": path.stat().st_size,
        "extra": {"stream": "s", "first": 1, "last": count, "dropped": 0},
    }  # fmt: skip
    meta = ObjectMetaData(
        object_type=kind, object_id="a", description=json.dumps({"text": "", "syncnb": manifest})
    )
    node.update_object(meta)
    node.update_object_data(meta, path)
    wait_until(lambda: waiting(fleet, kind) == {"a"}, timeout=60)
    done = subprocess.run(
        [sys.executable, "-c", UPDATER, str(tmp_path / "table"), kind],
        env={"PATH": "", "PYTHONPATH": ":".join(sys.path), **fleet.environment()},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, grown = done.stdout.splitlines()
    assert said == f"{count:,} new rows of 1 reports"
    assert int(grown) < LIMIT, f"{int(grown) >> 20} MiB"
    found = StatisticsTable(tmp_path / "table").dataset()
    assert found.count_rows() == count
    read = found.to_table(columns=["sequence", "v17"]).sort_by("sequence")
    assert read.column("v17").to_numpy().tolist() == (values + 17).tolist()

"""Measure collecting reports: python benchmarks/collect.py [WORKLOAD ...]

small: 20,000 reports of 10 KB, collected by a plain loop and by `collect`, both from one service
large: one report of 1 GiB, by `collect` and by curl and read_parquet, in turn
tiny: memory of `collect_batches` over 100,000 reports of one row
huge: memory of `collect_batches` and of `StatisticsTable.update` over one report of 5 GB

One line of JSON a figure. The reports are put into the store of the service before it starts, as
they are when nodes have sent them.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from syncnb import Manifest, StatisticsTable, SyncServiceClient, collect, collect_batches
from syncnb.service.lifecycle.base import COMPLETELY_RECEIVED
from syncnb.service.store import Key, ObjectRecord, StoredData, Transaction
from syncnb.service.store.schema import migrate
from syncnb.service.store.sqlite import SQLite
from syncnb.service.wire import decode_meta

ORG = "bench"
NOW = datetime.now(UTC)


def say(workload: str, **figures: object) -> None:
    print(json.dumps({"workload": workload, **figures}), flush=True)


def table(rows: int, first: int, columns: int, seed: int = 0) -> pa.Table:
    random = np.random.default_rng([first, seed])
    values = {f"value{i}": random.normal(size=rows) for i in range(columns)}
    return pa.table(
        {
            **values,
            "reported_at": pa.array(np.full(rows, NOW.timestamp() * 1e6, np.int64)).cast(
                pa.timestamp("us", tz="UTC")
            ),
            "sequence": pa.array(np.arange(first, first + rows)),
            "model_version": pa.repeat(pa.scalar("1.0.0"), rows),
        }
    )


class Store:
    """The store of a service that does not run yet."""

    def __init__(self, data: Path) -> None:
        (data / "blobs").mkdir(parents=True)
        self._data, backend = data, SQLite(data / "records.sqlite")
        self._connection = backend.connect()
        migrate(self._connection, backend.types)
        self._connection.begin(write=True)
        self._tx, self._instance = Transaction(self._connection.execute), time.time_ns()

    def add(
        self, object_type: str, content: bytes | Path, first: int, rows: int, node: str
    ) -> None:
        self._instance += 1
        if isinstance(content, bytes):
            digest, size = hashlib.sha256(content).hexdigest(), len(content)
            stored = StoredData(digest, size, content=content)
        else:
            with content.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            size, name = content.stat().st_size, f"{self._instance:032x}"
            os.link(content, self._data / "blobs" / name)
            stored = StoredData(digest, size, name)
        extra = {"stream": node, "first": first, "last": first + rows - 1, "dropped": 0}
        manifest = Manifest(
            format="parquet", codec="parquet/1", sha256=digest, size=size, extra=extra
        )
        object_id = f"{node}.{first:09}"
        meta = {
            "objectID": object_id, "objectType": object_type, "destinationOrgID": ORG,
            "description": manifest.to_description(), "originID": node, "originType": "edge",
            "instanceID": self._instance, "dataID": self._instance, "objectSize": size,
        }  # fmt: skip
        key = Key(ORG, object_type, object_id)
        record = ObjectRecord(key, COMPLETELY_RECEIVED, False, decode_meta(meta), self._tx.adopt(stored))  # fmt: skip
        self._tx.put_object(record)

    def close(self) -> None:
        self._connection.commit()
        self._connection.close()


@contextlib.contextmanager
def service(folder: Path) -> Iterator[SyncServiceClient]:
    auth = folder / "auth.json"
    admin = {"secret": "s", "orgID": ORG, "username": "a", "type": "admin"}
    auth.write_text(json.dumps({"credentials": {"admin": admin}}))
    process = subprocess.Popen(
        [sys.executable, "-m", "syncnb", "css", "--listen", "127.0.0.1:0",
         "--data", str(folder / "css"), "--auth", str(auth)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with SyncServiceClient(url, org_id=ORG, key="admin", secret="s") as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)


def plain_loop(client: SyncServiceClient, object_type: str) -> pd.DataFrame:
    frames = []
    for meta in client.get_updated_objects(object_type):
        frames.append(pd.read_parquet(io.BytesIO(client.read_object_data(meta))))
        client.mark_object_consumed(meta)
    return pd.concat(frames, ignore_index=True)


def small(folder: Path, count: int) -> None:
    store, rows, sizes = Store(folder / "css"), 150, []
    for object_type in ("plain", "fast"):
        for number in range(count):
            first, file = 1 + rows * (number // 20), io.BytesIO()
            seed = number + (count if object_type == "fast" else 0)
            pq.write_table(table(rows, first, 5, seed), file)
            content = file.getvalue()
            sizes.append(len(content))
            store.add(object_type, content, first, rows, f"node{number % 20}")
    store.close()
    with service(folder) as client:
        collect("none", client=client)  # imports
        started = time.perf_counter()
        fast = collect("fast", client=client, progress=False)
        took = time.perf_counter() - started
        started = time.perf_counter()
        plain = plain_loop(client, "plain")
        loop = time.perf_counter() - started
        assert len(fast) == len(plain) == rows * count
        left = client.get_updated_objects("fast") + client.get_updated_objects("plain")
        assert left == []
    say(
        "small", objects=count, bytes_each=round(statistics.mean(sizes)), plain_s=round(loop, 2),
        collect_s=round(took, 2), times_as_fast=round(loop / took, 1),
    )  # fmt: skip


def one_report(folder: Path, object_type: str, size: int) -> tuple[int, int]:
    """Put one report into the store of a service; returns its rows and bytes."""
    path, rows, first = folder / "source.parquet", 1 << 18, 1
    writer = None
    while not path.exists() or path.stat().st_size < size:
        one = table(rows, first, 15)
        writer = writer or pq.ParquetWriter(path, one.schema, use_dictionary=["model_version"])
        writer.write_table(one)
        first += rows
    assert writer is not None
    writer.close()
    bytes_each = path.stat().st_size
    store = Store(folder / "css")
    store.add(object_type, path, 1, first - 1, "node0")
    store.close()
    path.unlink()
    return first - 1, bytes_each


def large(folder: Path, size: int) -> None:
    rows, bytes_each = one_report(folder, "large", size)
    found = []
    with service(folder) as client:
        meta = client.get_updated_objects("large")[0]
        url = f"{client.url}/api/v1/objects/{ORG}/large/{meta.object_id}/data"
        collect("none", client=client)  # imports
        for _ in range(3):
            copy = folder / "copy"
            started = time.perf_counter()
            subprocess.run(["curl", "-sf", "-u", "admin:s", "-o", str(copy), url], check=True)
            length = len(pd.read_parquet(copy))
            curl = time.perf_counter() - started
            copy.unlink()
            started = time.perf_counter()
            assert len(collect("large", client=client, consume=False, progress=False)) == length
            found.append((curl, time.perf_counter() - started))
    curl, took = (statistics.median(one) for one in zip(*found, strict=True))
    say(
        "large", bytes=bytes_each, rows=rows, curl_and_read_parquet_s=round(curl, 2),
        collect_s=round(took, 2), times=round(took / curl, 2),
    )  # fmt: skip


def tiny(folder: Path, count: int) -> None:
    store, file = Store(folder / "css"), io.BytesIO()
    for number in range(1, count + 1):
        file.seek(0)
        file.truncate()
        pq.write_table(table(1, number, 1), file)
        store.add("tiny", file.getvalue(), number, 1, "node0")
    store.close()
    with service(folder) as client:
        collect("none", client=client)  # imports
        process = psutil.Process()
        before = most = process.memory_info().rss
        rows, started = 0, time.perf_counter()
        for batch in collect_batches("tiny", client=client, rows=5000, limit_bytes=8 << 20):
            rows += len(batch)
            most = max(most, process.memory_info().rss)
        assert rows == count
    say(
        "tiny", objects=count, seconds=round(time.perf_counter() - started, 1),
        grown_mib=round((most - before) / 2**20),
    )  # fmt: skip


def huge(folder: Path, size: int) -> None:
    rows, bytes_each = one_report(folder, "huge", size)
    with service(folder) as client:
        collect("none", client=client)  # imports

        def batches() -> int:
            return sum(map(len, collect_batches("huge", client=client, consume=False, to="arrow")))

        def update() -> int:
            return StatisticsTable(folder / "table").update("huge", client=client).rows

        for what, work in (("collect_batches", batches), ("StatisticsTable.update", update)):
            started = time.perf_counter()
            with Memory() as memory:
                assert work() == rows
            say(
                "huge", what=what, bytes=bytes_each, rows=rows, grown_mib=memory.grown >> 20,
                seconds=round(time.perf_counter() - started, 1),
            )  # fmt: skip


class Memory:
    """How much this process grows, without files that are mapped."""

    def __enter__(self) -> Memory:
        self._before = self._most = self._now()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.join()
        self.grown = self._most - self._before

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self._most = max(self._most, self._now())

    def _now(self) -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0]) * 1024


KINDS = {
    "small": (small, 20_000),
    "large": (large, 1 << 30),
    "tiny": (tiny, 100_000),
    "huge": (huge, 5_000_000_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("workloads", nargs="*", default=list(KINDS), metavar="WORKLOAD")
    parser.add_argument("--count", type=int, help="objects, or bytes of the large one")
    options = parser.parse_args()
    for name in options.workloads:
        work, count = KINDS[name]
        with tempfile.TemporaryDirectory(prefix="syncnb-bench-") as folder:
            work(Path(folder), options.count or count)


if __name__ == "__main__":
    main()

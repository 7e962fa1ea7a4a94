"""Measure the embedded CSS as its users load it: python benchmarks/service.py [WORKLOAD ...]

small: publications of 1 KB (metadata, then data), 1 and 16 at a time, and their reading
big: 256 MB up and down by curl
growth: listing the updates of an empty type with 100 and with 100,000 objects stored
nodes: 64 KB to 20 and to 1,000 simulated nodes that wait, and what 1,000 idle ones cost
rest: resident memory of a CSS and of an ESS that have nothing to do

One line of JSON a figure, beside the floor of the same run where there is one. --database and
--blobs go to the service, such as a URL of PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import psutil
import uvloop
from http_client import Http

ORG = "bench"
KINDS = ("small", "big", "growth", "nodes", "rest")


def say(workload: str, **figures: object) -> None:
    print(json.dumps({"workload": workload, **figures}), flush=True)


class Css:
    """A CSS of its own process, with an administrator and as many nodes as are wanted."""

    def __init__(self, folder: Path, options: list[str], nodes: int) -> None:
        credentials = {
            f"n{i}": {"secret": "s", "orgID": ORG, "username": f"edge/n{i}", "type": "edgenode"}
            for i in range(nodes)
        }
        credentials["admin"] = {"secret": "s", "orgID": ORG, "username": "a", "type": "admin"}
        auth = folder / "auth.json"
        auth.write_text(json.dumps({"credentials": credentials}))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "syncnb", "css", "--listen", "127.0.0.1:0",
             "--data", str(folder / "css"), "--auth", str(auth), *options],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        host, port = self.url.removeprefix("http://").split(":")
        self.address = (host, int(port))
        self.statistics = psutil.Process(self.process.pid)

    def admin(self) -> Http:
        return Http(*self.address, "admin", "s")

    def node(self, number: int) -> Http:
        dest = f"{ORG}/edge/n{number}"
        return Http(*self.address, f"n{number}", "s", **{"X-Sync-Service-Dest": dest})

    def rss(self) -> float:
        return round(self.statistics.memory_info().rss / 2**20, 1)

    def cpu(self) -> float:
        times = self.statistics.cpu_times()
        return times.user + times.system


@contextlib.contextmanager
def css(options: list[str], nodes: int = 0) -> Iterator[Css]:
    with tempfile.TemporaryDirectory(prefix="syncnb-bench-") as folder:
        one = Css(Path(folder), options, nodes)
        try:
            yield one
        finally:
            one.process.terminate()
            one.process.wait(30)


def fsyncs_per_second() -> float:
    """The floor of everything durable: 4 KB written and synced, one after the other."""
    with tempfile.NamedTemporaryFile(prefix="syncnb-bench-") as file:
        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < 1:
            os.pwrite(file.fileno(), b"x" * 4096, 4096 * count)
            os.fsync(file.fileno())
            count += 1
    return float(count)


async def each(workers: int, count: int, work: Callable[[int, int], Awaitable[None]]) -> float:
    """Do `work(worker, i)` for every i, `workers` at a time; returns how many a second."""

    async def run(worker: int) -> None:
        for i in range(worker, count, workers):
            await work(worker, i)

    started = time.perf_counter()
    await asyncio.gather(*(run(worker) for worker in range(workers)))
    return round(count / (time.perf_counter() - started), 1)


def meta(object_type: str, object_id: str, **more: object) -> bytes:
    fields = {"objectType": object_type, "objectID": object_id, "destinationType": "nobody"}
    return json.dumps({"meta": fields | more}).encode()


async def small(options: list[str]) -> None:
    with css(options) as service:
        for workers, count in ((1, 1500), (16, 4000)):
            await publish_and_read(service, workers, count)


async def publish_and_read(service: Css, workers: int, count: int) -> None:
    clients = [service.admin() for _ in range(workers)]
    object_type, body = f"small{workers}", os.urandom(1024)
    path = f"/api/v1/objects/{ORG}/{object_type}/"

    async def publish(worker: int, i: int) -> None:
        client, name = clients[worker], f"{path}o{i}"
        status, _ = await client.request("PUT", name, meta(object_type, f"o{i}"))
        assert status == 204, status
        status, _ = await client.request("PUT", f"{name}/data", body)
        assert status == 204, status

    async def read(worker: int, i: int) -> None:
        status, data = await clients[worker].request("GET", f"{path}o{i}/data")
        assert (status, len(data)) == (200, 1024), status

    await each(workers, 200, publish)
    floor = fsyncs_per_second()
    rate = await each(workers, count, publish)
    say("small publish", workers=workers, per_s=rate, fsyncs_per_s=floor)
    say("small get", workers=workers, per_s=await each(workers, count, read))


async def big(options: list[str]) -> None:
    size = 256 << 20
    with css(options) as service, tempfile.TemporaryDirectory(prefix="syncnb-bench-") as folder:
        path, data = Path(folder) / "data", os.urandom(size)
        path.write_bytes(data)
        client, name = service.admin(), f"/api/v1/objects/{ORG}/big/a"
        curl, url = ["curl", "-sf", "-u", "admin:s"], f"{service.url}{name}/data"

        def run(*arguments: str) -> None:
            subprocess.run([*curl, *arguments, url], check=True)

        seconds: dict[str, list[float]] = {}
        for _ in range(5):
            await client.request("PUT", name, meta("big", "a"))
            for what, work in (
                ("up", lambda: run("-T", str(path))),
                ("down", lambda: run("-o", os.devnull)),
                ("write_and_fsync", lambda: synced(Path(folder) / "copy", data)),
                ("sha256", lambda: hashlib.sha256(data)),
            ):
                seconds.setdefault(what, []).append(timed(work))
        rates = {what: round(256 / statistics.median(times)) for what, times in seconds.items()}
        say("256 MB", unit="MB/s", **rates)


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        os.fsync(file.fileno())


async def growth(options: list[str]) -> None:
    with css(options) as service:
        clients, done = [service.admin() for _ in range(16)], 0

        async def store(worker: int, i: int) -> None:
            path = f"/api/v1/objects/{ORG}/many/o{done + i}"
            await clients[worker].request("PUT", path, meta("many", f"o{done + i}", noData=True))

        for total in (100, 10_000, 100_000):
            await each(16, total - done, store)
            done = total
            await asyncio.sleep(1)
            figures = {}
            for name, path in (("poll_empty_type", "none"), ("status", "many/o1/status")):
                seconds = []
                for _ in range(200):
                    started = time.perf_counter()
                    await clients[0].request("GET", f"/api/v1/objects/{ORG}/{path}")
                    seconds.append(time.perf_counter() - started)
                figures[f"{name}_ms"] = round(statistics.median(seconds) * 1000, 2)
            say("growth", objects=total, **figures, rss_mb=service.rss())


class SimulatedNode:
    """What an ESS does with an update, without keeping anything."""

    def __init__(self, http: Http, number: int) -> None:
        self._http, self._number = http, number
        self.received: dict[str, float] = {}

    async def register(self) -> None:
        path = f"/spi/v1/register-new/{ORG}/edge/n{self._number}?persistent-storage=true"
        status, _ = await self._http.request("PUT", path)
        assert status == 204, status

    async def run(self) -> None:
        while True:
            status, body = await self._http.request(
                "GET", "/spi/v1/objects/", headers="Prefer: wait=60\r\n"
            )
            if status != 200:
                continue
            for item in json.loads(body):
                one = item["MetaData"]
                path = (
                    f"/spi/v1/objects/{ORG}/{one['objectType']}/{one['objectID']}"
                    f"/{one['instanceID']}/{one['dataID']}/"
                )
                if item["Type"] != "update":
                    await self._http.request("PUT", f"{path}ackDelete")
                    continue
                await self._http.request("PUT", f"{path}updated")
                status, data = await self._http.request("GET", f"{path}data")
                assert (status, len(data)) == (200, one["objectSize"]), status
                await self._http.request("PUT", f"{path}received")
                self.received[one["objectID"]] = time.perf_counter()


async def nodes(options: list[str]) -> None:
    for count in (20, 1000):
        with css(options, count) as service:
            fleet = [SimulatedNode(service.node(i), i) for i in range(count)]
            for node in fleet:
                await node.register()
            running = [asyncio.create_task(node.run()) for node in fleet]
            await asyncio.sleep(3)
            if count == 1000:
                before, started = service.cpu(), time.perf_counter()
                await asyncio.sleep(10)
                spent = (service.cpu() - before) / (time.perf_counter() - started)
                say(
                    "idle",
                    nodes=count,
                    percent_of_a_core=round(100 * spent, 2),
                    rss_mb=service.rss(),
                )
            admin, medians, lasts = service.admin(), [], []
            for i in range(5 if count == 20 else 3):
                path, data = f"/api/v1/objects/{ORG}/model/m{i}", os.urandom(64 << 10)
                await admin.request("PUT", path, meta("model", f"m{i}", destinationType="edge"))
                started = time.perf_counter()
                await admin.request("PUT", f"{path}/data", data)
                while not all(f"m{i}" in node.received for node in fleet):
                    await asyncio.sleep(0.005)
                took = sorted(node.received[f"m{i}"] - started for node in fleet)
                medians.append(statistics.median(took))
                lasts.append(took[-1])
                await asyncio.sleep(0.5)
            say("64 KB to waiting nodes", nodes=count, median_s=round(statistics.median(medians), 3),
                last_s=round(max(lasts), 3), rss_mb=service.rss())  # fmt: skip
            for task in running:
                task.cancel()


async def rest(options: list[str]) -> None:
    from syncnb import LocalFleet

    with LocalFleet(nodes=1) as fleet:
        await asyncio.sleep(5)
        for name in ("cloud", "node1"):
            process = psutil.Process(fleet._hosts[name].process.pid)
            say("at rest", service=name, rss_mb=round(process.memory_info().rss / 2**20, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(KINDS))
    parser.add_argument("--database")
    parser.add_argument("--blobs")
    arguments = parser.parse_args()
    options = []
    for name in ("database", "blobs"):
        if value := getattr(arguments, name):
            options += [f"--{name}", value]
    for workload in arguments.workloads or KINDS:
        uvloop.run(globals()[workload](options))


if __name__ == "__main__":
    main()

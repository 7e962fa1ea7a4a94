"""Measure what the client adds to a transfer: python benchmarks/transfers.py [WORKLOAD ...]

big: 1 GiB up and down, beside curl at the same service in the same run
small: calls for metadata, beside a bare `requests.Session` that makes the same ones
threads: 32 threads on one client, beside 32 clients
memory: peak of a process that moves 1 MiB and 1 GiB, up and down

One line of JSON a figure. `ratio` is the median of the ratios of rounds that measure both in turn;
on a machine that others use too, the ratio of the fastest rounds says more.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import requests
from service import ORG, Css, css

from syncnb import ObjectMetaData, SyncServiceClient

KINDS = ("big", "small", "threads", "memory")
GIB = 1 << 30
ROUNDS = 7
META = ObjectMetaData(object_type="big", object_id="a", dest_type="nobody")


def say(workload: str, **figures: object) -> None:
    print(json.dumps({"workload": workload, **figures}), flush=True)


def client_of(service: Css) -> SyncServiceClient:
    return SyncServiceClient(service.url, org_id=ORG, key="admin", secret="s")


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(workload: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Time both in turn, each first as often as the other; the disk is at rest before each."""
    pairs = []
    for turn in range(ROUNDS):
        seconds = {}
        for work in (ours, theirs) if turn % 2 else (theirs, ours):
            os.sync()
            seconds[work] = timed(work)
        pairs.append((seconds[ours], seconds[theirs]))
    say(
        workload,
        seconds=round(statistics.median(one for one, _ in pairs), 3),
        curl_seconds=round(statistics.median(other for _, other in pairs), 3),
        ratio=round(statistics.median(one / other for one, other in pairs), 3),
        ratio_of_fastest=round(min(one for one, _ in pairs) / min(other for _, other in pairs), 3),
        ratios=sorted(round(one / other, 2) for one, other in pairs),
    )


def big() -> None:
    with css([]) as service, tempfile.TemporaryDirectory(prefix="syncnb-bench-") as name:
        folder, client = Path(name), client_of(service)
        path = folder / "data"
        with path.open("wb") as file:
            for _ in range(1024):
                file.write(os.urandom(1 << 20))
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        url = f"{service.url}/api/v1/objects/{ORG}/big/a/data"
        client.update_object(META)
        client.update_object_data(META, path)
        meta = client.get_object_metadata("big", "a")

        def curl(*arguments: str) -> None:
            subprocess.run(["curl", "-sf", "-u", "admin:s", *arguments, url], check=True)

        def fresh(name: str) -> str:
            (folder / name).unlink(missing_ok=True)
            return str(folder / name)

        def fetch() -> None:
            with Path(fresh("ours")).open("wb") as out:
                client.fetch_object_data(meta, out)

        def fetched_nowhere() -> None:
            with Path(os.devnull).open("wb") as out:
                client.fetch_object_data(meta, out)

        def download(connections: int, sha256: str | None) -> None:
            client.download_object_data(meta, fresh("ours"), connections=connections, sha256=sha256)

        def curl_durably() -> None:
            curl("-o", fresh("theirs"))
            with Path(folder / "theirs").open("rb") as file:
                os.fsync(file.fileno())

        compare("up, a path", lambda: client.update_object_data(META, path),
                lambda: curl("-T", str(path)))  # fmt: skip
        compare("up, its digest compared", lambda: client.update_object_data(META, path, sha256=digest),
                lambda: curl("-T", str(path)))  # fmt: skip
        meta = client.get_object_metadata("big", "a")
        compare("down to /dev/null", fetched_nowhere, lambda: curl("-o", os.devnull))
        compare("down to a file object", fetch, lambda: curl("-o", fresh("theirs")))
        for connections in (1, 4):
            text = f"down to a path, {connections} connection(s)"
            for what, sha256 in (("", None), (", its digest compared", digest)):
                compare(
                    f"{text}{what}; curl and fsync",
                    partial(download, connections, sha256),
                    curl_durably,
                )


def rates(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Calls a second of both, in short turns, so that both see the same load of the machine."""
    batch, seconds = 20, {ours: 0.0, theirs: 0.0}
    for turn in range(50):
        for work in (ours, theirs) if turn % 2 else (theirs, ours):
            seconds[work] += timed(lambda: [work() for _ in range(batch)])  # noqa: B023
    return tuple(50 * batch / seconds[work] for work in (ours, theirs))  # type: ignore[return-value]


def small() -> None:
    with css([]) as service:
        client, session = client_of(service), requests.Session()
        client.update_object(META, data=b"x" * 1024)
        session.auth = ("admin", "s")
        url = f"{service.url}/api/v1/objects/{ORG}/big/a"
        meta = client.get_object_metadata("big", "a")
        for name, ours, theirs in (
            ("metadata", lambda: client.get_object_metadata("big", "a"),
             lambda: session.get(url, timeout=10).json()),
            ("status", lambda: client.get_object_status("big", "a"),
             lambda: session.get(f"{url}/status", timeout=10).text),
            ("1 KiB of data", lambda: client.read_object_data(meta),
             lambda: session.get(f"{url}/data", timeout=10).content),
        ):  # fmt: skip
            pairs = [rates(ours, theirs) for _ in range(ROUNDS)]
            say(
                f"small, {name}",
                per_s=round(statistics.median(one for one, _ in pairs)),
                session_per_s=round(statistics.median(other for _, other in pairs)),
                ratio=round(statistics.median(one / other for one, other in pairs), 3),
            )


def threads(count: int = 32) -> None:
    def run(clients: list[SyncServiceClient], each: int = 60) -> float:
        def work(client: SyncServiceClient) -> None:
            for _ in range(each):
                client.get_object_metadata("big", "a")

        workers = [threading.Thread(target=work, args=(one,)) for one in clients]
        seconds = timed(lambda: ([one.start() for one in workers], [one.join() for one in workers]))
        return count * each / seconds

    with css([]) as service:
        one, many = client_of(service), [client_of(service) for _ in range(count)]
        one.update_object(META, data=b"x")
        shared = [one] * count
        run(shared), run(many)  # connections are open from here on
        pairs = [(run(shared), run(many)) for _ in range(ROUNDS)]
        say(
            f"{count} threads",
            one_client_per_s=round(statistics.median(one for one, _ in pairs)),
            clients_per_s=round(statistics.median(other for _, other in pairs)),
            ratio=round(statistics.median(one / other for one, other in pairs), 3),
        )


MOVE = """
import resource, sys
from syncnb import ObjectMetaData, SyncServiceClient
url, org, how, path = sys.argv[1:]
client = SyncServiceClient(url, org_id=org, key="admin", secret="s")
meta = ObjectMetaData(object_type="big", object_id="a", dest_type="nobody")
if how == "up":
    client.update_object(meta)
    client.update_object_data(meta, path)
elif how == "down":
    client.download_object_data(client.get_object_metadata("big", "a"), path + ".down")
else:
    with client.open_object_data(meta) as file:
        while file.read(1 << 20):
            pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def memory() -> None:
    with css([]) as service, tempfile.TemporaryDirectory(prefix="syncnb-bench-") as name:
        for size in (1 << 20, GIB):
            path = Path(name) / f"{size}"
            with path.open("wb") as file:
                file.truncate(size)
            for how in ("up", "down", "reader"):
                done = subprocess.run(
                    [sys.executable, "-c", MOVE, service.url, ORG, how, str(path)],
                    stdout=subprocess.PIPE, check=True, text=True,
                )  # fmt: skip
                say(f"memory, {how}", mib=size >> 20, peak_mib=int(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=", ".join(KINDS))
    for workload in parser.parse_args().workloads or KINDS:
        globals()[workload]()


if __name__ == "__main__":
    main()

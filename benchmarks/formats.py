"""Measure what a format costs: python benchmarks/formats.py [WORKLOAD ...]

memory: peak of a process that writes, reads, publishes or loads a frame of 10 million rows and 10
columns (800 MB), beside pandas' own `to_parquet` and `read_parquet`
time: `publish` of each format, beside the library's own save and an upload by curl; `load` at a
node, beside a download by curl and the library's own load
small: the same with objects of some KB, where a call costs what it costs

One line of JSON a figure, and a table of the ratios at the end. In memory, `ratio` is that of the
peaks, interpreter and libraries included; each is measured in a process of its own. In time, it is
the median of the ratios of rounds that do both in turn, in one process, with the disk at rest
and no garbage before each. `--only WORD` measures the formats with that word in their name.

`publish` is as it is by default: it also checks the object, computes the digest for the manifest,
keeps the bytes in the local archive, durably, and returns when the service has all. curl sends
metadata without a manifest and then the file, in one process. `load` also compares the digest,
checks what the file claims, and keeps it in the node's cache, which is empty before each.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from format_cases import Case, cases

from syncnb import Cache, LocalFleet, SyncServiceClient, Update, publish

ROWS, COLUMNS = 10_000_000, 10
BOUND = 1.3  # of memory
TIME_BOUND = 1.2
ROUNDS = 10  # even, so that each of the two is first as often as the other

MAKE = f"""
import numpy as np, pandas as pd
random = np.random.default_rng(0)
frame = pd.DataFrame({{f"c{{i}}": random.standard_normal({ROWS}) for i in range({COLUMNS})}})
"""
CODEC = """
from pathlib import Path
from syncnb.codecs import Loading, default_registry
registry = default_registry()
codec = registry.for_format("parquet")
"""
NODE = """
from syncnb import connect
client = connect()
"""
SCRIPTS: Mapping[str, str] = {
    "pandas writes": MAKE + "frame.to_parquet(sys.argv[1])",
    "syncnb writes": MAKE + CODEC + "codec.check(frame); codec.dump(frame, Path(sys.argv[1]))",
    "syncnb publishes": MAKE + NODE + "from syncnb import publish_dataframe\n"
    "publish_dataframe(frame, name='big', object_type='big', dest_type='edge', client=client)",
    "pandas reads": "import pandas as pd\nframe = pd.read_parquet(sys.argv[1])",
    "syncnb reads": CODEC + "how = Loading(subject='x', folder=Path('.'))\n"
    "frame = registry.load(codec, Path(sys.argv[1]), how)",
    "syncnb receives": NODE + "from syncnb import updates\n"
    "with next(updates('big', client=client, timeout=600)) as update:\n    frame = update.load()",
}
AFTER = f"""
assert frame.shape == ({ROWS}, {COLUMNS})
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) * 1024)
"""


def say(workload: str, **figures: object) -> None:
    print(json.dumps({"workload": workload, **figures}), flush=True)


def peak(script: str, path: str, environment: Mapping[str, str]) -> int:
    """Bytes that a process had at most."""
    code = f"import sys\n{SCRIPTS[script]}\n{AFTER}"
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    return int(done.stdout.split()[-1])


def memory() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="syncnb-bench-") as folder,
        LocalFleet(nodes=1) as fleet,
    ):
        path = str(Path(folder) / "data.parquet")
        for ours, theirs in (
            (("syncnb writes", "syncnb publishes"), "pandas writes"),
            (("syncnb reads", "syncnb receives"), "pandas reads"),
        ):
            base = peak(theirs, path, {})
            say("memory", what=theirs, peak_mb=base >> 20, file_mb=os.path.getsize(path) >> 20)
            for one in ours:
                side = "cloud" if one == "syncnb publishes" else "node1"
                found = peak(one, path, fleet.environment(side))
                ratio = round(found / base, 3)
                say("memory", what=one, peak_mb=found >> 20, ratio=ratio, good=ratio <= BOUND)


class Pair(NamedTuple):
    """Seconds of both in one round."""

    ours: float
    theirs: float


@dataclass
class Bench:
    """One case at a fleet: what is measured, and what it is compared with."""

    case: Case
    obj: Any
    fleet: LocalFleet
    folder: Path
    size: int = 0

    def __post_init__(self) -> None:
        self.cloud, self.node = self.fleet.cloud, self.fleet.node("node1")
        self.round = 0
        self.saved = self.folder / f"theirs{self.case.suffix}"

    def publish(self) -> None:
        """To nobody, so that no node is at work at the same time."""
        done = publish(
            self.obj, "bench", f"ours{self.round}", dest_type="nobody", client=self.cloud,
            archive=self.folder / f"archive{self.round}", **self.case.options,
        )  # fmt: skip
        self.size = done.manifest.size

    def save_and_upload(self) -> None:
        self.case.save(self.obj, self.saved)
        url = f"{self.cloud.url}/api/v1/objects/{self.fleet.org_id}/bench/theirs{self.round}"
        meta = {"objectType": "bench", "objectID": f"theirs{self.round}"}
        body = json.dumps({"meta": {**meta, "destinationType": "nobody"}})
        key = self._key("cloud")
        self._curl(*key, "-X", "PUT", "-H", "Content-Type: application/json", "-d", body, url,
                   "--next", "-sf", *key, "-T", str(self.saved), f"{url}/data")  # fmt: skip

    def deliver(self) -> None:
        """Bring it to the node, for `load` and `download_and_load`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = publish(
                self.obj, "bench", "there", dest_type="edge", client=self.cloud,
                archive=False, **self.case.options,
            )  # fmt: skip
        done.wait("delivered", timeout=120)
        self.meta = self.node.get_object_metadata("bench", "there")

    def load(self) -> None:
        update = Update(self.meta, self.node)
        self.case.use(
            update.load(trusted=self.case.trusted, cache=Cache(self.folder / f"cache{self.round}"))
        )
        self.loaded = update

    def download_and_load(self) -> None:
        url = f"{self.node.url}/api/v1/objects/bench/there/data"
        path = self.folder / f"fetched{self.case.suffix}"
        self._curl(*self._key("node1"), "-o", str(path), url)
        self.case.use(self.case.load(path))

    def clean(self) -> None:
        """Remove what a round left; the service too."""
        if hasattr(self, "loaded"):
            self.loaded.close()
        for name in ("ours", "theirs"):
            _gone(self.cloud, f"{name}{self.round}")
        for path in self.folder.glob(f"*{self.round}"):
            shutil.rmtree(path)
        self.saved.unlink(missing_ok=True)
        self.round += 1
        gc.collect()

    def _key(self, name: str) -> Sequence[str]:
        there = self.fleet.environment(name)
        return "-u", f"{there['SYNCNB_KEY']}:{there['SYNCNB_SECRET']}"

    def _curl(self, *arguments: str) -> None:
        subprocess.run(["curl", "-sf", *arguments], check=True, stdout=subprocess.DEVNULL)


def _gone(client: SyncServiceClient, name: str) -> None:
    if any(one.object_id == name for one in client.objects("bench")):
        client.delete_object("bench", name)


def in_turn(bench: Bench, ours: Callable[[], None], theirs: Callable[[], None]) -> list[Pair]:
    """Time both in turn, each first as often as the other; one round before does not count."""
    pairs = []
    for turn in range(ROUNDS + 1):
        seconds = {}
        for work in (ours, theirs) if turn % 2 else (theirs, ours):
            os.sync()
            gc.collect()  # else the second profits from what the collector learnt of the first
            started = time.perf_counter()
            work()
            seconds[work] = time.perf_counter() - started
        bench.clean()
        pairs.append(Pair(seconds[ours], seconds[theirs]))
    return pairs[1:]


def report(workload: str, case: Case, what: str, size: int, pairs: Sequence[Pair]) -> float:
    ratio = round(statistics.median(one.ours / one.theirs for one in pairs), 2)
    say(
        workload, format=case.name, what=what, mb=round(size / 1e6, 2),
        seconds=round(statistics.median(one.ours for one in pairs), 4),
        own_and_curl=round(statistics.median(one.theirs for one in pairs), 4),
        ratio=ratio, ratios=sorted(round(one.ours / one.theirs, 2) for one in pairs),
    )  # fmt: skip
    return ratio


def compared(workload: str, only: str, *, large: bool) -> None:
    rows = []
    with LocalFleet(nodes=1) as fleet:
        for case in cases():
            if only not in case.name:
                continue
            with tempfile.TemporaryDirectory(prefix="syncnb-bench-") as name:
                obj = case.make(large, Path(name))
                bench = Bench(case, obj, fleet, Path(name))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of types that a receiver has to trust
                    up = in_turn(bench, bench.publish, bench.save_and_upload)
                    bench.deliver()
                    down = in_turn(bench, bench.load, bench.download_and_load)
                _gone(fleet.cloud, "there")
                rows.append((case.name, bench.size, report(workload, case, "publish", bench.size, up),
                             report(workload, case, "load", bench.size, down)))  # fmt: skip
    print(f"\n{'format':22}{'MB':>8}{'publish':>10}{'load':>8}   (1 = own library and curl)")
    for name, size, publishing, loading in rows:
        marks = "".join(" !" if one > TIME_BOUND else "  " for one in (publishing, loading))
        print(f"{name:22}{size / 1e6:8.2f}{publishing:10.2f}{loading:8.2f}{marks}")


KINDS: Mapping[str, Callable[[str], None]] = {
    "memory": lambda _: memory(),
    "time": lambda only: compared("time", only, large=True),
    "small": lambda only: compared("small", only, large=False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", nargs="*", metavar="WORKLOAD", help=", ".join(KINDS))
    parser.add_argument(
        "--only", default="", metavar="WORD", help="the formats with it in their name"
    )
    arguments = parser.parse_args()
    for kind in arguments.workload or KINDS:
        KINDS[kind](arguments.only)


if __name__ == "__main__":
    main()

"""Measure what a format costs: python benchmarks/formats.py [WORKLOAD ...]

memory: peak of a process that writes, reads, publishes or loads a frame of 10 million rows and 10
columns (800 MB), beside pandas' own `to_parquet` and `read_parquet`

One line of JSON a figure. `ratio` is that of the peaks, interpreter and libraries included; each is
measured in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from syncnb import LocalFleet

ROWS, COLUMNS = 10_000_000, 10
BOUND = 1.3

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


KINDS: Mapping[str, Callable[[], None]] = {"memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", nargs="*", metavar="WORKLOAD", help=", ".join(KINDS))
    for kind in parser.parse_args().workload or KINDS:
        KINDS[kind]()


if __name__ == "__main__":
    main()

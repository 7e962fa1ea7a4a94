"""What it costs a program to report: the time that each call takes, and what fits into an object.

python benchmarks/reporting.py [--rows 100000]
"""

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from syncnb import LocalFleet, Reporter, report

ROW = {"camera": "c1", "fps": 29.8, "defects": 3, "score": 0.731234, "ok": True}


def microseconds(call, times: int) -> list[float]:
    taken = []
    for _ in range(times):
        started = time.perf_counter_ns()
        call()
        taken.append((time.perf_counter_ns() - started) / 1000)
    return sorted(taken)


def show(name: str, taken: list[float]) -> None:
    median, most = statistics.median(taken), taken[int(len(taken) * 0.99)]
    print(f"{name:42} median {median:9.1f} us   99 % {most:9.1f} us   {len(taken)} calls")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with LocalFleet(nodes=1) as fleet, TemporaryDirectory() as folder:
        node = fleet.node("node1")
        with Reporter("stats", client=node, folder=Path(folder) / "spool") as reporter:
            show("reporter.report(row)", microseconds(lambda: reporter.report(ROW), rows))
            started = time.perf_counter()
            assert reporter.flush(timeout=600)
            print(f"{'handing all of it over':42} {time.perf_counter() - started:16.1f} s")
            show("reporter.count()", microseconds(lambda: reporter.count("defects"), rows))
            show("reporter.observe()", microseconds(lambda: reporter.observe("score", 0.7), rows))
        stored = [one.object_id for one in node.get_objects("stats")]
        size = sum(node.get_object_metadata("stats", name).object_size for name in stored)
        print(f"{'bytes of a row on the way':42} {size / rows:16.1f}")
        show("syncnb.report(row), for comparison", microseconds(
            lambda: report(ROW, "single", client=node), min(rows, 200)))  # fmt: skip


if __name__ == "__main__":
    main()

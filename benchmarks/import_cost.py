"""What `import syncnb` costs beside `import requests`, each in fresh interpreters, in turns.

python benchmarks/import_cost.py [--runs 15]
"""

import argparse
import statistics
import subprocess
import sys

PROGRAM = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
STATEMENTS = (
    "import requests",
    "import syncnb",
    "from syncnb import updates, report",
    "from syncnb import SyncServiceClient",
)


def seconds(statement: str) -> float:
    code = PROGRAM.format(statement)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    taken: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for _ in range(runs):
        for statement in STATEMENTS:
            taken[statement].append(seconds(statement))
    base = statistics.median(taken["import requests"])
    for statement, values in taken.items():
        median = statistics.median(values)
        print(f"{statement:38} {median * 1000:7.1f} ms  {median / base:5.2f} x import requests")


if __name__ == "__main__":
    main()

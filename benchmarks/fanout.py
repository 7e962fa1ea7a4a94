"""How long an update takes to the edge programs of idle nodes, and what it takes to publish 1 GiB.

    python benchmarks/fanout.py [--nodes 20] [--kb 64] [--rounds 10] [--processes 2]

Each node has an edge program (a thread here) that waits in `updates()`. The clock runs from the call
of `publish` until the program holds the loaded data.
"""

import argparse
import statistics
import threading
import time

from syncnb import LocalFleet, publish, updates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=20)
    parser.add_argument("--kb", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--processes", type=int)
    options = parser.parse_args()
    arrivals: dict[str, dict[str, float]] = {}
    changed = threading.Condition()

    def program(name: str) -> None:
        for update in updates("bench", client=fleet.node(name), stop=stop):
            with update:
                update.load()
                with changed:
                    arrivals.setdefault(update.version, {})[name] = time.perf_counter()
                    changed.notify_all()

    stop = threading.Event()
    with LocalFleet(nodes=options.nodes, processes=options.processes) as fleet:
        for name in fleet.nodes:
            threading.Thread(target=program, args=(name,), daemon=True).start()
        time.sleep(2.0)  # until every program waits
        every: list[float] = []
        print(f"{options.nodes} nodes, {options.kb} KB: seconds from publish to the edge program")
        for number in range(1, options.rounds + 1):
            version = str(number)
            data = bytes([number]) * (options.kb * 1024)
            started = time.perf_counter()
            publication = publish(
                data, "bench", "one", version=version, dest_type="edge", client=fleet.cloud
            )
            with changed:
                changed.wait_for(
                    lambda v=version: len(arrivals.get(v, ())) == options.nodes, timeout=60
                )
            taken = sorted(at - started for at in arrivals.get(version, {}).values())
            every += taken
            print(
                f"  round {number:2}: {len(taken)} arrived, "
                f"median {statistics.median(taken):.3f}, max {taken[-1]:.3f}"
            )
            publication.wait("consumed", timeout=60)
            time.sleep(0.5)
        stop.set()
    print(f"all rounds: median {statistics.median(every):.3f} s, max {max(every):.3f} s")


if __name__ == "__main__":
    main()

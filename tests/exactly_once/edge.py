"""A program beside nodes: reports numbers, and writes down which ones it reported.

Run as ``python edge.py FOLDER``; ``FOLDER/nodes.json`` says where the nodes are. For each node
``FOLDER/NODE.journal`` has a line before a number is reported, and one when the call came back: a
number between the two may or may not have been reported when the program is killed. Most numbers go
by a `Reporter`, whose spool is in ``FOLDER/NODE.spool``; some by `report`.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from syncnb import Reporter, SyncServiceClient, report
from syncnb.errors import ConnectionFailedError, ServiceError

ROWS = 3  # numbers of one report


def numbers(journal: Path) -> tuple[set[int], set[int]]:
    """What was tried, and what was reported for certain."""
    found: dict[str, set[int]] = {"try": set(), "done": set()}
    if journal.exists():
        for line in journal.read_text().splitlines():
            word, _, first = line.partition(" ")
            if first.isdecimal():
                found[word] |= set(range(int(first), int(first) + ROWS))
    return found["try"], found["done"]


def run(client: SyncServiceClient, journal: Path, stop: Path) -> None:
    """Report number after number, none of them a second time."""
    tried, _ = numbers(journal)
    first = max(tried, default=-1) + 1
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    spool = journal.with_suffix(".spool")
    with Reporter("numbers", every="500ms", client=client, folder=spool) as reporter:
        while not stop.exists():
            os.write(descriptor, f"try {first}\n".encode())
            rows = [{"number": first + n} for n in range(ROWS)]
            try:
                if first % (5 * ROWS):
                    reporter.report(rows)
                else:
                    report(rows, "numbers", client=client)
                os.write(descriptor, f"done {first}\n".encode())
            except (ConnectionFailedError, ServiceError):
                pass  # away for too long: who knows whether it came through
            first += ROWS
            time.sleep(0.2)
        while reporter.waiting:
            reporter.flush(5)


def main(folder: Path) -> None:
    """Until ``FOLDER/stop`` is there; then until everything is handed over."""
    stop = folder / "stop"
    threads = []
    for name, where in json.loads((folder / "nodes.json").read_text()).items():
        client = SyncServiceClient(where["url"], key=where["key"], secret=where["secret"])
        threads.append(
            threading.Thread(target=run, args=(client, folder / f"{name}.journal", stop))
        )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

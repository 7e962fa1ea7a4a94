"""Streams, not blobs in memory: 1 GiB costs the same memory as 1 MB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from syncnb import LocalFleet

GIB = 1 << 30
ALLOWED = 64 << 20

PUBLISHER = """
import resource, sys
from syncnb import connect, publish_file
client = connect()
publish_file(sys.argv[1], name="small", dest_type="edge", client=client).wait_for_change(0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
done = publish_file(sys.argv[2], name="large", dest_type="edge", client=client)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
while not all(row.status == "delivered" for row in done.delivery_rows()):
    done.wait_for_change(10)
print((after - before) * 1024)
"""


def peak(process: psutil.Process) -> int:
    """Bytes of memory that a process had at most."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_publishing_a_gigabyte_takes_little_memory_anywhere(tmp_path: Path) -> None:
    """Less than 64 MiB more in the publisher, in the CSS and on the node."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x" * 1_000_000)
    with large.open("wb") as file:
        for number in range(64):
            file.write(bytes([number]) * (GIB // 64))
    others = set(psutil.Process().children())
    with LocalFleet(nodes=1) as fleet:
        services = sorted(set(psutil.Process().children()) - others, key=lambda one: one.pid)
        assert len(services) == 2
        before = [peak(service) for service in services]
        done = subprocess.run(
            [sys.executable, "-c", PUBLISHER, str(small), str(large)],
            env={"PATH": "", **fleet.environment()},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        more = [peak(service) - was for service, was in zip(services, before, strict=True)]
    assert int(done.stdout) < ALLOWED, f"publisher: {int(done.stdout) >> 20} MiB"
    assert max(more) < ALLOWED, f"CSS and node: {[one >> 20 for one in more]} MiB"

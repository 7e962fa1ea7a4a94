"""``kill -9`` in the middle of a publication: every node ends with the right bytes all the same."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncnb import LocalFleet, SyncServiceClient, publish_file, updates
from syncnb.errors import ObjectReplacedError
from syncnb.publication import Publication

MIB = 1 << 20
SIZE = 200 * MIB
DECLINES_EVERY = 3  # the second node's program declines every third version


class EdgeProgram:
    """Receives files, and remembers what it acknowledged."""

    def __init__(self, client: SyncServiceClient, *, declines: bool) -> None:
        self._client, self._declines = client, declines
        self._stop = threading.Event()
        self.sha256: dict[str, str] = {}
        self.acknowledged: list[str] = []
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def declines(self, version: str) -> bool:
        return self._declines and int(version) % DECLINES_EVERY == 0

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        try:
            for update in updates("big", client=self._client, stop=self._stop):
                try:
                    path = update.path()
                except ObjectReplacedError:  # a version of before the kill came late
                    continue
                with path.open("rb") as file:
                    self.sha256[update.version] = hashlib.file_digest(file, "sha256").hexdigest()
                if not self.declines(update.version):
                    update.consumed()
                    self.acknowledged.append(update.version)
        except BaseException as error:
            self.failure = error
            raise


@contextmanager
def programs(fleet: LocalFleet) -> Iterator[dict[str, EdgeProgram]]:
    running = {
        name: EdgeProgram(fleet.node(name), declines=name == "node2") for name in fleet.nodes
    }
    try:
        yield running
    finally:
        for program in running.values():
            program.stop()


def make_file(path: Path, version: int) -> str:
    """A new file of `SIZE` bytes; returns its digest."""
    rng, digest = random.Random(version), hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(SIZE // MIB):
            piece = rng.randbytes(MIB)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def kill_during_publications(folder: Path, moments: int, seed: int) -> None:
    rng = random.Random(seed)
    path = folder / "big.bin"
    with LocalFleet(nodes=2) as fleet, programs(fleet) as running:
        usual = 2.0  # seconds; measured again with each publication
        for version in range(1, moments + 1):
            sha256 = make_file(path, version)
            result: list[Publication] = []
            publisher = threading.Thread(
                target=lambda version=version, result=result: result.append(
                    publish_file(
                        path,
                        name="big",
                        object_type="big",
                        version=str(version),
                        dest_type="edge",
                        client=fleet.cloud,
                    )
                )
            )
            started = time.monotonic()
            publisher.start()
            time.sleep(rng.uniform(0, usual))  # the moment itself is what is random here
            victim = rng.choice(("cloud", "node1", "node2"))
            fleet.kill(victim)
            time.sleep(rng.uniform(0, 0.5))
            fleet.restart(victim)
            publisher.join(120)
            assert result, f"version {version} was not published after a kill of {victim}"
            what = f"version {version}, {victim} killed (seed {seed})"
            wait_for(result[0], running, str(version), what)
            if version == 1:
                usual = max(min(time.monotonic() - started, 6.0), 1.0)
            for name, program in running.items():
                assert program.sha256[str(version)] == sha256, f"{name}: {what}"
                wanted = [str(v) for v in range(1, version + 1) if not program.declines(str(v))]
                assert program.acknowledged == wanted, f"{name}: {what}"


def wait_for(
    publication: Publication, running: dict[str, EdgeProgram], version: str, what: str
) -> None:
    """The CSS says of each node what its program did, and nothing else."""
    wanted = {
        name: "delivered" if program.declines(version) else "consumed"
        for name, program in running.items()
    }
    deadline = time.monotonic() + 90
    while True:
        rows = {row.dest_id: row.status for row in publication.delivery_rows()}
        # The cloud may know of an acknowledgement before the program has its answer.
        seen = all(
            version in (program.sha256 if program.declines(version) else program.acknowledged)
            for program in running.values()
        )
        if rows == wanted and seen:
            return
        failures = [repr(p.failure) for p in running.values() if p.failure is not None]
        assert not failures, f"{what}: {failures}"
        assert time.monotonic() < deadline, f"{what}: {rows}, wanted {wanted}"
        publication.wait_for_change(1.0)


def test_every_node_ends_with_the_right_bytes_after_a_kill(tmp_path: Path) -> None:
    """Four random moments; whoever is killed is started again, and nothing is stuck."""
    kill_during_publications(tmp_path, moments=4, seed=random.randrange(10**9))


@pytest.mark.long
def test_every_node_ends_with_the_right_bytes_after_fifty_kills(tmp_path: Path) -> None:
    """The same for fifty."""
    kill_during_publications(tmp_path, moments=50, seed=random.randrange(10**9))

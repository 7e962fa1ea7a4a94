"""Twenty nodes, programs that report beside them, updaters of a table: and all of them are killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from syncnb import LocalFleet, StatisticsTable

from .edge import numbers

NODES, HOSTS, UPDATERS = 20, 2, 2
PROGRAM = Path(__file__).with_name("edge.py")


class World:
    """All processes of the test.

    Parameters
    ----------
    folder : Path
        Where the table, the journals and the logs are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.fleet = LocalFleet(nodes=NODES, processes=HOSTS)
        self.table = folder / "table"
        self._begun: dict[str, int] = {}
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, tuple[list[str], dict[str, str]]] = {}
        for host in range(HOSTS):
            names = self.fleet.nodes[host::HOSTS]
            place = folder / f"edge{host}"
            place.mkdir()
            (place / "nodes.json").write_text(
                json.dumps({name: self._where(name) for name in names})
            )
            self._commands[f"edge{host}"] = ([str(PROGRAM), str(place)], {})
        for n in range(UPDATERS):
            command = ["-m", "syncnb", "collect", "numbers", "--to", str(self.table),
                       "--every", "300ms", "--compact"]  # fmt: skip
            self._commands[f"updater{n}"] = (command, self.fleet.environment())
        for name in self._commands:
            self._start(name)

    def _where(self, name: str) -> dict[str, str]:
        found = self.fleet.environment(name)
        return {"url": found["SYNCNB_URL"], "key": found["SYNCNB_KEY"],
                "secret": found["SYNCNB_SECRET"]}  # fmt: skip

    def _start(self, name: str) -> None:
        command, environment = self._commands[name]
        self._begun[name] = self._written(name)
        with (self._folder / f"{name}.log").open("ab") as log:
            self._programs[name] = subprocess.Popen(
                [sys.executable, *command], stdout=log, stderr=log,
                env={**os.environ, **environment},
            )  # fmt: skip

    def _written(self, name: str) -> int:
        """Bytes that a program has written of what it did."""
        journals = (self._folder / name).glob("*.journal")
        return sum(path.stat().st_size for path in (*journals, *self._folder.glob(f"{name}.log")))

    def _works(self, name: str) -> bool:
        """Whether it did something since it was started: before that, killing it tries nothing."""
        return name not in self._commands or self._written(name) > self._begun[name]

    # ------------------------------------------------------------------- faults

    def harm(self, chance: random.Random, seconds: float) -> dict[str, int]:
        """``kill -9`` one after the other, and start it again; returns how often each was.

        Those that were killed least come first, so that a short run has them all.
        """
        table = StatisticsTable(self.table)
        self.wait_until(lambda: len(self.journals) == NODES and table.info().rows > 0, 60)
        victims = ["cloud", *self.fleet.nodes[:HOSTS], *self._commands]
        killed = dict.fromkeys(victims, 0)
        end = time.monotonic() + seconds
        while time.monotonic() < end or (not all(killed.values()) and time.monotonic() < end + 60):
            time.sleep(chance.uniform(0, 0.6))
            fewest = min(killed.values())
            some = [name for name in victims if self._works(name)]
            victim = chance.choice([name for name in some if killed[name] == fewest] or some)
            killed[victim] += 1
            if victim in self._commands:
                self._programs[victim].kill()
                self._programs[victim].wait()
                time.sleep(chance.uniform(0, 0.3))
                self._start(victim)
            else:
                self.fleet.kill(victim)
                time.sleep(chance.uniform(0, 0.3))
                self.fleet.restart(victim)
        return killed

    # ---------------------------------------------------------------------- end

    def stop_reporting(self) -> None:
        """Every program reports what it is at, and no more; then it hands over what it has."""
        for host in range(HOSTS):
            (self._folder / f"edge{host}" / "stop").touch()

    def waits(self) -> list[str]:
        """Programs that still have something to hand over."""
        return [
            name for name, program in self._programs.items()
            if name.startswith("edge") and program.poll() != 0
        ]  # fmt: skip

    def wait_until(self, true: Callable[[], bool], timeout: float) -> bool:
        """Whether it came true in time; the updaters go on meanwhile."""
        deadline = time.monotonic() + timeout
        while not true():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def close(self) -> None:
        """End everything."""
        for program in self._programs.values():
            program.kill()
            program.wait()
        self.fleet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------------- verdict

    @property
    def journals(self) -> dict[str, tuple[set[int], set[int]]]:
        """What each node tried to report, and what it reported."""
        return {path.stem: numbers(path) for path in sorted(self._folder.glob("edge*/*.journal"))}

    def arrived(self) -> dict[str, list[int]]:
        """The numbers of each node that are in the table."""
        frame = StatisticsTable(self.table).read(["node", "number"])
        return {str(node): sorted(some.tolist()) for node, some in frame.groupby("node")["number"]}

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"{path.name}: {path.read_text()[-500:]}" for path in self._folder.glob("*.log")
        )

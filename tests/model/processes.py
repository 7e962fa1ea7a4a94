"""The same stage made of real processes: real HTTP, real disks, real ``kill -9``."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import requests

from syncnb import LocalFleet
from tests.model.stage import ORG, Place, Reply

_CALL = 30.0  # seconds for one call
_DOWN = 60.0  # seconds that a service may be down


class RealMachine:
    """One service of a fleet, in a process of its own.

    Parameters
    ----------
    fleet : LocalFleet
        The fleet.
    name, known_as : str
        Its name in the story, and in the fleet.
    """

    def __init__(self, fleet: LocalFleet, name: str, known_as: str) -> None:
        self._fleet, self.name, self._known_as = fleet, name, known_as
        self.folder: Path = fleet.folder(known_as)
        self.url = fleet.environment(known_as)["SYNCNB_URL"]
        self.is_up = True
        self._lock = threading.Lock()

    def clock(self) -> float:
        """The time."""
        return time.time()

    def start(self) -> None:
        """Start the process, unless it runs."""
        with self._lock:
            if not self.is_up:
                self._fleet.restart(self._known_as)
                self.is_up = True

    def kill(self, *, power: bool) -> None:
        """Kill the process, if it runs."""
        with self._lock:
            if self.is_up:
                self.is_up = False
                self._fleet.kill(self._known_as)


class RealStage:
    """A CSS and two nodes.

    Parameters
    ----------
    seed : int
        Of the story; the processes add chance of their own.
    """

    def __init__(self, seed: int) -> None:
        self.name, self.patience = f"seed {seed}, real processes", 120.0
        self.alarms: list[str] = []
        self.trace: list[str] = []
        self._fleet = LocalFleet(nodes=2, processes=2, org_id=ORG)
        self.machines: Mapping[str, Place] = {
            "css": RealMachine(self._fleet, "css", "cloud"),
            **{name: RealMachine(self._fleet, name, name) for name in self._fleet.nodes},
        }
        self.registrations = list(self._fleet.nodes)
        self._session = requests.Session()
        variables = self._fleet.environment()
        self._session.auth = (variables["SYNCNB_KEY"], variables["SYNCNB_SECRET"])
        self._killers: list[threading.Thread] = []

    def close(self) -> None:
        """End it."""
        self.make_well()
        self._session.close()
        self._fleet.close()

    def note(self, event: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{time.time():.3f} {event}")

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def make_well(self) -> None:
        """Wait until whoever is to be killed has been, and has come back."""
        for killer in self._killers:
            killer.join()
        self._killers.clear()

    def kill_soon(self, name: str, *, power: bool, soon: float) -> None:
        """Kill a service in so many seconds; it starts again a moment later."""
        machine = self.machines[name]

        def strike() -> None:
            time.sleep(soon)  # the moment itself is what is random here
            self.note(f"{name} is killed")
            machine.kill(power=power)
            machine.start()

        self._killers.append(threading.Thread(target=strike))
        self._killers[-1].start()

    def call(
        self,
        machine: Place,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A call of an application; repeated until there is an answer."""
        assert isinstance(machine, RealMachine)
        deadline = time.monotonic() + _DOWN
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._session.request(
                    method, machine.url + path, data=body, headers=headers, timeout=_CALL
                )
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            self.note(f"{machine.name} {method} {path} {answer.status_code}")
            if answer.status_code >= 500:
                self.alarms.append(f"{machine.name} {method} {path}: {answer.text}")
            return Reply(answer.status_code, answer.headers, answer.content, attempt)

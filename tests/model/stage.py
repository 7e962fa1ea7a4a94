"""What a story needs of its world, be it simulated or made of real processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ORG = "acme"
CHUNK = 24 << 10  # bytes


@dataclass
class Reply:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    attempts: int = 1  # that a program needed, since the service died meanwhile


class Place(Protocol):
    """Where one service runs."""

    name: str
    folder: Path

    @property
    def is_up(self) -> bool:
        """Whether the service runs."""

    def clock(self) -> float:
        """What it takes for the time, in seconds since the epoch."""

    def start(self) -> None:
        """Start the service, unless it runs."""

    def kill(self, *, power: bool) -> None:
        """Kill the service, if it runs."""


class Stage(Protocol):
    """All services of one story.

    Attributes
    ----------
    name : str
        For messages; a seed, if that repeats it.
    patience : float
        Seconds after which all sides must agree.
    registrations : list of str
        The nodes that the CSS took for new ones, in this order.
    """

    name: str
    patience: float
    alarms: list[str]
    registrations: list[str]

    @property
    def machines(self) -> Mapping[str, Place]:
        """``css`` and the nodes."""

    def close(self) -> None:
        """End it."""

    def note(self, event: str) -> None:
        """Add a line to the trace."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""

    def make_well(self) -> None:
        """End every fault."""

    def kill_soon(self, name: str, *, power: bool, soon: float) -> None:
        """Kill a service in so many seconds; it starts again a moment later."""

    def call(
        self,
        machine: Place,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A call of an application; repeated until there is an answer."""

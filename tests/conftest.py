"""What several test modules share: running services, and waiting with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from syncnb.fleet import LocalFleet

WaitUntil = Callable[..., None]


@pytest.fixture(scope="session")
def fleet() -> Iterator[LocalFleet]:
    """A CSS and two nodes for all tests of a worker; give objects names of your own."""
    with LocalFleet(nodes=2) as running:
        yield running


@pytest.fixture
def wait_until() -> WaitUntil:
    """Wait for a condition, with a deadline and something to show when it passes."""

    def wait(
        true: Callable[[], bool], *, timeout: float = 20.0, show: Callable[[], object] = lambda: ""
    ) -> None:
        deadline = time.monotonic() + timeout
        while not true():
            if time.monotonic() > deadline:
                pytest.fail(f"not true within {timeout:g} s: {show()}")
            time.sleep(0.02)

    return wait

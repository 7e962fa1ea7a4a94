"""What several test modules share: running services, and waiting with a deadline."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from syncnb.fleet import LocalFleet

from .servers import PostgresServer, S3Server, postgres_server

WaitUntil = Callable[..., None]

# What tests receive is not kept with what the programs of this user receive.
_CACHE = tempfile.mkdtemp(prefix="syncnb-tests-")
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)
os.environ["SYNCNB_CACHE"] = _CACHE

# Neither the speed of the machine nor the draw of the day decides whether a change is good.
settings.register_profile(
    "syncnb", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("syncnb")


@pytest.fixture(scope="session", autouse=True)
def data_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is archived by default must not come to lie in the folder of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SYNCNB_ARCHIVE", raising=False)
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data-home")))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state-home")))
        yield


@pytest.fixture(scope="session")
def fleet() -> Iterator[LocalFleet]:
    """A CSS and two nodes for all tests of a worker; give objects names of your own."""
    with LocalFleet(nodes=2) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests of a worker; take a database of your own."""
    with postgres_server() as running:
        yield running


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3-compatible store for all tests of a worker; take a bucket of your own."""
    running = S3Server(tmp_path_factory.mktemp("s3") / "log")
    yield running
    running.stop()


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

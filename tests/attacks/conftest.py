"""A fleet whose programs take whatever comes, and who attacks it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncnb import LocalFleet, Trust
from tests.unit.signing.conftest import key

from .stage import Program, Stage, wait


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """Alice is pinned, and Bob's key was stolen."""
    trust = Trust(tmp_path_factory.mktemp("trust") / "trust.json")
    trust.pin(key("alice").fingerprint, name="alice")
    trust.pin(key("bob").fingerprint, name="bob")
    trust.revoke(key("bob").fingerprint, "the laptop was stolen")
    return trust


@pytest.fixture(scope="session")
def program(
    fleet: LocalFleet, trust: Trust, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    """The loop of `syncnb.updates`, beside the first node."""
    log = tmp_path_factory.mktemp("program") / "log"
    running = fleet.run(
        "node1", str(Path(__file__).with_name("edge.py")), str(log), str(trust.path),
        env={"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system"},
    )  # fmt: skip
    wait(log.exists, running.poll, seconds=120)  # it loads many libraries
    yield Program(running, log)
    running.kill()
    running.wait()


@pytest.fixture
def stage(fleet: LocalFleet, trust: Trust, program: Program, tmp_path: Path) -> Iterator[Stage]:
    """An object that is in use at both nodes, and its publisher."""
    made = Stage(fleet, trust, program, f"a{uuid.uuid4().hex}", tmp_path)
    yield made
    made.close()

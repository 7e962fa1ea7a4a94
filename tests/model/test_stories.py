"""Random calls, kills, cuts and clocks: all sides agree in the end, and with the model."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.cloud import FILE, SMALL, Publication
from tests.model.fate import SimulatedTale
from tests.model.machine import MEMORY, Stories
from tests.model.model import Name
from tests.model.world import World

_SHORT = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_all_sides_agree_in_the_end() -> None:
    """Forty stories of up to fifty acts, the same ones every time."""
    run_state_machine_as_test(Stories, settings=_SHORT)


@pytest.mark.long
@pytest.mark.parametrize("start", range(10))
def test_all_sides_agree_in_the_end_of_many_stories(start: int) -> None:
    """At least 20,000 acts in all."""
    many, before = settings(_SHORT, max_examples=60, derandomize=False), Stories.acts
    run_state_machine_as_test(seed(start)(Stories), settings=many)
    assert Stories.acts - before >= 2_000


def _told(seed: int) -> list[str]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        world = World(seed, Path(folder))
        story = SimulatedTale(world)
        name = Name("models", "a")
        story.weather("node1", 0.5)
        story.publish(name, Publication(kind="upload", size=FILE))
        story.report("node2", 1, SMALL)
        story.kill("css", power=True, soon=0.02)
        story.wait(5)
        story.consume("node1", name)
        story.kill("node1", power=True, soon=0.01)
        story.publish(name, Publication(to="both", size=FILE))
        story.settle()
        story.delete(name, twice=False)
        story.clean_up()
        story.close()
        return world.trace


def test_a_seed_repeats_a_story_exactly() -> None:
    """What a failing seed shows once it shows again."""
    assert _told(1) == _told(1)
    assert _told(1) != _told(2)

"""The stories once more, with real processes, real HTTP and real ``kill -9``."""

from __future__ import annotations

import random
import time

import pytest

from tests.model.acts import act
from tests.model.processes import RealStage
from tests.model.tale import Tale


def tell(seed: int, seconds: float) -> int:
    """Random acts for so many seconds, then the end; returns how many there were."""
    rng, stage, acts = random.Random(seed), RealStage(seed), 0
    try:
        tale = Tale(stage)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            act(tale, rng)
            acts += 1
            if acts % 100 == 0:
                tale.settle()
        tale.clean_up()
    except BaseException:
        print("\n".join(stage.trace[-200:]))
        raise
    finally:
        stage.close()
    return acts


def test_all_sides_agree_after_kills_of_real_processes() -> None:
    """A few seconds of calls and kills."""
    assert tell(random.randrange(10**9), seconds=8) > 10


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_all_sides_agree_after_many_kills_of_real_processes(seed: int) -> None:
    """Minutes of them."""
    assert tell(seed, seconds=60) > 100

"""An edge node whose CSS sends the same item again and again, though it was acknowledged."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

from tests.survival.scripted_css import ScriptedCss, node_of

WaitUntil = Callable[..., None]
ITEM = {
    "Type": "consumed",
    "MetaData": {
        "objectID": "a", "objectType": "stats", "destinationOrgID": "acme", "originType": "edge",
        "originID": "node1", "destinationType": "edge", "destinationID": "node1", "instanceID": 7,
    },
}  # fmt: skip
POLLS = 16


class Repeating(ThreadingHTTPServer):
    """A CSS that forgets every acknowledgement."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.polls: list[float] = []


class _Handler(ScriptedCss):
    server: Repeating

    def get(self) -> None:
        """Always the same item, at once."""
        self.server.polls.append(time.monotonic())
        self.answer(200, json.dumps([ITEM]).encode())


def test_node_does_not_hammer_a_css_that_repeats_itself(
    tmp_path: Path, wait_until: WaitUntil
) -> None:
    """After a few repetitions its polls take their time: a tenth of --poll, then more."""
    with Repeating() as css, node_of(css, tmp_path):
        wait_until(lambda: len(css.polls) >= POLLS, timeout=30, show=lambda: css.polls)
    pauses = [after - before for before, after in pairwise(css.polls[5:POLLS])]
    assert sum(pauses) > 1.0, pauses  # 0.02 s, 0.04 s, ... up to 0.2 s

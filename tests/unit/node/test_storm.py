"""A publisher that pushes versions all the time, some of them broken, and a program that looks on."""

from __future__ import annotations

import json
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from syncnb import Cache, LocalFleet, current
from syncnb.following import close_all

from .helpers import fresh, publish_raw

KINDS = ("unloadable", "wrong", "truncated")


def model_of(number: int) -> bytes:
    """A model that says which one it is, and whether it is whole."""
    weights = [float(number)] * 5000
    body = {"number": number, "weights": weights}
    return json.dumps({**body, "sum": checksum(body)}).encode()


def checksum(body: dict[str, Any]) -> str:
    return sha256(json.dumps([body["number"], body["weights"]]).encode()).hexdigest()


def check(data: bytes) -> None:
    """The program's own: it predicts what it should."""
    if json.loads(data).get("wrong"):
        raise ValueError("it predicts other values than at its publisher")


def push(fleet: LocalFleet, name: str, number: int, *, broken: bool) -> None:
    data, version = model_of(number), str(number)
    kind = KINDS[number // 10 % len(KINDS)] if broken else ""
    if kind == "unloadable":
        publish_raw(fleet.cloud, name, data, version=version, format="parquet")
    elif kind == "wrong":
        wrong = json.dumps({**json.loads(data), "wrong": True}).encode()
        publish_raw(fleet.cloud, name, wrong, version=version)
    elif kind == "truncated":
        digest = sha256(data).hexdigest()
        publish_raw(fleet.cloud, name, data[:-100], version=version, sha=digest)
    else:
        publish_raw(fleet.cloud, name, data, version=version)


@pytest.mark.parametrize(
    ("versions", "seconds"),
    [(41, 8.0), pytest.param(100, 60.0, marks=pytest.mark.long)],
    ids=["short", "a-minute"],
)
def test_program_never_sees_a_missing_or_a_half_model(
    fleet: LocalFleet, tmp_path: Path, versions: int, seconds: float
) -> None:
    """One version in ten is broken, and it ends on the newest good one.

    A service keeps the newest version of an object only, so some of those that follow each other
    closely never get to the node; none of those that do is left out.
    """
    name, node, cache = fresh(), fleet.node("node1"), Cache(tmp_path, size=1 << 20)
    push(fleet, name, 0, broken=False)
    over = threading.Event()

    def publish_all() -> None:
        began = time.monotonic()
        for number in range(1, versions + 1):
            time.sleep(max(0.0, began + number * seconds / versions - time.monotonic()))
            push(fleet, name, number, broken=number % 10 == 0)
        over.set()

    publisher = threading.Thread(target=publish_all)
    publisher.start()
    seen, calls = [-1], 0
    newest_good = versions - 1 if versions % 10 == 0 else versions
    deadline = time.monotonic() + seconds + 60
    try:
        while not over.is_set() or (seen[-1] != newest_good and time.monotonic() < deadline):
            data = current("a", object_type=name, client=node, cache=cache, check=check)
            calls += 1
            model = json.loads(data)
            assert model["sum"] == checksum(model)
            assert not model.get("wrong")
            assert model["number"] % 10 or not model["number"]
            assert model["number"] >= seen[-1]
            if model["number"] != seen[-1]:
                seen.append(model["number"])
            time.sleep(0.001)
    finally:
        publisher.join()
        close_all()
    assert seen[-1] == newest_good
    assert len(seen) > versions / 4, f"it hardly followed: {seen}"
    assert calls > 100

"""Acts drawn by a plain random generator, for stories that hypothesis need not shorten."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.model.cloud import CHUNKS, FILE, SMALL, Publication
from tests.model.model import Name
from tests.model.story import NODES
from tests.model.tale import Tale

NAMES = (Name("models", "a"), Name("models", "b"), Name("files", "a"))
_SIZES = (SMALL, SMALL, 0, CHUNKS, FILE)


def publication(rng: Random) -> Publication:
    """Any way to store an object."""
    return Publication(
        kind=rng.choice(("data", "data", "upload", "later", "noData", "link")),
        to=rng.choice(("all", "type", "node1", "node2", "list", "both")),
        size=rng.choice(_SIZES),
        inactive=rng.random() < 0.2,
        consumers=rng.choice((1, 1, 2)),
        autodelete=rng.random() < 0.3,
    )


def act(tale: Tale, rng: Random) -> None:
    """One act of a program, or a kill."""
    name, node = rng.choice(NAMES), rng.choice(NODES)
    size, number = rng.choice(_SIZES), rng.randint(1, 3)
    some = frozenset(one for one in NODES if rng.random() < 0.5)
    acts: list[tuple[int, Callable[[], None]]] = [
        (6, lambda: tale.publish(name, publication(rng))),
        (2, lambda: tale.upload(name, size)),
        (2, lambda: tale.describe(name, publication(rng))),
        (1, lambda: tale.activate(name)),
        (2, lambda: tale.delete(name, twice=rng.random() < 0.3)),
        (2, lambda: tale.readdress(name, some, rng.choice(("set", "add", "remove")))),
        (3, tale.collect),
        (6, lambda: tale.consume(node, name)),
        (1, lambda: tale.receive(node, name)),
        (4, lambda: tale.report(node, number, size)),
        (1, lambda: tale.withdraw(node, number)),
        (4, lambda: tale.wait(rng.choice((0.005, 0.02, 0.1, 0.3)))),
        (2, lambda: tale.kill(rng.choice(("css", *NODES)), power=False, soon=rng.uniform(0, 0.3))),
    ]
    chosen = rng.choices([one for _, one in acts], [weight for weight, _ in acts])
    chosen[0]()
    tale.check()

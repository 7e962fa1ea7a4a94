"""Random stories, told by hypothesis, which shortens the ones that end badly."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.model.cloud import CHUNKS, FILE, SMALL, Publication
from tests.model.fate import SimulatedTale
from tests.model.model import Name
from tests.model.story import NODES
from tests.model.world import World

MEMORY = Path("/dev/shm")  # noqa: S108  (a folder of its own is made inside)

names = st.sampled_from([Name("models", "a"), Name("models", "b"), Name("files", "a")])
nodes = st.sampled_from(NODES)
services = st.sampled_from(("css", *NODES))
sizes = st.sampled_from((SMALL, SMALL, 0, CHUNKS, FILE))
publications = st.builds(
    Publication,
    kind=st.sampled_from(("data", "data", "upload", "later", "noData", "link")),
    to=st.sampled_from(("all", "type", "node1", "node2", "list", "both")),
    size=sizes,
    inactive=st.sampled_from((False, False, False, True)),
    expires=st.sampled_from((0.0, 0.0, 0.0, 20.0, 5000.0)),
    activates=st.sampled_from((0.0, 30.0)),
    consumers=st.sampled_from((1, 1, 2)),
    autodelete=st.booleans(),
)


class Stories(RuleBasedStateMachine):
    """Every rule is an act of somebody; at the end all sides must agree, and nothing may stay.

    Attributes
    ----------
    acts : int
        How many there were, in all stories of this process.
    """

    acts = 0
    story: SimulatedTale | None = None

    @initialize(seed=st.integers(0, 2**32 - 1))
    def begin(self, seed: int) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.story = SimulatedTale(World(seed, Path(self._folder.name)))

    @property
    def now(self) -> SimulatedTale:
        assert self.story is not None
        return self.story

    # ------------------------------------------------------- programs in the cloud

    @rule(name=names, how=publications)
    def publish(self, name: Name, how: Publication) -> None:
        self.now.publish(name, how)

    @rule(name=names, how=publications)
    def publish_another(self, name: Name, how: Publication) -> None:
        self.now.publish(name, how)

    @rule(name=names, size=sizes)
    def upload(self, name: Name, size: int) -> None:
        self.now.upload(name, size)

    @rule(name=names, how=publications)
    def describe(self, name: Name, how: Publication) -> None:
        self.now.describe(name, how)

    @rule(name=names)
    def activate(self, name: Name) -> None:
        self.now.activate(name)

    @rule(name=names, twice=st.booleans())
    def delete(self, name: Name, twice: bool) -> None:
        self.now.delete(name, twice=twice)

    @rule(
        name=names,
        chosen=st.frozensets(nodes),
        action=st.sampled_from(("set", "add", "remove")),
    )
    def readdress(self, name: Name, chosen: frozenset[str], action: str) -> None:
        self.now.readdress(name, chosen, action)

    @rule()
    def collect(self) -> None:
        self.now.collect()

    # ----------------------------------------------------------- programs on nodes

    @rule(node=nodes, name=names)
    def consume(self, node: str, name: Name) -> None:
        self.now.consume(node, name)

    @rule(node=nodes, name=names)
    def consume_another(self, node: str, name: Name) -> None:
        self.now.consume(node, name)

    @rule(node=nodes, name=names)
    def receive(self, node: str, name: Name) -> None:
        self.now.receive(node, name)

    @rule(node=nodes, number=st.integers(1, 3), size=sizes)
    def report(self, node: str, number: int, size: int) -> None:
        self.now.report(node, number, size)

    @rule(node=nodes, number=st.integers(1, 3))
    def withdraw(self, node: str, number: int) -> None:
        self.now.withdraw(node, number)

    # ------------------------------------------------------------------------ fate

    @rule(seconds=st.sampled_from((0.005, 0.02, 0.1, 0.5, 3.0, 30.0)))
    def wait(self, seconds: float) -> None:
        self.now.wait(seconds)

    @rule(seconds=st.sampled_from((700.0, 4000.0)))
    def wait_long(self, seconds: float) -> None:
        self.now.wait(seconds)

    @rule(name=services, power=st.booleans(), soon=st.floats(0, 0.1))
    def kill(self, name: str, power: bool, soon: float) -> None:
        self.now.kill(name, power=power, soon=soon)

    @rule(name=services)
    def stay_down(self, name: str) -> None:
        self.now.stay_down(name)

    @rule(name=services)
    def start(self, name: str) -> None:
        self.now.start(name)

    @rule(node=nodes)
    def wipe(self, node: str) -> None:
        self.now.wipe(node)

    @rule(node=nodes)
    def unregister(self, node: str) -> None:
        self.now.unregister(node)

    @rule()
    def back_up(self) -> None:
        self.now.back_up()

    @rule()
    def restore(self) -> None:
        self.now.restore()

    @rule(node=nodes, faulty=st.sampled_from((0.0, 0.1, 0.5)))
    def weather(self, node: str, faulty: float) -> None:
        self.now.weather(node, faulty)

    @rule(node=nodes, silently=st.booleans())
    def cut(self, node: str, silently: bool) -> None:
        self.now.cut(node, silently=silently)

    @rule(node=nodes)
    def heal(self, node: str) -> None:
        self.now.heal(node)

    @rule(name=services, seconds=st.sampled_from((-86400.0, -3700.0, -5.0, 5.0, 3700.0)))
    def jump(self, name: str, seconds: float) -> None:
        self.now.jump(name, seconds)

    @rule(name=services, full=st.booleans())
    def fill(self, name: str, full: bool) -> None:
        self.now.fill(name, full=full)

    @rule()
    def settle(self) -> None:
        self.now.settle()

    # --------------------------------------------------------------------- the end

    @invariant()
    def nothing_is_alarming(self) -> None:
        if self.story is not None:
            self.story.check()
            Stories.acts += 1

    def teardown(self) -> None:
        if self.story is None:
            return
        try:
            self.story.clean_up()
        finally:
            self.story.close()
            self._folder.cleanup()

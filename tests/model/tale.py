"""A story that may be told in a simulation and with real processes alike."""

from __future__ import annotations

import pytest

from tests.model.cloud import CloudPrograms
from tests.model.edge import NodePrograms
from tests.model.model import Name
from tests.model.state import look
from tests.model.story import NODES


class Tale(CloudPrograms, NodePrograms):
    """Programs, kills, and the end."""

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.world.advance(seconds)

    def kill(self, name: str, *, power: bool, soon: float) -> None:
        """Kill a service, perhaps in the middle of what comes next; it starts again later."""
        self.world.kill_soon(name, power=power, soon=soon)

    def stay_down(self, name: str) -> None:
        """Kill a service for longer."""
        self.world.machines[name].kill(power=False)

    def start(self, name: str) -> None:
        """Start a service that is down."""
        self.world.machines[name].start()

    def clean_up(self) -> None:
        """Everybody deletes and consumes all there is; nothing may stay."""
        self.settle()
        for name in list(self.model.cloud):
            self.delete(name, twice=False)
        for _ in range(4):
            self.settle()
            for node in NODES:
                for key, one in look(self.world.machines[node]).objects.items():
                    if not one.sender:
                        self.consume(node, Name(*key))
            self.collect()
        css = look(self.world.machines["css"])
        for key, one in css.objects.items():  # what a wiped node began to send
            if one.status == "partiallyreceived":
                self.model.stats[Name(*key)].state = "unsure"
                self.expect(self.cloud("DELETE", Name(*key)), 204)
        self.settle()
        left = look(self.world.machines["css"]).left_over()
        for node in NODES:
            left += look(self.world.machines[node]).left_over()
        left = [line for line in left if not self._excused(line)]
        if left:
            pytest.fail("\n".join([f"{self.world.name}: left over", *left]))

    def _excused(self, line: str) -> bool:
        unsure = [n for n, stat in self.model.stats.items() if stat.state == "unsure"]
        return any(name.object_id in line for name in unsure)

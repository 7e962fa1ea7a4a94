"""What only a simulation can do: clocks, disks, networks and backups."""

from __future__ import annotations

from tests.model.model import Model
from tests.model.stage import ORG
from tests.model.story import NODES
from tests.model.tale import Tale
from tests.model.world import World


class SimulatedTale(Tale):
    """A story with every kind of misfortune.

    Parameters
    ----------
    world : World
        Simulated.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.simulated = world
        self._backup: Model | None = None

    def wipe(self, node: str) -> None:
        """A node comes back with an empty disk."""
        self.model.wiped(node)
        self.simulated.machines[node].wipe()
        self.world.advance(1.0)  # nobody changes a disk while a call is on its way
        self.simulated.machines[node].start()

    def unregister(self, node: str) -> None:
        """Somebody unregisters a node."""
        if not self.up("css"):
            return
        headers = {"X-Sync-Service-Dest": f"{ORG}/edge/{node}"}
        path = f"/spi/v1/unregister/{ORG}/edge/{node}"
        self.note_registrations()
        self.expect(self.at(self.world.machines["css"], "PUT", path, headers=headers), 204)
        self.model.unregistered(node)

    def back_up(self) -> None:
        """Make a backup of the CSS."""
        if self.up("css"):
            self.note_registrations()
            self.note_activations()
            self.simulated.take_snapshot()
            self._backup = self.model.snapshot()

    def restore(self, *, unnoticed: bool = False) -> None:
        """The CSS comes back from its backup, if there is one."""
        if self._backup is not None:
            self.note_registrations()
            self.simulated.restore_snapshot(unnoticed=unnoticed)
            self.model.restored(self._backup, list(NODES))
            for name in self.model.cloud:
                self.note_instance(name)

    def weather(self, node: str, faulty: float) -> None:
        """The network of a node gets better or worse."""
        self.simulated.machines[node].weather.faulty = faulty

    def cut(self, node: str, *, silently: bool) -> None:
        """Cut a node off."""
        self.simulated.cut(node, silently=silently)

    def heal(self, node: str) -> None:
        """The network of a node works again."""
        self.simulated.machines[node].weather.cut = False

    def jump(self, name: str, seconds: float) -> None:
        """The clock of a machine jumps."""
        self.world.note(f"the clock of {name} jumps by {seconds}")
        self.simulated.machines[name].offset += seconds

    def fill(self, name: str, *, full: bool) -> None:
        """A disk fills up, or has room again."""
        self.simulated.machines[name].platter.full = full

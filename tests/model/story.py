"""What all acts share: calls, what the model learns from them, and the end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.model.model import Model, Name, misfit
from tests.model.stage import ORG, Place, Reply, Stage
from tests.model.state import Stored, look, rows

NODES = ("node1", "node2")
Json = Any


class Story:
    """One run: a world, and the model of what must be true in it.

    Parameters
    ----------
    world : Stage
        Simulated or real.
    """

    def __init__(self, world: Stage) -> None:
        self.world = world
        self.model = Model()
        self._serial = 0
        self._registrations = 0
        self.settle()

    def close(self) -> None:
        """End it."""
        self.world.close()

    def settle(self) -> None:
        """All is well again; the sides must come to agree, and with the model."""
        self.world.make_well()
        self.world.advance(1.0)  # whoever was about to be killed has been
        for machine in self.world.machines.values():
            machine.start()
        waited, problems = 1.0, self.problems()
        while problems and waited < self.world.patience:
            pause = 1.0 if waited < 60 else 30.0
            self.world.advance(pause)
            waited += pause
            problems = self.problems()
        self.world.note(f"settled after {waited} s")
        if problems:
            pytest.fail("\n".join([f"{self.world.name}: after {waited} s", *problems]))

    def check(self) -> None:
        """What must hold at every moment."""
        if self.world.alarms:
            pytest.fail("\n".join([f"{self.world.name}", *self.world.alarms]))
        self.model.step += 1

    def problems(self) -> list[str]:
        self.check()
        self.note_registrations()
        self.note_activations()
        if any(not machine.is_up for machine in self.world.machines.values()):
            return ["somebody is down"]
        nodes = {node: look(self.world.machines[node]) for node in NODES}
        css = look(self.world.machines["css"])
        missing = set(NODES) - self.registered_nodes()
        problems = [f"{node} is not registered" for node in sorted(missing)]
        return problems + self.model.problems(css, nodes)

    def next_serial(self) -> int:
        """A number that no data had before."""
        self._serial += 1
        return self._serial

    def up(self, name: str) -> bool:
        return bool(self.world.machines[name].is_up)

    def cloud(self, method: str, name: Name, operation: str = "", body: Json = None) -> Reply:
        path = f"/api/v1/objects/{ORG}/{name.object_type}/{name.object_id}{operation}"
        return self.at(self.world.machines["css"], method, path, body)

    def at(
        self,
        machine: Place,
        method: str,
        path: str,
        body: Json = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body)
        data = sent if isinstance(sent, bytes) else sent.encode()
        return self.world.call(machine, method, path, data, headers)

    def read(self, machine: Place, org: str, name: Name) -> Stored | None:
        """An object as a careful program reads it; its data must be those of its metadata."""
        path = f"/api/v1/objects/{org}{name.object_type}/{name.object_id}"
        head = self.at(machine, "GET", path)
        if head.status == 404:
            return None
        meta = json.loads(head.body)
        status = self.at(machine, "GET", f"{path}/status").body.decode()
        data = self.at(machine, "GET", f"{path}/data")
        again = self.at(machine, "GET", path)
        if again.status != 200 or json.loads(again.body)["instanceID"] != meta["instanceID"]:
            return None
        one = Stored(
            status=status,
            sender=status in ("ready", "notReady", "consumedByDest"),
            instance=meta["instanceID"],
            description=meta["description"],
            size=meta["objectSize"],
            deleted=meta["deleted"],
            payload=data.body if data.status == 200 else None,
        )
        if one.payload is not None and (wrong := misfit(name, one)):
            pytest.fail(f"{self.world.name}: {machine.name} gave out: {wrong}")
        return one

    def note_instance(self, name: Name) -> None:
        seen = self.cloud("GET", name)
        if seen.status != 200:
            return
        instance = json.loads(seen.body)["instanceID"]
        self.model.cloud[name].instance = instance
        for node in NODES:  # numbers may be lower after a backup was restored
            if self.model.removal_seen.get((node, name), 0) >= instance:
                del self.model.removal_seen[node, name]

    def registered_nodes(self) -> set[str]:
        self.note_registrations()
        return {
            row[0] for row in rows(self.world.machines["css"], "SELECT dest_id FROM destinations")
        }

    def note_registrations(self) -> int:
        """Tell the model of every node that registered as new since the last look."""
        all_of_them = self.world.registrations
        for node in all_of_them[self._registrations :]:
            self.model.registered(node)
        self._registrations = len(all_of_them)
        return self._registrations

    def note_activations(self) -> None:
        """Tell the model which objects time has activated."""
        for name, one in self.model.cloud.items():
            if one.activates and not one.active:
                seen = rows(
                    self.world.machines["css"],
                    f"SELECT meta FROM objects WHERE object_id = '{name.object_id}'"
                    f" AND object_type = '{name.object_type}'",
                )
                if seen and not json.loads(seen[0][0])["inactive"]:
                    one.active = True

    def expect(self, reply: Reply, status: int) -> None:
        if reply.status != status:
            pytest.fail(f"{self.world.name}: {reply}, not {status}")

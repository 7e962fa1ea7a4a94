"""What programs on nodes do."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tests.model.model import Consumption, Content, Name, NodeObject
from tests.model.state import Stored
from tests.model.story import Story


class NodePrograms(Story):
    """Calls of applications on an ESS."""

    def consume(self, node: str, name: Name) -> None:
        """A program of a node takes in an object, and says that it is done with it."""
        machine = self.world.machines[node]
        if not self.up(node):
            return
        one = self.read(machine, "", name)
        if one is None or one.sender:
            return
        if one.deleted:
            self._confirm(node, name, one)
            return
        seen = self.model.removal_seen.get((node, name))
        if seen is not None and one.instance <= seen:
            pytest.fail(f"{node} was given {name} {one.instance} after its deletion")
        before = one.instance
        reply = self.at(machine, "PUT", f"/api/v1/objects/{name[0]}/{name[1]}/consumed")
        after = self.at(machine, "GET", f"/api/v1/objects/{name[0]}/{name[1]}/status")
        finished = after.status == 404 or after.body == b"objconsumed"
        certain = finished and reply.status == 204 and reply.attempts == 1
        current = self.model.cloud.get(name)
        certain = certain and current is not None and current.instance == before
        self.model.consumed[node, name].append(Consumption(before, self.model.step, certain))

    def receive(self, node: str, name: Name) -> None:
        """A program of a node takes note of an object, and keeps it."""
        if self.up(node):
            self.read(self.world.machines[node], "", name)
            path = f"/api/v1/objects/{name[0]}/{name[1]}/received"
            self.at(self.world.machines[node], "PUT", path)

    def report(self, node: str, number: int, size: int) -> None:
        """A program of a node sends statistics."""
        if not self.up(node):
            return
        serial = self.next_serial()
        name = Name("stats", f"{node}-{number}")
        content = Content(serial, 0, size)
        meta = {"objectID": name.object_id, "objectType": "stats"}
        meta["description"] = str(serial)
        data = b64encode(content.payload(name)).decode()
        path = f"/api/v1/objects/stats/{name.object_id}"
        machine = self.world.machines[node]
        reply = self.at(machine, "PUT", path, {"meta": meta, "data": data})
        if reply.status == 507:
            return
        if reply.status == 400:  # consumed or deleted, and its name is not free yet
            if name in self.model.stats and self.model.stats[name].state == "sent":
                self.model.stats[name].state = "unsure"  # a consumption that was not seen
            return
        self.expect(reply, 204)
        self.model.stats[name] = NodeObject(node, content)

    def withdraw(self, node: str, number: int) -> None:
        """A program of a node deletes what it sent."""
        name = Name("stats", f"{node}-{number}")
        stat = self.model.stats.get(name)
        if stat is None or not self.up(node):
            return
        path = f"/api/v1/objects/stats/{name.object_id}"
        reply = self.at(self.world.machines[node], "DELETE", path)
        if reply.status == 204 and stat.state != "unsure":
            stat.state = "deleted"  # also if the node has not heard yet that it was consumed
        elif stat.state == "sent" or reply.attempts > 1:
            stat.state = "unsure"

    def _confirm(self, node: str, name: Name, one: Stored) -> None:
        path = f"/api/v1/objects/{name[0]}/{name[1]}/deleted"
        if self.at(self.world.machines[node], "PUT", path).status == 204:
            self.model.removal_seen[node, name] = one.instance

"""What programs in the cloud do."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, replace

import pytest

from syncnb.service.wire import format_time
from tests.model.model import CloudObject, Content, Name
from tests.model.stage import CHUNK, ORG, Reply
from tests.model.story import NODES, Json, Story

SMALL, CHUNKS, FILE = 300, 2 * CHUNK + 17, (64 << 10) + 3 * CHUNK


@dataclass(frozen=True)
class Publication:
    """How an object of the cloud is stored.

    Parameters
    ----------
    kind : {"data", "upload", "later", "noData", "link"}
        Data inline, uploaded in a second call, not uploaded yet, or none.
    to : {"all", "type", "node1", "node2", "list", "both"}
        Whom it addresses.
    size : int
        Bytes.
    inactive : bool
        Whether it waits for its activation.
    expires, activates : float
        Seconds from now, 0 for never.
    consumers : int
        Calls until a node counts as having consumed it.
    autodelete : bool
        Where the addressing allows it.
    """

    kind: str = "data"
    to: str = "type"
    size: int = SMALL
    inactive: bool = False
    expires: float = 0.0
    activates: float = 0.0
    consumers: int = 1
    autodelete: bool = False

    def addresses(self) -> dict[str, Json]:
        """The members that say where it goes."""
        if self.to == "all":
            return {}
        if self.to == "type":
            return {"destinationType": "edge"}
        if self.to in NODES:
            return {"destinationType": "edge", "destinationID": self.to}
        return {"destinationsList": [f"edge:{node}" for node in self.nodes()]}

    def nodes(self) -> frozenset[str]:
        """The nodes that it addresses."""
        return frozenset(
            {"list": {"node1"}, "node1": {"node1"}, "node2": {"node2"}}.get(self.to, NODES)
        )


class CloudPrograms(Story):
    """Calls of applications on the CSS."""

    def publish(self, name: Name, how: Publication) -> None:
        """Store an object, over the one that may be there."""
        if not self.up("css"):
            return
        serial = self.next_serial()
        content = Content(serial, 0, how.size)
        clock = self.world.machines["css"].clock()
        meta: dict[str, Json] = {
            "objectID": name.object_id,
            "objectType": name.object_type,
            "description": str(serial),
            "consumers": how.consumers,
            "inactive": how.inactive,
            "noData": how.kind == "noData",
            "link": "http://elsewhere" if how.kind == "link" else "",
            "autodelete": how.autodelete and how.to not in ("all", "type"),
            **how.addresses(),
        }
        if how.expires:
            meta["expiration"] = format_time(clock + how.expires)
        if how.inactive and how.activates:
            meta["activationTime"] = format_time(clock + how.activates)
        body: dict[str, Json] = {"meta": meta}
        if how.kind == "data":
            body["data"] = b64encode(content.payload(name)).decode()
        missing = how.nodes() - self.registered_nodes()
        reply = self.cloud("PUT", name, body=body)
        if reply.status == 400:
            self._check_refusal(name, missing, reply)
            return
        if reply.status == 507:
            return
        self.expect(reply, 204)
        self.model.deleted.pop(name, None)
        has_data = how.kind == "data"
        if how.kind == "upload":
            uploaded = self.cloud("PUT", name, "/data", content.payload(name))
            has_data = uploaded.status == 204
            if uploaded.status != 507:
                self.expect(uploaded, 204)
        before = self.model.cloud.get(name)
        self.model.cloud[name] = CloudObject(
            addressed=how.nodes(),
            content=content if has_data else None,
            ready=has_data or how.kind in ("noData", "link"),
            active=not how.inactive,
            instance=0,
            step=self.model.step,
            destinations=self.registered_nodes() & how.nodes(),
            expires=bool(how.expires) or meta["autodelete"],
            activates=how.inactive and how.activates > 0,
        )
        if before is not None:
            present = self.model.cloud[name].destinations
            self._must_go(name, before, before.destinations - present)
        self.note_instance(name)

    def upload(self, name: Name, size: int) -> None:
        """Replace the data of an object, or give it its first ones."""
        known = self.model.cloud.get(name)
        if known is None or not self.up("css"):
            return
        serial = self._described(name)
        if serial is None:
            return
        revision = known.content.revision + 1 if known.content else 1
        content = Content(serial, revision, size)
        reply = self.cloud("PUT", name, "/data", content.payload(name))
        if reply.status in (400, 507):  # noData; a full disk
            return
        if reply.status == 404 and known.expires:
            return
        self.expect(reply, 204)
        known.content, known.ready, known.step = content, True, self.model.step
        self.note_instance(name)

    def describe(self, name: Name, how: Publication) -> None:
        """Change the metadata alone (metaOnly)."""
        known = self.model.cloud.get(name)
        if known is None or known.content is None or not self.up("css"):
            return
        meta = {
            "objectID": name.object_id,
            "objectType": name.object_type,
            "description": str(known.content.serial),
            "metaOnly": True,
            "consumers": how.consumers,
            **how.addresses(),
        }
        missing = how.nodes() - self.registered_nodes()
        reply = self.cloud("PUT", name, body={"meta": meta})
        if reply.status == 400:
            self._check_refusal(name, missing, reply)
            return
        self.expect(reply, 204)
        seen = self.cloud("GET", name)
        if seen.status == 404:
            return
        kept = json.loads(seen.body)["dataID"] != 0
        self.model.cloud[name] = replace(
            known,
            content=known.content if kept else None,  # None: it had expired meanwhile
            ready=kept,
            addressed=how.nodes(),
            active=True,
            expires=False,
            activates=False,
            step=self.model.step,
            destinations=self.registered_nodes() & how.nodes(),
        )
        self._must_go(name, known, known.destinations - self.model.cloud[name].destinations)
        self.note_instance(name)

    def activate(self, name: Name) -> None:
        """Activate an object."""
        known = self.model.cloud.get(name)
        if known is None or not self.up("css"):
            return
        reply = self.cloud("PUT", name, "/activate")
        if reply.status == 400 and known.expires:
            return
        self.expect(reply, 204)
        if not known.active:  # else a consumption from before may be reported now
            known.active, known.step = True, self.model.step
        for node in NODES:  # it may be delivered again
            for entry in self.model.consumed[node, name]:
                entry.certain = False

    def delete(self, name: Name, *, twice: bool) -> None:
        """Delete an object of the cloud."""
        if not self.up("css"):
            return
        seen = self.cloud("GET", name)
        instance = json.loads(seen.body)["instanceID"] if seen.status == 200 else 0
        for _ in range(2 if twice else 1):
            reply = self.cloud("DELETE", name)
            known = self.model.cloud.pop(name, None)
            if known is not None:
                self.model.deleted[name] = instance
                self._must_go(name, known, known.destinations)
            elif name not in self.model.deleted:
                self.expect(reply, 404)

    def readdress(self, name: Name, nodes: frozenset[str], action: str) -> None:
        """Set, add or remove destinations of an object by the API."""
        known = self.model.cloud.get(name)
        if known is None or not self.up("css"):
            return
        while True:
            before = self.note_registrations()
            registered = self.registered_nodes()
            entries = [f"edge:{node}" for node in sorted(nodes & registered)]
            body: Json = entries
            if action != "set":
                body = {"action": action, "destinations": entries}
            method = "PUT" if action == "set" else "POST"
            reply = self.cloud(method, name, "/destinations", body)
            if reply.status == 404 and known.expires:
                return
            if reply.status == 400 and self.note_registrations() == before:
                if registered == self.registered_nodes():
                    self.expect(reply, 204)
                continue
            self.expect(reply, 204)
            named = set(nodes & registered)
            present = known.destinations
            wanted = {"set": named, "add": present | named, "remove": present - named}[action]
            if self.note_registrations() != before:
                continue
            for node in wanted - present:
                for entry in self.model.consumed[node, name]:
                    entry.certain = False
            known.destinations = wanted
            self._must_go(name, known, present - wanted)
            return

    def collect(self) -> None:
        """A program of the cloud takes in what nodes have sent."""
        if not self.up("css"):
            return
        reply = self.at(self.world.machines["css"], "GET", f"/api/v1/objects/{ORG}/stats")
        for meta in json.loads(reply.body) if reply.status == 200 else ():
            name = Name("stats", meta["objectID"])
            if meta["deleted"]:
                self.cloud("PUT", name, "/deleted")
                continue
            one = self.read(self.world.machines["css"], f"{ORG}/", name)
            if one is None:
                continue
            if (name, one.description) in self.model.collected:
                pytest.fail(f"{self.world.name}: {name} {one.description} came twice")
            reply = self.cloud("PUT", name, "/consumed")
            stat = self.model.stats.get(name)
            if stat is None or reply.status != 204:
                if stat is not None and reply.attempts > 1:
                    stat.state = "unsure"
                continue
            if stat.state == "sent":
                exact = str(stat.content.serial) == one.description
                stat.state = "consumed" if exact else "unsure"
                if exact:
                    self.model.collected.add((name, one.description))
            elif stat.state == "deleted":
                stat.state = "unsure"

    def _must_go(self, name: Name, known: CloudObject, nodes: set[str]) -> None:
        """These nodes are told to delete an object, unless it may have expired before."""
        if known.expires:
            self.model.forgiven |= {(node, name) for node in nodes}
        else:
            self.model.forgiven -= {(node, name) for node in nodes}

    def _described(self, name: Name) -> int | None:
        seen = self.cloud("GET", name)
        return int(json.loads(seen.body)["description"]) if seen.status == 200 else None

    def _check_refusal(self, name: Name, missing: frozenset[str], reply: Reply) -> None:
        """A publication may be refused for two reasons only."""
        if reply.status == 400 and name in self.model.deleted:
            return  # the nodes are still being told of the deletion
        if reply.status == 400 and missing:
            return
        pytest.fail(f"{self.world.name}: {name} is refused: {reply}")

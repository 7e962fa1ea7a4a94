"""What must be true: a plain model of all objects, and what the sides must agree on at the end."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.model.state import Side, Stored


class Name(NamedTuple):
    """Type and ID of an object."""

    object_type: str
    object_id: str


@dataclass(frozen=True)
class Content:
    """Data that say themselves whose they are.

    Parameters
    ----------
    serial : int
        Of the metadata that describe them; the description says it.
    revision : int
        How often they were replaced under the same metadata.
    size : int
        Bytes.
    """

    serial: int
    revision: int
    size: int

    def payload(self, name: Name) -> bytes:
        """The bytes."""
        unit = f"{name.object_type}/{name.object_id}#{self.serial}.{self.revision};".encode()
        return (unit * (self.size // len(unit) + 1))[: self.size]


@dataclass
class CloudObject:
    """An object that applications of the cloud store.

    Parameters
    ----------
    addressed : frozenset of str
        The nodes that its metadata address, registered or not.
    content : Content or None
        Its data, if it has any.
    ready, active : bool
        Whether it is to be delivered.
    instance : int
        The one that the CSS gave it last.
    step : int
        When that was.
    destinations : set of str
        The nodes that must have it.
    expires, activates : bool
        Whether time alone may remove it, or activate it.
    """

    addressed: frozenset[str]
    content: Content | None
    ready: bool
    active: bool
    instance: int
    step: int
    destinations: set[str]
    expires: bool = False
    activates: bool = False


@dataclass
class NodeObject:
    """An object that an application of a node stores, such as statistics.

    Parameters
    ----------
    state : {"sent", "consumed", "deleted", "unsure"}
        What happened to it; unsure if a crash or a race may have decided either way.
    """

    node: str
    content: Content
    state: str = "sent"


@dataclass
class Consumption:
    """A program on a node consumed an object.

    Parameters
    ----------
    instance : int
        The least that it may have been.
    step : int
        When.
    certain : bool
        Whether it was just that one, and nothing since may have brought it back.
    """

    instance: int
    step: int
    certain: bool


@dataclass
class Model:
    """All objects, as the applications know them.

    Attributes
    ----------
    restored_at : int
        The step at which the CSS came back from its backup last; -1 for never.
    deleted : dict
        Names whose last event is a deletion by the cloud -> instance of the deleted one.
    forgiven : set of (node, Name)
        What a node may still have, since it could not be told of the deletion.
    removal_seen : dict
        (node, Name) -> the instance whose deletion the node's program has seen.
    collected : set of (Name, str)
        What a program of the cloud has consumed of nodes, by name and description.
    """

    step: int = 0
    restored_at: int = -1
    cloud: dict[Name, CloudObject] = field(default_factory=dict)
    stats: dict[Name, NodeObject] = field(default_factory=dict)
    deleted: dict[Name, int] = field(default_factory=dict)
    forgiven: set[tuple[str, Name]] = field(default_factory=set)
    consumed: dict[tuple[str, Name], list[Consumption]] = field(
        default_factory=lambda: defaultdict(list)
    )
    removal_seen: dict[tuple[str, Name], int] = field(default_factory=dict)
    collected: set[tuple[Name, str]] = field(default_factory=set)

    # ------------------------------------------------------------------ events

    def registered(self, node: str) -> None:
        """The CSS took a node for a new one: it gets everything that addresses it."""
        for name, one in self.cloud.items():
            if node in one.addressed:
                one.destinations.add(node)
            for entry in self.consumed[node, name]:
                entry.certain = False

    def unregistered(self, node: str) -> None:
        """The CSS forgot a node; nobody tells it of deletions until it is back."""
        for name, one in self.cloud.items():
            one.destinations.discard(node)
            self.forgiven.add((node, name))
        self.forgiven |= {(node, name) for name in self.deleted}

    def wiped(self, node: str) -> None:
        """A node lost all it had."""
        for entries in (self.consumed[key] for key in list(self.consumed) if key[0] == node):
            for entry in entries:
                entry.certain = False
        for stat in self.stats.values():
            if stat.node == node:
                stat.state = "unsure"
        self.removal_seen = {k: v for k, v in self.removal_seen.items() if k[0] != node}

    def snapshot(self) -> Model:
        """What a backup of the CSS would bring back."""
        return copy.deepcopy(self)

    def restored(self, then: Model, nodes: list[str]) -> None:
        """The CSS is what it was then; the nodes are not."""
        self.restored_at = self.step
        gone = (self.cloud.keys() | self.deleted.keys()) - then.cloud.keys()
        self.forgiven |= {(node, name) for node in nodes for name in gone | then.deleted.keys()}
        for name, one in then.cloud.items():  # it may have gone to others since
            self.forgiven |= {(node, name) for node in set(nodes) - one.destinations}
        self.cloud = copy.deepcopy(then.cloud)
        self.deleted = dict.fromkeys(gone | then.deleted.keys(), 0)
        self.removal_seen.clear()
        self.collected.clear()
        for entries in self.consumed.values():
            for entry in entries:
                entry.certain = False
        for name, stat in self.stats.items():
            if stat.state != "sent" or (name in then.stats and then.stats[name].state != "sent"):
                stat.state = "unsure"

    # ------------------------------------------------------------ what must hold

    def problems(self, css: Side, nodes: dict[str, Side]) -> list[str]:
        """What is not yet as it must become, in words."""
        found: list[str] = []
        for name, wanted in self.cloud.items():
            found += self._cloud_object(name, wanted, css, nodes)
        for name in self.deleted:
            found += self._deletion(name, css, nodes)
        for name, stat in self.stats.items():
            found += _stat(name, stat, css, nodes[stat.node])
        for side in (css, *nodes.values()):
            found += side.unfinished()
            found += self._foreign_bytes(side)
        known = self.cloud.keys() | self.stats.keys()
        found += [f"css: {n} is nobody's" for n in css.objects if Name(*n) not in known]
        return found

    def _cloud_object(
        self, name: Name, wanted: CloudObject, css: Side, nodes: dict[str, Side]
    ) -> list[str]:
        have = css.objects.get(name)
        if have is None:
            return [] if wanted.expires else [f"css: {name} is gone"]
        found = []
        if have.instance != wanted.instance:
            found.append(f"css: {name} is instance {have.instance}, not {wanted.instance}")
        if have.status != ("ready" if wanted.ready else "notReady"):
            found.append(f"css: {name} is {have.status}, ready: {wanted.ready}")
        if have.payload != (wanted.content.payload(name) if wanted.content else None):
            found.append(f"css: {name} has other data than {wanted.content}")
        listed = css.deliveries.get(name, {})
        if set(listed) != wanted.destinations:
            found.append(f"css: {name} goes to {sorted(listed)}, not {wanted.destinations}")
        for node in sorted(wanted.destinations & set(listed)):
            found += self._delivery(name, wanted, node, listed[node], nodes[node])
        for node, side in nodes.items():
            has = side.objects.get(name)
            live = has is not None and not has.sender and has.status != "objdeleted"
            if live and node not in wanted.destinations and (node, name) not in self.forgiven:
                found.append(f"{node}: {name} does not go there any more, and it has {has}")
        return found

    def _delivery(
        self, name: Name, wanted: CloudObject, node: str, status: str, side: Side
    ) -> list[str]:
        what = f"{name} at {node}: css says {status}"
        if not (wanted.ready and wanted.active):
            return [] if status == "pending" else [f"{what}, though it is not announced"]
        has = side.objects.get(name)
        if status == "delivered":
            good = has is not None and not has.sender and has.instance == wanted.instance
            complete = has is not None and has.status in ("completelyReceived", "objreceived")
            if not (good and complete):
                return [f"{what} {wanted.instance}, and it has {has}"]
            entries = self.consumed[node, name]
            if any(e.certain and e.instance == wanted.instance for e in entries):
                return [f"{what}, though it was consumed"]
            return []
        if status == "consumed":
            # A restored CSS does not know what it has sent again, or since: a node keeps that
            # until its program consumes it.
            known = wanted.step > self.restored_at
            if known and has is not None and not has.sender:
                return [f"{what}, and it still has {has}"]
            if not any(
                e.step >= wanted.step and e.instance <= wanted.instance
                for e in self.consumed[node, name]
            ):
                return [f"{what}, though its program never consumed {wanted.instance}"]
            return []
        return [what]

    def _deletion(self, name: Name, css: Side, nodes: dict[str, Side]) -> list[str]:
        found = []
        if name in css.objects:
            found.append(f"css: {name} was deleted and is {css.objects[name]}")
        for node, side in nodes.items():
            has = side.objects.get(name)
            if has is None or has.sender or (node, name) in self.forgiven:
                continue
            if has.status != "objdeleted":
                found.append(f"{node}: {name} was deleted and is {has}")
        return found

    def _foreign_bytes(self, side: Side) -> list[str]:
        """Whether any side has data that are not those of its own metadata."""
        found = []
        for name, one in side.objects.items():
            if one.payload is None or not one.description:
                continue
            problem = misfit(Name(*name), one)
            if problem:
                found.append(f"{side.name}: {problem}")
        return found


def misfit(name: Name, one: Stored) -> str | None:
    """What is wrong with the data of an object, by what they and the metadata say."""
    assert one.payload is not None
    start = one.payload.split(b";", 1)[0].decode("ascii", "replace")
    label, _, numbers = start.partition("#")
    if one.payload and label != f"{name.object_type}/{name.object_id}":
        return f"{name} has the data of {start}"
    if len(one.payload) != one.size:
        return f"{name} has {len(one.payload)} bytes, its metadata say {one.size}"
    if not one.payload:
        return None
    serial, _, revision = numbers.partition(".")
    if serial != one.description:
        return f"{name} describes {one.description} and has the data {start}"
    content = Content(int(serial), int(revision), len(one.payload))
    if one.payload != content.payload(name):
        return f"{name} has damaged data"
    return None


def _stat(name: Name, stat: NodeObject, css: Side, node: Side) -> list[str]:
    here, there = node.objects.get(name), css.objects.get(name)
    if stat.state == "unsure":
        return []
    if stat.state == "consumed":
        found = []
        if there is not None:
            found.append(f"css: {name} was consumed and is {there}")
        if here is None or here.status != "consumedByDest":
            found.append(f"{stat.node}: {name} was consumed and is {here}")
        return found
    if stat.state == "deleted":
        found = []
        if there is not None and there.status != "objdeleted":
            found.append(f"css: {name} was deleted by its node and is {there}")
        if here is not None:
            found.append(f"{stat.node}: {name} was deleted here and is {here}")
        return found
    wanted = stat.content.payload(name)
    if there is None or there.status not in ("completelyReceived", "objreceived"):
        return [f"css: {name} of {stat.node} has not arrived: {there}"]
    if there.payload != wanted:
        return [f"css: {name} is {there}, not {stat}"]
    if here is None or here.status != "ready" or here.instance != there.instance:
        return [f"{stat.node}: {name} is on its way and here it is {here}"]
    return []

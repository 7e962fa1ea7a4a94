"""What a service holds after each call, as far as the calls that reached it say."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from syncnb import ObjectMetaData

SILENT_NODE = "kiosk:k1"  # it registered, and was not heard of again


@dataclass
class Side:
    """All objects of a type on one side, and the files that were downloaded from it."""

    object_type: str
    folder: Path
    files: dict[str, bytes] = field(default_factory=dict)

    def data(self, name: str) -> bytes | None:
        """Those that can be read; None if there are none."""
        raise NotImplementedError

    def check_files(self) -> None:
        """Every file is whole, and there is no other."""
        there = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        assert there.keys() == self.files.keys(), "a file is missing, or one was left over"
        for name, data in self.files.items():
            same(there[name], data)


@dataclass
class Stored:
    """An object at the CSS."""

    version: int
    data: bytes | None
    nodes: set[str] = field(default_factory=set)


@dataclass
class Cloud(Side):
    """The CSS, where objects are made."""

    objects: dict[str, Stored] = field(default_factory=dict)
    placed: set[str] = field(default_factory=set)  # those that ever had a node

    def data(self, name: str) -> bytes | None:
        there = self.objects.get(name)
        return there.data if there else None


@dataclass
class Arrived:
    """An object at a node, as its applications see it."""

    content: bytes
    deleted: bool = False
    received: bool = False
    over: bool = False  # consumed, or its deletion confirmed

    @property
    def usable(self) -> bool:
        """Whether it may be marked received and consumed."""
        return not (self.deleted or self.over)


@dataclass
class Node(Side):
    """A node, where they arrive."""

    objects: dict[str, Arrived] = field(default_factory=dict)

    def data(self, name: str) -> bytes | None:
        there = self.objects.get(name)
        return there.content if there and there.usable else None

    def lingers(self, name: str) -> bool:
        """Whether it is listed until the other side knows that its deletion is confirmed."""
        return self.objects[name].deleted and self.objects[name].over

    def listed(self, *, received: bool) -> list[tuple[str, bool]]:
        """What a poll has to bring (rest-api.md, 9.1)."""
        return sorted(
            (name, one.deleted)
            for name, one in self.objects.items()
            if not one.over and (one.deleted or received or not one.received)
        )


def made(object_type: str, object_id: str, version: int, *nodes: str) -> ObjectMetaData:
    """What a caller makes; the version can be read in it. Nobody gets it but these nodes."""
    where = {"destinations_list": nodes} if nodes else {"dest_type": "nowhere"}
    return ObjectMetaData(
        object_type=object_type, object_id=object_id, description=f"version {version}", **where
    )


def data_of(seed: int, size: int) -> bytes:
    """Bytes of which no part looks like a part of others."""
    return random.Random(seed).randbytes(size)


def same(found: bytes, wanted: bytes) -> None:
    """Compare without printing megabytes."""
    if found != wanted:
        pairs = enumerate(zip(found, wanted, strict=False))
        first = next((i for i, (a, b) in pairs if a != b), min(len(found), len(wanted)))
        raise AssertionError(
            f"{len(found)} bytes, {len(wanted)} were expected; they differ from byte {first}"
        )

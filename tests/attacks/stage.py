"""One object, its publisher, its nodes, and what somebody else puts in its place."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from syncnb import (
    Follower,
    LocalFleet,
    Manifest,
    ObjectMetaData,
    Publication,
    Trust,
    follow,
    publish,
)
from syncnb.signing import Signer, seal, triple
from tests.unit.signing.conftest import key

GOOD = b"good"


def wait(true: Callable[[], bool], show: Callable[[], object], seconds: float = 30) -> None:
    """Wait for a condition, with a deadline and something to show when it passes."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, show()
        time.sleep(0.02)


@dataclass(frozen=True)
class Program:
    """The program at the first node."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self, name: str, version: str) -> list[str]:
        """How its updates with this name and version ended."""
        lines = self.log.read_text().splitlines()
        return [said for *what, said in map(json.loads, lines) if what == [name, version]]


@dataclass
class Stage:
    """The object ``open/...`` or, where it is signed by Alice, ``guarded/...``."""

    fleet: LocalFleet
    trust: Trust
    program: Program
    name: str
    folder: Path
    kind: str = "open"
    publication: Publication | None = None
    follower: Follower | None = None
    others: list[str] = field(default_factory=list)

    @property
    def marker(self) -> Path:
        """What an attack would make."""
        return self.folder / f"{self.name}-marker"

    def begin(self, *, guarded: bool) -> None:
        """The publisher sends a good version; a program at the second node follows it."""
        self.kind = "guarded" if guarded else "open"
        self.publish(GOOD, "1.0.0")
        self.follower = follow(
            self.name, object_type=self.kind, client=self.fleet.node("node2"),
            trust=self.trust if guarded else False,
        )  # fmt: skip
        assert self.follower.wait(30) == GOOD
        self.wait(lambda: self.said("1.0.0") == [repr(GOOD)])

    def publish(self, data: bytes, version: str, name: str = "") -> Publication:
        """As its publisher does it."""
        done = publish(
            data, self.kind, name or self.name, version=version, dest_type="edge",
            signer=key("alice") if self.kind == "guarded" else False, client=self.fleet.cloud,
        )  # fmt: skip
        if name:
            self.others.append(name)
        else:
            self.publication = done
        return done

    def stored(self, name: str = "") -> tuple[ObjectMetaData, bytes]:
        """What the service has, as whoever controls it can keep it for later."""
        meta = self.fleet.cloud.get_object_metadata(self.kind, name or self.name)
        return meta, self.fleet.cloud.read_object_data(meta)

    def put(self, meta: ObjectMetaData, data: bytes) -> None:
        """Store whatever it is, in the place of the object."""
        meta = replace(meta.for_update(), object_type=self.kind, object_id=self.name)
        self.fleet.cloud.update_object(meta, data=data)

    def forge(self, data: bytes, *, signer: Signer | None = None, **manifest: Any) -> None:
        """Store data with a manifest of one's own."""
        self.put(self.forged(data, signer=signer, **manifest), data)

    def forged(
        self, data: bytes, *, signer: Signer | None = None, **manifest: Any
    ) -> ObjectMetaData:
        """What goes beside data; ``description=`` is a manifest that is none."""
        description, version = manifest.pop("description", None), manifest.get("version", "2.0.0")
        values: dict[str, Any] = {
            "format": "bytes", "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
            "version": version, "name": self.name, "sequence": time.time_ns(),
            "org_id": self.fleet.org_id, "object_type": self.kind, "object_id": self.name,
        }  # fmt: skip
        values |= manifest
        values.setdefault("codec", f"{values['format']}/1")
        description = description or Manifest(**values).to_description()
        signed: dict[str, Any] = {}
        if signer is not None:
            description = seal(description, signer)
            signed = dict(triple(hashlib.sha256(data).digest(), signer))
        return ObjectMetaData(
            object_type=self.kind, object_id=self.name, dest_type="edge", version=version,
            description=description, **signed,
        )  # fmt: skip

    def said(self, version: str) -> list[str]:
        """How the program at the first node ended."""
        return self.program.said(self.name, version)

    def rows(self) -> list[tuple[str, str]]:
        """Status and message of each node, as the publisher sees them."""
        assert self.publication is not None
        return [(row.status, row.message) for row in self.publication.delivery_rows()]

    def wait(self, true: Callable[[], bool]) -> None:
        """Wait for a condition, with a deadline."""
        wait(true, lambda: (self.rows(), self.program.log.read_text()[-2000:]))

    def traces(self) -> list[Path]:
        """Files that the attack left anywhere that the programs may write to."""
        places = {self.folder, Path(os.environ["SYNCNB_CACHE"]), self.fleet.folder("node1").parent}
        return [path for place in places for path in place.rglob(f"*{self.name}-marker*")]

    def close(self) -> None:
        """Take the object away again."""
        if self.follower is not None:
            self.follower.close()
        for name in (self.name, *self.others):
            self.fleet.cloud.delete_object(self.kind, name)

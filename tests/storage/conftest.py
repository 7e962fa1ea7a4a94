"""Services on every storage, started by the command that operators type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from syncnb import SyncServiceClient
from tests.servers import ServiceProcess

AUTH = {
    "credentials": {
        "admin": {"secret": "s3cret", "orgID": "acme", "username": "admin", "type": "admin"},
        **{
            f"node{n}": {
                "secret": "t0ken", "orgID": "acme", "username": f"edge/node{n}", "type": "edgenode"
            }
            for n in range(1, 9)
        },
    },
}  # fmt: skip


@dataclass(frozen=True)
class Storage:
    """What to tell a command so that it uses a storage."""

    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


class Operator:
    """Starts services, and ends those that run at the end of the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[ServiceProcess] = []

    def css(self, storage: Storage, name: str = "css", port: int = 0) -> ServiceProcess:
        """A CSS with a data folder of this name."""
        return self._started(
            "css", *storage.options, "--data", str(self._folder / name),
            "--auth", self._auth("css"), name=name, environment=storage.environment, port=port,
        )  # fmt: skip

    def ess(self, css: str, number: int = 1) -> ServiceProcess:
        """Node ``edge/nodeN`` of a CSS."""
        return self._started(
            "ess", "--css", css, "--org", "acme", "--node", f"edge/node{number}", "--poll", "1",
            "--data", str(self._folder / f"node{number}"),
            "--auth", self._auth(f"node{number}"), name=f"node{number}",
        )  # fmt: skip

    def end(self) -> None:
        """End what runs."""
        for one in self._running:
            one.stop()

    def _started(
        self, *arguments: str, name: str, environment: dict[str, str] | None = None, port: int = 0
    ) -> ServiceProcess:
        log = self._folder / f"{name}.log"
        one = ServiceProcess(*arguments, log=log, environment=environment, port=port)
        self._running.append(one)
        return one

    def _auth(self, key: str) -> str:
        path = self._folder / f"{key}-auth.json"
        path.write_text(json.dumps(AUTH | {"cssCredentials": {"key": key, "secret": "t0ken"}}))
        return str(path)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """Starts services in the folder of the test."""
    one = Operator(tmp_path)
    yield one
    one.end()


@pytest.fixture
def storage_of(request: pytest.FixtureRequest) -> Callable[[str], Storage]:
    """A new, empty storage by its name, such as ``postgres-s3``."""

    def make(name: str) -> Storage:
        database, blobs = name.split("-")
        options: list[str] = []
        environment: dict[str, str] = {}
        if database == "postgres":
            options += ["--database", request.getfixturevalue("postgres").new_database()]
        if blobs == "s3":
            server = request.getfixturevalue("s3")
            options += ["--blobs", server.new_bucket()]
            environment = server.environment
        return Storage(tuple(options), environment)

    return make


def client_of(service: ServiceProcess) -> SyncServiceClient:
    """An application: of a CSS, or with an empty organisation of a node."""
    return SyncServiceClient(service.url, org_id="acme", key="admin", secret="s3cret")


def application_at(node: ServiceProcess) -> SyncServiceClient:
    """An application on a node."""
    return SyncServiceClient(node.url, key="admin", secret="s3cret")

"""A CSS and two nodes of it as the scenarios want them, started by the commands that users type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import ServiceProcess

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Services:
    """Base URLs."""

    css: str
    ess: str
    ess2: str


@pytest.fixture(scope="session")
def services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """Three processes on a storage such as ``sqlite-files``, ended after the last test."""
    database, blobs = request.param.split("-")
    folder = tmp_path_factory.mktemp("services")
    storage: list[str] = []
    environment: dict[str, str] = {}
    if database == "postgres":
        storage += ["--database", request.getfixturevalue("postgres").new_database()]
    if blobs == "s3":
        server = request.getfixturevalue("s3")
        storage += ["--blobs", server.new_bucket()]
        environment = server.environment
    running: list[ServiceProcess] = []

    def start(*arguments: str, auth: str, name: str) -> str:
        process = ServiceProcess(
            *arguments, "--data", str(folder / name), "--auth", str(HERE / auth),
            log=folder / f"{name}.log", environment=environment,
        )  # fmt: skip
        running.append(process)
        return process.url

    try:
        css = start("css", *storage, auth="preset-auth.json", name="css")
        link = ("--css", css, "--org", "myorg", "--poll", "1")
        yield Services(
            css,
            start("ess", *link, "--node", "edge/node1", auth="preset-auth-node1.json", name="n1"),
            start("ess", *link, "--node", "edge/node2", auth="preset-auth-node2.json", name="n2"),
        )
    finally:
        for process in running:
            process.stop()

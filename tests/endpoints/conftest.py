"""A CSS and a node of it as real processes, and clients of both."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncnb import SyncServiceClient
from tests.unit.service.stage import CREDENTIALS, ORG, Running

WaitUntil = Callable[..., None]


def client_of(service: Running, who: str, org_id: str = ORG) -> SyncServiceClient:
    """A client with the credentials of one of the callers that the services know."""
    known = CREDENTIALS[who]
    secret = known.get("secret", known["username"])
    return SyncServiceClient(service.url, org_id=org_id, key=who, secret=secret)


@pytest.fixture(scope="session")
def css(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A CSS for all tests of a worker; give types names of your own."""
    with Running(tmp_path_factory.mktemp("css"), role="css") as running:
        yield running


@pytest.fixture(scope="session")
def ess(css: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The node edge:node1 of that CSS, registered."""
    with node_of(css, tmp_path_factory.mktemp("ess"), "edge/node1") as running:
        yield running


def node_of(css: Running, folder: Path, node: str) -> Running:
    """A new node of a CSS."""
    return Running(folder, role="ess", css_url=css.url, org_id=ORG, node=node, poll_interval=1)


@pytest.fixture(scope="session")
def cloud(css: Running) -> Iterator[SyncServiceClient]:
    """The administrator of the organisation, at the CSS."""
    with client_of(css, "admin") as client:
        yield client


@pytest.fixture(scope="session")
def root(css: Running) -> Iterator[SyncServiceClient]:
    """The administrator of all organisations, at the CSS."""
    with client_of(css, "syncadmin") as client:
        yield client


@pytest.fixture(scope="session")
def edge(ess: Running, cloud: SyncServiceClient) -> Iterator[SyncServiceClient]:
    """An application on the node, which the CSS knows already."""
    deadline = time.monotonic() + 30
    while not cloud.get_destinations():
        assert time.monotonic() < deadline, ess.log()
        time.sleep(0.02)
    with client_of(ess, "admin", org_id="") as client:
        yield client


@pytest.fixture(params=["css", "ess"])
def side(request: pytest.FixtureRequest) -> SyncServiceClient:
    """Once the CSS and once the ESS."""
    name = "cloud" if request.param == "css" else "edge"
    client: SyncServiceClient = request.getfixturevalue(name)
    return client


@pytest.fixture
def name() -> str:
    """A type that no other test has."""
    return f"t{uuid.uuid4().hex}"

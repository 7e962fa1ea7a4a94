"""A CSS, a node, and a proxy in front of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from syncnb import SyncServiceClient
from tests.fuzz.conftest import Running, login, start

from .model import SILENT_NODE
from .proxy import Proxy
from .stage import ORG, client_of, until


@pytest.fixture(scope="session")
def css(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A CSS that knows a node of which nothing will be heard."""
    for running in start(tmp_path_factory.mktemp("css"), "css", auth="preset-auth.json"):
        name = f"{ORG}/{SILENT_NODE.replace(':', '/')}"
        answer = requests.put(
            f"{running.url}/spi/v1/register-new/{name}",
            headers={"X-Sync-Service-Dest": name},
            auth=login("edgenode"),
            timeout=30,
        )
        assert answer.status_code == 204, answer.text
        yield running


@pytest.fixture(scope="session")
def ess(css: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A node of it."""
    link = ("--css", css.url, "--org", ORG, "--node", "edge/node1")
    yield from start(tmp_path_factory.mktemp("ess"), "ess", *link, auth="preset-auth-node1.json")


@pytest.fixture(scope="session")
def cloud(css: Running, ess: Running) -> Iterator[SyncServiceClient]:
    """A client of the CSS that sees no faults."""
    with client_of(css.url) as client:
        until(lambda: len(client.get_destinations()) == 2, lambda: "a node is missing")
        yield client


@pytest.fixture(scope="session")
def node(ess: Running) -> Iterator[SyncServiceClient]:
    """A client of the node that sees no faults."""
    with client_of(ess.url, "") as client:
        yield client


@pytest.fixture(scope="session")
def cloud_proxy(css: Running) -> Iterator[Proxy]:
    """In front of the CSS."""
    with Proxy(css.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def node_proxy(ess: Running) -> Iterator[Proxy]:
    """In front of the node."""
    with Proxy(ess.url) as proxy:
        yield proxy

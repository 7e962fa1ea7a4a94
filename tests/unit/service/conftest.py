"""A CSS and a node of it that know callers of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .stage import ORG, Running


@pytest.fixture(scope="session")
def css(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A CSS for all tests of a worker; give types names of your own."""
    with Running(tmp_path_factory.mktemp("css"), role="css") as running:
        yield running


@pytest.fixture(scope="session")
def ess(css: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The node edge/node1 of that CSS."""
    with Running(
        tmp_path_factory.mktemp("ess"),
        role="ess",
        css_url=css.url,
        org_id=ORG,
        node="edge/node1",
        poll_interval=1,
    ) as running:
        yield running

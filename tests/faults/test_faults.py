"""Random faults between a client and real services: the right result or the right error."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from syncnb import SyncServiceClient

from . import plans
from .calls import Call, Store, Upload
from .faults import Fault
from .model import Arrived, Cloud, Node
from .proxy import Proxy
from .stage import CloudStage, NodeStage, Tally

_SHORT = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
_LONG = settings(_SHORT, max_examples=200, derandomize=False)
_numbers = itertools.count()


def _name() -> str:
    return f"t{next(_numbers):06}"


def in_the_cloud(proxy: Proxy, direct: SyncServiceClient, tally: Tally) -> Callable[..., None]:
    """Sequences of calls to a CSS."""
    return given(plans.stored, plans.cloud_sequences)(_in_the_cloud(proxy, direct, tally))


def _in_the_cloud(proxy: Proxy, direct: SyncServiceClient, tally: Tally) -> Callable[..., None]:
    def hold(
        stored: Sequence[Call[Cloud]], sequence: Sequence[tuple[Call[Cloud], Sequence[Fault]]]
    ) -> None:
        tally.sequences += 1
        with tempfile.TemporaryDirectory() as folder:
            side = Cloud(_name(), Path(folder, "downloads"))
            side.folder.mkdir()
            with CloudStage(proxy, direct, side, tally) as stage:
                for call in stored:
                    stage.perform(call)
                for call, plan in sequence:
                    stage.perform(call, plan)
                stage.end()

    return hold


def at_a_node(
    proxy: Proxy, direct: SyncServiceClient, cloud: SyncServiceClient, tally: Tally
) -> Callable[..., None]:
    """Sequences of calls to an ESS at which objects have arrived."""

    def hold(
        arriving: Mapping[str, Arrived], sequence: Sequence[tuple[Call[Node], Sequence[Fault]]]
    ) -> None:
        tally.sequences += 1
        with tempfile.TemporaryDirectory() as folder:
            side = Node(_name(), Path(folder, "downloads"))
            side.folder.mkdir()
            with NodeStage(proxy, direct, side, tally) as stage:
                stage.publish(cloud, arriving)
                for call, plan in sequence:
                    stage.perform(call, plan)
                stage.end()

    return given(plans.arriving, plans.node_sequences)(hold)


def test_calls_to_the_cloud_end_rightly(cloud_proxy: Proxy, cloud: SyncServiceClient) -> None:
    """Right results or right errors; what was acknowledged is there, and nothing is left."""
    _SHORT(in_the_cloud(cloud_proxy, cloud, Tally()))()


def test_calls_to_a_node_end_rightly(
    node_proxy: Proxy, node: SyncServiceClient, cloud: SyncServiceClient
) -> None:
    """The same; what was consumed is known in the cloud, and nothing else is."""
    settings(_SHORT, max_examples=8)(at_a_node(node_proxy, node, cloud, Tally()))()


@pytest.mark.long
@pytest.mark.parametrize("start", range(8))
def test_many_calls_to_the_cloud_end_rightly(
    cloud_proxy: Proxy, cloud: SyncServiceClient, start: int
) -> None:
    """1,600 sequences in all."""
    tally = Tally()
    seed(start)(_LONG(in_the_cloud(cloud_proxy, cloud, tally)))()
    print(tally)
    assert tally.sequences >= _LONG.max_examples


@pytest.mark.long
@pytest.mark.parametrize("start", range(3))
def test_many_calls_to_a_node_end_rightly(
    node_proxy: Proxy, node: SyncServiceClient, cloud: SyncServiceClient, start: int
) -> None:
    """600 sequences in all."""
    tally = Tally()
    seed(start)(_LONG(at_a_node(node_proxy, node, cloud, tally)))()
    print(tally)
    assert tally.sequences >= _LONG.max_examples


@pytest.mark.long
def test_large_downloads_end_rightly(cloud_proxy: Proxy, cloud: SyncServiceClient) -> None:
    """Faults in some of the parts that come over several connections at a time."""
    tally = Tally()
    first: tuple[Call[Cloud], ...] = (Store(), Upload(size=plans.LARGE, form="path"))
    hold = _in_the_cloud(cloud_proxy, cloud, tally)
    settings(_SHORT, max_examples=25)(given(st.just(first), plans.large_downloads)(hold))()
    print(tally)

"""Each fault alone, in each call: what is drawn at random may leave some out."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncnb import SyncServiceClient

from .calls import (
    Call,
    Delete,
    Download,
    List,
    Place,
    Read,
    Skim,
    Status,
    Store,
    Upload,
)
from .faults import (
    At,
    Busy,
    CutAnswer,
    CutRequest,
    Drip,
    EndlessHead,
    Fault,
    Garbage,
    LoseAnswer,
    Page,
    Pass,
    Refuse,
    ReplaceAnswer,
    Silence,
    WrongLength,
)
from .model import SILENT_NODE, Arrived, Cloud, Node, data_of
from .node_calls import MarkConsumed, MarkDeleted, MarkReceived, Poll
from .proxy import Proxy
from .stage import CloudStage, NodeStage, Tally

_FAULTS: tuple[Fault, ...] = (
    CutRequest(At(-1), "reset"),
    CutAnswer(At(share=0.6), "reset"),
    CutAnswer(At(-1), chunks=3),
    LoseAnswer(),
    ReplaceAnswer(502),
    Busy(503, "0"),
    WrongLength(-3),
    Page(),
)
_MORE_FAULTS: tuple[Fault, ...] = (
    Pass("close"),
    Pass("more"),
    Pass(chunks=3),
    CutRequest(At(20)),
    CutAnswer(At(12)),
    LoseAnswer("reset"),
    ReplaceAnswer(500),
    Busy(429, early=True),
    Drip(5, 0.01),
    WrongLength(7),
    Garbage(b"x"),
    Refuse(0.05),
)
each_fault = pytest.mark.parametrize(
    "fault",
    [*_FAULTS, *(pytest.param(fault, marks=pytest.mark.long) for fault in _MORE_FAULTS)],
    ids=repr,
)
_SLOW: tuple[tuple[Call[Cloud], Fault], ...] = (
    (Upload(), EndlessHead()),
    (Upload(), LoseAnswer("silence")),
    (Read(), Silence()),
    (List(), Busy(503, "1")),
)
_CLOUD_CALLS: tuple[Call[Cloud], ...] = (
    Store(version=2, size=3000),
    Delete("b"),
    Status(),
    List(),
    Place(action="add", nodes=(SILENT_NODE,)),
    Place(),
    Upload(),
    Upload(seed=2, form="pieces"),
    Read(retries=0),
    Read(part=0.3),
    Download(),
    Skim(),
    Store(version=3, size=None),
    Read(),
    Download(),
)
_NODE_CALLS: tuple[Call[Node], ...] = (
    Poll(),
    MarkReceived(),
    Poll(received=True),
    MarkConsumed(),
    MarkDeleted("b"),
)


def _type(kind: str, fault: Fault) -> str:
    return f"{kind}{(*_FAULTS, *_MORE_FAULTS).index(fault)}"


def _cloud(proxy: Proxy, direct: SyncServiceClient, folder: Path, name: str) -> CloudStage:
    side = Cloud(name, folder / "downloads")
    side.folder.mkdir()
    return CloudStage(proxy, direct, side, Tally())


@each_fault
def test_each_call_to_the_cloud_meets_each_fault(
    fault: Fault, cloud_proxy: Proxy, cloud: SyncServiceClient, tmp_path: Path
) -> None:
    """In its first exchange; those with data in their second one too."""
    with _cloud(cloud_proxy, cloud, tmp_path, _type("to", fault)) as stage:
        stage.perform(Store())
        stage.perform(Store("b"))
        for call in _CLOUD_CALLS:
            stage.perform(call, (fault,))
        for call in (Upload(), Read(), Download(), Skim()):
            stage.perform(call, (CutAnswer(At(300), "reset"), fault))
        stage.end()


@pytest.mark.parametrize(("call", "fault"), _SLOW, ids=lambda value: type(value).__name__)
def test_waits_end(
    call: Call[Cloud], fault: Fault, cloud_proxy: Proxy, cloud: SyncServiceClient, tmp_path: Path
) -> None:
    """Neither too late nor, where the service asks for one, too early."""
    with _cloud(cloud_proxy, cloud, tmp_path, f"slow{_SLOW.index((call, fault))}") as stage:
        stage.perform(Store())
        stage.perform(call, (fault,))
        stage.end()


@each_fault
def test_each_call_to_a_node_meets_each_fault(
    fault: Fault,
    node_proxy: Proxy,
    node: SyncServiceClient,
    cloud: SyncServiceClient,
    tmp_path: Path,
) -> None:
    """Once."""
    side = Node(_type("from", fault), tmp_path / "downloads")
    side.folder.mkdir()
    with NodeStage(node_proxy, node, side, Tally()) as stage:
        stage.publish(cloud, {"a": Arrived(data_of(1, 10)), "b": Arrived(b"", deleted=True)})
        for call in _NODE_CALLS:
            stage.perform(call, (fault,))
        stage.end()

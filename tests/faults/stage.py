"""A client behind the proxy, one that sees no faults, and a model of what the service holds."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Self, TypeVar

from syncnb import SyncServiceClient
from syncnb.errors import ObjectNotFoundError, RequestRefusedError, SyncError
from tests.fuzz.conftest import login

from .calls import Call
from .exchange import Exchange
from .faults import Fault, Seen
from .judge import DEADLINE, TIMEOUT, check_error, check_repetition, seconds
from .model import Arrived, Cloud, Node, Side, made, same
from .proxy import Proxy

S = TypeVar("S", bound=Side)
ORG = "myorg"
_PATIENCE = 10.0  # seconds


def client_of(
    url: str, org_id: str = ORG, *, timeout: float = 30.0, deadline: float = 60.0
) -> SyncServiceClient:
    """An administrator's client."""
    key, secret = login("admin")
    return SyncServiceClient(
        url, org_id=org_id, key=key, secret=secret, timeout=timeout, deadline=deadline
    )


def until(true: Callable[[], object], what: Callable[[], object]) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + _PATIENCE
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.005)


class Tally:
    """How much was tried."""

    def __init__(self) -> None:
        self.sequences = self.calls = self.exchanges = 0
        self.faults: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()

    def count(self, exchanges: Sequence[Exchange], error: SyncError | None) -> None:
        """One call."""
        self.calls += 1
        self.exchanges += len(exchanges)
        self.faults.update(type(one.fault).__name__ for one in exchanges)
        self.ends[type(error).__name__ if error else "result"] += 1

    def __str__(self) -> str:
        faults = sum(self.faults.values()) - self.faults["Pass"]
        return (
            f"{self.sequences} sequences, {self.calls} calls, {self.exchanges} exchanges, "
            f"{faults} faults: {dict(self.faults.most_common())}; "
            f"ends: {dict(self.ends.most_common())}"
        )


def attempt(
    proxy: Proxy, plan: Sequence[Fault], make: Callable[[], object]
) -> tuple[object, SyncError | None, list[Exchange]]:
    """Make a call while faults are played; what it returned or raised, and what happened to it."""
    proxy.begin(plan)
    began = time.monotonic()
    result: object = None
    error: SyncError | None = None
    try:
        result = make()
    except SyncError as raised:
        error = raised.with_traceback(None)
    took = time.monotonic() - began
    exchanges = proxy.settle()
    most = seconds(exchanges)
    assert took < most, f"{took:.1f} s instead of {most:.1f} s: {exchanges}"
    check_repetition(exchanges)
    return result, error, exchanges


class Stage(ABC, Generic[S]):
    """Calls to one side, one after the other; a context manager, so that a failure leaves nothing.

    Parameters
    ----------
    proxy : Proxy
        In front of it.
    direct : SyncServiceClient
        Of the service itself.
    side : Side
        What it holds.
    """

    def __init__(self, proxy: Proxy, direct: SyncServiceClient, side: S, tally: Tally) -> None:
        self._proxy, self._direct, self._tally = proxy, direct, tally
        self.side = side
        self._threads = set(threading.enumerate())
        self._client = client_of(proxy.url, direct.org_id, timeout=TIMEOUT, deadline=DEADLINE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def perform(self, call: Call[S], plan: Sequence[Fault] = ()) -> None:
        """One call, which may only end as the model says."""
        side = self.side
        if not call.applies(side):
            return
        try:
            meta = self._direct.get_object_metadata(side.object_type, call.name)
        except ObjectNotFoundError:
            meta = made(side.object_type, call.name, 0)
        refusal = call.refusal(side)
        result, error, exchanges = attempt(
            self._proxy, plan, lambda: call.make(self._client, side, meta)
        )
        self._tally.count(exchanges, error)
        done = [one for one in exchanges if one.done and one.method != "GET"]
        if done:
            assert refusal is None, f"{call} was done"
            call.done(side)
        elif call.changes and error is None:
            raise AssertionError(f"{call} is acknowledged and was never done: {exchanges}")
        if error is not None:
            if exchanges and done and done[0] is not exchanges[-1]:  # then again it was too late
                refusal = RequestRefusedError
            if refusal is None or not isinstance(error, refusal):
                check_error(error, exchanges, data=call.moves_data)
        elif not (call.may_end_anywhere and any(one.seen is Seen.SHORT for one in exchanges)):
            assert refusal is None, f"{call} returned {result!r:.200}"
            call.check(side, result)
        side.check_files()

    def end(self) -> None:
        """No thread and no connection is left, and what was acknowledged is there."""
        self._client.close()
        until(lambda: not self._proxy.connections, lambda: "a connection is left")
        until(
            lambda: set(threading.enumerate()) <= self._threads,
            lambda: f"left: {set(threading.enumerate()) - self._threads}",
        )
        self.compare()

    @abstractmethod
    def compare(self) -> None:
        """Compare the service with the model, and make an end of its objects."""


class CloudStage(Stage[Cloud]):
    """A CSS."""

    def compare(self) -> None:
        """Every object is there, in the version that was last acknowledged or done in doubt."""
        cloud, direct = self.side, self._direct
        names = [one.object_id for one in direct.get_objects(cloud.object_type)]
        assert sorted(names) == sorted(cloud.objects)
        for name, there in cloud.objects.items():
            meta = direct.get_object_metadata(cloud.object_type, name)
            assert meta.description == f"version {there.version}"
            if there.data is not None:
                same(direct.read_object_data(meta), there.data)
            found = direct.get_object_destinations(cloud.object_type, name)
            assert {f"{one.dest_type}:{one.dest_id}" for one in found} == there.nodes
            direct.update_object_destinations(cloud.object_type, name, ())
            direct.delete_object(cloud.object_type, name)


class NodeStage(Stage[Node]):
    """An ESS, to which a CSS sends objects."""

    def publish(self, cloud: SyncServiceClient, arriving: Mapping[str, Arrived]) -> None:
        """Let these objects arrive, and tell the model."""
        self._cloud, node = cloud, self.side
        for name, one in arriving.items():
            meta = made(node.object_type, name, 1, "edge:node1")
            cloud.update_object(meta, data=one.content)
        node.objects = {name: Arrived(one.content) for name, one in arriving.items()}
        self._until_listed()
        for name, one in arriving.items():
            if one.deleted:
                cloud.delete_object(node.object_type, name)
                node.objects[name].deleted = True
        self._until_listed()

    def compare(self) -> None:
        """What was consumed is known in the cloud, and everything else is as it was."""
        node = self.side
        self._until_listed()
        for name, one in node.objects.items():
            if one.usable:
                meta = self._direct.get_object_metadata(node.object_type, name)
                same(self._direct.read_object_data(meta), one.content)
            if not one.deleted:
                self._until_known_as(name, "consumed" if one.over else "delivered")
                self._cloud.delete_object(node.object_type, name)

    def _until_known_as(self, name: str, status: str) -> None:
        def known() -> list[str]:
            found = self._cloud.get_object_destinations(self.side.object_type, name)
            return [one.status for one in found]

        until(lambda: known() == [status], lambda: f"{name} is {known()}, not {status}")

    def _until_listed(self) -> None:
        wanted = self.side.listed(received=True)

        def listed() -> list[tuple[str, bool]]:
            found = self._direct.get_updated_objects(self.side.object_type, received=True)
            return sorted((one.object_id, one.deleted) for one in found)

        until(lambda: listed() == wanted, lambda: f"{listed()} instead of {wanted}")

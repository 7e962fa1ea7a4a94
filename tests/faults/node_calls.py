"""The calls of an application at a node, beside those that read data."""

from __future__ import annotations

from dataclasses import dataclass

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import RequestRefusedError, SyncError

from .calls import Call
from .model import Node


@dataclass(frozen=True)
class Poll(Call[Node]):
    """What has arrived."""

    received: bool = False

    def make(self, client: SyncServiceClient, side: Node, meta: ObjectMetaData) -> object:
        found = client.get_updated_objects(side.object_type, received=self.received)
        return sorted((one.object_id, one.deleted) for one in found)

    def check(self, side: Node, result: object) -> None:
        assert isinstance(result, list)
        found = [(name, deleted) for name, deleted in result if not side.lingers(name)]
        wanted = side.listed(received=self.received)
        assert found == wanted, f"{found} instead of {wanted}"


class MarkReceived(Call[Node]):
    """It is kept, and not listed any more."""

    changes = True

    def make(self, client: SyncServiceClient, side: Node, meta: ObjectMetaData) -> object:
        return client.mark_object_received(meta)  # type: ignore[func-returns-value]

    def refusal(self, side: Node) -> type[SyncError] | None:
        return None if side.objects[self.name].usable else RequestRefusedError

    def done(self, side: Node) -> None:
        side.objects[self.name].received = True


class MarkConsumed(MarkReceived):
    """It goes."""

    def make(self, client: SyncServiceClient, side: Node, meta: ObjectMetaData) -> object:
        return client.mark_object_consumed(meta)  # type: ignore[func-returns-value]

    def done(self, side: Node) -> None:
        side.objects[self.name].over = True


class MarkDeleted(MarkConsumed):
    """Its deletion is confirmed."""

    def applies(self, side: Node) -> bool:
        """What was confirmed goes when the other side knows of it."""
        return not side.lingers(self.name)

    def make(self, client: SyncServiceClient, side: Node, meta: ObjectMetaData) -> object:
        return client.mark_object_deleted(meta)  # type: ignore[func-returns-value]

    def refusal(self, side: Node) -> type[SyncError] | None:
        there = side.objects[self.name]
        return None if there.deleted and not there.over else RequestRefusedError

"""The values that the store holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from syncnb.metadata import Json

Topic = tuple[str, ...]  # what a waiting request listens to, such as ("updates", org, type)
Ranges = tuple[tuple[int, int], ...]  # half-open, sorted, disjoint, in bytes


class Key(NamedTuple):
    """The name of an object."""

    org: str
    object_type: str
    object_id: str

    def __str__(self) -> str:
        return f"{self.object_type}/{self.object_id} of {self.org}"


class Node(NamedTuple):
    """The type and ID of a destination."""

    dest_type: str
    dest_id: str

    def __str__(self) -> str:
        return f"{self.dest_type}:{self.dest_id}"


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """One object as this side has it.

    Parameters
    ----------
    key : Key
        Its name.
    status : str
        A word of rest-api.md, 8.1.
    sender : bool
        Whether an application stored it here, or it came over the link.
    meta : dict
        All members of ObjectMetaData under their JSON names.
    blob : str or None
        Its complete data.
    receivers_left, consumers_left : int
        Calls that are still missing until it counts as received, and as consumed or deleted.
    partial : str or None
        A blob that is being filled, and `ranges`, the bytes of it that are there.
    """

    key: Key
    status: str
    sender: bool
    meta: dict[str, Json]
    blob: str | None = None
    receivers_left: int = 1
    consumers_left: int = 1
    partial: str | None = None
    ranges: Ranges = ()

    @property
    def instance_id(self) -> int:
        """The instance of the metadata."""
        return int(self.meta["instanceID"])

    @property
    def data_id(self) -> int:
        """The instance of the data, 0 if there are none."""
        return int(self.meta["dataID"])

    @property
    def origin(self) -> Node:
        """Who sent it."""
        return Node(self.meta["originType"], self.meta["originID"])


@dataclass(frozen=True, slots=True)
class Notice:
    """The delivery record of one object and one other side (sync-http.md, 6.1).

    On a CSS the other side is a node; on an ESS it is the CSS, and the notices are its outbox.
    """

    key: Key
    node: Node
    state: str
    instance_id: int
    data_id: int
    resend_at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class DestinationRecord:
    """A node that is registered at this CSS."""

    org: str
    node: Node
    persistent: bool = False
    last_contact: float = 0.0  # seconds since the epoch
    communication: str = field(default="http")
    code_version: str = field(default="1.0")

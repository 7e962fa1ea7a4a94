"""The values that the store holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from syncnb.metadata import Json
from syncnb.service.wire import parse_time

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
class StoredData:
    """Data that would survive a crash already and wait for a record to name them.

    Parameters
    ----------
    sha256 : str
        Their digest, in hexadecimal.
    size : int
        Bytes.
    file : str or None
        The file that holds them, or None where `content` does.
    content : bytes or None
        The data themselves: small ones lie in the database, which saves a second sync.
    verified : bool
        False if a signature was given and does not fit.
    """

    sha256: str
    size: int
    file: str | None = None
    content: bytes | None = None
    verified: bool = True


@dataclass(frozen=True, slots=True)
class Content:
    """Where the data of an object are: in a file, or here."""

    size: int  # bytes
    file: str | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One user or node of an access control list (rest-api.md, 2.6)."""

    username: str
    user_type: str  # "user" or "node"
    role: str  # "aclReader", "aclWriter"; "na" on destinations


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """A call of a webhook that has not been answered yet."""

    call_id: int
    url: str
    body: str  # JSON
    tries: int  # that failed


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
        The digest of its complete data.
    receivers_left, consumers_left : int
        Calls that are still missing until it counts as received, and as consumed or deleted.
    partial : str or None
        A file that is being filled, and `ranges`, the bytes of it that are there.
    policy_received : bool
        Whether the reader of policies has it already (rest-api.md, 4.22).
    removed_services : tuple of dict
        What the last policy listed and this one does not (rest-api.md, 8.8).
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
    policy_received: bool = False
    removed_services: tuple[dict[str, Json], ...] = ()

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

    @property
    def policy_at(self) -> int | None:
        """When its policy was stored, in nanoseconds since the epoch; None without one."""
        policy = self.meta["destinationPolicy"]
        return None if policy is None else int(policy["timestamp"])

    @property
    def due_at(self) -> float | None:
        """The first moment, in seconds since the epoch, at which time alone changes it."""
        meta = self.meta
        if not self.sender or self.status in ("objdeleted", "consumedByDest"):
            return None
        texts = (meta["expiration"], meta["activationTime"] if meta["inactive"] else "")
        moments = [parse_time(text) for text in texts if text]
        return min((m.timestamp() for m in moments if m is not None), default=None)


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
    distrusted: bool = False  # what is known of it may be wrong: it has to register as new

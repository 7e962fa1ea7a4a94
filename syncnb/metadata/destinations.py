"""Nodes, organisations, and how far objects got (rest-api.md, 4.26 and 5.4 to 5.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from syncnb.metadata.fields import Json, read, read_objects
from syncnb.metadata.policies import DestinationPolicy
from syncnb.metadata.statuses import DestinationState
from syncnb.metadata.times import parse_time
from syncnb.metadata.values import Value


@dataclass(frozen=True, kw_only=True, repr=False)
class Destination(Value):
    """An edge node that is registered at the CSS (rest-api.md, 5.4).

    `last_seen` is the time of its last sign of life (UTC), at a service that says so when it is
    asked; None elsewhere.

    Examples
    --------
    >>> node = Destination(dest_type="camera", dest_id="node1")
    >>> node
    Destination(dest_type='camera', dest_id='node1')
    >>> str(node)
    'camera:node1'
    """

    org_id: str = ""
    dest_type: str
    dest_id: str
    communication: str = ""
    code_version: str = ""
    last_seen: datetime | None = None

    def __str__(self) -> str:
        return f"{self.dest_type}:{self.dest_id}"

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent.

        Examples
        --------
        >>> Destination.from_json({"destinationType": "camera", "destinationID": "node1"})
        Destination(dest_type='camera', dest_id='node1')
        """
        return cls(
            org_id=read(value, "destinationOrgID", ""),
            dest_type=read(value, "destinationType", ""),
            dest_id=read(value, "destinationID", ""),
            communication=read(value, "communication", ""),
            code_version=read(value, "codeVersion", ""),
            last_seen=parse_time(read(value, "lastSeen", "")),
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class DestinationStatus(Value):
    """How far an object got at one node (rest-api.md, 5.5 and 8.5).

    `message` says why, when `status` is ``error``.

    Examples
    --------
    >>> DestinationStatus(dest_type="camera", dest_id="node1", status="delivered").status
    'delivered'
    """

    dest_type: str
    dest_id: str
    status: str
    message: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", DestinationState(self.status))

    def __str__(self) -> str:
        return f"{self.dest_type}:{self.dest_id} {self.status}"

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent.

        Examples
        --------
        >>> wire = {"destinationType": "camera", "destinationID": "node1", "status": "pending"}
        >>> DestinationStatus.from_json(wire)
        DestinationStatus(dest_type='camera', dest_id='node1', status='pending')
        """
        return cls(
            dest_type=read(value, "destinationType", ""),
            dest_id=read(value, "destinationID", ""),
            status=read(value, "status", ""),
            message=read(value, "message", ""),
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class ObjectStatus(Value):
    """An object as one node has it (rest-api.md, 5.6).

    Examples
    --------
    >>> ObjectStatus(org_id="acme", object_type="model", object_id="m", status="consumed").status
    'consumed'
    """

    org_id: str
    object_type: str
    object_id: str
    status: str  # delivering, delivered, consumed, error

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", DestinationState(self.status))

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent.

        Examples
        --------
        >>> wire = {"objectType": "model", "objectID": "m", "status": "error"}
        >>> ObjectStatus.from_json(wire).status
        'error'
        """
        return cls(
            org_id=read(value, "orgID", ""),
            object_type=read(value, "objectType", ""),
            object_id=read(value, "objectID", ""),
            status=read(value, "status", ""),
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class StoredObject(Value):
    """An object with its policy and its destinations (rest-api.md, 5.7).

    Examples
    --------
    >>> StoredObject(org_id="acme", object_type="model", object_id="m")
    StoredObject(org_id='acme', object_type='model', object_id='m')
    """

    org_id: str
    object_type: str
    object_id: str
    destination_policy: DestinationPolicy | None = None
    destinations: tuple[DestinationStatus, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent.

        Examples
        --------
        >>> StoredObject.from_json({"orgID": "acme", "objectType": "model", "objectID": "m"})
        StoredObject(org_id='acme', object_type='model', object_id='m')
        """
        policies = read_objects({"destinationPolicy": _as_list(value)}, "destinationPolicy")
        return cls(
            org_id=read(value, "orgID", ""),
            object_type=read(value, "objectType", ""),
            object_id=read(value, "objectID", ""),
            destination_policy=DestinationPolicy.from_json(policies[0]) if policies else None,
            destinations=tuple(
                map(DestinationStatus.from_json, read_objects(value, "destinations"))
            ),
        )

    @classmethod
    def columns(cls) -> Mapping[str, str]:
        """Of its table: names, whether there is a policy, and how many nodes are how far.

        Examples
        --------
        >>> list(StoredObject.columns())[3:6]
        ['destination_policy', 'destinations', 'pending']
        """
        names = dict.fromkeys(("org_id", "object_type", "object_id"), "str")
        counts = dict.fromkeys(("destinations", *map(str, DestinationState)), "int64")
        return {**names, "destination_policy": "bool", **counts}

    def to_dict(self) -> dict[str, Any]:
        """A row of its table.

        Examples
        --------
        >>> one = StoredObject(org_id="acme", object_type="model", object_id="m")
        >>> one.to_dict()["destinations"]
        0
        """
        counts = Counter(map(str, (one.status for one in self.destinations)))
        return {
            "org_id": self.org_id,
            "object_type": self.object_type,
            "object_id": self.object_id,
            "destination_policy": self.destination_policy is not None,
            "destinations": len(self.destinations),
            **{str(word): counts[str(word)] for word in DestinationState},
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class Organization(Value):
    """An organisation of a CSS (rest-api.md, 4.26).

    Examples
    --------
    >>> Organization(org_id="acme")
    Organization(org_id='acme')
    """

    org_id: str
    address: str = ""  # of its message broker, where one is used

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent.

        Examples
        --------
        >>> Organization.from_json({"org-id": "acme", "address": ""})
        Organization(org_id='acme')
        """
        return cls(org_id=read(value, "org-id", ""), address=read(value, "address", ""))


def _as_list(value: Mapping[str, Json]) -> list[Json] | None:
    policy = value.get("destinationPolicy")
    return None if policy is None else [policy]

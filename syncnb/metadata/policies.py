"""Destination policies (rest-api.md, 5.3): which services and nodes an object is meant for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Self

from syncnb.errors import InvalidMetaDataError
from syncnb.metadata.fields import Json, is_json, is_of, read, read_objects, read_texts
from syncnb.metadata.values import Value

_NUMBER = r"(?:0|[1-9]\d*)"
_VERSION = rf"{_NUMBER}(?:\.{_NUMBER}){{0,2}}"
_RANGE = re.compile(
    rf"{_VERSION}|[\[(]\s*{_VERSION}\s*,\s*(?:{_VERSION}|INFINITY)\s*[\])]", re.ASCII
)


@dataclass(frozen=True, repr=False)
class PolicyService(Value):
    """A service that may read an object on an edge node.

    Parameters
    ----------
    org_id : str
        Organisation that the service belongs to.
    service_name : str
        Its name.
    version : str, default "0.0.0"
        The versions that may: a range such as ``"[1.0,2.0)"`` or ``"[1,INFINITY)"``; a bare version
        means it and all above.
    arch : str, default "*"
        Architecture; services store it and compare nothing with it.

    Examples
    --------
    >>> PolicyService("acme", "detector", "[1.0,2.0)")
    PolicyService(org_id='acme', service_name='detector', version='[1.0,2.0)')
    """

    org_id: str
    service_name: str
    version: str = "0.0.0"
    arch: str = "*"
    unknown: Mapping[str, Json] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent.

        Examples
        --------
        >>> wire = {"orgID": "acme", "arch": "*", "serviceName": "detector", "version": "[1,2)"}
        >>> PolicyService.from_json(wire)
        PolicyService(org_id='acme', service_name='detector', version='[1,2)')
        """
        texts = {python: read(value, json, "") for python, json in _SERVICE.items()}
        return cls(**texts, unknown=_others(value, _SERVICE.values()))

    def to_json(self) -> dict[str, Json]:
        """What to send.

        Examples
        --------
        >>> PolicyService("acme", "detector").to_json()["version"]
        '0.0.0'
        """
        texts = {json: getattr(self, python) for python, json in _SERVICE.items()}
        return {**self.unknown, **texts}


@dataclass(frozen=True, repr=False)
class PolicyProperty(Value):
    """A property that whoever evaluates a policy compares with its constraints.

    Parameters
    ----------
    name : str
        Its name.
    value : JSON value
        Its value.
    type : str, default ""
        Its type, for whoever evaluates it, such as ``"string"`` or ``"int"``.

    Examples
    --------
    >>> PolicyProperty("family", "vision")
    PolicyProperty(name='family', value='vision')
    """

    name: str
    value: Any = field(default=None, hash=False)
    type: str = ""
    unknown: Mapping[str, Json] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent.

        Examples
        --------
        >>> PolicyProperty.from_json({"name": "classes", "value": 12})
        PolicyProperty(name='classes', value=12)
        """
        return cls(
            name=read(value, "name", ""),
            value=value.get("value"),
            type=read(value, "type", ""),
            unknown=_others(value, _PROPERTY),
        )

    def to_json(self) -> dict[str, Json]:
        """What to send.

        Examples
        --------
        >>> PolicyProperty("classes", 12, "int").to_json()
        {'name': 'classes', 'value': 12, 'type': 'int'}
        """
        return {**self.unknown, "name": self.name, "value": self.value, "type": self.type}


@dataclass(frozen=True, repr=False, init=False)
class DestinationPolicy(Value):
    """Whom an object is meant for, in terms that a program outside of the service evaluates.

    The service itself sends such an object nowhere until somebody sets its destinations
    (`SyncServiceClient.update_object_destinations`). On an edge node it lets only the services
    listed here read the object.

    Parameters
    ----------
    properties : mapping of str to JSON value, or iterable of PolicyProperty
        What nodes may ask of the object.
    constraints : iterable of str
        What the object asks of nodes, in the language of whoever evaluates it.
    services : iterable of PolicyService
        Which services may read the object on a node; none means all.
    timestamp : int
        Nanoseconds since the epoch; set by the service.
    unknown : mapping
        Members of a newer service, sent back as they came.

    Examples
    --------
    >>> policy = DestinationPolicy(
    ...     properties={"family": "vision", "classes": 12},
    ...     constraints=["camera == true"],
    ...     services=[PolicyService("acme", "detector", "[1.0,2.0)")],
    ... )
    >>> policy.to_json()["services"][0]["serviceName"]
    'detector'
    """

    properties: tuple[PolicyProperty, ...] = ()
    constraints: tuple[str, ...] = ()
    services: tuple[PolicyService, ...] = ()
    timestamp: int = 0
    unknown: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def __init__(
        self,
        properties: Mapping[str, Json] | Iterable[PolicyProperty] = (),
        constraints: Iterable[str] = (),
        services: Iterable[PolicyService] = (),
        timestamp: int = 0,
        unknown: Mapping[str, Json] | None = None,
    ) -> None:
        if isinstance(properties, Mapping):
            properties = [PolicyProperty(name, value) for name, value in properties.items()]
        if isinstance(constraints, str):  # one constraint, not its letters
            constraints = [constraints]
        if isinstance(services, PolicyService):
            services = [services]
        for name, value in (
            ("properties", tuple(properties)),
            ("constraints", tuple(constraints)),
            ("services", tuple(services)),
            ("timestamp", timestamp),
            ("unknown", dict(unknown or {})),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_json(cls, value: Mapping[str, Json]) -> Self:
        """Read what a service sent; unknown members are kept in `unknown`.

        Examples
        --------
        >>> DestinationPolicy.from_json({"constraints": ["gpu == true"], "services": None})
        DestinationPolicy(constraints=('gpu == true',))
        """
        return cls(
            properties=[PolicyProperty.from_json(p) for p in read_objects(value, "properties")],
            constraints=read_texts(value, "constraints") or (),
            services=[PolicyService.from_json(s) for s in read_objects(value, "services")],
            timestamp=read(value, "timestamp", 0),
            unknown=_others(value, _POLICY),
        )

    @classmethod
    def from_mapping(cls, value: Mapping[str, Json]) -> Self:
        """Read what a user wrote, under the names of the wire, as for another SDK.

        Parameters
        ----------
        value : mapping of str to JSON value
            Its members.

        Returns
        -------
        DestinationPolicy
            With what was written.

        Raises
        ------
        InvalidMetaDataError
            A member has a name that the protocol does not have there, which is taken for a mistake:
            without the constraints that were meant, an object may go anywhere. Or a member is of
            another type than the protocol says.

        Examples
        --------
        >>> DestinationPolicy.from_mapping({"constrains": ["gpu == true"]})
        Traceback (most recent call last):
        ...
        syncnb.errors.InvalidMetaDataError: destination_policy.constrains = ['gpu == true'] ...
        """
        _only(value, _POLICY, "destination_policy")
        if isinstance(value.get("properties"), Mapping):
            raise _bad(
                "properties",
                value["properties"],
                "list {'name': ..., 'value': ...}, or give DestinationPolicy(properties={...}), "
                "which takes exactly this",
            )
        try:
            for member, known in (("properties", _PROPERTY), ("services", _SERVICE.values())):
                for one in read_objects(value, member):
                    _only(one, known, f"destination_policy.{member}")
            return cls.from_json(value)
        except InvalidMetaDataError as error:
            if error.field.startswith("destination_policy"):
                raise
            raise _bad(error.field, error.value, error.remedy) from None

    def to_json(self) -> dict[str, Json]:
        """What to send: what is empty is left out.

        Examples
        --------
        >>> DestinationPolicy(constraints=["gpu == true"]).to_json()
        {'constraints': ['gpu == true']}
        """
        members: dict[str, Json] = {
            "properties": [one.to_json() for one in self.properties],
            "constraints": list(self.constraints),
            "services": [one.to_json() for one in self.services],
            "timestamp": self.timestamp,
        }
        return {**self.unknown, **{name: value for name, value in members.items() if value}}

    def check(self) -> None:
        """Refuse what a service would refuse.

        Raises
        ------
        InvalidMetaDataError
            A property without a name, a service without one of its four members or with a version
            that is none, or something that is no value of this kind.

        Examples
        --------
        >>> DestinationPolicy(services=[PolicyService("acme", "detector", "1.x")]).check()
        Traceback (most recent call last):
        ...
        syncnb.errors.InvalidMetaDataError: destination_policy.services = ...
        """
        for prop in self.properties:
            if not isinstance(prop, PolicyProperty):
                raise _bad("properties", prop, "give PolicyProperty values, or a mapping")
            if not is_of(str, prop.name) or not prop.name:
                raise _bad("properties", prop, "give each property a name")
            if not is_of(str, prop.type):
                raise _bad("properties", prop, "write the type as text")
            if not is_json(prop.value):
                raise _bad("properties", prop, "give a value that JSON can hold")
        for constraint in self.constraints:
            if not is_of(str, constraint):
                raise _bad("constraints", constraint, "write each constraint as text")
        for service in self.services:
            if not isinstance(service, PolicyService):
                raise _bad("services", service, "give PolicyService values")
            for python in _SERVICE:
                if not is_of(str, getattr(service, python)) or not getattr(service, python):
                    raise _bad("services", service, f"give each service its {python}, as text")
            if not _RANGE.fullmatch(service.version.strip()):
                raise _bad(
                    "services",
                    service,
                    f"write the version {service.version!r} as 1.2.3 or as a range: [1.0,2.0)",
                )


_SERVICE: Mapping[str, str] = {
    "org_id": "orgID",
    "arch": "arch",
    "service_name": "serviceName",
    "version": "version",
}
_PROPERTY = ("name", "value", "type")
_POLICY = ("properties", "constraints", "services", "timestamp")


def _only(value: Mapping[str, Json], known: Iterable[str], place: str) -> None:
    """Refuse members that nobody would read."""
    names = tuple(known)
    for name in value:
        if name not in names:
            near = get_close_matches(str(name), names, n=1)
            remedy = f"perhaps {near[0]} is meant" if near else f"it may have {', '.join(names)}"
            raise InvalidMetaDataError(f"{place}.{name}", value[name], remedy)


def _others(value: Mapping[str, Json], known: Iterable[str]) -> dict[str, Json]:
    left_out = set(known)
    return {name: item for name, item in value.items() if name not in left_out}


def _bad(member: str, value: object, remedy: str) -> InvalidMetaDataError:
    return InvalidMetaDataError(f"destination_policy.{member}", value, remedy)

"""Destination policies: which services one names, and which it no longer does (rest-api.md, 5.3).

The service never evaluates a policy. All it does with one is to let a service on an edge node read
the objects that are meant for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from syncnb.metadata import Json
from syncnb.service.store import ObjectRecord

Version = tuple[int, int, int]
Service = Mapping[str, Json]  # one entry of the `services` of a policy

_NUMBER = r"(?:0|[1-9]\d{0,17})"
_VERSION = rf"{_NUMBER}(?:\.{_NUMBER}){{0,2}}"
_RANGE = re.compile(rf"([\[(])\s*({_VERSION})\s*,\s*({_VERSION}|INFINITY)\s*([\])])", re.ASCII)


class VersionRange(NamedTuple):
    """The versions between two; without an upper end, all from the lower one on."""

    low: Version
    low_included: bool
    high: Version | None
    high_included: bool

    def __contains__(self, version: object) -> bool:
        """Whether a version lies between the ends."""
        if not isinstance(version, tuple):
            return False
        above = version > self.low or (self.low_included and version == self.low)
        if self.high is None:
            return above
        return above and (version < self.high or (self.high_included and version == self.high))


def parse_version(text: str) -> Version | None:
    """Up to three numbers with dots between them; None if it is something else.

    Examples
    --------
    >>> parse_version("1.2")
    (1, 2, 0)
    >>> parse_version("01.2") is None
    True
    """
    if not re.fullmatch(_VERSION, text, re.ASCII):
        return None
    first, second, third, *_ = (*map(int, text.split(".")), 0, 0)
    return first, second, third


def parse_range(text: str) -> VersionRange | None:
    """A range such as ``[1.0,2.0)``, or a version, which means it and all above; None if neither.

    Examples
    --------
    >>> (1, 9, 0) in parse_range("[1,2)")
    True
    >>> (2, 0, 0) in parse_range("[1,2)")
    False
    >>> (7, 0, 0) in parse_range("1.2")
    True
    """
    text = text.strip()
    version = parse_version(text)
    if version is not None:
        return VersionRange(version, True, None, False)
    found = _RANGE.fullmatch(text)
    low = parse_version(found[2]) if found else None
    if found is None or low is None:
        return None
    return VersionRange(low, found[1] == "[", parse_version(found[3]), found[4] == "]")


def is_named(services: Iterable[Service], user: str) -> bool:
    """Whether a list of services has the one that an identity stands for (rest-api.md, 2.7).

    Parameters
    ----------
    user : str
        ``serviceOrg/version/serviceName``; the name may hold a slash.
    """
    return any(_names(service, user) for service in services)


def listed_services(record: ObjectRecord) -> list[Service]:
    """The services of the policy of an object; empty if it is meant for all."""
    policy = record.meta["destinationPolicy"]
    return list((policy or {}).get("services") or ())


def services_removed(old: ObjectRecord, new: Mapping[str, Json]) -> tuple[dict[str, Json], ...]:
    """What earlier policies of an object listed and its new metadata do not (rest-api.md, 8.8)."""
    policy = new["destinationPolicy"] or {}
    listed = {_identity(service) for service in policy.get("services") or ()}
    before = {_identity(s): dict(s) for s in (*old.removed_services, *listed_services(old))}
    return tuple(service for name, service in before.items() if name not in listed)


def without_service(record: ObjectRecord, user: str) -> tuple[dict[str, Json], ...]:
    """The removed services that are left when one has taken note."""
    return tuple(service for service in record.removed_services if not _names(service, user))


def _names(service: Service, user: str) -> bool:
    org, _, rest = user.partition("/")
    text, _, name = rest.partition("/")
    version, span = parse_version(text), parse_range(service["version"])
    return (
        (service["orgID"], service["serviceName"]) == (org, name)
        and version is not None
        and span is not None
        and version in span
    )


def _identity(service: Service) -> tuple[Json, ...]:
    return service["orgID"], service["serviceName"], service["version"]

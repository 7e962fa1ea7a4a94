"""The filters of the list of an organisation (rest-api.md, 4.7)."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import QueryParams

from syncnb.service.exchange import Answer, empty
from syncnb.service.lifecycle import Refused
from syncnb.service.lifecycle.policies import listed_services
from syncnb.service.store import Key, ObjectRecord, Transaction
from syncnb.service.wire import Malformed, boolean, is_name, parse_time


@dataclass(frozen=True)
class Filters:
    """What an object has to be like; None leaves a point open.

    Parameters
    ----------
    policy : bool or None
        Whether it has a destination policy; the next three count only if so.
    service : tuple of (str, str) or None
        Organisation and name of a service that the policy lists.
    property_name : str or None
        A property of the policy.
    since : int or None
        The policy was stored at this time or later; nanoseconds since the epoch.
    object_type, object_id : str or None
        Its name; the ID counts only with a type.
    dest_type, dest_id : str or None
        Whom the metadata address, by a type or in a list; the ID counts only with a type.
    no_data, deleted : bool or None
        Members of the metadata.
    expires_before : float or None
        It expires at this time, in seconds since the epoch, or earlier.
    """

    policy: bool | None = None
    service: tuple[str, str] | None = None
    property_name: str | None = None
    since: int | None = None
    object_type: str | None = None
    object_id: str | None = None
    dest_type: str | None = None
    dest_id: str | None = None
    no_data: bool | None = None
    deleted: bool | None = None
    expires_before: float | None = None

    @classmethod
    def of(cls, query: QueryParams) -> Filters:
        """The filters of a query (400 where one is malformed)."""
        policy = _boolean(query, "destinationPolicy")
        service = query.get("dpService") if policy else None
        since = _time(query, "since") if policy else None
        if since is not None and since < 0:
            raise Answer(empty(400))
        object_type, dest_type = _name(query, "objectType"), query.get("destinationType") or None
        if dest_type and any(c in dest_type for c in "<>"):
            raise Refused("destinationType holds < or >")
        return cls(
            policy=policy,
            service=service_name(service) if service else None,
            property_name=_name(query, "dpPropertyName") if policy else None,
            since=None if since is None else int(since * 1_000_000) * 1000,
            object_type=object_type,
            object_id=_name(query, "objectID") if object_type else None,
            dest_type=dest_type,
            dest_id=(query.get("destinationID") or None) if dest_type else None,
            no_data=_boolean(query, "noData"),
            deleted=_boolean(query, "deleted"),
            expires_before=_time(query, "expirationTimeBefore"),
        )

    def select(self, tx: Transaction, org: str) -> list[ObjectRecord]:
        """The objects of an organisation that fit."""
        return [record for record in self._candidates(tx, org) if self._fits(record)]

    def _candidates(self, tx: Transaction, org: str) -> list[ObjectRecord]:
        """As few as an index can find."""
        if self.object_type and self.object_id:
            record = tx.object(Key(org, self.object_type, self.object_id))
            return [] if record is None else [record]
        if self.object_type:
            return tx.objects(org, self.object_type)
        if self.policy:
            return tx.objects_with_policy(org, since=self.since or 0)
        return tx.objects_of(org)

    def _fits(self, record: ObjectRecord) -> bool:
        meta = record.meta
        return (
            self.no_data in (None, meta["noData"])
            and self.deleted in (None, meta["deleted"])
            and self._fits_policy(record)
            and self._fits_destination(record)
            and (
                self.expires_before is None
                or _moment(meta["expiration"], otherwise=float("inf")) <= self.expires_before
            )
        )

    def _fits_policy(self, record: ObjectRecord) -> bool:
        policy, stored_at = record.meta["destinationPolicy"], record.policy_at
        if self.policy is None:
            return True
        if policy is None or stored_at is None:
            return not self.policy
        names = {one["name"] for one in policy["properties"] or ()}
        return (
            self.policy
            and (self.service is None or has_service(record, self.service))
            and (self.property_name is None or self.property_name in names)
            and stored_at >= (self.since or 0)
        )

    def _fits_destination(self, record: ObjectRecord) -> bool:
        meta, wanted = record.meta, self.dest_type
        if wanted is None:
            return True
        addressed = {(meta["destinationType"], meta["destinationID"])}
        for entry in meta["destinationsList"] or ():
            dest_type, _, dest_id = entry.partition(":")
            addressed.add((dest_type, dest_id))
        return any(
            dest_type == wanted and self.dest_id in (None, dest_id)
            for dest_type, dest_id in addressed
        )


def service_name(text: str) -> tuple[str, str]:
    """Organisation and name of a service in a query, as ``org/name`` (400 if it is not that)."""
    org, _, name = text.partition("/")
    if not org or not name:
        raise Answer(empty(400))
    if not is_name(org) or not is_name(name):
        raise Refused("the organisation or the name of the service is not a valid name")
    return org, name


def has_service(record: ObjectRecord, service: tuple[str, str]) -> bool:
    """Whether the policy of an object lists a service, in whatever version."""
    return any((s["orgID"], s["serviceName"]) == service for s in listed_services(record))


def _boolean(query: QueryParams, name: str) -> bool | None:
    text = query.get(name)
    try:
        return boolean(text) if text else None
    except Malformed:
        raise Answer(empty(400)) from None


def _name(query: QueryParams, name: str) -> str | None:
    text = query.get(name)
    if text and not is_name(text):
        raise Refused(f"{name} is not a valid name")
    return text or None


def _time(query: QueryParams, name: str) -> float | None:
    """Seconds since the epoch."""
    text = query.get(name)
    if not text:
        return None
    moment = parse_time(text)
    if moment is None:
        raise Answer(empty(400))
    return moment.timestamp()


def _moment(text: str, *, otherwise: float) -> float:
    moment = parse_time(text) if text else None
    return otherwise if moment is None else moment.timestamp()

"""Objects as this side has them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from syncnb.metadata import Json
from syncnb.service.store.contents import Contents
from syncnb.service.store.records import Key, Node, ObjectRecord
from syncnb.service.store.statements import THE_OBJECT, Execute, Row, Values, one_of

_COLUMNS = (
    "org, object_type, object_id, status, sender, meta, blob, receivers_left, consumers_left, "
    "partial, ranges, policy_received, removed_services"
)
_decode = msgspec.json.Decoder().decode
_ranges = msgspec.json.Decoder(tuple[tuple[int, int], ...]).decode
_services = msgspec.json.Decoder(tuple[dict[str, str], ...]).decode


class Objects(Contents):
    """The table ``objects``."""

    def __init__(self, execute: Execute) -> None:
        super().__init__(execute)
        self._named: dict[Key, Row | None] = {}

    def object(self, key: Key) -> ObjectRecord | None:
        """The record of an object."""
        row = self._row(f"SELECT {_COLUMNS} FROM objects WHERE {THE_OBJECT}", key._asdict())
        self._named[key] = (row[6], row[9]) if row else None
        return _object(row) if row else None

    def objects(
        self, org: str, object_type: str, statuses: Sequence[str] | None = None
    ) -> list[ObjectRecord]:
        """All objects of a type, or those in one of `statuses`, by ID."""
        where = "org = :org AND object_type = :object_type"
        values: dict[str, str] = {"org": org, "object_type": object_type}
        if statuses is not None:
            condition, names = one_of("status", statuses)
            where += f" AND {condition}"
            values |= names
        return self._objects(f"{where} ORDER BY object_id", values)

    def objects_between(
        self,
        org: str,
        object_type: str,
        statuses: Sequence[str],
        *,
        after: str,
        last: str,
        most: int,
    ) -> list[ObjectRecord]:
        """At most so many of a type in one of `statuses`, by ID: behind `after`, up to `last`."""
        condition, names = one_of("status", statuses)
        where = f"org = :org AND object_type = :object_type AND {condition}"
        values = {"org": org, "object_type": object_type, "most": most, **names}
        for bound, name in (("object_id > :after", after), ("object_id <= :last", last)):
            if name:
                where += f" AND {bound}"
                values[bound.rpartition(":")[2]] = name
        return self._objects(f"{where} ORDER BY object_id LIMIT :most", values)

    def objects_of(self, org: str) -> list[ObjectRecord]:
        """All objects of an organisation, by type and ID."""
        return self._objects("org = :org ORDER BY object_type, object_id", {"org": org})

    def objects_for(self, org: str, node: Node) -> list[ObjectRecord]:
        """What is sent from here and may address a node: it, its type, a list, or everybody."""
        return self._objects(
            "org = :org AND dest_type IN ('', :dest_type) AND dest_id IN ('', :dest_id) "
            "AND sender = 1 AND policy_at IS NULL ORDER BY object_type, object_id",
            {"org": org, **node._asdict()},
        )

    def public_objects(self, org: str) -> list[ObjectRecord]:
        """What everybody may read of an organisation, by type and ID."""
        found = self._objects(
            # Cheap, and never too narrow: the text may also stand inside the value of a property.
            "org = :org AND meta LIKE :hint ORDER BY object_type, object_id",
            {"org": org, "hint": '%"public":true%'},
        )
        return [record for record in found if record.meta["public"]]

    def objects_with_policy(
        self, org: str, *, since: int = 0, received: bool = True
    ) -> list[ObjectRecord]:
        """Objects whose policy was stored at or after `since` (nanoseconds), by type and ID.

        Without `received`, only those that no reader of policies has marked.
        """
        return self._objects(
            "org = :org AND policy_at >= :since "
            + ("" if received else "AND policy_received = 0 ")
            + "ORDER BY object_type, object_id",
            {"org": org, "since": since},
        )

    def objects_in(self, statuses: Sequence[str]) -> list[ObjectRecord]:
        """All objects of all organisations in one of `statuses`."""
        condition, names = one_of("status", statuses)
        return self._objects(condition, names)

    def objects_due(self, now: float, most: int) -> list[ObjectRecord]:
        """At most so many objects that time has come for, the earliest first."""
        return self._objects(
            "due_at <= :now ORDER BY due_at LIMIT :most", {"now": now, "most": most}
        )

    def object_types(self, org: str) -> list[str]:
        """The different types of an organisation."""
        rows = self._rows(
            "SELECT DISTINCT object_type FROM objects WHERE org = :org ORDER BY object_type",
            {"org": org},
        )
        return [row[0] for row in rows]

    def count_objects(self, statuses: Sequence[str]) -> int:
        """How many objects are in one of `statuses`."""
        condition, names = one_of("status", statuses)
        found = self._row(f"SELECT count(*) FROM objects WHERE {condition}", names)
        return int(found[0]) if found else 0

    def put_object(self, record: ObjectRecord) -> None:
        """Store a record over the one that is there; data it no longer names are dropped."""
        old = self._named_by(record.key)
        self._named[record.key] = (record.blob, record.partial)
        self._put(
            "objects",
            ("org", "object_type", "object_id"),
            {
                **record.key._asdict(),
                "status": record.status,
                "sender": int(record.sender),
                "meta": msgspec.json.encode(record.meta).decode(),
                "blob": record.blob,
                "receivers_left": record.receivers_left,
                "consumers_left": record.consumers_left,
                "partial": record.partial,
                "ranges": msgspec.json.encode(record.ranges).decode(),
                "policy_received": int(record.policy_received),
                "removed_services": msgspec.json.encode(record.removed_services).decode(),
                "due_at": record.due_at,
                "policy_at": record.policy_at,
                "dest_type": record.meta["destinationType"],
                "dest_id": record.meta["destinationID"],
            },
        )
        if old is not None:
            self._let_go(old, keep=(record.blob, record.partial))
        self.topics.add(("updates", record.key.org, record.key.object_type))

    def remove_object(self, record: ObjectRecord) -> None:
        """Forget an object and its list of destinations; its notices stay."""
        key = record.key._asdict()
        self._named[record.key] = None
        self._change(f"DELETE FROM objects WHERE {THE_OBJECT}", key)
        self._change(f"DELETE FROM deliveries WHERE {THE_OBJECT}", key)
        self._let_go((record.blob, record.partial), keep=())
        self.topics.add(("updates", record.key.org, record.key.object_type))
        self.topics.add(("deliveries", *record.key))

    def _named_by(self, key: Key) -> Row | None:
        """Data and unfinished file of an object; most rules have read it in this unit of work."""
        if key not in self._named:
            names = f"SELECT blob, partial FROM objects WHERE {THE_OBJECT}"
            self._named[key] = self._row(names, key._asdict())
        return self._named[key]

    def _let_go(self, old: Row, keep: Sequence[str | None]) -> None:
        blob, partial = old
        if blob is not None and blob not in keep:
            self._release(blob)
        if partial is not None and partial not in keep:
            named = self._row("SELECT 1 FROM contents WHERE file = :file", {"file": partial})
            if named is None:  # otherwise it has just become the data of the object
                self.dropped.add(partial)

    def _objects(self, condition: str, values: Values) -> list[ObjectRecord]:
        rows = self._rows(f"SELECT {_COLUMNS} FROM objects WHERE {condition}", values)
        return [_object(row) for row in rows]


def _object(row: Row) -> ObjectRecord:
    meta: dict[str, Json] = _decode(row[5])
    return ObjectRecord(
        key=Key(*row[:3]),
        status=row[3],
        sender=bool(row[4]),
        meta=meta,
        blob=row[6],
        receivers_left=int(row[7]),
        consumers_left=int(row[8]),
        partial=row[9],
        ranges=_ranges(row[10]),
        policy_received=bool(row[11]),
        removed_services=_services(row[12]),
    )

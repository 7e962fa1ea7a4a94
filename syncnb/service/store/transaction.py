"""Everything that is asked of the tables; the only place with SQL.

Placeholders are named and statements keep to what SQLite and PostgreSQL both run.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence

import msgspec

from syncnb.service.store.records import (
    DestinationRecord,
    Key,
    Node,
    Notice,
    ObjectRecord,
    Topic,
)

_OBJECT = (
    "org, object_type, object_id, status, sender, meta, blob, receivers_left, consumers_left, "
    "partial, ranges"
)
_NOTICE = "org, object_type, object_id, dest_type, dest_id, state, instance_id, data_id, resend_at"
_DESTINATION = "org, dest_type, dest_id, persistent, last_contact, communication, code_version"
_THE_OBJECT = "org = :org AND object_type = :object_type AND object_id = :object_id"
_THE_NODE = "dest_type = :dest_type AND dest_id = :dest_id"
_decode = msgspec.json.Decoder().decode
_ranges = msgspec.json.Decoder(tuple[tuple[int, int], ...]).decode


class Transaction:
    """One unit of work: it happens as a whole or not at all.

    Attributes
    ----------
    topics : set of Topic
        What it changed, for those who wait.
    dropped : set of str
        Blobs that no record names once it is committed.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self.topics: set[Topic] = set()
        self.dropped: set[str] = set()

    # ------------------------------------------------------------------ objects

    def object(self, key: Key) -> ObjectRecord | None:
        """The record of an object."""
        row = self._execute(
            f"SELECT {_OBJECT} FROM objects WHERE {_THE_OBJECT}", key._asdict()
        ).fetchone()
        return _object(row) if row else None

    def objects(
        self, org: str, object_type: str, statuses: Sequence[str] | None = None
    ) -> list[ObjectRecord]:
        """All objects of a type, or those in one of `statuses`, by ID."""
        where = "org = :org AND object_type = :object_type"
        values = {"org": org, "object_type": object_type}
        if statuses is not None:
            names = {f"s{i}": status for i, status in enumerate(statuses)}
            where += f" AND status IN ({', '.join(f':{name}' for name in names)})"
            values |= names
        rows = self._execute(
            f"SELECT {_OBJECT} FROM objects WHERE {where} ORDER BY object_id", values
        )
        return [_object(row) for row in rows]

    def objects_of(self, org: str) -> list[ObjectRecord]:
        """All objects of an organisation."""
        rows = self._execute(
            f"SELECT {_OBJECT} FROM objects WHERE org = :org ORDER BY object_type, object_id",
            {"org": org},
        )
        return [_object(row) for row in rows]

    def objects_in(self, statuses: Sequence[str]) -> list[ObjectRecord]:
        """All objects of all organisations in one of `statuses`."""
        names = {f"s{i}": status for i, status in enumerate(statuses)}
        rows = self._execute(
            f"SELECT {_OBJECT} FROM objects "
            f"WHERE status IN ({', '.join(f':{name}' for name in names)})",
            names,
        )
        return [_object(row) for row in rows]

    def count_objects(self, statuses: Sequence[str]) -> int:
        """How many objects are in one of `statuses`."""
        names = {f"s{i}": status for i, status in enumerate(statuses)}
        found = self._execute(
            "SELECT count(*) FROM objects "
            f"WHERE status IN ({', '.join(f':{name}' for name in names)})",
            names,
        ).fetchone()
        return int(found[0])

    def put_object(self, record: ObjectRecord) -> None:
        """Store a record over the one that is there; blobs it no longer names are dropped."""
        old = self._execute(
            f"SELECT blob, partial FROM objects WHERE {_THE_OBJECT}",
            record.key._asdict(),
        ).fetchone()
        self.dropped.update(
            blob for blob in old or () if blob and blob not in (record.blob, record.partial)
        )
        columns = _OBJECT.split(", ")
        self._execute(
            f"INSERT INTO objects ({_OBJECT}) VALUES ({', '.join(f':{c}' for c in columns)}) "
            "ON CONFLICT (org, object_type, object_id) DO UPDATE SET "
            + ", ".join(f"{c} = excluded.{c}" for c in columns[3:]),
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
            },
        )
        self.topics.add(("updates", record.key.org, record.key.object_type))

    def remove_object(self, record: ObjectRecord) -> None:
        """Forget an object and its list of destinations; its notices stay."""
        key = record.key._asdict()
        self._execute(f"DELETE FROM objects WHERE {_THE_OBJECT}", key)
        self._execute(f"DELETE FROM deliveries WHERE {_THE_OBJECT}", key)
        self.dropped.update(blob for blob in (record.blob, record.partial) if blob)
        self.topics.add(("updates", record.key.org, record.key.object_type))
        self.topics.add(("deliveries", *record.key))

    def blobs(self) -> set[str]:
        """Every blob that a record names."""
        rows = self._execute("SELECT blob, partial FROM objects").fetchall()
        return {blob for row in rows for blob in row if blob}

    def next_instance(self) -> int:
        """A number that grows with every call, over restarts and restores (sync-http.md, 12)."""
        row = self._execute("SELECT value FROM counters WHERE name = 'instance'").fetchone()
        value = max(time.time_ns(), (row[0] + 1) if row else 0)
        self._execute(
            "INSERT INTO counters (name, value) VALUES ('instance', :value) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            {"value": value},
        )
        return value

    def flag(self, name: str) -> bool:
        """Whether a flag was set, ever."""
        found = self._execute("SELECT 1 FROM counters WHERE name = :name", {"name": name})
        return found.fetchone() is not None

    def set_flag(self, name: str) -> None:
        """Set a flag for good."""
        self._execute(
            "INSERT INTO counters (name, value) VALUES (:name, 1) ON CONFLICT (name) DO NOTHING",
            {"name": name},
        )

    # --------------------------------------------------------------- deliveries

    def deliveries(self, key: Key) -> dict[Node, tuple[str, str]]:
        """Status and message of an object at each of its destinations."""
        rows = self._execute(
            "SELECT dest_type, dest_id, status, message FROM deliveries "
            f"WHERE {_THE_OBJECT} ORDER BY dest_type, dest_id",
            key._asdict(),
        )
        return {Node(*row[:2]): (row[2], row[3]) for row in rows}

    def objects_at(self, org: str, dest_type: str, dest_id: str) -> list[tuple[Key, str]]:
        """What a node has, and how far each object got there."""
        rows = self._execute(
            "SELECT org, object_type, object_id, status FROM deliveries "
            f"WHERE org = :org AND {_THE_NODE} "
            "AND status IN ('delivering', 'delivered', 'consumed', 'error') "
            "ORDER BY object_type, object_id",
            {"org": org, "dest_type": dest_type, "dest_id": dest_id},
        )
        return [(Key(*row[:3]), row[3]) for row in rows]

    def delivery_statuses(self, key: Key) -> set[str]:
        """The different statuses that an object has at its destinations."""
        rows = self._execute(
            f"SELECT DISTINCT status FROM deliveries WHERE {_THE_OBJECT}", key._asdict()
        )
        return {row[0] for row in rows}

    def set_delivery(self, key: Key, node: Node, status: str, message: str = "") -> None:
        """Add a destination, or change its status."""
        self._execute(
            "INSERT INTO deliveries "
            "(org, object_type, object_id, dest_type, dest_id, status, message) VALUES "
            "(:org, :object_type, :object_id, :dest_type, :dest_id, :status, :message) "
            "ON CONFLICT (org, object_type, object_id, dest_type, dest_id) "
            "DO UPDATE SET status = excluded.status, message = excluded.message",
            {**key._asdict(), **node._asdict(), "status": status, "message": message},
        )
        self.topics.add(("deliveries", *key))

    def change_delivery(self, key: Key, node: Node, status: str, message: str = "") -> None:
        """Change the status of a destination, if it is still one."""
        self._execute(
            "UPDATE deliveries SET status = :status, message = :message "
            f"WHERE {_THE_OBJECT} AND {_THE_NODE}",
            {**key._asdict(), **node._asdict(), "status": status, "message": message},
        )
        self.topics.add(("deliveries", *key))

    def remove_delivery(self, key: Key, node: Node) -> None:
        """Take a destination off the list."""
        self._execute(
            f"DELETE FROM deliveries WHERE {_THE_OBJECT} AND {_THE_NODE}",
            {**key._asdict(), **node._asdict()},
        )
        self.topics.add(("deliveries", *key))

    # ------------------------------------------------------------------ notices

    def notice(self, key: Key, node: Node) -> Notice | None:
        """The delivery record of an object and another side."""
        row = self._execute(
            f"SELECT {_NOTICE} FROM notices WHERE {_THE_OBJECT} AND {_THE_NODE}",
            {**key._asdict(), **node._asdict()},
        ).fetchone()
        return _notice(row) if row else None

    def put_notice(self, notice: Notice) -> None:
        """Store a notice over the one that is there, and wake the other side."""
        columns = _NOTICE.split(", ")
        self._execute(
            f"INSERT INTO notices ({_NOTICE}) VALUES ({', '.join(f':{c}' for c in columns)}) "
            "ON CONFLICT (org, object_type, object_id, dest_type, dest_id) DO UPDATE SET "
            + ", ".join(f"{c} = excluded.{c}" for c in columns[5:]),
            {
                **notice.key._asdict(),
                **notice.node._asdict(),
                "state": notice.state,
                "instance_id": notice.instance_id,
                "data_id": notice.data_id,
                "resend_at": notice.resend_at,
            },
        )
        self.topics.add(("notices", notice.key.org, *notice.node))

    def remove_notice(self, key: Key, node: Node) -> None:
        """Forget the delivery record of one side."""
        self._execute(
            f"DELETE FROM notices WHERE {_THE_OBJECT} AND {_THE_NODE}",
            {**key._asdict(), **node._asdict()},
        )

    def remove_notices(self, key: Key) -> None:
        """Forget the delivery records of an object."""
        self._execute(f"DELETE FROM notices WHERE {_THE_OBJECT}", key._asdict())

    def notices_for(self, org: str, node: Node, states: Sequence[str]) -> list[Notice]:
        """The notices of one side in one of `states`, by object."""
        names = {f"s{i}": state for i, state in enumerate(states)}
        rows = self._execute(
            f"SELECT {_NOTICE} FROM notices WHERE org = :org AND {_THE_NODE} "
            f"AND state IN ({', '.join(f':{name}' for name in names)}) "
            "ORDER BY object_type, object_id",
            {"org": org, **node._asdict(), **names},
        )
        return [_notice(row) for row in rows]

    def due_notices(self, states: Sequence[str], until: float) -> list[Notice]:
        """The notices in one of `states` whose time has come, the oldest first."""
        names = {f"s{i}": state for i, state in enumerate(states)}
        rows = self._execute(
            f"SELECT {_NOTICE} FROM notices "
            f"WHERE state IN ({', '.join(f':{name}' for name in names)}) "
            "AND resend_at <= :until ORDER BY resend_at",
            {"until": until, **names},
        )
        return [_notice(row) for row in rows]

    # ------------------------------------------------------------- destinations

    def destination(self, org: str, node: Node) -> DestinationRecord | None:
        """A registered node."""
        row = self._execute(
            f"SELECT {_DESTINATION} FROM destinations WHERE org = :org AND {_THE_NODE}",
            {"org": org, **node._asdict()},
        ).fetchone()
        return _destination(row) if row else None

    def destinations(self, org: str, dest_type: str | None = None) -> list[DestinationRecord]:
        """The registered nodes of an organisation, or those of one type."""
        where = "org = :org" + ("" if dest_type is None else " AND dest_type = :dest_type")
        rows = self._execute(
            f"SELECT {_DESTINATION} FROM destinations WHERE {where} ORDER BY dest_type, dest_id",
            {"org": org, "dest_type": dest_type},
        )
        return [_destination(row) for row in rows]

    def count_destinations(self) -> int:
        """How many nodes are registered, over all organisations."""
        return int(self._execute("SELECT count(*) FROM destinations").fetchone()[0])

    def put_destination(self, record: DestinationRecord) -> None:
        """Register a node, or refresh what is known of it."""
        columns = _DESTINATION.split(", ")
        self._execute(
            f"INSERT INTO destinations ({_DESTINATION}) "
            f"VALUES ({', '.join(f':{c}' for c in columns)}) "
            "ON CONFLICT (org, dest_type, dest_id) DO UPDATE SET "
            + ", ".join(f"{c} = excluded.{c}" for c in columns[3:]),
            {
                "org": record.org,
                **record.node._asdict(),
                "persistent": int(record.persistent),
                "last_contact": record.last_contact,
                "communication": record.communication,
                "code_version": record.code_version,
            },
        )
        self.topics.add(("destinations", record.org))

    def remove_destination(self, org: str, node: Node) -> list[Key]:
        """Forget a node and all notices for it; returns the objects it was a destination of."""
        values = {"org": org, **node._asdict()}
        rows = self._execute(
            f"SELECT org, object_type, object_id FROM deliveries WHERE org = :org AND {_THE_NODE}",
            values,
        ).fetchall()
        for table in ("notices", "deliveries", "destinations"):
            self._execute(f"DELETE FROM {table} WHERE org = :org AND {_THE_NODE}", values)
        keys = [Key(*row) for row in rows]
        self.topics.add(("destinations", org))
        self.topics.update(("deliveries", *key) for key in keys)
        return keys

    # ------------------------------------------------------------ organisations

    def organizations(self) -> dict[str, str]:
        """Address of every registered organisation."""
        rows = self._execute("SELECT org, address FROM organizations ORDER BY org")
        return {row[0]: row[1] for row in rows}

    def put_organization(self, org: str, address: str) -> None:
        """Register an organisation."""
        self._execute(
            "INSERT INTO organizations (org, address) VALUES (:org, :address) "
            "ON CONFLICT (org) DO UPDATE SET address = excluded.address",
            {"org": org, "address": address},
        )

    def remove_organization(self, org: str) -> None:
        """Forget an organisation and all that is stored under it."""
        for record in self.objects_of(org):
            self.remove_object(record)
        for table in ("notices", "destinations", "organizations"):
            self._execute(f"DELETE FROM {table} WHERE org = :org", {"org": org})
        self.topics.add(("destinations", org))

    def wake(self, topics: Iterable[Topic]) -> None:
        """Wake those who wait for these topics after the commit."""
        self.topics.update(topics)


def _object(row: Sequence[object]) -> ObjectRecord:
    (
        org,
        object_type,
        object_id,
        status,
        sender,
        meta,
        blob,
        receivers,
        consumers,
        partial,
        ranges,
    ) = row
    return ObjectRecord(
        key=Key(str(org), str(object_type), str(object_id)),
        status=str(status),
        sender=bool(sender),
        meta=_decode(str(meta)),
        blob=None if blob is None else str(blob),
        receivers_left=int(receivers),  # type: ignore[call-overload]
        consumers_left=int(consumers),  # type: ignore[call-overload]
        partial=None if partial is None else str(partial),
        ranges=_ranges(str(ranges)),
    )


def _notice(row: Sequence[object]) -> Notice:
    return Notice(Key(*row[:3]), Node(*row[3:5]), *row[5:])  # type: ignore[arg-type]


def _destination(row: Sequence[object]) -> DestinationRecord:
    org, dest_type, dest_id, persistent, last_contact, communication, version = row
    return DestinationRecord(
        str(org),
        Node(str(dest_type), str(dest_id)),
        bool(persistent),
        float(last_contact),  # type: ignore[arg-type]
        str(communication),
        str(version),
    )

"""Registered nodes and organisations of a CSS."""

from __future__ import annotations

from syncnb.service.store.records import DestinationRecord, Key, Node
from syncnb.service.store.statements import THE_NODE, Row, Statements

_COLUMNS = (
    "org, dest_type, dest_id, persistent, last_contact, communication, code_version, distrusted"
)


class Nodes(Statements):
    """The tables ``destinations`` and ``organizations``."""

    def destination(self, org: str, node: Node) -> DestinationRecord | None:
        """A registered node."""
        row = self._row(
            f"SELECT {_COLUMNS} FROM destinations WHERE org = :org AND {THE_NODE}",
            {"org": org, **node._asdict()},
        )
        return _destination(row) if row else None

    def destinations(self, org: str, dest_type: str | None = None) -> list[DestinationRecord]:
        """The registered nodes of an organisation, or those of one type."""
        where = "org = :org" + ("" if dest_type is None else " AND dest_type = :dest_type")
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM destinations WHERE {where} ORDER BY dest_type, dest_id",
            {"org": org} if dest_type is None else {"org": org, "dest_type": dest_type},
        )
        return [_destination(row) for row in rows]

    def silent_destinations(self, before: float) -> list[DestinationRecord]:
        """The nodes that were last heard of before a time, in seconds since the epoch."""
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM destinations WHERE last_contact < :before", {"before": before}
        )
        return [_destination(row) for row in rows]

    def count_destinations(self) -> int:
        """How many nodes are registered, over all organisations."""
        row = self._row("SELECT count(*) FROM destinations", {})
        return int(row[0]) if row else 0

    def put_destination(self, record: DestinationRecord) -> None:
        """Register a node, or refresh what is known of it."""
        self._put(
            "destinations",
            ("org", "dest_type", "dest_id"),
            {
                "org": record.org,
                **record.node._asdict(),
                "persistent": int(record.persistent),
                "last_contact": record.last_contact,
                "communication": record.communication,
                "code_version": record.code_version,
                "distrusted": int(record.distrusted),
            },
        )
        self.topics.add(("destinations", record.org))

    def heard_of(self, org: str, node: Node, when: float) -> None:
        """Note when a node was last heard of; nobody waits for that."""
        self._change(
            f"UPDATE destinations SET last_contact = :when WHERE org = :org AND {THE_NODE}",
            {"org": org, **node._asdict(), "when": when},
        )

    def distrust_destinations(self) -> None:
        """Have every node register as new."""
        self._change("UPDATE destinations SET distrusted = 1", {})

    def remove_destination(self, org: str, node: Node) -> list[Key]:
        """Forget a node and all notices for it; returns the objects it was a destination of."""
        values = {"org": org, **node._asdict()}
        rows = self._rows(
            f"SELECT org, object_type, object_id FROM deliveries WHERE org = :org AND {THE_NODE}",
            values,
        )
        for table in ("notices", "deliveries", "destinations"):
            self._change(f"DELETE FROM {table} WHERE org = :org AND {THE_NODE}", values)
        keys = [Key(*row) for row in rows]
        self.topics.add(("destinations", org))
        self.topics.add(("notices", org, *node))  # its poll: it has to register again
        self.topics.update(("deliveries", *key) for key in keys)
        return keys

    def forget_destination(self, org: str, node: Node) -> None:
        """Forget a node and all notices for it; the lists of destinations keep it."""
        values = {"org": org, **node._asdict()}
        for table in ("notices", "destinations"):
            self._change(f"DELETE FROM {table} WHERE org = :org AND {THE_NODE}", values)
        self.topics.add(("destinations", org))

    def organizations(self) -> dict[str, str]:
        """Address of every registered organisation."""
        rows = self._rows("SELECT org, address FROM organizations ORDER BY org", {})
        return {row[0]: row[1] for row in rows}

    def put_organization(self, org: str, address: str) -> None:
        """Register an organisation."""
        self._put("organizations", ("org",), {"org": org, "address": address})


def _destination(row: Row) -> DestinationRecord:
    return DestinationRecord(
        row[0], Node(row[1], row[2]), bool(row[3]), float(row[4]), row[5], row[6], bool(row[7])
    )

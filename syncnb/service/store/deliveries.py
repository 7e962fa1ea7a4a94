"""How far each object got at each of its destinations."""

from __future__ import annotations

from syncnb.service.store.records import Key, Node
from syncnb.service.store.statements import THE_NODE, THE_OBJECT, Statements

_KEY = ("org", "object_type", "object_id", "dest_type", "dest_id")


class Deliveries(Statements):
    """The table ``deliveries``."""

    def deliveries(self, key: Key) -> dict[Node, tuple[str, str]]:
        """Status and message of an object at each of its destinations."""
        rows = self._rows(
            "SELECT dest_type, dest_id, status, message FROM deliveries "
            f"WHERE {THE_OBJECT} ORDER BY dest_type, dest_id",
            key._asdict(),
        )
        return {Node(*row[:2]): (row[2], row[3]) for row in rows}

    def delivery(self, key: Key, node: Node) -> tuple[str, str] | None:
        """Status and message of an object at one destination, if it is one."""
        row = self._row(
            f"SELECT status, message FROM deliveries WHERE {THE_OBJECT} AND {THE_NODE}",
            {**key._asdict(), **node._asdict()},
        )
        return (row[0], row[1]) if row else None

    def keys_at(self, org: str, node: Node) -> list[Key]:
        """The objects that have a node among their destinations, by type and ID."""
        rows = self._rows(
            f"SELECT org, object_type, object_id FROM deliveries WHERE org = :org AND {THE_NODE} "
            "ORDER BY object_type, object_id",
            {"org": org, **node._asdict()},
        )
        return [Key(*row) for row in rows]

    def objects_at(self, org: str, node: Node) -> list[tuple[Key, str]]:
        """What a node has, and how far each object got there."""
        rows = self._rows(
            "SELECT org, object_type, object_id, status FROM deliveries "
            f"WHERE org = :org AND {THE_NODE} "
            "AND status IN ('delivering', 'delivered', 'consumed', 'error') "
            "ORDER BY object_type, object_id",
            {"org": org, **node._asdict()},
        )
        return [(Key(*row[:3]), row[3]) for row in rows]

    def delivery_statuses(self, key: Key) -> set[str]:
        """The different statuses that an object has at its destinations."""
        rows = self._rows(
            f"SELECT DISTINCT status FROM deliveries WHERE {THE_OBJECT}", key._asdict()
        )
        return {row[0] for row in rows}

    def set_delivery(self, key: Key, node: Node, status: str, message: str = "") -> None:
        """Add a destination, or change its status."""
        state = {"status": status, "message": message}
        self._put("deliveries", _KEY, {**key._asdict(), **node._asdict(), **state})
        self.topics.add(("deliveries", *key))

    def change_delivery(self, key: Key, node: Node, status: str, message: str = "") -> None:
        """Change the status of a destination, if it is still one."""
        self._change(
            "UPDATE deliveries SET status = :status, message = :message "
            f"WHERE {THE_OBJECT} AND {THE_NODE}",
            {**key._asdict(), **node._asdict(), "status": status, "message": message},
        )
        self.topics.add(("deliveries", *key))

    def remove_delivery(self, key: Key, node: Node) -> None:
        """Take a destination off the list."""
        self._change(
            f"DELETE FROM deliveries WHERE {THE_OBJECT} AND {THE_NODE}",
            {**key._asdict(), **node._asdict()},
        )
        self.topics.add(("deliveries", *key))

"""Delivery records: what one side has to tell the other (sync-http.md, 6)."""

from __future__ import annotations

from collections.abc import Sequence

from syncnb.service.store.records import Key, Node, Notice
from syncnb.service.store.statements import THE_NODE, THE_OBJECT, Row, Statements, one_of

_COLUMNS = "org, object_type, object_id, dest_type, dest_id, state, instance_id, data_id, resend_at"
_KEY = ("org", "object_type", "object_id", "dest_type", "dest_id")


class Notices(Statements):
    """The table ``notices``."""

    def notice(self, key: Key, node: Node) -> Notice | None:
        """The delivery record of an object and another side."""
        row = self._row(
            f"SELECT {_COLUMNS} FROM notices WHERE {THE_OBJECT} AND {THE_NODE}",
            {**key._asdict(), **node._asdict()},
        )
        return _notice(row) if row else None

    def put_notice(self, notice: Notice) -> None:
        """Store a notice over the one that is there, and wake the other side."""
        self._put(
            "notices",
            _KEY,
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
        self._change(
            f"DELETE FROM notices WHERE {THE_OBJECT} AND {THE_NODE}",
            {**key._asdict(), **node._asdict()},
        )

    def remove_notices(self, key: Key) -> None:
        """Forget the delivery records of an object."""
        self._change(f"DELETE FROM notices WHERE {THE_OBJECT}", key._asdict())

    def notices_for(self, org: str, node: Node, states: Sequence[str]) -> list[Notice]:
        """The notices of one side in one of `states`, by object."""
        condition, names = one_of("state", states)
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM notices WHERE org = :org AND {THE_NODE} AND {condition} "
            "ORDER BY object_type, object_id",
            {"org": org, **node._asdict(), **names},
        )
        return [_notice(row) for row in rows]

    def notices_of(self, key: Key, states: Sequence[str]) -> list[Notice]:
        """The notices of one object in one of `states`, by node."""
        condition, names = one_of("state", states)
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM notices WHERE {THE_OBJECT} AND {condition} "
            "ORDER BY dest_type, dest_id",
            {**key._asdict(), **names},
        )
        return [_notice(row) for row in rows]

    def due_notices(self, states: Sequence[str], until: float, longest: float) -> list[Notice]:
        """The notices in one of `states` whose time has come, the oldest first.

        A time that lies more than `longest` seconds after `until` was set by a clock that was
        wrong: it has come, too.
        """
        condition, names = one_of("state", states)
        rows = self._rows(
            f"SELECT {_COLUMNS} FROM notices WHERE {condition} "
            "AND (resend_at <= :until OR resend_at > :latest) ORDER BY resend_at",
            {"until": until, "latest": until + longest, **names},
        )
        return [_notice(row) for row in rows]


def _notice(row: Row) -> Notice:
    return Notice(Key(*row[:3]), Node(*row[3:5]), row[5], int(row[6]), int(row[7]), float(row[8]))

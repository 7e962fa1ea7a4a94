"""How much there is, over all organisations: for those who watch the service."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncnb.service.store.statements import Statements


@dataclass(frozen=True, slots=True)
class Totals:
    """Numbers of rows."""

    objects: dict[str, int] = field(default_factory=dict)  # by status
    notices: dict[str, int] = field(default_factory=dict)  # by state
    deliveries: dict[str, int] = field(default_factory=dict)  # by status
    nodes: int = 0
    contents: int = 0  # different data that are stored
    content_bytes: int = 0
    webhook_calls: int = 0  # that were not answered yet


class Counts(Statements):
    """Counting, in all tables."""

    def totals(self) -> Totals:
        """All of it; reads every row of the tables once."""
        contents = self._row("SELECT count(*), coalesce(sum(size), 0) FROM contents", {})
        return Totals(
            objects=self._by("objects", "status"),
            notices=self.count_notices(),
            deliveries=self._by("deliveries", "status"),
            nodes=self._count("destinations"),
            contents=int(contents[0]) if contents else 0,
            content_bytes=int(contents[1]) if contents else 0,
            webhook_calls=self._count("webhook_calls"),
        )

    def count_notices(self) -> dict[str, int]:
        """How many notices are in each state."""
        return self._by("notices", "state")

    def _by(self, table: str, column: str) -> dict[str, int]:
        rows = self._rows(f"SELECT {column}, count(*) FROM {table} GROUP BY {column}", {})
        return {row[0]: int(row[1]) for row in rows}

    def _count(self, table: str) -> int:
        row = self._row(f"SELECT count(*) FROM {table}", {})
        return int(row[0]) if row else 0

"""Everything that is asked of the tables, in one unit of work."""

from __future__ import annotations

from syncnb.service.store.access import AccessLists
from syncnb.service.store.deliveries import Deliveries
from syncnb.service.store.nodes import Nodes
from syncnb.service.store.notices import Notices
from syncnb.service.store.objects import Objects
from syncnb.service.store.totals import Counts
from syncnb.service.store.webhooks import Webhooks


class Transaction(Objects, Deliveries, Notices, Nodes, AccessLists, Webhooks, Counts):
    """One unit of work over all tables: it happens as a whole or not at all."""

    def remove_organization(self, org: str) -> None:
        """Forget an organisation and all that is stored under it."""
        for record in self.objects_of(org):
            self.remove_object(record)
        for table in ("notices", "destinations", "organizations", "acls", "webhooks"):
            self._change(f"DELETE FROM {table} WHERE org = :org", {"org": org})
        self.topics.add(("destinations", org))

"""A CSS that comes back from an older backup (sync-http.md, 11, 12 and 17.1)."""

from __future__ import annotations

from syncnb.service.lifecycle.base import Site
from syncnb.service.store import Transaction


def after_restore(tx: Transaction, site: Site) -> None:
    """Make every node register as new, since the records may be older than what the nodes have.

    A node that registers as new sends all its objects again, and is told of every object that it
    has not consumed: one that has the very instance says so, any other fetches the one that the
    CSS has now. To be called once, in the restored records, before or after the service starts.

    Parameters
    ----------
    tx : Transaction
        Of the restored records.
    site : Site
        The CSS; its clock sets the base of the next instance IDs.
    """
    tx.next_instance(site.clock())
    tx.distrust_destinations()

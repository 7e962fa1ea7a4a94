"""What happens because time passes (rest-api.md, 8.6)."""

from __future__ import annotations

from syncnb.service.lifecycle.base import CONSUMED_BY_DEST, SENDING, Site
from syncnb.service.lifecycle.sending import activate
from syncnb.service.store import Transaction
from syncnb.service.wire import parse_time

MOST_AT_ONCE = 500  # objects in one transaction, so that others get their turn


def expire_and_activate(tx: Transaction, site: Site) -> bool:
    """Forget what has expired, and activate what is due; whether there may be more."""
    now = site.clock()
    due = tx.objects_due(now, MOST_AT_ONCE)
    for record in due:
        if site.is_css and _reached(record.meta["expiration"], now):
            tx.remove_object(record)
            tx.remove_notices(record.key)
        elif record.status in SENDING and record.meta["inactive"]:
            activate(tx, site, record.key)
        else:
            tx.put_object(record)
    return len(due) == MOST_AT_ONCE


def trim_consumed(tx: Transaction, keep: int) -> None:
    """Forget the oldest of a node's own objects that the cloud consumed (rest-api.md, 8.7).

    Their names can be used again then.
    """
    statuses = (CONSUMED_BY_DEST,)
    if tx.count_objects(statuses) <= 1.1 * keep:
        return
    consumed = sorted(tx.objects_in(statuses), key=lambda record: record.instance_id)
    for record in consumed[: len(consumed) - keep]:
        tx.remove_object(record)
        tx.remove_notices(record.key)


def _reached(text: str, now: float) -> bool:
    moment = parse_time(text)
    return moment is not None and moment.timestamp() <= now

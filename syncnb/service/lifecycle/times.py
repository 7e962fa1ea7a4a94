"""What happens because time passes (rest-api.md, 8.6)."""

from __future__ import annotations

from syncnb.service.lifecycle.base import SENDING, Site
from syncnb.service.lifecycle.sending import activate
from syncnb.service.store import Transaction
from syncnb.service.wire import parse_time


def expire_and_activate(tx: Transaction, site: Site) -> None:
    """Forget what has expired, and activate what is due."""
    now = site.clock()
    for record in tx.objects_in(SENDING):
        if not record.sender:
            continue
        if site.is_css and _reached(record.meta["expiration"], now):
            tx.remove_object(record)
            tx.remove_notices(record.key)
        elif record.meta["inactive"] and _reached(record.meta["activationTime"], now):
            activate(tx, site, record.key)


def _reached(text: str, now: float) -> bool:
    moment = parse_time(text)
    return moment is not None and moment.timestamp() <= now

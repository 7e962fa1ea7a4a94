"""What an application says of an object: received, consumed, ... (rest-api.md, 4.18-4.22)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from syncnb.service.core import Service
from syncnb.service.exchange import Denied, empty
from syncnb.service.identity import Identity
from syncnb.service.lifecycle import receiving, sending
from syncnb.service.rest.conditions import Condition
from syncnb.service.security import Access, object_access
from syncnb.service.store import Key, Transaction

MARKS = ("received", "consumed", "deleted", "activate", "policyreceived")


async def mark(
    service: Service, request: Request, identity: Identity, key: Key, operation: str
) -> Response:
    """Carry out one of `MARKS`; all of them need full access, and none a right to write.

    A condition counts only for what would be done without it (RFC 9110, 13.2.1), so it comes last;
    if it does not hold, the transaction is undone.
    """
    if operation == "policyreceived" and not service.is_css:
        return empty(400)
    site, condition = service.site, Condition.of(request)
    caller = identity.user if identity.kind == "service" else None

    def change(tx: Transaction) -> None:
        found = tx.object(key)
        record = None if caller is None else found
        access = object_access(
            tx,
            identity,
            key,
            record,
            is_css=service.is_css,
            removed_too=operation == "deleted",
        )
        if access is not Access.FULL:
            raise Denied
        if operation == "received":
            receiving.mark_received(tx, key)
        elif operation == "consumed":
            receiving.mark_consumed(tx, site, key)
        elif operation == "deleted":
            receiving.mark_deleted(tx, site, key, service=caller)
        elif operation == "activate":
            sending.activate(tx, site, key)
        else:
            sending.mark_policy_received(tx, key)
        condition.require(found, key)

    await service.store.write(change)
    return empty(204)

"""What a CSS does for its nodes: registration, polls, and what they report (sync-http.md, 3-8)."""

from __future__ import annotations

from dataclasses import replace

from syncnb.metadata import Json
from syncnb.service.lifecycle.base import (
    DELETED,
    PARTIALLY_RECEIVED,
    READY,
    Conflict,
    NameTaken,
    NoDestination,
    Outdated,
    Site,
)
from syncnb.service.lifecycle.receiving import (
    ORPHANED,
    ORPHANED_FOR,
    orphaned,
    receive_delete,
    store_update,
)
from syncnb.service.lifecycle.sending import addresses, announce
from syncnb.service.store import (
    DestinationRecord,
    Key,
    Node,
    Notice,
    ObjectRecord,
    Transaction,
)
from syncnb.service.wire import format_time, is_link_name, is_name

ITEM_TYPES = {
    "updatePending": "update",
    "consumedPending": "consumed",
    "deletePending": "delete",
    "deletedPending": "deleted",
}
_AUTO_DELETE_AFTER = 3600.0  # seconds (rest-api.md, 8.6)
_STUCK_AFTER = 10  # times resend_after: a node that said "updated" and then fell silent
# Which calls are accepted in which state (sync-http.md, 6.2).
_ACCEPTED = {
    "updated": ("updatePending",),
    "received": ("updatePending", "updated"),
    "consumed": ("updatePending", "updated", "receivedByDest"),
    "ackDelete": ("deletePending",),
    "deleted": ("deletePending", "ackDelete"),
    "ackconsumed": ("consumedPending",),
    "ackDeleted": ("deletedPending",),
    "ackreceived": (),
    "feedback": ("updatePending", "updated", "deletePending"),
}


def register(tx: Transaction, site: Site, org: str, node: Node, *, persistent: bool) -> None:
    """A node is back: what it had not acknowledged is announced again."""
    touch(tx, site, org, node, persistent=persistent)
    if persistent:
        return
    for notice in tx.notices_for(org, node, ("updated", "receivedByDest")):
        record = tx.object(notice.key)
        if record is not None and record.instance_id == notice.instance_id:
            announce(tx, site, record, node)


def register_new(tx: Transaction, site: Site, org: str, node: Node, *, persistent: bool) -> None:
    """A node is new, or empty: it gets everything that addresses it."""
    before = tx.destination(org, node)
    trusted = persistent and (before is None or not before.distrusted)
    tx.put_destination(DestinationRecord(org, node, persistent, site.clock()))
    done = ("consumed", "delivered") if trusted else ("consumed",)
    listed = (tx.object(key) for key in tx.keys_at(org, node))
    addressed = (r for r in tx.objects_for(org, node) if addresses(r.meta, node))
    found = {r.key: r for r in (*listed, *addressed) if r is not None and r.sender}
    for notice in tx.notices_for(org, node, (ORPHANED,)):
        tx.put_notice(replace(notice, state="consumedPending"))
    for notice in tx.notices_for(org, node, ("ackDelete",)):
        tx.remove_notice(notice.key, node)  # its tombstone may have gone with its memory
    for record in found.values():
        if record.status == DELETED:
            continue
        present = tx.delivery(record.key, node)
        if present is not None and present[0] in done:
            continue
        tx.set_delivery(record.key, node, "pending")
        if record.status == READY and not record.meta["inactive"]:
            announce(tx, site, record, node)


def touch(
    tx: Transaction, site: Site, org: str, node: Node, *, persistent: bool | None = None
) -> None:
    """Note that a node was heard of."""
    known = _trusted(tx, org, node)
    if persistent is None:
        persistent = known.persistent
    tx.put_destination(replace(known, persistent=persistent, last_contact=site.clock()))


def _trusted(tx: Transaction, org: str, node: Node) -> DestinationRecord:
    known = tx.destination(org, node)
    if known is None or known.distrusted:
        raise NoDestination(f"{node} is not registered")
    return known


def distrust(tx: Transaction, org: str, node: Node) -> None:
    """What a node sent is not complete, and it will not send it again unless it registers anew.

    Existing nodes never repeat an upload that failed. Told at their next ``register`` or ``ping``
    that they are unknown, they do (sync-http.md, 17.1).
    """
    known = tx.destination(org, node)
    if known is not None and not known.distrusted:
        tx.put_destination(replace(known, distrusted=True))


def unregister(tx: Transaction, site: Site, org: str, node: Node) -> None:
    """Forget a node; objects that only waited for it to delete them are gone.

    What the cloud has consumed is remembered for a day: a node that comes back sends its objects
    again, and nobody may get them twice.
    """
    consumed = tx.notices_for(org, node, ("consumedPending", ORPHANED))
    for key in tx.remove_destination(org, node):
        _finish_deletion(tx, key)
    for notice in consumed:
        tx.put_notice(orphaned(site, notice))


def forget_silent(tx: Transaction, before: float) -> None:
    """Forget the nodes that were last heard of before a time, in seconds since the epoch.

    They stay on the lists of their objects, so that one which comes back gets them again; only
    deletions do not wait for it.
    """
    for silent in tx.silent_destinations(before):
        tx.forget_destination(silent.org, silent.node)
        for key in tx.keys_at(silent.org, silent.node):
            record = tx.object(key)
            if record is not None and record.status == DELETED:
                tx.remove_delivery(key, silent.node)
                _finish_deletion(tx, key)
                continue
            present = tx.delivery(key, silent.node)
            if present is not None and present[0] in ("delivering", "error"):
                tx.change_delivery(key, silent.node, "pending")


def poll_items(
    tx: Transaction, org: str, node: Node, *, renews: bool = False
) -> list[dict[str, Json]]:
    """Everything that is pending for a node, in the order of the names (sync-http.md, 4).

    Parameters
    ----------
    renews : bool
        Whether the node registers again when it is told that it is not registered. Existing nodes
        do not (15, Q14): after a restore they go on polling until their next ping.
    """
    destination = tx.destination(org, node)
    if destination is None or (renews and destination.distrusted):
        raise NoDestination(f"{node} is not registered")
    items: list[dict[str, Json]] = []
    for notice in tx.notices_for(org, node, tuple(ITEM_TYPES)):
        # Existing nodes can make no call about other names (2.3); those that renew are ours.
        if not all((is_name if renews else is_link_name)(name) for name in notice.key):
            continue
        item = _item(tx, notice, destination)
        if item is not None:
            items.append({"Type": ITEM_TYPES[notice.state], "MetaData": item})
    return items


def _item(
    tx: Transaction, notice: Notice, destination: DestinationRecord
) -> dict[str, Json] | None:
    record = tx.object(notice.key)
    if record is None:
        return None
    meta = record.meta | {"destinationID": notice.node.dest_id}
    if notice.state == "deletePending":
        # Of whatever instance: the object may go on elsewhere while this node is to delete it.
        meta |= {"deleted": True, "instanceID": notice.instance_id}
    elif record.instance_id != notice.instance_id:
        return None
    meta["consumers"] = meta["consumers"] or 1  # with 0 an existing node never reports it
    if not destination.persistent:
        meta["chunkSize"] = 0  # existing in-memory nodes cannot fetch ranges (sync-http.md, 9.2)
    return meta


def on_report(
    tx: Transaction, site: Site, key: Key, node: Node, instance_id: int, call: str
) -> None:
    """A node calls ``updated``, ``received``, ``consumed`` or an ``ack...`` for an instance."""
    notice = tx.notice(key, node)
    if notice is None or notice.instance_id != instance_id or notice.state not in _ACCEPTED[call]:
        state = "there is no record" if notice is None else f"the record is {notice.state}"
        raise Conflict(f"{call} for {key} by {node} does not fit: {state}")
    _REPORTS[call](tx, site, notice)


def _updated(tx: Transaction, site: Site, notice: Notice) -> None:
    _advance(tx, site, notice, "updated")


def _received(tx: Transaction, site: Site, notice: Notice) -> None:
    _advance(tx, site, notice, "receivedByDest")
    _note_delivery(tx, notice, "delivered")


def _consumed(tx: Transaction, site: Site, notice: Notice) -> None:
    _advance(tx, site, notice, "consumedByDest")
    if not _note_delivery(tx, notice, "consumed"):
        return
    record = tx.object(notice.key)
    if (
        record is not None
        and record.meta["autodelete"]
        and not record.meta["expiration"]
        and tx.delivery_statuses(notice.key) == {"consumed"}
    ):
        expiration = format_time(site.clock() + _AUTO_DELETE_AFTER)
        tx.put_object(replace(record, meta=record.meta | {"expiration": expiration}))


def _ack_delete(tx: Transaction, site: Site, notice: Notice) -> None:
    _advance(tx, site, notice, "ackDelete")
    record = tx.object(notice.key)
    if record is not None and record.status == DELETED:  # else only this node was to delete it
        _note_delivery(tx, notice, "deleted")
    _finish_deletion(tx, notice.key)


def _deleted(tx: Transaction, site: Site, notice: Notice) -> None:
    if notice.state == "deletePending":  # the acknowledgement before it was lost
        _ack_delete(tx, site, notice)
    tx.remove_notice(notice.key, notice.node)


def _ack_of_own(tx: Transaction, site: Site, notice: Notice) -> None:
    record = tx.object(notice.key)
    if record is not None and not record.sender and record.instance_id == notice.instance_id:
        tx.remove_object(record)
    tx.remove_notice(notice.key, notice.node)


_REPORTS = {
    "updated": _updated,
    "received": _received,
    "consumed": _consumed,
    "ackDelete": _ack_delete,
    "deleted": _deleted,
    "ackconsumed": _ack_of_own,
    "ackDeleted": _ack_of_own,
}


def on_feedback(
    tx: Transaction,
    site: Site,
    key: Key,
    node: Node,
    instance_id: int,
    *,
    code: int,
    retry_interval: float,
    reason: str,
) -> None:
    """A node cannot process an object (sync-http.md, 5.2)."""
    notice = tx.notice(key, node)
    if (
        notice is None
        or notice.instance_id != instance_id
        or notice.state not in _ACCEPTED["feedback"]
    ):
        raise Conflict(f"feedback for {key} by {node} does not fit")
    if notice.state == "deletePending":
        return  # the data went while it fetched them; what matters is that it hears of the deletion
    if code >= 10000:
        present = tx.delivery(key, node)
        if present is not None:
            _note_delivery(tx, notice, present[0], reason)
    elif code == 5:
        tx.remove_notice(key, node)
    else:
        wanted = min(retry_interval or site.resend_after, _STUCK_AFTER * site.resend_after)
        due = site.clock() + wanted
        tx.put_notice(replace(notice, state="error", resend_at=due))
        _note_delivery(tx, notice, "error", reason)


def resend(tx: Transaction, site: Site, org: str, node: Node) -> None:
    """A node asks for everything again that it has not consumed."""
    if tx.destination(org, node) is None:
        raise NoDestination(f"{node} is not registered")
    for key in tx.keys_at(org, node):
        record = tx.object(key)
        if record is None or not record.sender or record.status != READY:
            continue
        if record.meta["inactive"] or record.meta["destinationPolicy"] is not None:
            continue
        present = tx.delivery(key, node)
        if present is None or present[0] != "consumed":  # what was consumed does not come back
            announce(tx, site, record, node)


def resend_due(tx: Transaction, site: Site) -> None:
    """Take up again what a node failed at, and what it began long ago and never finished."""
    now, longest = site.clock(), _STUCK_AFTER * site.resend_after
    due = tx.due_notices(("error",), now, longest)
    due += tx.due_notices(("updated",), now - longest, longest + site.resend_after)
    for notice in due:
        record = tx.object(notice.key)
        if record is None or record.instance_id != notice.instance_id:
            tx.remove_notice(notice.key, notice.node)
        elif record.status == READY and not record.meta["inactive"]:
            announce(tx, site, record, notice.node)
    for notice in tx.due_notices((ORPHANED,), now, ORPHANED_FOR):
        record = tx.object(notice.key)
        if record is not None and not record.sender:
            tx.remove_object(record)
        tx.remove_notice(notice.key, notice.node)


def on_update(
    tx: Transaction, key: Key, node: Node, meta: dict[str, Json], owner: str
) -> ObjectRecord:
    """A node sends the metadata of an object of its own; returns what is stored now.

    The same instance is taken again as long as its data are incomplete: an existing node whose
    first answer was lost then sends the data (sync-http.md, 17.1).
    """
    old = tx.object(key)
    meta = meta | {
        "originType": node.dest_type,
        "originID": node.dest_id,
        "ownerID": owner,
    }
    meta |= {"destinationOrgID": key.org, "deleted": False}
    if old is not None:
        if old.sender:
            raise NameTaken(f"{key} is an object of the cloud")
        if old.origin == node and old.instance_id > meta["instanceID"]:
            raise Outdated(f"{key} is instance {old.instance_id} here", old.instance_id)
        if old.origin == node and old.instance_id == meta["instanceID"]:
            if old.status != PARTIALLY_RECEIVED:
                raise Conflict(f"instance {meta['instanceID']} of {key} is complete")
            return old
    tx.remove_notices(key)
    return store_update(tx, key, meta, old)


def on_delete(tx: Transaction, key: Key, node: Node, meta: dict[str, Json]) -> None:
    """A node deleted an object of its own."""
    old = tx.object(key)
    if old is None or old.sender or old.origin != node or old.instance_id > meta["instanceID"]:
        return  # unknown, somebody else's, or a newer one has come since
    tx.remove_notices(key)
    kept = {name: old.meta[name] for name in ("originType", "originID", "ownerID")}
    kept |= {"destinationOrgID": key.org}
    receive_delete(tx, key, meta | kept)


def _advance(tx: Transaction, site: Site, notice: Notice, state: str) -> None:
    tx.put_notice(replace(notice, state=state, resend_at=site.clock() + site.resend_after))


def _note_delivery(tx: Transaction, notice: Notice, status: str, message: str = "") -> bool:
    """Note how far the present instance is; False if the notice is about an older one."""
    record = tx.object(notice.key)
    if record is None or record.instance_id != notice.instance_id:
        return False
    tx.change_delivery(notice.key, notice.node, status, message)
    return True


def _finish_deletion(tx: Transaction, key: Key) -> None:
    record = tx.object(key)
    if record is None or not record.sender or record.status != DELETED:
        return
    if tx.delivery_statuses(key) <= {"deleted"}:
        tx.remove_object(record)

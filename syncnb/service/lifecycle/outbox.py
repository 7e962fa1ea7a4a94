"""What an ESS does with what its CSS sends, and the outbox of what it has to tell it."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from syncnb.metadata import Json
from syncnb.service.lifecycle.base import (
    CLOUD,
    COMPLETELY_RECEIVED,
    CONSUMED,
    CONSUMED_BY_DEST,
    DELETED,
    PARTIALLY_RECEIVED,
    READY,
    RECEIVED,
    SENDING,
    Site,
)
from syncnb.service.lifecycle.policies import services_removed
from syncnb.service.lifecycle.receiving import receive_delete, store_update
from syncnb.service.store import Key, Notice, ObjectRecord, Topic, Transaction

DOUBTED = "doubted"  # state of a notice that is not sent: the CSS may have an older instance
ANNOUNCING = "announcing"  # an "update" that was sent, and whose answer may have been lost
OUTBOX = ("update", ANNOUNCING, "updated", "received", "consumed", "delete", "deleted")
RESEND: Topic = ("resend",)
_WANTED, _DONE = "resend wanted", "resend done"


class Todo(Enum):
    """What an update item asks of the node."""

    FETCH = "say that it is under way, then fetch the data"
    CONTINUE = "it is under way already"
    REPORT = "it is complete"
    WAIT = "its consumption is being reported"
    BEHIND = "the CSS has an older instance than this node: it lost its memory"
    REFUSE = "the name belongs to an object that this node sends"


def on_update_item(tx: Transaction, key: Key, meta: dict[str, Json]) -> Todo:
    """The CSS announces an instance (sync-http.md, 7, step 3)."""
    old = tx.object(key)
    if old is not None and old.sender and old.status in (*SENDING, DELETED):
        return Todo.REFUSE
    anew = old is None or old.sender or old.status == DELETED
    if old is not None and not anew and old.instance_id >= meta["instanceID"]:
        known = _known(tx, old, meta)
        if known is not None:
            return known
    tx.remove_notice(key, CLOUD)
    record = store_update(tx, key, meta, old)
    if old is not None and not anew:
        removed = services_removed(old, meta)
        if removed:
            tx.put_object(replace(record, removed_services=removed))
    return Todo.FETCH if record.status == PARTIALLY_RECEIVED else Todo.REPORT


def _known(tx: Transaction, old: ObjectRecord, meta: dict[str, Json]) -> Todo | None:
    """What is to be done about an instance that is not newer than the present one."""
    notice = tx.notice(old.key, CLOUD)
    doubted = notice is not None and notice.state == DOUBTED
    if old.instance_id == meta["instanceID"]:
        if old.status == PARTIALLY_RECEIVED:
            return Todo.CONTINUE
        if old.status == CONSUMED:
            return Todo.WAIT
        if doubted:
            tx.remove_notice(old.key, CLOUD)
        return Todo.REPORT
    # Items of one poll are worked off before the next poll, so that an older instance can only
    # come from a CSS that went back. Once that has been told that this node is new, it is obeyed.
    return None if doubted or old.status == CONSUMED else Todo.BEHIND


def on_delete_item(tx: Transaction, key: Key, meta: dict[str, Json]) -> None:
    """The CSS deleted an object; an object that this node sends is none of its business."""
    old = tx.object(key)
    if old is not None and old.sender and old.status != CONSUMED_BY_DEST:
        return
    tx.remove_notice(key, CLOUD)
    receive_delete(tx, key, meta)


def on_consumed_item(tx: Transaction, key: Key, instance_id: int) -> None:
    """The application of the CSS consumed an object of this node (rest-api.md, 8.2)."""
    old = tx.object(key)
    if old is None or not old.sender or old.instance_id != instance_id or old.status != READY:
        return
    tx.put_object(replace(old, status=CONSUMED_BY_DEST, blob=None))
    tx.remove_notice(key, CLOUD)


def on_answered(tx: Transaction, notice: Notice) -> None:
    """The CSS took a notice of the outbox (204), or wants to hear no more of it (409)."""
    if not _waits(tx, notice):
        return  # something newer has taken its place
    tx.remove_notice(notice.key, notice.node)
    record = tx.object(notice.key)
    if record is None or record.instance_id != notice.instance_id:
        return
    gone = {"consumed": CONSUMED, "deleted": DELETED, "delete": DELETED}.get(notice.state)
    if record.status == gone:
        tx.remove_object(record)


def renumber(tx: Transaction, site: Site, notice: Notice, newest: int) -> None:
    """The CSS has a newer instance of an object that this node stored after it lost its memory.

    The clock of the node went back, or what it had stored before is gone: a number above all that
    the CSS has seen makes the object the newest again.
    """
    record = tx.object(notice.key)
    if record is None or record.instance_id != notice.instance_id or not _waits(tx, notice):
        return
    tx.next_number("instance", at_least=newest)
    instance = tx.next_instance(site.clock())
    meta = record.meta | {"instanceID": instance, "dataID": instance if record.data_id else 0}
    tx.put_object(replace(record, meta=meta))
    tx.put_notice(replace(notice, instance_id=instance, data_id=meta["dataID"]))


def on_announcing(tx: Transaction, notice: Notice) -> Notice:
    """The metadata of an object of this node go out: from now on the CSS may have them."""
    return _moved_on(tx, notice, ANNOUNCING)


def on_announced(tx: Transaction, notice: Notice) -> Notice:
    """The CSS has the metadata of an object of this node; its data are still to be sent."""
    return _moved_on(tx, notice, "updated")


def _moved_on(tx: Transaction, notice: Notice, state: str) -> Notice:
    """The notice in its next state, also if it was put there anew meanwhile (`on_forgotten`)."""
    if not _waits(tx, notice):
        return replace(notice, state=state)
    present = tx.notice(notice.key, notice.node) or notice
    changed = replace(present, state=state)
    tx.put_notice(changed)
    return changed


def _waits(tx: Transaction, notice: Notice) -> bool:
    """Whether a notice is still in the outbox; it may have been put there anew."""
    present = tx.notice(notice.key, notice.node)
    return present is not None and (present.state, present.instance_id) == (
        notice.state,
        notice.instance_id,
    )


def report_received(tx: Transaction, site: Site, key: Key, instance_id: int) -> None:
    """An object is complete here; the CSS is told, also over a restart."""
    record = tx.object(key)
    if record is None or record.instance_id != instance_id:
        return
    if record.status in (COMPLETELY_RECEIVED, RECEIVED):
        tx.put_notice(Notice(key, CLOUD, "received", instance_id, record.data_id, site.clock()))


def forget_failed(tx: Transaction, key: Key, instance_id: int) -> None:
    """An object could not be fetched and the CSS knows why; when announced again it is new."""
    record = tx.object(key)
    if record is None or record.instance_id != instance_id:
        return
    if record.status == PARTIALLY_RECEIVED:
        tx.remove_object(record)


def on_forgotten(tx: Transaction, site: Site) -> None:
    """The CSS does not know this node any more: begin anew, and send again what it may lack."""
    for record in tx.objects_of(site.org):
        if record.status == PARTIALLY_RECEIVED:
            tx.remove_object(record)
        elif record.status in (COMPLETELY_RECEIVED, RECEIVED):
            tx.put_notice(
                Notice(record.key, CLOUD, DOUBTED, record.instance_id, record.data_id, 0.0)
            )
        elif record.sender and record.status == READY and not record.meta["inactive"]:
            before = tx.notice(record.key, CLOUD)
            unfinished = before is not None and before.state in (ANNOUNCING, "updated")
            state = ANNOUNCING if unfinished else "update"
            instance, data = record.instance_id, record.data_id
            tx.put_notice(Notice(record.key, CLOUD, state, instance, data, site.clock()))


def want_all(tx: Transaction) -> None:
    """An application wants everything again; the CSS is told as soon as it is there."""
    tx.next_number(_WANTED)
    tx.wake((RESEND,))


def wanted_resend(tx: Transaction) -> int | None:
    """The last wish of that kind which the CSS has not taken; None if there is none."""
    wanted = tx.number(_WANTED)
    return wanted if wanted > tx.number(_DONE) else None


def on_resent(tx: Transaction, wish: int) -> None:
    """The CSS took a wish, and with it all before it."""
    tx.set_number(_DONE, wish)

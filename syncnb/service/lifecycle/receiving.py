"""The receiving end of an object: it arrives over the link, applications acknowledge it."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from syncnb.metadata import Json
from syncnb.service.lifecycle.base import (
    CLOUD,
    COMPLETELY_RECEIVED,
    CONSUMED,
    DELETED,
    PARTIALLY_RECEIVED,
    RECEIVED,
    Conflict,
    Refused,
    Site,
)
from syncnb.service.lifecycle.policies import without_service
from syncnb.service.store import Key, Node, Notice, ObjectRecord, StoredData, Transaction
from syncnb.service.store.records import Ranges
from syncnb.service.wire import dumps

ORPHANED = "orphaned"  # state of a notice: consumed here, and the node is not registered
ORPHANED_FOR = 86400.0  # seconds


def wants_data(meta: dict[str, Json], old: ObjectRecord | None) -> bool:
    """Whether the data of an update have to be transferred (sync-http.md, 7 and 8)."""
    if meta["noData"] or meta["link"]:
        return False
    known = old is not None and old.blob is not None and old.data_id == meta["dataID"]
    return not (meta["metaOnly"] and (known or meta["dataID"] == 0))


def store_update(
    tx: Transaction, key: Key, meta: dict[str, Json], old: ObjectRecord | None
) -> ObjectRecord:
    """Store the metadata that arrived; what is half fetched of another instance goes."""
    _drop_placed(tx, old, keep=meta["destinationDataUri"])
    kept = old.blob if old is not None and not old.sender and meta["metaOnly"] else None
    wanted = wants_data(meta, old)
    record = ObjectRecord(
        key=key,
        status=PARTIALLY_RECEIVED if wanted else COMPLETELY_RECEIVED,
        sender=False,
        meta=meta,
        blob=None if wanted else kept,
        receivers_left=meta["consumers"],
        consumers_left=meta["consumers"],
    )
    tx.put_object(record)
    return record


def store_part(tx: Transaction, key: Key, instance_id: int, file: str, ranges: Ranges) -> None:
    """Note which bytes of the data are on the disk, so that a break costs only the rest."""
    record = tx.object(key)
    if record is None or record.status != PARTIALLY_RECEIVED or record.instance_id != instance_id:
        raise Conflict(f"{key} has changed meanwhile")
    tx.put_object(replace(record, partial=file, ranges=ranges))


def discard_parts(tx: Transaction, key: Key) -> None:
    """What was collected is not what was signed: begin anew."""
    record = tx.object(key)
    if record is not None and record.partial is not None:
        tx.put_object(replace(record, partial=None, ranges=()))


def store_data(
    tx: Transaction, key: Key, instance_id: int, stored: StoredData, *, placed: bool = False
) -> ObjectRecord:
    """All data of an instance are on the disk: the application may have it.

    Parameters
    ----------
    placed : bool
        Whether they lie at the object's `destinationDataUri`, and not in the store.
    """
    record = tx.object(key)
    if record is None or record.sender or record.instance_id != instance_id:
        raise Conflict(f"{key} has changed meanwhile")
    if record.status not in (PARTIALLY_RECEIVED, COMPLETELY_RECEIVED, RECEIVED):
        raise Conflict(f"{key} is {record.status}")
    arrives = record.status == PARTIALLY_RECEIVED
    record = replace(
        record,
        status=COMPLETELY_RECEIVED,
        blob=None if placed else tx.adopt(stored),
        partial=None,
        ranges=(),
        meta=record.meta | {"objectSize": stored.size},
    )
    tx.put_object(record)
    if arrives:  # and is not sent once more because an answer was lost
        _queue_calls(tx, record)
    return record


def _queue_calls(tx: Transaction, record: ObjectRecord) -> None:
    """Have the webhooks of a type called with what has arrived (rest-api.md, 9.2)."""
    for url in tx.webhooks(record.key.org, record.key.object_type):
        tx.queue_webhook_call(urlsplit(url).netloc.lower(), url, dumps(record.meta).decode())


def mark_received(tx: Transaction, key: Key) -> None:
    """An application took note of an object and wants to keep it (rest-api.md, 8.3)."""
    record = _complete(tx, key)
    left = record.receivers_left - 1
    status = RECEIVED if left == 0 else record.status
    tx.put_object(replace(record, receivers_left=left, status=status))


def mark_consumed(tx: Transaction, site: Site, key: Key) -> None:
    """An application is done with an object; after the last one the sender is told."""
    record = _complete(tx, key)
    left = record.consumers_left - 1
    record = replace(record, consumers_left=left, status=CONSUMED if left == 0 else record.status)
    tx.put_object(record)
    if left == 0:
        _drop_placed(tx, record)
        _tell_sender(tx, site, record, "consumedPending" if site.is_css else "consumed")


def mark_deleted(tx: Transaction, site: Site, key: Key, *, service: str | None = None) -> None:
    """An application has acted on a deletion; after the last one the sender is told.

    Parameters
    ----------
    service : str or None
        The user ID of an edge service; it may also take note that an object is no longer meant for
        it (rest-api.md, 8.8).
    """
    record = tx.object(key)
    if record is None:
        raise Refused(f"there is no object {key}")
    if record.status != DELETED:
        listed = record.removed_services
        others = listed if service is None else without_service(record, service)
        if site.is_css or others == listed:
            raise Refused(f"{key} is {record.status}, not deleted")
        tx.put_object(replace(record, removed_services=others))
        return
    if record.sender:
        return  # the sender's own tombstone waits for the nodes, not for its applications
    left = record.consumers_left - 1
    tx.put_object(replace(record, consumers_left=left))
    if left == 0:
        _tell_sender(tx, site, record, "deletedPending" if site.is_css else "deleted")


def receive_delete(tx: Transaction, key: Key, meta: dict[str, Json]) -> None:
    """The sender deleted an object: keep a tombstone until the application has seen it."""
    _drop_placed(tx, tx.object(key))
    tx.put_object(
        ObjectRecord(
            key=key,
            status=DELETED,
            sender=False,
            meta=meta | {"deleted": True},
            receivers_left=meta["consumers"],
            consumers_left=meta["consumers"],
        )
    )


def _drop_placed(tx: Transaction, old: ObjectRecord | None, *, keep: str = "") -> None:
    """Remove the data that a `destinationDataUri` had placed (rest-api.md, 10.4)."""
    if old is None or old.sender or old.status == PARTIALLY_RECEIVED or old.blob is not None:
        return
    uri = old.meta["destinationDataUri"]
    if uri and uri != keep:
        tx.dropped.add(uri)


def _complete(tx: Transaction, key: Key) -> ObjectRecord:
    record = tx.object(key)
    if record is None:
        raise Refused(f"there is no object {key}")
    if record.status not in (COMPLETELY_RECEIVED, RECEIVED):
        raise Refused(f"{key} is {record.status}: there is nothing to acknowledge")
    return record


def _tell_sender(tx: Transaction, site: Site, record: ObjectRecord, state: str) -> None:
    node = record.origin if site.is_css else CLOUD
    due = site.clock() + (site.resend_after if site.is_css else 0)
    notice = Notice(record.key, Node(*node), state, record.instance_id, record.data_id, due)
    if not site.is_css or tx.destination(record.key.org, node) is not None:
        tx.put_notice(notice)
    elif record.status == CONSUMED:
        tx.put_notice(orphaned(site, notice))
    else:
        tx.remove_object(record)  # the node has nothing to be told of any more
        tx.remove_notices(record.key)


def orphaned(site: Site, notice: Notice) -> Notice:
    """The same notice for a node that is not registered: kept for a day, should it come back."""
    return replace(notice, state=ORPHANED, resend_at=site.clock() + ORPHANED_FOR)

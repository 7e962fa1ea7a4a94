"""The sending end of an object: stored, activated and deleted by the applications of this side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from syncnb.metadata import Json
from syncnb.service.lifecycle.base import (
    CLOUD,
    DELETED,
    NOT_READY,
    READY,
    SENDING,
    VERIFICATION_FAILED,
    Missing,
    Refused,
    Site,
)
from syncnb.service.store import Key, Node, Notice, ObjectRecord, StoredData, Transaction


def put_object(
    tx: Transaction,
    site: Site,
    key: Key,
    meta: dict[str, Json],
    data: StoredData | None,
) -> ObjectRecord:
    """An application stores an object, with or without data (rest-api.md, 8.2)."""
    old = tx.object(key)
    _require_sending(old, key)
    _check_policy(old, meta)
    wanted = _addressed(tx, site, key, meta) if site.is_css else set()
    record = _stored(tx, site, key, meta, data, old)
    tx.put_object(record)
    if site.is_css:
        if meta["destinationPolicy"] is not None and old is not None:
            wanted = set(tx.deliveries(key))
        _set_destinations(tx, site, record, wanted)
    _announce_if_ready(tx, site, record)
    return record


def put_data(tx: Transaction, site: Site, key: Key, data: StoredData) -> ObjectRecord:
    """An application uploads the data of an object."""
    old = tx.object(key)
    if old is None:
        raise Missing(f"there is no object {key}")
    _require_sending(old, key)
    if old.meta["noData"]:
        raise Refused(f"{key} has noData: true, so it takes no data")
    instance = tx.next_instance(site.clock())
    record = replace(
        old,
        status=READY if data.verified else VERIFICATION_FAILED,
        blob=_kept(tx, data),
        partial=None,
        ranges=(),
        meta=old.meta
        | {
            "instanceID": instance,
            "dataID": instance,
            "objectSize": data.size,
            "sourceDataUri": "",
        },
    )
    tx.put_object(record)
    for node in tx.deliveries(key):
        tx.set_delivery(key, node, "pending")
    _announce_if_ready(tx, site, record)
    return record


def activate(tx: Transaction, site: Site, key: Key) -> None:
    """An application, or the time, activates an object."""
    old = tx.object(key)
    if old is None or not old.sender or old.status not in SENDING:
        raise Refused(f"there is no object {key} that this side sends")
    record = replace(old, meta=old.meta | {"inactive": False})
    tx.put_object(record)
    _announce_if_ready(tx, site, record)


def mark_policy_received(tx: Transaction, key: Key) -> None:
    """Whoever evaluates policies has this one; until it is stored again (rest-api.md, 4.22)."""
    record = tx.object(key)
    if record is None:
        raise Missing(f"there is no object {key}")
    tx.put_object(replace(record, policy_received=True))


def delete_object(tx: Transaction, site: Site, key: Key) -> None:
    """An application deletes an object; who has it is told (rest-api.md, 8.2)."""
    old = tx.object(key)
    if old is None:
        if site.is_css:
            raise Missing(f"there is no object {key}")
        raise Refused(f"there is no object {key}")
    if site.is_css:
        _delete_on_css(tx, site, old)
        return
    if not old.sender or old.status not in SENDING:
        raise Refused(f"{key} is {old.status}: this side cannot delete it")
    tx.put_object(_tombstone(old))
    _notify(tx, site, old, CLOUD, "delete")


def _delete_on_css(tx: Transaction, site: Site, old: ObjectRecord) -> None:
    if old.sender and old.status == DELETED:
        return  # the nodes are being told already
    told = set(tx.deliveries(old.key)) if old.sender else set()
    for notice in tx.notices_of(old.key, ("deletePending",)):
        tx.set_delivery(old.key, notice.node, "pending")  # taken off the list, and not told yet
        told.add(notice.node)
    if not told:
        tx.remove_object(old)
        tx.remove_notices(old.key)
        return
    tx.put_object(_tombstone(old))
    for node in told:
        _notify(tx, site, old, node, "deletePending")
    tx.wake([("deliveries", *old.key)])


def replace_destinations(tx: Transaction, site: Site, key: Key, wanted: Iterable[Node]) -> None:
    """Exactly these nodes shall have the object (rest-api.md, 4.24)."""
    change_destinations(tx, site, key, lambda _: set(wanted))


def change_destinations(
    tx: Transaction,
    site: Site,
    key: Key,
    change: Callable[[set[Node]], set[Node]],
    named: Iterable[Node] = (),
) -> None:
    """Put the nodes that `change` makes of the present ones on the list of an object."""
    record = tx.object(key)
    if record is None:
        raise Missing(f"there is no object {key}")
    if record.status == DELETED:
        raise Refused(f"{key} is being deleted: its nodes are being told")
    before = tx.deliveries(key)
    wanted = change(set(before))
    for node in {*wanted, *named} - before.keys():
        if tx.destination(key.org, node) is None:
            raise Refused(f"destination {node} is not registered")
    for node in before.keys() - wanted:
        remove_destination(tx, site, record, node)
    for node in wanted - before.keys():
        add_destination(tx, site, record, node)


def add_destination(tx: Transaction, site: Site, record: ObjectRecord, node: Node) -> None:
    """Put a node on the list; it gets the object at once if that is ready."""
    tx.set_delivery(record.key, node, "pending")
    if record.status == READY and not record.meta["inactive"]:
        announce(tx, site, record, node)


def remove_destination(tx: Transaction, site: Site, record: ObjectRecord, node: Node) -> None:
    """Take a node off the list; if it ever heard of the object, it is told to delete it."""
    tx.remove_delivery(record.key, node)
    if tx.notice(record.key, node) is not None:
        _notify(tx, site, record, node, "deletePending")


def announce(tx: Transaction, site: Site, record: ObjectRecord, node: Node) -> None:
    """Tell one node about the present instance."""
    tx.set_delivery(record.key, node, "delivering")
    _notify(tx, site, record, node, "updatePending")


def _announce_if_ready(tx: Transaction, site: Site, record: ObjectRecord) -> None:
    if record.status != READY or record.meta["inactive"]:
        return
    if not site.is_css:
        _notify(tx, site, record, CLOUD, "update")
        return
    for node in tx.deliveries(record.key):
        announce(tx, site, record, node)


def _notify(tx: Transaction, site: Site, record: ObjectRecord, node: Node, state: str) -> None:
    # A pending notice of a CSS waits for the node's poll; one of an ESS is due at once.
    due = site.clock() + (site.resend_after if site.is_css else 0)
    tx.put_notice(Notice(record.key, node, state, record.instance_id, record.data_id, due))


def _require_sending(old: ObjectRecord | None, key: Key) -> None:
    if old is not None and (not old.sender or old.status not in SENDING):
        raise Refused(f"{key} is {old.status}: this side does not send it")


def _check_policy(old: ObjectRecord | None, meta: dict[str, Json]) -> None:
    if old is None:
        return
    had, has = (
        old.meta["destinationPolicy"] is not None,
        meta["destinationPolicy"] is not None,
    )
    if had != has:
        raise Refused("an update can neither add nor remove a destinationPolicy")


def _addressed(tx: Transaction, site: Site, key: Key, meta: dict[str, Json]) -> set[Node]:
    """The registered nodes that the metadata address."""
    if meta["destinationPolicy"] is not None:
        return set()
    if meta["destinationsList"]:
        listed = {parse_node(entry) for entry in meta["destinationsList"]}
        for node in listed:
            if tx.destination(key.org, node) is None:
                raise Refused(f"destination {node} is not registered")
        return listed
    nodes = {d.node for d in tx.destinations(key.org, meta["destinationType"] or None)}
    return {node for node in nodes if meta["destinationID"] in ("", node.dest_id)}


def addresses(meta: dict[str, Json], node: Node) -> bool:
    """Whether the metadata of an object address a node that has just registered."""
    if meta["destinationPolicy"] is not None:
        return False
    if meta["destinationsList"]:
        return str(node) in meta["destinationsList"]
    return meta["destinationType"] in ("", node.dest_type) and meta["destinationID"] in (
        "",
        node.dest_id,
    )


def parse_node(entry: str) -> Node:
    """``type:id`` as a node.

    Raises
    ------
    Refused
        It does not have exactly one colon with something on both sides.
    """
    dest_type, _, dest_id = entry.partition(":")
    if not dest_type or not dest_id or ":" in dest_id:
        raise Refused(f"{entry!r} is not a destination of the form type:id")
    return Node(dest_type, dest_id)


def _set_destinations(tx: Transaction, site: Site, record: ObjectRecord, wanted: set[Node]) -> None:
    for node in tx.deliveries(record.key).keys() - wanted:
        remove_destination(tx, site, record, node)
    for node in wanted:
        tx.set_delivery(record.key, node, "pending")


def _stored(
    tx: Transaction,
    site: Site,
    key: Key,
    meta: dict[str, Json],
    data: StoredData | None,
    old: ObjectRecord | None,
) -> ObjectRecord:
    instance = tx.next_instance(site.clock())
    meta = meta | {
        "instanceID": instance,
        "dataID": 0,
        "destinationOrgID": key.org,
        "deleted": False,
        "chunkSize": site.chunk_size,
    }
    if not (meta["originType"] and meta["originID"]):
        meta |= {"originType": site.node.dest_type, "originID": site.node.dest_id}
    if meta["destinationPolicy"] is not None:
        stamp = {"timestamp": int(site.clock() * 1e9)}
        meta["destinationPolicy"] = meta["destinationPolicy"] | stamp
    status, blob = NOT_READY, None
    if meta["noData"]:
        meta |= dict.fromkeys(("link", "sourceDataUri", "publicKey", "signature"), "")
        status = READY
        if data is not None:
            tx.discard(data)
    elif meta["metaOnly"] and (data is None or (old is not None and old.blob)):
        if old is not None:
            kept = ("dataID", "objectSize", "hashAlgorithm", "publicKey", "signature")
            meta |= {name: old.meta[name] for name in kept}
            blob = old.blob
        if data is not None:
            tx.discard(data)
        status = READY if blob or meta["link"] or meta["sourceDataUri"] else NOT_READY
    elif data is not None:
        meta |= {"dataID": instance, "objectSize": data.size}
        blob, status = _kept(tx, data), READY if data.verified else VERIFICATION_FAILED
    elif meta["link"] or meta["sourceDataUri"]:
        status = READY
    return ObjectRecord(
        key=key,
        status=status,
        sender=True,
        meta=meta,
        blob=blob,
        receivers_left=meta["consumers"],
        consumers_left=meta["consumers"],
    )


def _kept(tx: Transaction, data: StoredData) -> str | None:
    """Keep data for the record that is about to be stored, unless their signature is wrong."""
    if data.verified:
        return tx.adopt(data)
    tx.discard(data)
    return None


def _tombstone(old: ObjectRecord) -> ObjectRecord:
    return replace(
        old,
        status=DELETED,
        blob=None,
        partial=None,
        ranges=(),
        consumers_left=old.meta["consumers"],
        meta=old.meta | {"deleted": True},
    )

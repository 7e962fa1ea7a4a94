"""What a node could not use, told to its cloud: one small object a node and object.

The object has no data: what is said is JSON in its description, so that one look at the list of
its type is enough. Who says it is not read there, since anybody could write that: the service
says where an object comes from (rest-api.md, 5.1).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import secrets
import socket
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from syncnb.cache_settings import cache_path
from syncnb.client import SyncServiceClient
from syncnb.errors import InvalidManifestError, SyncError
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData
from syncnb.metadata.times import format_time, parse_time

log = logging.getLogger("syncnb")

OBJECT_TYPE = "syncnb-feedback"
MAX_REASON = 600  # characters
_FORM = 1  # of the description
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
_FOLDERS = re.compile(
    r"(?<![\w:/])/(?:[^\s/'\"]+/)+"
)  # of this machine, which the cloud need not see


@dataclass(frozen=True, kw_only=True)
class Failure:
    """That a node could not use a version of an object.

    Parameters
    ----------
    dest_type, dest_id : str
        The node, as its service knows it.
    object_type, object_id, version : str
        What it could not use.
    mark : str
        Which publication of that version it was; see `mark_of`.
    reason : str
        In words.
    since : datetime
        Aware; by the node's clock.
    instance_id : int, default 0
        Of the object at its service, by which the later of two publications is known.

    Examples
    --------
    >>> failure = Failure(dest_type="edge", dest_id="node1", object_type="model", object_id="a",
    ...                   version="2", mark="", reason="it is damaged", since=datetime.now(UTC))
    >>> failure.reason
    'it is damaged'
    """

    dest_type: str
    dest_id: str
    object_type: str
    object_id: str
    version: str
    mark: str
    reason: str
    since: datetime
    instance_id: int = 0


def mark_of(meta_data: ObjectMetaData) -> str:
    """What makes a publication differ from every other one of the object.

    Parameters
    ----------
    meta_data : ObjectMetaData
        As they were sent, or as a node has them.

    Returns
    -------
    str
        A digest of the version and the description, which has the digest of the data, the sequence
        and the time; instance IDs are not known to who publishes.

    Examples
    --------
    >>> meta = ObjectMetaData(object_type="model", object_id="a", version="2")
    >>> mark_of(meta) == mark_of(meta.for_update(public=True))
    True
    """
    said = json.dumps([meta_data.version, meta_data.description])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def report_failure(
    client: SyncServiceClient, meta_data: ObjectMetaData, error: BaseException
) -> bool:
    """Tell the cloud that this node could not use a version; once for each.

    Parameters
    ----------
    client : SyncServiceClient
        The service of this node.
    meta_data : ObjectMetaData
        As the service has them.
    error : Exception
        Why.

    Returns
    -------
    bool
        Whether it was told, now or before. A service that is away or refuses it is logged, and
        raises nothing: the node goes on without.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> meta = ObjectMetaData(object_type="model", object_id="a", version="2")
    >>> with LocalFleet(nodes=1) as fleet:
    ...     report_failure(fleet.node("node1"), meta, ValueError("it is odd"))
    True
    """
    if client.org_id:
        return False  # in the cloud there is nobody above
    report, note = _report_id(client, meta_data), _note(client, meta_data)
    mark = mark_of(meta_data)
    if _read(note) == mark:
        return True
    what = ObjectMetaData(
        object_type=OBJECT_TYPE,
        object_id=report,
        version=meta_data.version,
        description=_description(meta_data, mark, error),
        no_data=True,
    )
    name = f"{meta_data.object_type}/{meta_data.object_id} {meta_data.version}".rstrip()
    try:
        client.update_object(what)
    except SyncError as refusal:
        log.warning("that %s cannot be used is not told to the cloud: %s", name, refusal)
        return False
    _write(note, mark)
    log.info("told the cloud that %s cannot be used", name)
    return True


def withdraw(client: SyncServiceClient, meta_data: ObjectMetaData) -> None:
    """Remove what was told about an object, since a version of it works now.

    Parameters
    ----------
    client : SyncServiceClient
        The service of this node.
    meta_data : ObjectMetaData
        Of the version that works.

    Examples
    --------
    >>> client = SyncServiceClient("http://127.0.0.1:1")
    >>> withdraw(client, ObjectMetaData(object_type="model", object_id="a"))  # nothing was told
    """
    note = _note(client, meta_data)
    if client.org_id or not _read(note):
        return
    try:
        client.delete_object(OBJECT_TYPE, _report_id(client, meta_data))
    except SyncError as error:
        log.info("what was told about %s stays: %s", meta_data.object_id, error)
        return
    _memory.pop(note, None)
    with contextlib.suppress(OSError):
        note.unlink(missing_ok=True)


def failures(found: Iterable[ObjectMetaData]) -> list[Failure]:
    """What nodes told.

    Parameters
    ----------
    found : iterable of ObjectMetaData
        Objects of the type, as a CSS lists them; what is none of a node is left out.

    Returns
    -------
    list of Failure
        In that order.

    Examples
    --------
    >>> failures([ObjectMetaData(object_type=OBJECT_TYPE, object_id="a", description="odd")])
    []
    """
    read = (_failure(meta) for meta in found if not meta.deleted)
    return [one for one in read if one is not None]


def reason_of(error: BaseException) -> str:
    """Why something failed, as one bounded line without credentials and folders.

    Parameters
    ----------
    error : Exception
        What was raised.

    Returns
    -------
    str
        At most `MAX_REASON` characters.

    Examples
    --------
    >>> reason_of(ValueError("no answer from https://me:hidden@example.com"))
    'ValueError: no answer from https://...@example.com'
    >>> reason_of(ValueError("'/var/cache/syncnb/a.onnx' is odd"))
    "ValueError: 'a.onnx' is odd"
    """
    said = str(error) if isinstance(error, SyncError) else f"{type(error).__name__}: {error}"
    text = _FOLDERS.sub("", _CREDENTIALS.sub("...@", " ".join(said.split())))
    text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 4]} ..."


def _description(meta: ObjectMetaData, mark: str, error: BaseException) -> str:
    try:
        manifest = Manifest.from_description(meta.description)
    except InvalidManifestError:
        manifest = None
    said = {
        "feedback": _FORM,
        "object_type": meta.object_type,
        "object_id": meta.object_id,
        "version": meta.version,
        "mark": mark,
        "instance_id": meta.instance_id,
        "sequence": manifest.sequence if manifest is not None else 0,
        "sha256": manifest.sha256[:64] if manifest is not None else "",
        "kind": type(error).__name__,
        "reason": reason_of(error),
        "at": format_time(datetime.now(UTC)),
    }
    text = json.dumps({"text": said["reason"], "syncnb_feedback": said}, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def _failure(meta: ObjectMetaData) -> Failure | None:
    try:
        said = json.loads(meta.description)["syncnb_feedback"]
        if said["feedback"] != _FORM or not meta.origin_id:
            return None
        values = {
            name: _text(said[name])
            for name in ("object_type", "object_id", "version", "mark", "reason")
        }
        since, instance = parse_time(_text(said["at"])), said.get("instance_id", 0)
        if type(instance) is not int:
            return None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    values["reason"] = values["reason"][:MAX_REASON]
    return Failure(
        dest_type=meta.origin_type, dest_id=meta.origin_id, since=since or datetime.now(UTC),
        instance_id=instance, **values,
    )  # fmt: skip


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("it is no text")
    return value


# ------------------------------------------------- which node, and what it told before

_memory: dict[Path, str] = {}  # where no file can be written


def _report_id(client: SyncServiceClient, meta: ObjectMetaData) -> str:
    """The same for each version of an object, and no other node's: all share one name space."""
    where = [client.url, client.key, meta.object_type, meta.object_id]
    return hashlib.sha256(json.dumps([*_node(cache_path()), *where]).encode()).hexdigest()[:40]


def _note(client: SyncServiceClient, meta: ObjectMetaData) -> Path:
    """The file that says which version was told last."""
    return cache_path() / "told" / _report_id(client, meta)


@lru_cache(maxsize=8)
def _node(folder: Path) -> tuple[str, ...]:
    """What tells this node from others; the folder may be a copy, as of an image of a disk."""
    machine = (os.environ.get("SYNCNB_NODE") or socket.gethostname(), f"{uuid.getnode():x}")
    path = folder / "node"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            part = folder / f".node.{secrets.token_hex(4)}.part"
            part.write_text(secrets.token_hex(16), "ascii")
            with contextlib.suppress(FileExistsError):
                os.link(part, path)  # of two processes, one succeeds
            part.unlink()
        return (*machine, path.read_text("ascii", errors="replace"))
    return machine


def _read(note: Path) -> str:
    with contextlib.suppress(OSError):
        return note.read_text("ascii", errors="replace")
    return _memory.get(note, "")


def _write(note: Path, mark: str) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(mark, "ascii")
    except OSError:
        _memory[note] = mark

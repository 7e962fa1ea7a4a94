"""Acknowledging the version that was handed out, and no other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

from syncnb.errors import (
    AccessDeniedError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RequestRefusedError,
)

if TYPE_CHECKING:
    from syncnb.client.client import SyncServiceClient
    from syncnb.metadata import ObjectMetaData

Mark = Literal["consumed", "received", "deleted"]
log = logging.getLogger("syncnb")
_WAITING = ("completelyReceived", "objreceived", "objdeleted")


def acknowledge(client: SyncServiceClient, meta_data: ObjectMetaData, mark: Mark) -> None:
    """Mark an update, unless a newer version has arrived meanwhile; that one comes next.

    A service marks what it has when the call arrives (rest-api.md, 8.3), so the version is looked
    at just before; syncnb's own marks only the instance that the call names. After a call that
    broke nobody knows whether it was carried out, so a refusal of a later one is looked at: if this
    version is not there any more, it was.

    Parameters
    ----------
    client : SyncServiceClient
        The service.
    meta_data : ObjectMetaData
        Of the version that was handed out.
    mark : {"consumed", "received", "deleted"}
        How.

    Raises
    ------
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not take it, or is away.
    """
    marks = {
        "consumed": client.mark_object_consumed,
        "received": client.mark_object_received,
        "deleted": client.mark_object_deleted,
    }
    if _waits(client, meta_data) is False:
        return
    try:
        marks[mark](meta_data)
    except (RequestRefusedError, ObjectNotFoundError, PreconditionFailedError):
        if _waits(client, meta_data) is True:
            raise


def _waits(client: SyncServiceClient, meta: ObjectMetaData) -> bool | None:
    """Whether this very version waits for an acknowledgement; None if nobody may know."""
    try:
        present = client.get_object_metadata(meta.object_type, meta.object_id)
        status = client.get_object_status(meta.object_type, meta.object_id)
    except ObjectNotFoundError:
        return False
    except AccessDeniedError:
        if not meta.deleted:
            raise
        return None  # it was taken from this service, which may confirm that (rest-api.md, 8.8)
    if meta.deleted and not present.deleted and present.instance_id == meta.instance_id:
        return None  # the same, to an identity that may see it
    if (present.instance_id, present.deleted) != (meta.instance_id, meta.deleted):
        name = f"{meta.object_type}/{meta.object_id} {meta.version}".rstrip()
        log.info("%s has a newer version, so this one is not acknowledged", name)
        return False
    return status in _WAITING

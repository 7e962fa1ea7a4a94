"""In the cloud: what was kept is acknowledged."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from syncnb.client import SyncServiceClient
from syncnb.errors import PreconditionFailedError, RequestRefusedError
from syncnb.metadata import ObjectMetaData


def acknowledge_reports(client: SyncServiceClient, reports: Sequence[ObjectMetaData]) -> None:
    """Acknowledge what `gather` returned, so that it does not come again.

    Parameters
    ----------
    client : SyncServiceClient
        The CSS.
    reports : sequence of ObjectMetaData
        As `gather` returned them.

    Raises
    ------
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not take it.
    """
    for meta in reports:
        # another collector was faster
        with contextlib.suppress(RequestRefusedError, PreconditionFailedError):
            client.mark_object_consumed(meta)

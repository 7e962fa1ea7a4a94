"""In the cloud: what was kept is acknowledged."""

from __future__ import annotations

from collections.abc import Iterable

from syncnb.client import SyncServiceClient
from syncnb.metadata import ObjectMetaData


def acknowledge_reports(client: SyncServiceClient, metas: Iterable[ObjectMetaData]) -> None:
    """Acknowledge reports whose rows were kept, so that they do not come again.

    Parameters
    ----------
    client : SyncServiceClient
        The CSS.
    metas : iterable of ObjectMetaData
        As `fetch_reports` or `gather` gave them: only these instances are acknowledged. What
        somebody else acknowledged meanwhile is passed over.

    Raises
    ------
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not take it; the first of them may be acknowledged by then.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=0) as fleet:
    ...     acknowledge_reports(fleet.cloud, [])
    """
    client.mark_objects_consumed(metas)

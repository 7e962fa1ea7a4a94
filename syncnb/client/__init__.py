"""Clients of a sync service."""

from syncnb.client.client import SyncServiceClient
from syncnb.client.connecting import connect, default_client
from syncnb.client.poller import Poller
from syncnb.metadata import StoredObject

__all__ = [
    "Poller",
    "StoredObject",
    "SyncServiceClient",
    "connect",
    "default_client",
]

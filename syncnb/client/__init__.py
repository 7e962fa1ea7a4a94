"""Clients of a sync service."""

from syncnb.client.client import SyncServiceClient
from syncnb.client.connecting import client_or_default, connect, default_client
from syncnb.client.poller import Poller
from syncnb.metadata import StoredObject

__all__ = [
    "Poller",
    "StoredObject",
    "SyncServiceClient",
    "client_or_default",
    "connect",
    "default_client",
]

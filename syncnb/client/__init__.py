"""Clients of a sync service."""

from syncnb.client.client import SyncServiceClient
from syncnb.client.connecting import connect, default_client
from syncnb.metadata import StoredObject

__all__ = ["StoredObject", "SyncServiceClient", "connect", "default_client"]

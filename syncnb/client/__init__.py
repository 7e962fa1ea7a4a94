"""Clients of a sync service."""

from syncnb.client.client import StoredObject, SyncServiceClient
from syncnb.client.connecting import connect, default_client

__all__ = ["StoredObject", "SyncServiceClient", "connect", "default_client"]

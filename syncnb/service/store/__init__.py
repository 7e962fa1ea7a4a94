"""The records of a service.

What is stored (`records`), where (`schema`), how it is read and written (`transaction`, which is
made of a file a table), how that gets to the disk (`database`), and on what (`backend`, `sqlite`).
"""

from syncnb.service.store.backend import StoreError
from syncnb.service.store.database import Store
from syncnb.service.store.records import (
    AclEntry,
    Content,
    DestinationRecord,
    Key,
    Node,
    Notice,
    ObjectRecord,
    StoredData,
    Topic,
    WebhookCall,
)
from syncnb.service.store.totals import Totals
from syncnb.service.store.transaction import Transaction
from syncnb.service.store.watchers import Watcher

__all__ = [
    "AclEntry",
    "Content",
    "DestinationRecord",
    "Key",
    "Node",
    "Notice",
    "ObjectRecord",
    "Store",
    "StoreError",
    "StoredData",
    "Topic",
    "Totals",
    "Transaction",
    "Watcher",
    "WebhookCall",
]

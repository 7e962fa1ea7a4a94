"""The records of a service.

What is stored (`records`), where (`schema`), how it is read and written (`transaction`), and how
that gets to the disk (`database`).
"""

from syncnb.service.store.database import Store, StoreError
from syncnb.service.store.records import (
    DestinationRecord,
    Key,
    Node,
    Notice,
    ObjectRecord,
    Topic,
)
from syncnb.service.store.transaction import Transaction

__all__ = [
    "DestinationRecord",
    "Key",
    "Node",
    "Notice",
    "ObjectRecord",
    "Store",
    "StoreError",
    "Topic",
    "Transaction",
]

"""AI models from a notebook onto fleets of edge nodes, and what those learn back into a DataFrame.

Importing this costs next to nothing: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncnb.cache import Cache as Cache
    from syncnb.client import SyncServiceClient as SyncServiceClient
    from syncnb.client import connect as connect
    from syncnb.client.webhook_receiver import WebhookReceiver as WebhookReceiver
    from syncnb.errors import SyncError as SyncError
    from syncnb.fleet import LocalFleet as LocalFleet
    from syncnb.follower import Follower as Follower
    from syncnb.following import current as current
    from syncnb.following import follow as follow
    from syncnb.history import promote as promote
    from syncnb.history import versions as versions
    from syncnb.manifest import Manifest as Manifest
    from syncnb.metadata import AclEntry as AclEntry
    from syncnb.metadata import Destination as Destination
    from syncnb.metadata import DestinationPolicy as DestinationPolicy
    from syncnb.metadata import DestinationState as DestinationState
    from syncnb.metadata import DestinationStatus as DestinationStatus
    from syncnb.metadata import ObjectMetaData as ObjectMetaData
    from syncnb.metadata import ObjectState as ObjectState
    from syncnb.metadata import PolicyProperty as PolicyProperty
    from syncnb.metadata import PolicyService as PolicyService
    from syncnb.past import PublishedVersion as PublishedVersion
    from syncnb.publication import Publication as Publication
    from syncnb.publishing import publish as publish
    from syncnb.publishing import publish_dataframe as publish_dataframe
    from syncnb.publishing import publish_file as publish_file
    from syncnb.publishing import publish_model as publish_model
    from syncnb.receiving import updates as updates
    from syncnb.receiving import updates_async as updates_async
    from syncnb.statistics import Reporter as Reporter
    from syncnb.statistics import StatisticsTable as StatisticsTable
    from syncnb.statistics import collect as collect
    from syncnb.statistics import collect_batches as collect_batches
    from syncnb.statistics import report as report
    from syncnb.tables import TableView as TableView
    from syncnb.tables import fleet_table as fleet_table
    from syncnb.tables import transfers as transfers
    from syncnb.tables import watch as watch
    from syncnb.trusting import Trust as Trust
    from syncnb.update import Update as Update

from syncnb.version import __version__ as __version__

_HOME = {
    "AclEntry": "syncnb.metadata",
    "Cache": "syncnb.cache",
    "Destination": "syncnb.metadata",
    "DestinationPolicy": "syncnb.metadata",
    "DestinationState": "syncnb.metadata",
    "DestinationStatus": "syncnb.metadata",
    "Follower": "syncnb.follower",
    "LocalFleet": "syncnb.fleet",
    "Manifest": "syncnb.manifest",
    "ObjectMetaData": "syncnb.metadata",
    "ObjectState": "syncnb.metadata",
    "PolicyProperty": "syncnb.metadata",
    "PolicyService": "syncnb.metadata",
    "Publication": "syncnb.publication",
    "PublishedVersion": "syncnb.past",
    "Reporter": "syncnb.statistics",
    "StatisticsTable": "syncnb.statistics.table",
    "SyncError": "syncnb.errors",
    "SyncServiceClient": "syncnb.client",
    "TableView": "syncnb.tables",
    "Trust": "syncnb.trusting",
    "Update": "syncnb.update",
    "WebhookReceiver": "syncnb.client.webhook_receiver",
    "collect": "syncnb.statistics",
    "collect_batches": "syncnb.statistics",
    "connect": "syncnb.client",
    "current": "syncnb.following",
    "fleet_table": "syncnb.tables",
    "follow": "syncnb.following",
    "promote": "syncnb.history",
    "publish": "syncnb.publishing",
    "publish_dataframe": "syncnb.publishing",
    "publish_file": "syncnb.publishing",
    "publish_model": "syncnb.publishing",
    "report": "syncnb.statistics",
    "transfers": "syncnb.tables",
    "updates": "syncnb.receiving",
    "updates_async": "syncnb.receiving",
    "versions": "syncnb.history",
    "watch": "syncnb.tables",
}
__all__ = [  # a test holds it equal to what _HOME has
    "AclEntry",
    "Cache",
    "Destination",
    "DestinationPolicy",
    "DestinationState",
    "DestinationStatus",
    "Follower",
    "LocalFleet",
    "Manifest",
    "ObjectMetaData",
    "ObjectState",
    "PolicyProperty",
    "PolicyService",
    "Publication",
    "PublishedVersion",
    "Reporter",
    "StatisticsTable",
    "SyncError",
    "SyncServiceClient",
    "TableView",
    "Trust",
    "Update",
    "WebhookReceiver",
    "collect",
    "collect_batches",
    "connect",
    "current",
    "fleet_table",
    "follow",
    "promote",
    "publish",
    "publish_dataframe",
    "publish_file",
    "publish_model",
    "report",
    "transfers",
    "updates",
    "updates_async",
    "versions",
    "watch",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def load_ipython_extension(ipython: object) -> None:
    """What ``%load_ext syncnb`` calls; see `syncnb.magics`."""
    import_module("syncnb.magics").load(ipython)

"""The wire types of the sync service (rest-api.md, 5), under Python names."""

from syncnb.metadata.access import EVERYBODY, AclEntry, AclRole, check_user_type
from syncnb.metadata.destinations import (
    Destination,
    DestinationStatus,
    ObjectStatus,
    Organization,
    StoredObject,
)
from syncnb.metadata.fields import OBJECT_FIELDS, Json
from syncnb.metadata.listing import Listing
from syncnb.metadata.names import check_name, check_node, check_stored_name, natural
from syncnb.metadata.objects import ObjectMetaData
from syncnb.metadata.policies import DestinationPolicy, PolicyProperty, PolicyService
from syncnb.metadata.statuses import DestinationState, ObjectState
from syncnb.metadata.times import format_time, in_utc, parse_time
from syncnb.metadata.values import Value

__all__ = [
    "EVERYBODY",
    "OBJECT_FIELDS",
    "AclEntry",
    "AclRole",
    "Destination",
    "DestinationPolicy",
    "DestinationState",
    "DestinationStatus",
    "Json",
    "Listing",
    "ObjectMetaData",
    "ObjectState",
    "ObjectStatus",
    "Organization",
    "PolicyProperty",
    "PolicyService",
    "StoredObject",
    "Value",
    "check_name",
    "check_node",
    "check_stored_name",
    "check_user_type",
    "format_time",
    "in_utc",
    "natural",
    "parse_time",
]

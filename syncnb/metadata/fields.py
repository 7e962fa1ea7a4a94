"""The fields of an object's metadata (rest-api.md, 5.1), and how fields of JSON are read.

The table here is the only place that maps ``object_id`` to ``objectID``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from syncnb.errors import InvalidMetaDataError

Json = Any  # whatever json.loads returns
T = TypeVar("T", str, bool, int)

# Python name, JSON name, value when nothing was sent; in the order of the wire.
OBJECT_FIELDS: tuple[tuple[str, str, Json], ...] = (
    ("object_id", "objectID", ""),
    ("object_type", "objectType", ""),
    ("dest_org_id", "destinationOrgID", ""),
    ("dest_id", "destinationID", ""),
    ("dest_type", "destinationType", ""),
    ("destinations_list", "destinationsList", None),
    ("destination_policy", "destinationPolicy", None),
    ("expiration", "expiration", ""),
    ("version", "version", ""),
    ("description", "description", ""),
    ("link", "link", ""),
    ("inactive", "inactive", False),
    ("activation_time", "activationTime", ""),
    ("no_data", "noData", False),
    ("meta_only", "metaOnly", False),
    ("destination_data_uri", "destinationDataUri", ""),
    ("source_data_uri", "sourceDataUri", ""),
    ("consumers", "consumers", 1),
    ("auto_delete", "autodelete", False),
    ("origin_id", "originID", ""),
    ("origin_type", "originType", ""),
    ("deleted", "deleted", False),
    ("instance_id", "instanceID", 0),
    ("data_id", "dataID", 0),
    ("object_size", "objectSize", 0),
    ("chunk_size", "chunkSize", 0),
    ("upload_chunk_size", "uploadChunkSize", 0),
    ("hash_algorithm", "hashAlgorithm", ""),
    ("public_key", "publicKey", ""),
    ("signature", "signature", ""),
    ("public", "public", False),
    ("owner_id", "ownerID", ""),
)
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1  # services keep integers in 64 bits


def is_of(kind: type, value: object) -> bool:
    r"""Whether a value is what JSON can carry as a ``str``, ``bool`` or ``int`` of the protocol.

    Examples
    --------
    >>> is_of(int, 5), is_of(int, True), is_of(str, "\ud800")
    (True, False, False)
    """
    if kind is int:
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return _SMALLEST <= value <= _LARGEST
    if kind is str:
        return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)
    return isinstance(value, kind)


def is_json(value: object) -> bool:
    """Whether it is what JSON can hold.

    Examples
    --------
    >>> is_json({"sizes": [1, 2.5, None]}), is_json(float("nan")), is_json({1, 2})
    (True, False, False)
    """
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def read(item: Mapping[str, Json], name: str, default: T) -> T:
    """A member of what a service sent; the default if it is missing or null.

    Raises
    ------
    InvalidMetaDataError
        It is of another type than the default.

    Examples
    --------
    >>> read({"status": None}, "status", "")
    ''
    """
    value = item.get(name)
    if value is None:
        return default
    kind: type = type(default)
    if not (isinstance(value, str) if kind is str else is_of(kind, value)):
        raise InvalidMetaDataError(name, value, f"the protocol has {_ARTICLE[kind]} there")
    return value  # type: ignore[no-any-return]


def read_objects(item: Mapping[str, Json], name: str) -> list[Mapping[str, Json]]:
    """A member that is an array of objects; empty if it is missing or null.

    Raises
    ------
    InvalidMetaDataError
        It is something else.

    Examples
    --------
    >>> read_objects({"destinations": None}, "destinations")
    []
    """
    value = item.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InvalidMetaDataError(name, value, "the protocol has an array of objects there")
    return value


def read_texts(item: Mapping[str, Json], name: str) -> tuple[str, ...] | None:
    """A member that is an array of strings; None if it is missing or null.

    Raises
    ------
    InvalidMetaDataError
        It is something else.

    Examples
    --------
    >>> read_texts({"constraints": ["a"]}, "constraints")
    ('a',)
    """
    value = item.get(name)
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise InvalidMetaDataError(name, value, "the protocol has an array of strings there")
    return tuple(value)


_ARTICLE: Mapping[type, str] = {str: "a string", bool: "true or false", int: "a 64-bit integer"}

"""How statements about keys reach the nodes: as an object that every node gets."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from syncnb.client import SyncServiceClient
from syncnb.errors import (
    DataError,
    InvalidMetaDataError,
    ObjectNotFoundError,
    ObjectReplacedError,
    SyncError,
    UnknownKeyError,
)
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData
from syncnb.signing.statements import Statement
from syncnb.trusting import Trust

log = logging.getLogger("syncnb")

OBJECT_TYPE, OBJECT_ID = "syncnb-keys", "statements"
MOST, LARGEST = 256, 1024 * 1024  # statements, bytes of all: nobody is to fill a node with them
_EVERY = 10.0  # seconds between two looks for something new, while all keys are known
_TRIES, _PAUSE = 5, 0.2  # seconds
_looked: WeakKeyDictionary[Trust, tuple[float, ObjectMetaData | None]] = WeakKeyDictionary()


def publish_statements(
    client: SyncServiceClient, statements: Iterable[Statement]
) -> list[Mapping[str, Any]]:
    """Send statements about keys to every node, beside those that were sent before.

    Parameters
    ----------
    client : SyncServiceClient
        Of the CSS.
    statements : iterable of Statement
        By `syncnb.signing.rotation` and `syncnb.signing.revocation`.

    Returns
    -------
    list of mapping
        All that are published now, the oldest first.

    Raises
    ------
    InvalidMetaDataError
        They are more than 256, or larger than 1 MB.
    DataError
        What is there under their name is something else.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not take them.

    Notes
    -----
    The data of ``syncnb-keys/statements`` are a list in JSON. Whoever can write it can take
    statements away, and cannot forge one.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from syncnb import LocalFleet
    >>> from syncnb.signing import make_key, rotation
    >>> with tempfile.TemporaryDirectory() as folder, LocalFleet(nodes=0) as fleet:
    ...     old, new = (make_key(Path(folder) / name, bits=2048) for name in ("old", "new"))
    ...     done = publish_statements(fleet.cloud, [rotation(new, old=old)])
    ...     fetch_statements(fleet.cloud) == done
    True
    """
    there = fetch_statements(client)
    texts = {one.get("statement") for one in there}
    everything = [*there, *(one.to_json() for one in statements if one.text not in texts)]
    data = json.dumps(everything, indent=1).encode()
    if len(everything) > MOST or len(data) > LARGEST:
        raise InvalidMetaDataError(
            "statements",
            len(everything),
            f"publish at most {MOST} of 1 MB in all: delete {OBJECT_TYPE}/{OBJECT_ID} when all "
            "nodes have followed the old ones",
        )
    meta = ObjectMetaData(
        object_type=OBJECT_TYPE,
        object_id=OBJECT_ID,
        description="Statements about the keys that sign objects.",
    )
    client.update_object(meta.check(data=data), data=data)
    return everything


def fetch_statements(client: SyncServiceClient) -> list[Mapping[str, Any]]:
    """The statements about keys that a service has.

    Parameters
    ----------
    client : SyncServiceClient
        Of a node, or of the CSS.

    Returns
    -------
    list of mapping
        As they came: `syncnb.Trust.follow` checks each. Empty if there are none.

    Raises
    ------
    DataError
        What is there under their name is something else.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not give them.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=0) as fleet:
    ...     fetch_statements(fleet.cloud)
    []
    """
    for _ in range(_TRIES):
        try:
            return _read(client, client.get_object_metadata(OBJECT_TYPE, OBJECT_ID))
        except ObjectNotFoundError:
            return []
        except ObjectReplacedError as error:  # by newer ones, or they have just come
            replaced = error
            time.sleep(_PAUSE)
    raise replaced


def checked(
    trust: Trust, client: SyncServiceClient, meta_data: ObjectMetaData, *, newest: bool = True
) -> Manifest | None:
    """As `syncnb.Trust.check`, after a look for statements about keys at the service.

    Parameters
    ----------
    trust : Trust
        Decides.
    client : SyncServiceClient
        The service of the object; it is asked at most every ten seconds, and before a key that is
        not known is refused.
    meta_data : ObjectMetaData
        The object.
    newest : bool, default True
        As in `syncnb.Trust.check`.

    Returns
    -------
    Manifest or None
        As `syncnb.Trust.check`.

    Raises
    ------
    UntrustedDataError, InvalidManifestError, SettingsError
        As `syncnb.Trust.check`.
    """
    if trust.state.closed:
        _follow(trust, client, _EVERY)
    try:
        return trust.check(meta_data, newest=newest, org_id=client.org_id)
    except UnknownKeyError as error:
        if not error.fingerprint or not _follow(trust, client, 0.0):
            raise
    return trust.check(meta_data, newest=newest, org_id=client.org_id)


def _follow(trust: Trust, client: SyncServiceClient, every: float) -> bool:
    """Follow what is new at the service; whether something changed.

    A service that is away, or has none, is no reason to refuse what is signed by a known key:
    whoever controls it could hold statements back anyway.
    """
    last, known = _looked.get(trust, (-_EVERY, None))
    if time.monotonic() - last < every:
        return False
    _looked[trust] = (time.monotonic(), known)
    try:
        meta = client.get_object_metadata(OBJECT_TYPE, OBJECT_ID)
        if meta.deleted or (meta == known and every):
            return False
        statements = _read(client, meta)
    except ObjectNotFoundError:
        return False
    except SyncError as error:
        log.warning("statements about keys cannot be had: %s", error)
        return False
    _looked[trust] = (time.monotonic(), meta)
    return bool(trust.follow(statements))


def _read(client: SyncServiceClient, meta: ObjectMetaData) -> list[Mapping[str, Any]]:
    subject, remedy = f"object {OBJECT_TYPE}/{OBJECT_ID}", "publish the statements again"
    if meta.deleted:
        return []
    if meta.object_size > LARGEST:
        raise DataError(subject, f"it has {meta.object_size} bytes", remedy)
    with client.open_object_data(meta) as file:
        data = file.read(LARGEST + 1)
    try:
        statements = json.loads(data) if len(data) <= LARGEST else None
    except (ValueError, RecursionError):
        statements = None
    if not isinstance(statements, list) or len(statements) > MOST:
        raise DataError(subject, f"it is no list of at most {MOST} statements", remedy)
    return [one for one in statements if isinstance(one, Mapping)]

"""Calls on one object: its metadata, its status, its life."""

from __future__ import annotations

import base64
import logging

from syncnb.client.calls import Calls
from syncnb.client.checks import check_meta_data
from syncnb.client.reading import state_of, value_of
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import Json, ObjectMetaData, ObjectState

log = logging.getLogger("syncnb")
_doubtful: set[str] = set()  # types that were warned of


class ObjectCalls(Calls):
    """What is done to one object."""

    def update_object(
        self, meta_data: ObjectMetaData, *, data: bytes | bytearray | None = None
    ) -> None:
        """Create an object or replace its metadata, with its data in the same call if it has some.

        Without `data`, data that were stored are gone and the object waits for new ones, unless
        `meta_only`, `no_data`, `link` or `source_data_uri` says otherwise.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Checked before anything is sent; what a service sets is not sent.
        data : bytes, optional
            For small data: metadata and data arrive as one version. Without any, as ``b""`` too.

        Raises
        ------
        InvalidMetaDataError
            A field that the service would refuse or could not deliver.
        AccessDeniedError, RequestRefusedError, ServiceError, ConnectionFailedError
            The service does not take it; what was stored before is untouched.

        Notes
        -----
        ``PUT .../{objectType}/{objectID}`` (rest-api.md, 4.13).

        Examples
        --------
        Change what is stored, and leave the data alone:

        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     cloud = fleet.cloud
        ...     note = ObjectMetaData(object_type="note", object_id="a")
        ...     cloud.update_object(note, data=b"hello")
        ...     stored = cloud.get_object_metadata("note", "a")
        ...     cloud.update_object(stored.for_update(meta_only=True, version="2"))
        ...     cloud.read_object_data(stored)
        b'hello'
        """
        self._put(meta_data, "update_object", json=update_body(self.org_id, meta_data, data))

    def delete_object(self, object_type: str, object_id: str) -> None:
        """Delete an object; nodes that have it are told.

        Parameters
        ----------
        object_type, object_id : str
            Which object.

        Raises
        ------
        ObjectNotFoundError, RequestRefusedError
            There is no such object: at a CSS, at an ESS.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``DELETE .../{objectType}/{objectID}`` (rest-api.md, 4.14). Never repeated by itself, since
        some services then forget to tell the nodes.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     note = ObjectMetaData(object_type="note", object_id="a", no_data=True)
        ...     fleet.cloud.update_object(note)
        ...     fleet.cloud.delete_object("note", "a")
        ...     fleet.cloud.get_objects("note")
        []
        """
        self._call("DELETE", object_type, object_id, operation="delete_object")

    def activate_object(self, meta_data: ObjectMetaData) -> None:
        """Deliver an object that was stored as inactive.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type` and `object_id` are read.

        Raises
        ------
        RequestRefusedError, AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``PUT .../activate`` (rest-api.md, 4.21).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     note = ObjectMetaData(object_type="note", object_id="a", inactive=True)
        ...     fleet.cloud.update_object(note)
        ...     fleet.cloud.activate_object(note)
        ...     fleet.cloud.get_object_metadata("note", "a").inactive
        False
        """
        self._put(meta_data, "activate_object", "activate")

    def get_object_metadata(self, object_type: str, object_id: str) -> ObjectMetaData:
        """The metadata of an object.

        Parameters
        ----------
        object_type, object_id : str
            Which object.

        Returns
        -------
        ObjectMetaData
            As the service has them.

        Raises
        ------
        ObjectNotFoundError
            There is no such object.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../{objectType}/{objectID}`` (rest-api.md, 4.12).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     note = ObjectMetaData(object_type="note", object_id="a", version="1.0")
        ...     fleet.cloud.update_object(note)
        ...     fleet.cloud.get_object_metadata("note", "a").version
        '1.0'
        """
        call = self._call("GET", object_type, object_id, operation="get_object_metadata")
        return value_of(call, "get_object_metadata", ObjectMetaData.from_json)

    def get_object_status(self, object_type: str, object_id: str) -> ObjectState:
        """The status word of an object (rest-api.md, 8.1).

        Parameters
        ----------
        object_type, object_id : str
            Which object.

        Returns
        -------
        ObjectState
            A `str` such as ``"ready"`` or ``"completelyReceived"``; also a word that is not known
            here.

        Raises
        ------
        ObjectNotFoundError
            There is no such object.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../status`` (rest-api.md, 4.15).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.update_object(ObjectMetaData(object_type="note", object_id="a"))
        ...     fleet.cloud.get_object_status("note", "a")
        'notReady'
        """
        call = self._call("GET", object_type, object_id, "status", operation="get_object_status")
        return state_of(call, "get_object_status")


def update_body(org_id: str, meta_data: ObjectMetaData, data: object) -> dict[str, Json]:
    """What an update sends, if the service can take it.

    Raises
    ------
    InvalidMetaDataError
        It cannot.
    """
    check_meta_data(meta_data)
    given = _bytes(data)
    meta_data.check(cloud=bool(org_id), data=given)
    if org_id and meta_data.dest_org_id not in ("", org_id):
        raise InvalidMetaDataError(
            "dest_org_id",
            meta_data.dest_org_id,
            f"leave it out: this client stores in its own organisation, {org_id}",
        )
    _warn_of(meta_data.object_type)
    body: dict[str, Json] = {"meta": meta_data.as_sent().to_json()}
    if given is not None:
        body["data"] = base64.b64encode(given).decode()
    return body


def _bytes(data: object) -> bytes | None:
    if data is None or isinstance(data, bytes):
        return data
    if isinstance(data, bytearray | memoryview):
        return bytes(data)
    remedy = "give bytes; for files and streams there is update_object_data"
    raise InvalidMetaDataError("data", data, remedy)


def _warn_of(object_type: str) -> None:
    """Say it once where a service of the first generation would mix up data (rest-api.md, 1.5)."""
    # Nobody has a type "syncnb" that it could meet, or an ID that begins with "aggregates-".
    ours = object_type.startswith("syncnb-") or object_type.endswith("-aggregates")
    if "-" in object_type and not ours and object_type not in _doubtful:
        _doubtful.add(object_type)
        log.warning(
            "Some sync services keep the data of type 'a-b', ID 'c' and of type 'a', ID 'b-c' in "
            "one place. If yours may be one, use a type without '-' instead of %r.",
            object_type,
        )

"""Calls on one object: its metadata, its status, its life."""

from __future__ import annotations

import base64

from syncnb.client.calls import Calls, json_object
from syncnb.metadata import Json, ObjectMetaData


class ObjectCalls(Calls):
    """What is done to one object."""

    def update_object(self, meta_data: ObjectMetaData, *, data: bytes | None = None) -> None:
        """Create an object or replace its metadata, with its data in the same call if it has some.

        Without `data`, data that were stored are gone and the object waits for new ones, unless
        `meta_only`, `no_data` or `link` says otherwise.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Checked before anything is sent; what a service sets is not sent.
        data : bytes, optional
            For small data: metadata and data arrive as one version.

        Raises
        ------
        InvalidMetaDataError
            A field that the service would refuse or could not deliver.
        AccessDeniedError, RequestRefusedError, ServiceError, ConnectionFailedError
            The service does not take it; what was stored before is untouched.

        Notes
        -----
        ``PUT .../{objectType}/{objectID}`` (rest-api.md, 4.13).
        """
        meta_data.check()
        body: dict[str, Json] = {"meta": meta_data.to_json()}
        if data is not None:
            body["data"] = base64.b64encode(data).decode()
        self._put(meta_data, "update_object", json=body)

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
        """
        self._call("DELETE", object_type, object_id, operation="delete_object")

    def activate_object(self, object_type: str, object_id: str) -> None:
        """Deliver an object that was stored as inactive.

        Parameters
        ----------
        object_type, object_id : str
            Which object.

        Raises
        ------
        RequestRefusedError, AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``PUT .../activate`` (rest-api.md, 4.21).
        """
        self._call("PUT", object_type, object_id, "activate", operation="activate_object")

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
        """
        call = self._call("GET", object_type, object_id, operation="get_object_metadata")
        return ObjectMetaData.from_json(json_object(call, "get_object_metadata"))

    def get_object_status(self, object_type: str, object_id: str) -> str:
        """The status word of an object (rest-api.md, 8.1).

        Parameters
        ----------
        object_type, object_id : str
            Which object.

        Returns
        -------
        str
            Such as ``"ready"`` or ``"completelyReceived"``.

        Raises
        ------
        ObjectNotFoundError
            There is no such object.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../status`` (rest-api.md, 4.15).
        """
        call = self._call("GET", object_type, object_id, "status", operation="get_object_status")
        return call.text.strip()

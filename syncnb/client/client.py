"""`SyncServiceClient`: the calls of the REST API, each a request and its answer."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import requests
import urllib3
from requests.adapters import BaseAdapter

from syncnb.client import transfer, updates
from syncnb.client.transport import READ_TIMEOUT, Transport
from syncnb.errors import ServiceError
from syncnb.metadata import Destination, DestinationStatus, Json, ObjectMetaData, check_name


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """An object as the list of all objects of a type has it (rest-api.md, 5.7).

    Examples
    --------
    >>> StoredObject(org_id="acme", object_type="model", object_id="m").object_id
    'm'
    """

    org_id: str
    object_type: str
    object_id: str
    destination_policy: Mapping[str, Json] | None = None
    destinations: tuple[DestinationStatus, ...] = ()


class SyncServiceClient:
    """One sync service: a CSS as an organisation sees it, or an ESS.

    Safe to use from several threads. Method names are those of the other SDKs, in snake_case.

    Parameters
    ----------
    url : str
        Base URL, such as ``"https://css.example.com"``.
    org_id : str, default ""
        Organisation at a CSS; empty for an ESS, which has just one.
    key, secret : str, optional
        App key and app secret.
    ca : str, optional
        File with the certificates of a private CA.
    timeout : float, default 60
        Seconds that the service may be silent.
    adapter : requests.adapters.BaseAdapter, optional
        Sends instead of `requests`.

    Raises
    ------
    SettingsError
        The URL is none, or the timeout is not positive.
    InvalidMetaDataError
        The organisation is not a name.

    Examples
    --------
    >>> SyncServiceClient("http://127.0.0.1:8080", org_id="acme", key="me", secret="hidden")
    <SyncServiceClient of http://127.0.0.1:8080, organisation 'acme', as 'me'>
    """

    def __init__(
        self,
        url: str,
        *,
        org_id: str = "",
        key: str | None = None,
        secret: str | None = None,
        ca: str | None = None,
        timeout: float = READ_TIMEOUT,
        adapter: BaseAdapter | None = None,
    ) -> None:
        if org_id:
            check_name("org_id", org_id)
        self.org_id, self.key = org_id, key or ""
        self._transport = Transport(
            url, key=key, secret=secret, ca=ca, timeout=timeout, adapter=adapter
        )

    @property
    def url(self) -> str:
        """Base URL of the service."""
        return self._transport.url

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = f", organisation {self.org_id!r}" if self.org_id else ""
        who = f", as {self.key!r}" if self.key else ""
        return f"<SyncServiceClient of {self.url}{where}{who}>"

    # ----------------------------------------------------------------- objects

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

    def update_object_data(self, meta_data: ObjectMetaData, data: transfer.Data) -> None:
        """Upload the data of an object, in pieces, whatever their size.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type` and `object_id` are read.
        data : bytes, path, binary file or iterable of bytes
            A file is read from where it stands.

        Raises
        ------
        ObjectNotFoundError
            There is no such object: call `update_object` first.
        AccessDeniedError, RequestRefusedError, ServiceError, ConnectionFailedError
            The service does not take them; what was stored before is untouched.

        Notes
        -----
        ``PUT .../{objectType}/{objectID}/data`` (rest-api.md, 4.17).
        """
        object_type, object_id = meta_data.object_type, meta_data.object_id
        path = self._path(object_type, object_id, "data")
        transfer.upload(self._transport, path, self._subject(object_type, object_id), data)

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
        return ObjectMetaData.from_json(_object(call, "get_object_metadata"))

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

    def get_objects(self, object_type: str) -> list[StoredObject]:
        """All objects of a type, sent and received, in any status.

        Parameters
        ----------
        object_type : str
            Which type.

        Returns
        -------
        list of StoredObject
            Empty if there are none.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../{objectType}?all_objects=true`` (rest-api.md, 4.10).
        """
        answer = self._call(
            "GET", object_type, operation="get_objects", params={"all_objects": "true"}, none=True
        )
        return [
            StoredObject(
                org_id=item.get("orgID", ""),
                object_type=item.get("objectType", ""),
                object_id=item.get("objectID", ""),
                destination_policy=item.get("destinationPolicy"),
                destinations=tuple(
                    map(DestinationStatus.from_json, item.get("destinations") or ())
                ),
            )
            for item in _array(answer, "get_objects")
        ]

    # -------------------------------------------------------------------- data

    def fetch_object_data(
        self, meta_data: ObjectMetaData, out: IO[bytes], *, offset: int = 0
    ) -> int:
        """Stream the data of an object into a file.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them; with `offset`, `object_size` is read.
        out : binary file
            Written from its current position.
        offset : int, default 0
            First byte wanted, counted from the start of the data.

        Returns
        -------
        int
            Bytes written.

        Raises
        ------
        ObjectNotFoundError
            There is no such object, or it has no data.
        TransferBrokenError
            The connection broke or the length is wrong; `.offset` is where to go on, and `out`
            holds all bytes before it.
        InvalidMetaDataError
            `offset` lies outside the data.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not give them.

        Notes
        -----
        ``GET .../data``, with ``Range`` for an offset (rest-api.md, 4.16).
        """
        path = self._path(meta_data.object_type, meta_data.object_id, "data")
        return transfer.download(self._transport, path, meta_data, out, offset)

    def read_object_data(self, meta_data: ObjectMetaData) -> bytes:
        """The data of an object, for small ones.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them.

        Returns
        -------
        bytes
            All of them.

        Raises
        ------
        ObjectNotFoundError, TransferBrokenError, ServiceError, ConnectionFailedError
            As `fetch_object_data`.
        """
        out = BytesIO()
        self.fetch_object_data(meta_data, out)
        return out.getvalue()

    def download_object_data(self, meta_data: ObjectMetaData, path: str | os.PathLike[str]) -> Path:
        """Fetch the data of an object into a file that appears only when it is complete.

        A broken connection goes on where it broke.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them.
        path : path
            Where the data shall be; what is there is replaced.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        OSError
            The file cannot be written.
        ObjectNotFoundError, TransferBrokenError, ServiceError, ConnectionFailedError
            As `fetch_object_data`.
        """

        def fetch(out: IO[bytes], offset: int) -> int:
            return self.fetch_object_data(meta_data, out, offset=offset)

        return transfer.download_to(fetch, meta_data, Path(path))

    # ----------------------------------------------------------------- updates

    def get_updated_objects(
        self, object_type: str, *, received: bool = False
    ) -> list[ObjectMetaData]:
        """One look at what has arrived and was not acknowledged.

        Parameters
        ----------
        object_type : str
            Which type.
        received : bool, default False
            Also what was marked received.

        Returns
        -------
        list of ObjectMetaData
            Empty if there is nothing; objects with `deleted` are deletions.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../{objectType}`` (rest-api.md, 4.9).
        """
        params = {"received": "true"} if received else None
        answer = self._call(
            "GET", object_type, operation="get_updated_objects", params=params, none=True
        )
        items = _array(answer, "get_updated_objects")
        return [ObjectMetaData.from_json(item) for item in items]

    def watch_updated_objects(
        self, object_type: str, *, received: bool = False, etag: str = "", wait: float = 20.0
    ) -> updates.Watched[ObjectMetaData]:
        """The same, answered when there is something new, by a service that can wait.

        Parameters
        ----------
        object_type : str
            Which type.
        received : bool, default False
            Also what was marked received.
        etag : str, default ""
            Of the list that is known already.
        wait : float, default 20
            Seconds to wait at the longest.

        Returns
        -------
        Watched
            The list, its tag, and whether the service waited.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``Prefer: wait`` (RFC 7240, 4.3) with ``If-None-Match`` (RFC 9110, 13.1.2).
        """
        params = {"received": "true"} if received else {}
        answer, watched = self._watch(
            "watch_updated_objects",
            self._path(object_type),
            self._subject(object_type),
            etag,
            wait,
            params,
        )
        items = _array(answer, "watch_updated_objects") if answer.status_code == 200 else []
        return watched([ObjectMetaData.from_json(item) for item in items])

    def mark_object_received(self, meta_data: ObjectMetaData) -> None:
        """Tell this side's service that an application took note of an object and keeps it.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type` and `object_id` are read.

        Raises
        ------
        RequestRefusedError, AccessDeniedError, ServiceError, ConnectionFailedError
            The object is unknown or in another state; the service does not do it.

        Notes
        -----
        ``PUT .../received`` (rest-api.md, 4.18).
        """
        self._put(meta_data, "mark_object_received", "received")

    def mark_object_consumed(self, meta_data: ObjectMetaData) -> None:
        """Tell the sender that an application is done with an object; the copy here goes.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type` and `object_id` are read.

        Raises
        ------
        RequestRefusedError, AccessDeniedError, ServiceError, ConnectionFailedError
            The object is unknown or in another state; the service does not do it.

        Notes
        -----
        ``PUT .../consumed`` (rest-api.md, 4.19).
        """
        self._put(meta_data, "mark_object_consumed", "consumed")

    def mark_object_deleted(self, meta_data: ObjectMetaData) -> None:
        """Tell the sender that an application acted on the deletion of an object.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type` and `object_id` are read.

        Raises
        ------
        RequestRefusedError, AccessDeniedError, ServiceError, ConnectionFailedError
            The object is unknown or in another state; the service does not do it.

        Notes
        -----
        ``PUT .../deleted`` (rest-api.md, 4.20).
        """
        self._put(meta_data, "mark_object_deleted", "deleted")

    # ------------------------------------------------------------ destinations

    def get_destinations(self) -> list[Destination]:
        """The nodes that are registered at the CSS.

        Returns
        -------
        list of Destination
            Empty if there are none.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/destinations/{orgID}`` (rest-api.md, 4.4).
        """
        answer = self._transport.request(
            "GET",
            ("destinations", self.org_id),
            operation="get_destinations",
            subject=f"organisation {self.org_id!r}",
            accept=(404,),
        )
        return [Destination.from_json(item) for item in _array(answer, "get_destinations")]

    def get_object_destinations(self, object_type: str, object_id: str) -> list[DestinationStatus]:
        """How far an object got at each of its destinations.

        Parameters
        ----------
        object_type, object_id : str
            Which object.

        Returns
        -------
        list of DestinationStatus
            Empty if there is no such object or it has no destinations.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../destinations`` (rest-api.md, 4.23).
        """
        answer = self._call(
            "GET",
            object_type,
            object_id,
            "destinations",
            operation="get_object_destinations",
            none=True,
        )
        items = _array(answer, "get_object_destinations")
        return [DestinationStatus.from_json(item) for item in items]

    def watch_object_destinations(
        self, object_type: str, object_id: str, *, etag: str = "", wait: float = 20.0
    ) -> updates.Watched[DestinationStatus]:
        """The same, answered when something changed, by a service that can wait.

        Parameters
        ----------
        object_type, object_id : str
            Which object.
        etag : str, default ""
            Of the list that is known already.
        wait : float, default 20
            Seconds to wait at the longest.

        Returns
        -------
        Watched
            The list, its tag, and whether the service waited.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``Prefer: wait`` (RFC 7240, 4.3) with ``If-None-Match`` (RFC 9110, 13.1.2).
        """
        path = self._path(object_type, object_id, "destinations")
        subject = self._subject(object_type, object_id)
        answer, watched = self._watch("watch_object_destinations", path, subject, etag, wait, {})
        items = _array(answer, "watch_object_destinations") if answer.status_code == 200 else []
        return watched([DestinationStatus.from_json(item) for item in items])

    # ----------------------------------------------------- organisation, health

    def get_organizations(self) -> dict[str, str]:
        """The organisations of a CSS that this identity may see.

        Returns
        -------
        dict of str to str
            Organisation -> address.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/organizations`` (rest-api.md, 4.26).
        """
        answer = self._transport.request(
            "GET",
            ("organizations",),
            operation="get_organizations",
            subject="the service",
            accept=(404,),
        )
        items = _array(answer, "get_organizations")
        return {item.get("org-id", ""): item.get("address", "") for item in items}

    def update_organization(self, org_id: str, *, address: str = "") -> None:
        """Register an organisation.

        Parameters
        ----------
        org_id : str
            Its name.
        address : str, default ""
            Of its message broker, where one is used.

        Raises
        ------
        InvalidMetaDataError, AccessDeniedError, ServiceError, ConnectionFailedError
            The name is none; the service does not do it.

        Notes
        -----
        ``PUT /api/v1/organizations/{orgID}`` (rest-api.md, 4.27).
        """
        check_name("org_id", org_id)
        self._transport.request(
            "PUT",
            ("organizations", org_id),
            json={"orgID": org_id, "address": address},
            operation="update_organization",
            subject=f"organisation {org_id!r}",
        )

    def delete_organization(self, org_id: str) -> None:
        """Delete an organisation with all of its objects and nodes.

        Parameters
        ----------
        org_id : str
            Its name.

        Raises
        ------
        InvalidMetaDataError, AccessDeniedError, ServiceError, ConnectionFailedError
            The name is none; the service does not do it.

        Notes
        -----
        ``DELETE /api/v1/organizations/{orgID}`` (rest-api.md, 4.28).
        """
        check_name("org_id", org_id)
        self._transport.request(
            "DELETE",
            ("organizations", org_id),
            operation="delete_organization",
            subject=f"organisation {org_id!r}",
        )

    def health(self, *, details: bool = False) -> dict[str, Json]:
        """How the service is.

        Parameters
        ----------
        details : bool, default False
            Also how much is in use.

        Returns
        -------
        dict
            The sections ``general``, ``dbHealth`` and, with `details`, ``usage``.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/health`` (rest-api.md, 4.1).
        """
        answer = self._transport.request(
            "GET",
            ("health",),
            params={"details": "true"} if details else None,
            operation="health",
            subject="the service",
        )
        return _object(answer, "health")

    # ----------------------------------------------------------------- details

    def _path(self, *names: str) -> tuple[str, ...]:
        return ("objects", *((self.org_id,) if self.org_id else ()), *names)

    def _subject(self, object_type: str, object_id: str = "") -> str:
        name = (
            f"object {object_type}/{object_id}" if object_id else f"objects of type {object_type}"
        )
        return f"{name} in organisation {self.org_id!r}" if self.org_id else name

    def _call(
        self,
        method: str,
        object_type: str,
        object_id: str = "",
        *rest: str,
        operation: str,
        params: Mapping[str, str] | None = None,
        json: object = None,
        none: bool = False,
    ) -> requests.Response:
        """One request; `none` says that 404 is an answer."""
        check_name("object_type", object_type)
        names: tuple[str, ...] = (object_type,)
        if object_id or rest:
            check_name("object_id", object_id)
            names += (object_id, *rest)
        return self._transport.request(
            method,
            self._path(*names),
            params=params,
            json=json,
            operation=operation,
            subject=self._subject(object_type, object_id),
            accept=(404,) if none else (),
        )

    def _put(
        self, meta_data: ObjectMetaData, operation: str, *rest: str, json: object = None
    ) -> None:
        object_type, object_id = meta_data.object_type, meta_data.object_id
        self._call("PUT", object_type, object_id, *rest, operation=operation, json=json)

    def _watch(
        self,
        operation: str,
        path: tuple[str, ...],
        subject: str,
        etag: str,
        wait: float,
        params: Mapping[str, str],
    ) -> tuple[requests.Response, updates.Watching]:
        headers = {"Prefer": f"wait={max(int(wait), 1)}"} if wait > 0 else {}
        if etag:
            headers["If-None-Match"] = etag
        answer = self._transport.request(
            "GET",
            path,
            params=params,
            headers=headers,
            operation=operation,
            subject=subject,
            patience=wait,
            accept=(304, 404),
        )
        return answer, updates.Watching(answer, etag)


def _array(answer: requests.Response, operation: str) -> list[dict[str, Json]]:
    if answer.status_code == 404:
        return []
    value = _json(answer, operation)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _unexpected(answer, operation, "it is not an array of objects")
    return value


def _object(answer: requests.Response, operation: str) -> dict[str, Json]:
    value = _json(answer, operation)
    if not isinstance(value, dict):
        raise _unexpected(answer, operation, "it is not an object")
    return value


def _json(answer: requests.Response, operation: str) -> Json:
    try:
        return answer.json()
    except (ValueError, urllib3.exceptions.HTTPError) as error:
        raise _unexpected(answer, operation, "it is not JSON") from error


def _unexpected(answer: requests.Response, operation: str, why: str) -> ServiceError:
    said = f"the answer cannot be understood, {why}"
    return ServiceError(answer.status_code, operation, "the service", said)

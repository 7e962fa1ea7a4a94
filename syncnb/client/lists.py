"""Calls that list objects."""

from __future__ import annotations

from datetime import UTC, datetime

from syncnb.client.calls import Calls
from syncnb.client.reading import texts_of, value_of, values_of
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import (
    Listing,
    ObjectMetaData,
    StoredObject,
    check_name,
    check_stored_name,
    format_time,
    in_utc,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ListCalls(Calls):
    """Which objects there are."""

    def objects(self, object_type: str) -> Listing[ObjectMetaData]:
        """All objects of a type with their metadata, sent and received, in any status.

        Parameters
        ----------
        object_type : str
            Which type.

        Returns
        -------
        Listing of ObjectMetaData
            A list with ``to_pandas()``. Empty if there are none.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        See Also
        --------
        get_objects : One call on every service; how far each object is instead of its metadata.

        Notes
        -----
        One call on a CSS (rest-api.md, 4.7). An ESS has no such call: there it takes one call
        (4.10), and then one an object (4.12).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     meta = ObjectMetaData(object_type="model", object_id="m", version="1.2")
        ...     fleet.cloud.update_object(meta, data=b"weights")
        ...     fleet.cloud.objects("model").to_pandas()[["object_id", "version", "object_size"]]
          object_id version  object_size
        0         m     1.2            7
        """
        if self.org_id:
            return self.get_objects_with_filters(object_type=object_type)
        found = []
        for one in self.get_objects(object_type):
            answer = self._call(
                "GET", object_type, one.object_id, operation="objects", accept=(403, 404)
            )
            if answer.status_code == 200:  # else it is gone by now, or not for this identity
                found.append(value_of(answer, "objects", ObjectMetaData.from_json))
        return Listing(found, of=ObjectMetaData)

    def get_objects(self, object_type: str) -> Listing[StoredObject]:
        """All objects of a type, sent and received, in any status, with their destinations.

        Parameters
        ----------
        object_type : str
            Which type.

        Returns
        -------
        Listing of StoredObject
            A list with ``to_pandas()``. Empty if there are none.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../{objectType}?all_objects=true`` (rest-api.md, 4.10).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     meta = ObjectMetaData(object_type="model", object_id="m", no_data=True)
        ...     fleet.cloud.update_object(meta)
        ...     fleet.cloud.get_objects("model").to_pandas()["object_id"].tolist()
        ['m']
        """
        answer = self._call(
            "GET",
            object_type,
            operation="get_objects",
            params={"all_objects": "true"},
            accept=(404,),
        )
        return values_of(answer, "get_objects", StoredObject)

    def get_objects_with_filters(
        self,
        *,
        object_type: str | None = None,
        object_id: str | None = None,
        dest_type: str | None = None,
        dest_id: str | None = None,
        destination_policy: bool | None = None,
        service: tuple[str, str] | None = None,
        property_name: str | None = None,
        since: datetime | None = None,
        no_data: bool | None = None,
        expires_before: datetime | None = None,
        deleted: bool | None = None,
    ) -> Listing[ObjectMetaData]:
        """The objects of a CSS that are as wanted in every point that is given.

        Parameters
        ----------
        object_type : str, optional
            Of this type.
        object_id : str, optional
            With this ID; needs `object_type`.
        dest_type : str, optional
            Whose metadata name this type of nodes. Nodes that were set by
            `update_object_destinations` do not count, nor do objects for all nodes.
        dest_id : str, optional
            Whose metadata name this node; needs `dest_type`.
        destination_policy : bool, optional
            With a destination policy, or without one.
        service : tuple of (str, str), optional
            Organisation and name of a service that the policy lists; needs
            ``destination_policy=True``, as the next two.
        property_name : str, optional
            A property that the policy has.
        since : datetime, optional
            Aware; the policy was stored then or later.
        no_data : bool, optional
            Without data, or with.
        expires_before : datetime, optional
            Aware; the object expires then or earlier.
        deleted : bool, optional
            Being deleted, or not.

        Returns
        -------
        Listing of ObjectMetaData
            A list with ``to_pandas()``. Empty if there are none, or none that may be read.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        InvalidMetaDataError
            A value is not possible, or has no effect without another.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/objects/{orgID}?filters=true`` (rest-api.md, 4.7).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     for name, no_data in (("a", True), ("b", False)):
        ...         meta = ObjectMetaData(object_type="note", object_id=name, no_data=no_data)
        ...         fleet.cloud.update_object(meta)
        ...     [one.object_id for one in fleet.cloud.get_objects_with_filters(no_data=True)]
        ['a']
        """
        self._only_css("get_objects_with_filters")
        named = {"object_type": object_type, "object_id": object_id, "dest_type": dest_type,
                 "dest_id": dest_id, "property_name": property_name}  # fmt: skip
        for name, text in named.items():
            if text is not None:
                check_stored_name(name, text)
        for name, needed in (
            ("object_id", object_type is not None),
            ("dest_id", dest_type is not None),
            ("service", destination_policy is True),
            ("property_name", destination_policy is True),
            ("since", destination_policy is True),
        ):
            value = {**named, "service": service, "since": since}[name]
            if value is not None and not needed:
                raise InvalidMetaDataError(name, value, f"give {_NEEDS[name]} as well")
        flags = {"destination_policy": destination_policy, "no_data": no_data, "deleted": deleted}
        for name, flag in flags.items():
            if flag not in (None, True, False):
                raise InvalidMetaDataError(name, flag, "give True or False")
        answer = self._of_organization(
            "get_objects_with_filters",
            {
                "filters": "true",
                "objectType": object_type,
                "objectID": object_id,
                "destinationType": dest_type,
                "destinationID": dest_id,
                "destinationPolicy": _flag(destination_policy),
                "dpService": None if service is None else service_name(service),
                "dpPropertyName": property_name,
                "since": None if since is None else _since(since),
                "noData": _flag(no_data),
                "expirationTimeBefore": None
                if expires_before is None
                else format_time(in_utc("expires_before", expires_before)),
                "deleted": _flag(deleted),
            },
        )
        return values_of(answer, "get_objects_with_filters", ObjectMetaData)

    def get_object_types(self) -> Listing[str]:
        """The types of which a CSS has objects that this identity may read.

        Returns
        -------
        Listing of str
            A list with ``to_pandas()``. Empty if there are none.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/objects/{orgID}?list_object_type=true`` (rest-api.md, 4.8).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.update_object(ObjectMetaData(object_type="note", object_id="a"))
        ...     fleet.cloud.get_object_types()
        ['note']
        """
        self._only_css("get_object_types")
        answer = self._of_organization("get_object_types", {"list_object_type": "true"})
        return texts_of(answer, "get_object_types", "object_type")


def service_name(service: tuple[str, str]) -> str:
    """A service as the lists name it: ``orgID/name``.

    Raises
    ------
    InvalidMetaDataError
        It is not a pair of two names.

    Examples
    --------
    >>> service_name(("acme", "detector"))
    'acme/detector'
    """
    given: object = service
    if not isinstance(given, tuple) or len(given) != 2:
        raise InvalidMetaDataError("service", service, "give its organisation and its name")
    for part in service:
        check_name("service", part)
    return "/".join(service)


_NEEDS = {
    "object_id": "the object_type",
    "dest_id": "the dest_type",
    **dict.fromkeys(("service", "property_name", "since"), "destination_policy=True"),
}


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _since(moment: datetime) -> str:
    moment = in_utc("since", moment)
    if moment < _EPOCH:
        raise InvalidMetaDataError("since", moment, "give a time after 1970")
    return format_time(moment)

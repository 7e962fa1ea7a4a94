"""Calls of whoever evaluates destination policies."""

from __future__ import annotations

from datetime import datetime

from syncnb.client.calls import Calls
from syncnb.client.lists import service_name
from syncnb.client.reading import values_of
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import Listing, ObjectMetaData, StoredObject, in_utc
from syncnb.metadata.fields import is_of


class PolicyCalls(Calls):
    """Objects whose destinations another program decides on."""

    def get_objects_with_destination_policy(
        self,
        *,
        received: bool = False,
        service: tuple[str, str] | None = None,
        since: datetime | int | None = None,
    ) -> Listing[StoredObject]:
        """The objects of a CSS that have a destination policy.

        Parameters
        ----------
        received : bool, default False
            Also those that were marked by `mark_object_policy_received`.
        service : tuple of (str, str), optional
            Only those whose policy names this service, by organisation and name; with it,
            `received` has no effect.
        since : datetime or int, optional
            Only those whose policy was stored then or later: aware, or nanoseconds since the epoch
            as in `DestinationPolicy.timestamp`. With it, neither `received` nor `service` has an
            effect, so that they are refused.

        Returns
        -------
        Listing of StoredObject
            A list with ``to_pandas()``. Empty if there are none, or none that may be read; some
            services list an object once for each entry of its policy that names `service`.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        InvalidMetaDataError
            A value is not possible.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/objects/{orgID}?destination_policy=true`` (rest-api.md, 4.6).

        Examples
        --------
        >>> from syncnb import DestinationPolicy, LocalFleet
        >>> policy = DestinationPolicy(constraints=["gpu == true"])
        >>> with LocalFleet(nodes=0) as fleet:
        ...     meta = ObjectMetaData(object_type="m", object_id="a", destination_policy=policy)
        ...     fleet.cloud.update_object(meta)
        ...     fleet.cloud.get_objects_with_destination_policy()[0].destination_policy.constraints
        ('gpu == true',)
        """
        operation = "get_objects_with_destination_policy"
        self._only_css(operation)
        if since is not None and (received or service is not None):
            raise InvalidMetaDataError("since", since, "give it without received and service")
        params = {
            "destination_policy": "true",
            "received": "true" if received else None,
            "service": None if service is None else service_name(service),
            "since": None if since is None else str(_nanoseconds(since)),
        }
        return values_of(self._of_organization(operation, params), operation, StoredObject)

    def mark_object_policy_received(self, meta_data: ObjectMetaData) -> None:
        """Tell a CSS that the policy of an object was evaluated: it is listed no more.

        Until its metadata are stored again, `get_objects_with_destination_policy` leaves it out.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type` and `object_id` are read.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        ServiceError
            There is no such object, or the service does not do it.
        AccessDeniedError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``PUT .../policyreceived`` (rest-api.md, 4.22).

        Examples
        --------
        >>> from syncnb import DestinationPolicy, LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     meta = ObjectMetaData(
        ...         object_type="m", object_id="a", destination_policy=DestinationPolicy()
        ...     )
        ...     fleet.cloud.update_object(meta)
        ...     fleet.cloud.mark_object_policy_received(meta)
        ...     fleet.cloud.get_objects_with_destination_policy()
        []
        """
        self._only_css("mark_object_policy_received")
        self._put(meta_data, "mark_object_policy_received", "policyreceived")


def _nanoseconds(since: datetime | int) -> int:
    nanoseconds = since
    if isinstance(since, datetime):
        nanoseconds = int(in_utc("since", since).timestamp()) * 1_000_000_000
    if isinstance(nanoseconds, datetime) or not is_of(int, nanoseconds) or nanoseconds < 1:
        remedy = "give a time after 1970: a datetime, or nanoseconds since then"
        raise InvalidMetaDataError("since", since, remedy)
    return nanoseconds

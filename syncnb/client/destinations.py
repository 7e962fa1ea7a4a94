"""Calls about the nodes, and how far objects got there."""

from __future__ import annotations

from syncnb.client.calls import Calls
from syncnb.client.reading import values_of
from syncnb.client.watched import Watched
from syncnb.metadata import (
    Destination,
    DestinationStatus,
    Listing,
    ObjectStatus,
    check_stored_name,
)


class DestinationCalls(Calls):
    """The nodes of an organisation."""

    def get_destinations(self, *, seen: bool = False) -> Listing[Destination]:
        """The nodes that are registered at the CSS.

        Parameters
        ----------
        seen : bool, default False
            Also when each gave its last sign of life, as `last_seen`: by default a node gives one
            an hour, and one when it connects. Only syncnb's own service says it.

        Returns
        -------
        Listing of Destination
            A list with ``to_pandas()``. Empty if there are none.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/destinations/{orgID}`` (rest-api.md, 4.4); ``seen=true`` is of syncnb's own
        service.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet:
        ...     fleet.cloud.get_destinations().to_pandas()[["dest_type", "dest_id"]]
          dest_type dest_id
        0      edge   node1
        """
        self._only_css("get_destinations")
        answer = self._transport.request(
            "GET",
            ("destinations", self.org_id),
            params={"seen": "true"} if seen else None,
            operation="get_destinations",
            subject=f"organisation {self.org_id!r}",
            accept=(404,),
        )
        return values_of(answer, "get_destinations", Destination)

    def get_destination_objects(self, dest_type: str, dest_id: str) -> Listing[ObjectStatus]:
        """The objects that one node has, or is to get.

        Parameters
        ----------
        dest_type, dest_id : str
            Which node.

        Returns
        -------
        Listing of ObjectStatus
            A list with ``to_pandas()``. Empty if there are none, or no such node. Objects that
            were not announced yet are left out.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        InvalidMetaDataError
            A name is none.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET /api/v1/destinations/{orgID}/{destType}/{destID}/objects`` (rest-api.md, 4.5).

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"hello", "note", "a", client=fleet.cloud).wait("delivered")
        ...     fleet.cloud.get_destination_objects("edge", "node1")[0].status
        'delivered'
        """
        self._only_css("get_destination_objects")
        check_stored_name("dest_type", dest_type)
        check_stored_name("dest_id", dest_id)
        answer = self._transport.request(
            "GET",
            ("destinations", self.org_id, dest_type, dest_id, "objects"),
            operation="get_destination_objects",
            subject=f"node {dest_type}:{dest_id} in organisation {self.org_id!r}",
            accept=(404,),
        )
        return values_of(answer, "get_destination_objects", ObjectStatus)

    def get_object_destinations(
        self, object_type: str, object_id: str
    ) -> Listing[DestinationStatus]:
        """How far an object got at each of its destinations.

        Parameters
        ----------
        object_type, object_id : str
            Which object.

        Returns
        -------
        Listing of DestinationStatus
            A list with ``to_pandas()``. Empty if there is no such object or it has no destinations.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../destinations`` (rest-api.md, 4.23).

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"hello", "note", "a", client=fleet.cloud).wait("delivered")
        ...     fleet.cloud.get_object_destinations("note", "a")
        [DestinationStatus(dest_type='edge', dest_id='node1', status='delivered')]
        """
        self._only_css("get_object_destinations")
        answer = self._call(
            "GET",
            object_type,
            object_id,
            "destinations",
            operation="get_object_destinations",
            accept=(404,),
        )
        return values_of(answer, "get_object_destinations", DestinationStatus)

    def watch_object_destinations(
        self, object_type: str, object_id: str, *, etag: str = "", wait: float = 20.0
    ) -> Watched[DestinationStatus]:
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
        WrongSideError
            The client is for an ESS.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``Prefer: wait`` (RFC 7240, 4.3) with ``If-None-Match`` (RFC 9110, 13.1.2).

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"hello", "note", "a", client=fleet.cloud).wait("delivered")
        ...     first = fleet.cloud.watch_object_destinations("note", "a")
        ...     again = fleet.cloud.watch_object_destinations("note", "a", etag=first.etag, wait=1)
        ...     len(first.items), again.items
        (1, None)
        """
        self._only_css("watch_object_destinations")
        path = self._object_path(object_type, object_id, "destinations")
        subject = self._subject(object_type, object_id)
        answer, watched = self._watch("watch_object_destinations", path, subject, etag, wait, {})
        if answer.status_code == 304:
            return watched([])
        return watched(values_of(answer, "watch_object_destinations", DestinationStatus))

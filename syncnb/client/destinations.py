"""Calls about the nodes, and how far objects got there."""

from __future__ import annotations

from syncnb.client import updates
from syncnb.client.calls import Calls, array
from syncnb.metadata import Destination, DestinationStatus


class DestinationCalls(Calls):
    """The nodes of an organisation."""

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
        return [Destination.from_json(item) for item in array(answer, "get_destinations")]

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
        items = array(answer, "get_object_destinations")
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
        items = array(answer, "watch_object_destinations") if answer.status_code == 200 else []
        return watched([DestinationStatus.from_json(item) for item in items])

"""Calls of whoever receives objects: what has arrived, and its acknowledgement."""

from __future__ import annotations

import logging

from syncnb.client.calls import Calls
from syncnb.client.checks import check_meta_data
from syncnb.client.reading import values_of
from syncnb.client.watched import Watched
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import Listing, ObjectMetaData, check_stored_name

log = logging.getLogger("syncnb")


class ArrivalCalls(Calls):
    """What has arrived on this side."""

    def get_updated_objects(
        self, object_type: str, *, received: bool = False
    ) -> Listing[ObjectMetaData]:
        """One look at what has arrived and was not acknowledged.

        Parameters
        ----------
        object_type : str
            Which type.
        received : bool, default False
            Also what was marked received.

        Returns
        -------
        Listing of ObjectMetaData
            A list with ``to_pandas()``. Empty if there is nothing; objects with `deleted` are
            deletions.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../{objectType}`` (rest-api.md, 4.9).

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"hello", "note", "a", client=fleet.cloud).wait("delivered")
        ...     fleet.node("node1").get_updated_objects("note")[0].object_id
        'a'
        """
        params = {"received": "true"} if received else None
        answer = self._call(
            "GET", object_type, operation="get_updated_objects", params=params, accept=(404,)
        )
        return values_of(answer, "get_updated_objects", ObjectMetaData)

    def watch_updated_objects(
        self, object_type: str, *, received: bool = False, etag: str = "", wait: float = 20.0
    ) -> Watched[ObjectMetaData]:
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

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet:
        ...     fleet.node("node1").watch_updated_objects("note", wait=1).items
        []
        """
        check_stored_name("object_type", object_type)
        params = {"received": "true"} if received else {}
        answer, watched = self._watch(
            "watch_updated_objects",
            self._path(object_type),
            self._subject(object_type),
            etag,
            wait,
            params,
        )
        if answer.status_code == 304:
            return watched([])
        return watched(values_of(answer, "watch_updated_objects", ObjectMetaData, left_out=_told))

    def mark_object_received(self, meta_data: ObjectMetaData) -> None:
        """Tell this side's service that an application took note of an object and keeps it.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type`, `object_id` and `instance_id` are read.

        Raises
        ------
        PreconditionFailedError
            The object is another instance by now, at a service that heeds ``If-Match``.
        RequestRefusedError, AccessDeniedError, ServiceError, ConnectionFailedError
            The object is unknown or in another state; the service does not do it.

        Notes
        -----
        ``PUT .../received`` (rest-api.md, 4.18).

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     done = publish(b"hello", "note", "a", client=fleet.cloud).wait("delivered")
        ...     node = fleet.node("node1")
        ...     node.mark_object_received(node.get_updated_objects("note")[0])
        ...     node.get_object_status("note", "a")
        'objreceived'
        """
        self._mark(meta_data, "received")

    def mark_object_consumed(self, meta_data: ObjectMetaData) -> None:
        """Tell the sender that an application is done with an object; the copy here goes.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type`, `object_id` and `instance_id` are read.

        Raises
        ------
        PreconditionFailedError
            The object is another instance by now, at a service that heeds ``If-Match``.
        RequestRefusedError, AccessDeniedError, ServiceError, ConnectionFailedError
            The object is unknown or in another state; the service does not do it.

        Notes
        -----
        ``PUT .../consumed`` (rest-api.md, 4.19).

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     published = publish(b"hello", "note", "a", client=fleet.cloud)
        ...     done, node = published.wait("delivered"), fleet.node("node1")
        ...     node.mark_object_consumed(node.get_updated_objects("note")[0])
        ...     published.wait("consumed")["status"].tolist()
        ['consumed']
        """
        self._mark(meta_data, "consumed")

    def mark_object_deleted(self, meta_data: ObjectMetaData) -> None:
        """Tell the sender that an application acted on the deletion of an object.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type`, `object_id` and `instance_id` are read.

        Raises
        ------
        PreconditionFailedError
            The object is another instance by now, at a service that heeds ``If-Match``.
        RequestRefusedError, AccessDeniedError, ServiceError, ConnectionFailedError
            The object is unknown or in another state; the service does not do it.

        Notes
        -----
        ``PUT .../deleted`` (rest-api.md, 4.20).

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     published = publish(b"hello", "note", "a", client=fleet.cloud)
        ...     done, node = published.wait("delivered"), fleet.node("node1")
        ...     published.delete()
        ...     while not (found := node.get_updated_objects("note")) or not found[0].deleted:
        ...         watched = node.watch_updated_objects("note", wait=1)
        ...     node.mark_object_deleted(found[0])
        """
        self._mark(meta_data, "deleted")

    def _mark(self, meta_data: ObjectMetaData, mark: str) -> None:
        """Mark the instance that is meant; one of 0 is whatever is there."""
        check_meta_data(meta_data)
        known = meta_data.instance_id
        self._call(
            "PUT",
            meta_data.object_type,
            meta_data.object_id,
            mark,
            headers={"If-Match": f'"{known}"'} if known else None,
            operation=f"mark_object_{mark}",
        )


def _told(error: InvalidMetaDataError) -> None:
    """One object that cannot be read must not hide all others from a loop."""
    log.warning("an object is left out of the updates: %s", error)

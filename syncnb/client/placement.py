"""Calls that decide which nodes an object goes to, apart from its metadata."""

from __future__ import annotations

from collections.abc import Iterable

from syncnb.client.calls import Calls
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import Destination, check_node

Nodes = Iterable[str | Destination]


class PlacementCalls(Calls):
    """Nodes that an object gets, or loses."""

    def update_object_destinations(
        self, object_type: str, object_id: str, destinations: Nodes
    ) -> None:
        """Replace the destinations of an object; nodes that are added get it, others lose it.

        This is how objects with a destination policy find their nodes. The metadata of the object
        stay as they are.

        Parameters
        ----------
        object_type, object_id : str
            Which object.
        destinations : iterable of str or Destination
            Nodes, each registered and as ``"type:id"``; an empty one removes all.

        Raises
        ------
        WrongSideError
            The client is for an ESS.
        InvalidMetaDataError
            A node is not written as ``"type:id"``.
        ObjectNotFoundError
            There is no such object.
        ServiceError
            A node is not registered; the service does not do it.
        AccessDeniedError, ConnectionFailedError
            The service does not do it.

        Notes
        -----
        ``PUT .../destinations`` (rest-api.md, 4.24). A node that is removed while it is still
        ``pending`` is not told to delete the object.

        Examples
        --------
        >>> from syncnb import DestinationPolicy, LocalFleet, ObjectMetaData
        >>> policy = DestinationPolicy(properties={"family": "vision"})
        >>> with LocalFleet(nodes=1) as fleet:
        ...     cloud = fleet.cloud
        ...     meta = ObjectMetaData(object_type="m", object_id="a", destination_policy=policy)
        ...     cloud.update_object(meta)
        ...     cloud.update_object_destinations("m", "a", cloud.get_destinations())
        ...     cloud.get_object_destinations("m", "a")
        [DestinationStatus(dest_type='edge', dest_id='node1', status='pending')]
        """
        operation = "update_object_destinations"
        self._only_css(operation)
        nodes = _nodes(destinations)
        self._call("PUT", object_type, object_id, "destinations", operation=operation, json=nodes)

    def add_object_destinations(
        self, object_type: str, object_id: str, destinations: Nodes
    ) -> None:
        """Send an object to more nodes.

        Parameters
        ----------
        object_type, object_id : str
            Which object.
        destinations : iterable of str or Destination
            Nodes, each registered and as ``"type:id"``; those that it has already stay as they are.

        Raises
        ------
        WrongSideError, InvalidMetaDataError, ServiceError, AccessDeniedError, ConnectionFailedError
            As `update_object_destinations`.

        Notes
        -----
        ``POST .../destinations`` (rest-api.md, 4.25).

        Examples
        --------
        >>> from syncnb import LocalFleet, ObjectMetaData
        >>> with LocalFleet(nodes=1) as fleet:
        ...     meta = ObjectMetaData(object_type="m", object_id="a", dest_type="camera")
        ...     fleet.cloud.update_object(meta)
        ...     fleet.cloud.add_object_destinations("m", "a", ["edge:node1"])
        ...     [one.dest_id for one in fleet.cloud.get_object_destinations("m", "a")]
        ['node1']
        """
        self._change_nodes("add", object_type, object_id, destinations)

    def remove_object_destinations(
        self, object_type: str, object_id: str, destinations: Nodes
    ) -> None:
        """Take an object away from some of its nodes.

        Parameters
        ----------
        object_type, object_id : str
            Which object.
        destinations : iterable of str or Destination
            Nodes, each registered and as ``"type:id"``; those that do not have it are no error.

        Raises
        ------
        WrongSideError, InvalidMetaDataError, ServiceError, AccessDeniedError, ConnectionFailedError
            As `update_object_destinations`.

        Notes
        -----
        ``POST .../destinations`` (rest-api.md, 4.25).

        Examples
        --------
        >>> from syncnb import LocalFleet, ObjectMetaData
        >>> with LocalFleet(nodes=1) as fleet:
        ...     fleet.cloud.update_object(ObjectMetaData(object_type="m", object_id="a"))
        ...     fleet.cloud.remove_object_destinations("m", "a", ["edge:node1"])
        ...     fleet.cloud.get_object_destinations("m", "a")
        []
        """
        self._change_nodes("remove", object_type, object_id, destinations)

    def _change_nodes(
        self, action: str, object_type: str, object_id: str, destinations: Nodes
    ) -> None:
        operation = f"{action}_object_destinations"
        self._only_css(operation)
        body = {"action": action, "destinations": _nodes(destinations)}
        self._call("POST", object_type, object_id, "destinations", operation=operation, json=body)


def _nodes(destinations: Nodes) -> list[str]:
    if isinstance(destinations, str | Destination):
        raise InvalidMetaDataError("destinations", destinations, "give a list, also of one node")
    nodes = [str(one) if isinstance(one, Destination) else one for one in destinations]
    for node in nodes:
        check_node("destinations", node)
    return nodes

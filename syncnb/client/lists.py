"""Calls that list objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncnb.client.calls import Calls, array
from syncnb.metadata import DestinationStatus, Json


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


class ListCalls(Calls):
    """Which objects there are."""

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
            for item in array(answer, "get_objects")
        ]

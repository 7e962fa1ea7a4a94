"""Calls on many small objects at a time, at services that have them; elsewhere one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import requests

from syncnb.client.answers import json_value, unexpected
from syncnb.client.arrivals import ArrivalCalls
from syncnb.client.checks import check_meta_data
from syncnb.client.reading import values_of
from syncnb.client.watched import Watched
from syncnb.errors import InvalidMetaDataError, PreconditionFailedError, RequestRefusedError
from syncnb.metadata import Json, Listing, ObjectMetaData, check_stored_name
from syncnb.metadata.bundles import MEDIA_TYPE, MOST_MARKS, unpacked


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that has arrived, in short.

    Parameters
    ----------
    object_id : str
        Its ID.
    instance_id : int
        Which instance of it.
    object_size : int
        Bytes of its data.
    origin_type, origin_id : str
        The node that sent it.
    meta : ObjectMetaData or None
        All of its metadata, where the service has no shorter list.

    Examples
    --------
    >>> Arrival("a", 7, 10, "edge", "node1").object_size
    10
    """

    object_id: str
    instance_id: int
    object_size: int
    origin_type: str
    origin_id: str
    meta: ObjectMetaData | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from other instances of the type."""
        return self.object_id, self.instance_id


class BulkCalls(ArrivalCalls):
    """What has arrived on this side, in large numbers."""

    _has_bulk: bool | None = None  # whether the service has these calls; found out by a list

    def watch_arrivals(
        self,
        object_type: str,
        *,
        received: bool = False,
        after: str = "",
        etag: str = "",
        wait: float = 0.0,
    ) -> Watched[Arrival]:
        """What has arrived completely and was not acknowledged, in short and by ID.

        Parameters
        ----------
        object_type : str
            Which type.
        received : bool, default False
            Also what was marked received.
        after : str, default ""
            Only objects whose ID comes behind this one.
        etag : str, default ""
            Of the list that is known already.
        wait : float, default 0
            Seconds to wait for another one, at the longest.

        Returns
        -------
        Watched
            At most `syncnb.metadata.bundles.PAGE` arrivals, its tag, and whether the service
            waited. A service without short lists gives all of them, with their metadata.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not say.

        Notes
        -----
        ``GET .../{objectType}?brief=true``, which only syncnb's own service has; others answer
        with the list of `get_updated_objects`.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.watch_arrivals("note").items
        []
        """
        check_stored_name("object_type", object_type)
        operation = "watch_arrivals"
        answer, watched = self._watch(
            operation,
            self._path(object_type),
            self._subject(object_type),
            etag,
            wait,
            _query("brief", received, after, ""),
        )
        if answer.status_code in (304, 404):
            return watched([])
        items = json_value(answer, operation) or []
        if isinstance(items, list) and items and all(isinstance(one, list) for one in items):
            self._has_bulk = True
            return watched([_arrival(answer, one) for one in items])
        metas = values_of(answer, operation, ObjectMetaData, left_out=_passed_over)
        if metas:
            self._has_bulk = False
        return watched(
            [
                Arrival(m.object_id, m.instance_id, m.object_size, m.origin_type, m.origin_id, m)
                for m in metas
                if not m.deleted and (not after or m.object_id > after)
            ]
        )

    def read_arrivals(
        self, object_type: str, *, received: bool = False, after: str = "", last: str = ""
    ) -> Iterator[tuple[ObjectMetaData, bytes | None]]:
        """Metadata and small data of what has arrived, many objects in one answer.

        Parameters
        ----------
        object_type : str
            Which type.
        received : bool, default False
            Also what was marked received.
        after, last : str, default ""
            Only objects whose ID comes behind `after`, and none that comes behind `last`.

        Yields
        ------
        (ObjectMetaData, bytes or None)
            By ID; None where the data are to be fetched on their own: at every other service, and
            where they are large. Each answer has at most some 8 MiB of data.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not give them; those before were given.

        Notes
        -----
        ``GET .../{objectType}?bundle=true``, as `syncnb.metadata.bundles` says.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     list(fleet.cloud.read_arrivals("note"))
        []
        """
        operation, complete = "read_arrivals", False
        while not complete:
            answer = self._call(
                "GET",
                object_type,
                operation=operation,
                params=_query("bundle", received, after, last),
                accept=(404,),
            )
            if answer.headers.get("Content-Type", "") != MEDIA_TYPE:
                for meta in values_of(answer, operation, ObjectMetaData, left_out=_passed_over):
                    name = meta.object_id
                    if not meta.deleted and name > after and not (last and name > last):
                        yield meta, None
                return
            self._has_bulk, before = True, after
            for item in _items(answer, operation):
                if isinstance(item, bool):
                    complete = item
                else:
                    after = item[0].object_id
                    yield item
            if not complete and after == before:
                raise unexpected(answer, operation, "it says that there is more, and gives nothing")

    def mark_objects_consumed(self, metas: Iterable[ObjectMetaData]) -> Listing[ObjectMetaData]:
        """Tell the senders of many objects that an application is done with them.

        Parameters
        ----------
        metas : iterable of ObjectMetaData
            Which instances; of one type or of several.

        Returns
        -------
        Listing of ObjectMetaData
            Those that were not marked, since they are gone, in another state or of another instance
            by now.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not do it; it may have marked the first of them.

        Notes
        -----
        ``PUT .../{objectType}?mark=consumed`` with up to 1,000 instances, which are marked in one
        transaction, at a service that gave a short list or a bundle before; else
        ``PUT .../consumed`` for each (rest-api.md, 4.19).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.mark_objects_consumed([])
        []
        """
        by_type: dict[str, list[ObjectMetaData]] = {}
        for meta in metas:
            check_meta_data(meta)
            by_type.setdefault(meta.object_type, []).append(meta)
        left: list[ObjectMetaData] = []
        for object_type, of_type in by_type.items():
            for start in range(0, len(of_type), MOST_MARKS):
                some = of_type[start : start + MOST_MARKS]
                left += (
                    self._marked(object_type, some) if self._has_bulk else self._one_by_one(some)
                )
        return Listing(left, of=ObjectMetaData)

    def _one_by_one(self, metas: Sequence[ObjectMetaData]) -> list[ObjectMetaData]:
        left = []
        for meta in metas:
            try:
                self.mark_object_consumed(meta)
            except (RequestRefusedError, PreconditionFailedError):
                left.append(meta)
        return left

    def _marked(self, object_type: str, metas: Sequence[ObjectMetaData]) -> list[ObjectMetaData]:
        operation = "mark_objects_consumed"
        named = [m for m in metas if m.instance_id]  # what has no instance is whatever is there
        answer = self._transport.request(
            "PUT",
            self._path(object_type),
            params={"mark": "consumed"},
            json=[{"objectID": m.object_id, "instanceID": m.instance_id} for m in named],
            operation=operation,
            subject=self._subject(object_type),
            repeat=all(m.consumers == 1 for m in metas),  # an instance is consumed once
        )
        items = json_value(answer, operation)
        if not isinstance(items, list) or not all(isinstance(one, dict) for one in items):
            raise unexpected(answer, operation, "it is not an array of objects")
        statuses = {one.get("objectID"): one.get("status") for one in items}
        left = [m for m in named if m.object_id in statuses]
        for meta in left:
            if statuses[meta.object_id] == 403:
                self.mark_object_consumed(meta)  # raises what says why
        return left + self._one_by_one([m for m in metas if not m.instance_id])


def _query(form: str, received: bool, after: str, last: str) -> dict[str, str]:
    given = {"received": "true" if received else "", "after": after, "last": last}
    return {form: "true"} | {name: value for name, value in given.items() if value}


def _arrival(answer: requests.Response, item: list[Json]) -> Arrival:
    if [type(one) for one in item] != [str, int, int, str, str]:
        raise unexpected(answer, "watch_arrivals", f"an entry is {item!r:.60}")
    return Arrival(*item)


def _items(
    answer: requests.Response, operation: str
) -> Iterator[tuple[ObjectMetaData, bytes | None] | bool]:
    try:
        for item in unpacked(answer.content):
            if isinstance(item, bool):
                yield item
            else:
                yield ObjectMetaData.from_json(json.loads(item[0])), item[1]
    except (ValueError, TypeError, RecursionError) as error:
        raise unexpected(answer, operation, str(error)) from error


def _passed_over(error: InvalidMetaDataError) -> None:
    """One object that cannot be read must not hide all others."""

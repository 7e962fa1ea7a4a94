"""Storing an object only if nobody else has stored it meanwhile."""

from __future__ import annotations

from pathlib import Path

import requests

from syncnb.client import sources
from syncnb.client.calls import Calls
from syncnb.client.checks import check_meta_data, check_whole
from syncnb.client.objects import update_body
from syncnb.client.progress import Progress, metering
from syncnb.client.upload import RETRIES, Upload
from syncnb.metadata import ObjectMetaData


class ConditionalCalls(Calls):
    """Updates that take the place of one known instance and of no other."""

    def replace_object(
        self, meta_data: ObjectMetaData, known: int, *, data: bytes | None = None
    ) -> int | None:
        """As `update_object`, but only in the place of the instance that is known.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As for `update_object`.
        known : int
            The `instance_id` that the object has; 0 if there is no such object.
        data : bytes, optional
            As for `update_object`.

        Returns
        -------
        int or None
            The `instance_id` of what was stored. None from a service that ignores conditions:
            there it has taken the place of whatever was there.

        Raises
        ------
        PreconditionFailedError
            Another instance is there, and is untouched. After a broken connection it may be the
            one that this call has stored before: compare.
        InvalidMetaDataError, AccessDeniedError, RequestRefusedError, ServiceError, \
ConnectionFailedError
            As `update_object`.

        Notes
        -----
        ``PUT .../{objectType}/{objectID}`` with ``If-Match`` or ``If-None-Match: *`` (RFC 9110,
        13.1), which syncnb's own service heeds and others ignore.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> from syncnb.errors import PreconditionFailedError
        >>> note = ObjectMetaData(object_type="note", object_id="a")
        >>> with LocalFleet(nodes=0) as fleet:
        ...     stored = fleet.cloud.replace_object(note, 0, data=b"first")
        ...     try:
        ...         fleet.cloud.replace_object(note, 0, data=b"second")
        ...     except PreconditionFailedError:
        ...         print(fleet.cloud.get_object_metadata("note", "a").instance_id == stored)
        True
        """
        body = update_body(self.org_id, meta_data, data)
        answer = self._transport.request(
            "PUT",
            self._object_path(meta_data.object_type, meta_data.object_id),
            headers=condition(known),
            json=body,
            operation="update_object",
            subject=self._subject(meta_data.object_type, meta_data.object_id),
        )
        return instance(answer)

    def replace_object_data(
        self,
        meta_data: ObjectMetaData,
        path: Path,
        known: int,
        *,
        sha256: str | None = None,
        progress: Progress = None,
    ) -> int | None:
        """As `update_object_data`, but only for the instance that is known.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As for `update_object_data`.
        path : Path
            A file with the data.
        known : int
            What `replace_object` returned, as long as the object had no data.
        sha256 : str, optional
            Digest of the data; if the file has another one, nothing is stored.
        progress : callable or bool, optional
            As for `update_object_data`.

        Returns
        -------
        int or None
            As `replace_object`.

        Raises
        ------
        PreconditionFailedError, InvalidMetaDataError
            As `replace_object`.
        ObjectNotFoundError, DigestMismatchError, DataError, AccessDeniedError, ServiceError, \
ConnectionFailedError, OSError
            As `update_object_data`.

        Notes
        -----
        ``PUT .../{objectType}/{objectID}/data`` with ``If-Match`` (RFC 9110, 13.1).

        Examples
        --------
        >>> import tempfile
        >>> from syncnb import LocalFleet
        >>> note = ObjectMetaData(object_type="note", object_id="a")
        >>> with LocalFleet(nodes=0) as fleet, tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "data"
        ...     size = path.write_bytes(b"hello")
        ...     stored = fleet.cloud.replace_object(note, 0)
        ...     stored = fleet.cloud.replace_object_data(note, path, stored)
        ...     fleet.cloud.get_object_metadata("note", "a").object_size
        5
        """
        check_meta_data(meta_data)
        name = f"{meta_data.object_type}/{meta_data.object_id}"
        segments = self._object_path(meta_data.object_type, meta_data.object_id, "data")
        subject = self._subject(meta_data.object_type, meta_data.object_id)
        with (
            sources.source(path) as source,
            metering(f"{name} up", source.length, progress) as meter,
        ):
            sender = Upload(self._transport, segments, subject, meter, RETRIES)
            answer = sender.whole(source, sha256, condition(known))
        return instance(answer)


def condition(known: int) -> dict[str, str]:
    """As headers.

    Examples
    --------
    >>> condition(5), condition(0)
    ({'If-Match': '"5"'}, {'If-None-Match': '*'})
    """
    check_whole("known", known)
    return {"If-Match": f'"{known}"'} if known else {"If-None-Match": "*"}


def instance(answer: requests.Response) -> int | None:
    """What was stored, by its tag; None from a service that gives none."""
    tag = answer.headers.get("ETag", "").strip('"')
    return int(tag) if tag.isascii() and tag.isdigit() else None

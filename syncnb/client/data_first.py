"""Storing an object with its data in one request, the data first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from syncnb.client.answers import unexpected
from syncnb.client.calls import Calls
from syncnb.client.conditional import condition, instance
from syncnb.client.objects import update_body
from syncnb.client.progress import Progress, metering
from syncnb.client.sources import Source, SupportsRead, checked, exactly, source
from syncnb.client.upload import RETRIES, Upload
from syncnb.metadata import ObjectMetaData

_CHUNK = 1 << 16  # bytes; urllib3 copies each behind its length, which large memory makes slow
_BREATH = 5.0  # seconds after which who waits for the metadata is sent a blank


class DataFirstCalls(Calls):
    """One update that takes the place of one known instance, and never shows without its data."""

    @property
    def takes_data_first(self) -> bool:
        """Whether the service has `store_data_first`, as its last answer said."""
        return "data-first" in self._transport.own_calls

    def store_data_first(
        self,
        object_type: str,
        object_id: str,
        data: Path | SupportsRead,
        known: int,
        complete: Callable[[], ObjectMetaData],
        *,
        sha256: str | None = None,
        progress: Progress = None,
    ) -> ObjectMetaData:
        """Store an object and its data, or neither; the metadata may be made while the data travel.

        Parameters
        ----------
        object_type, object_id : str
            Which object.
        data : Path or binary file
            A file with the data.
        known : int
            The `instance_id` that the object has; 0 if there is no such object.
        complete : callable
            Makes the metadata, in a thread; what it raises ends the call, and nothing is stored.
        sha256 : str, optional
            Digest of the data; if the file has another one, nothing is stored.
        progress : callable or bool, optional
            As for `update_object_data`.

        Returns
        -------
        ObjectMetaData
            What was stored, with its `instance_id`.

        Raises
        ------
        PreconditionFailedError, DigestMismatchError, DataError, InvalidMetaDataError, \
AccessDeniedError, RequestRefusedError, ServiceError, ConnectionFailedError, OSError
            As `replace_object` and `replace_object_data`. What was stored before is untouched.

        Notes
        -----
        ``PUT .../{objectType}/{objectID}?data=SIZE`` with ``If-Match`` or ``If-None-Match: *``,
        which only syncnb's own service has: ask `takes_data_first`, after any other call.

        Examples
        --------
        >>> import tempfile
        >>> from syncnb import LocalFleet
        >>> note = ObjectMetaData(object_type="note", object_id="a")
        >>> with LocalFleet(nodes=0) as fleet, tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "data"
        ...     size = path.write_bytes(b"hello")
        ...     stored = fleet.cloud.store_data_first("note", "a", path, 0, lambda: note)
        ...     fleet.cloud.read_object_data(stored)
        b'hello'
        """
        name = f"{object_type}/{object_id}"
        segments = self._object_path(object_type, object_id)
        subject = self._subject(object_type, object_id)
        with (
            source(data) as body,
            metering(f"{name} up", body.length, progress) as meter,
            ThreadPoolExecutor(1, "syncnb-metadata") as pool,
        ):
            made = pool.submit(complete)
            sender = Upload(self._transport, segments, subject, meter, RETRIES)
            both = self._body(body, made, subject, sha256)
            answer = sender.whole(both, None, condition(known), {"data": str(body.length)})
            stored = instance(answer)
            if stored is None:
                raise unexpected(answer, "update_object", "it does not say which instance it is")
            return replace(made.result(), instance_id=stored)

    def _body(
        self, data: Source, made: Future[ObjectMetaData], subject: str, digest: str | None
    ) -> Source:
        def read(_first: int) -> Iterator[bytes | memoryview]:
            pieces = exactly(data.read(0), data.length, subject)
            for piece in pieces if digest is None else checked(pieces, digest, subject):
                if made.done():
                    made.result()  # what it raised ends the upload now, and not in the end
                yield from _chunks(piece)
            while not wait([made], _BREATH).done:
                yield b" "
            yield json.dumps(update_body(self.org_id, made.result(), None)).encode()

        return Source(read, None, repeatable=data.repeatable)


def _chunks(piece: bytes | memoryview) -> Iterator[memoryview]:
    view = memoryview(piece)
    return (view[at : at + _CHUNK] for at in range(0, len(view), _CHUNK))

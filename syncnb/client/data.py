"""Calls that move the data of an object."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import IO

from syncnb.client import transfer
from syncnb.client.calls import Calls
from syncnb.metadata import ObjectMetaData


class DataCalls(Calls):
    """Data up and down."""

    def update_object_data(self, meta_data: ObjectMetaData, data: transfer.Data) -> None:
        """Upload the data of an object, in pieces, whatever their size.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type` and `object_id` are read.
        data : bytes, path, binary file or iterable of bytes
            A file is read from where it stands.

        Raises
        ------
        ObjectNotFoundError
            There is no such object: call `update_object` first.
        AccessDeniedError, RequestRefusedError, ServiceError, ConnectionFailedError
            The service does not take them; what was stored before is untouched.

        Notes
        -----
        ``PUT .../{objectType}/{objectID}/data`` (rest-api.md, 4.17).
        """
        object_type, object_id = meta_data.object_type, meta_data.object_id
        path = self._path(object_type, object_id, "data")
        transfer.upload(self._transport, path, self._subject(object_type, object_id), data)

    def fetch_object_data(
        self, meta_data: ObjectMetaData, out: IO[bytes], *, offset: int = 0
    ) -> int:
        """Stream the data of an object into a file.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them; with `offset`, `object_size` is read.
        out : binary file
            Written from its current position.
        offset : int, default 0
            First byte wanted, counted from the start of the data.

        Returns
        -------
        int
            Bytes written.

        Raises
        ------
        ObjectNotFoundError
            There is no such object, or it has no data.
        TransferBrokenError
            The connection broke or the length is wrong; `.offset` is where to go on, and `out`
            holds all bytes before it.
        InvalidMetaDataError
            `offset` lies outside the data.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not give them.

        Notes
        -----
        ``GET .../data``, with ``Range`` for an offset (rest-api.md, 4.16).
        """
        path = self._path(meta_data.object_type, meta_data.object_id, "data")
        return transfer.download(self._transport, path, meta_data, out, offset)

    def read_object_data(self, meta_data: ObjectMetaData) -> bytes:
        """The data of an object, for small ones.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them.

        Returns
        -------
        bytes
            All of them.

        Raises
        ------
        ObjectNotFoundError, TransferBrokenError, ServiceError, ConnectionFailedError
            As `fetch_object_data`.
        """
        out = BytesIO()
        self.fetch_object_data(meta_data, out)
        return out.getvalue()

    def download_object_data(self, meta_data: ObjectMetaData, path: str | os.PathLike[str]) -> Path:
        """Fetch the data of an object into a file that appears only when it is complete.

        A broken connection goes on where it broke.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them.
        path : path
            Where the data shall be; what is there is replaced.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        OSError
            The file cannot be written.
        ObjectNotFoundError, TransferBrokenError, ServiceError, ConnectionFailedError
            As `fetch_object_data`.
        """

        def fetch(out: IO[bytes], offset: int) -> int:
            return self.fetch_object_data(meta_data, out, offset=offset)

        return transfer.download_to(fetch, meta_data, Path(path))

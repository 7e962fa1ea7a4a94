"""Calls that move the data of an object."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

from syncnb.client import download, parallel, sources, upload
from syncnb.client.calls import Calls
from syncnb.client.checks import check_count, check_meta_data, check_output, check_whole
from syncnb.client.progress import Progress, metering
from syncnb.client.ranges import RemoteData
from syncnb.client.reader import DataReader
from syncnb.client.reading import state_of, value_of
from syncnb.metadata import ObjectMetaData


class DataCalls(Calls):
    """Data up and down."""

    def update_object_data(
        self,
        meta_data: ObjectMetaData,
        data: sources.Data,
        *,
        sha256: str | None = None,
        chunk_size: int | None = None,
        progress: Progress = None,
        retries: int = upload.RETRIES,
        timeout: float = 600.0,
    ) -> None:
        """Upload the data of an object, in pieces, whatever their size.

        What can be read again (bytes, a path, a file that can be sought) is sent again after a
        break: from the start, or with `chunk_size` from the chunk that broke.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Which object; `object_type`, `object_id` and the manifest are read.
        data : bytes, path, binary file or iterable of bytes
            A file is read from where it stands.
        sha256 : str, optional
            What the digest of the data is; by default what the manifest says, if there is one. If
            they have another one, nothing is stored.
        chunk_size : int, optional
            Bytes of a request, for data that are larger, at a service that puts chunks together:
            one on MongoDB, and syncnb's. Others damage the object; there is no way to ask.
        progress : callable or bool, optional
            Called with the bytes done and the bytes in all (or None). False shows nothing, True a
            bar, however quick it is; by default there is a bar in notebooks and terminals for what
            takes a second.
        retries : int, default 3
            How often to send again after a break.
        timeout : float, default 600
            Seconds that the service may take to put chunks together.

        Raises
        ------
        InvalidMetaDataError
            An argument is not possible.
        ObjectNotFoundError
            There is no such object: call `update_object` first.
        DigestMismatchError
            The data are not those that were meant; what was stored before is untouched.
        DataError
            A file became shorter meanwhile, or the service does not put the chunks together.
        AccessDeniedError, RequestRefusedError, ServiceError, ConnectionFailedError
            The service does not take them; what was stored before is untouched, except by chunks.
        OSError
            A file cannot be read.

        See Also
        --------
        update_object : Small data go with the metadata, in one call and as one version.

        Notes
        -----
        ``PUT .../{objectType}/{objectID}/data`` (rest-api.md, 4.17), with ``Content-Length``
        whenever the length is known; with ``Content-Range`` for chunks.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> meta = ObjectMetaData(object_type="example", object_id="numbers", dest_type="edge")
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.update_object(meta)
        ...     fleet.cloud.update_object_data(meta, [b"1,", b"2"])
        ...     fleet.cloud.get_object_metadata("example", "numbers").object_size
        3
        """
        check_meta_data(meta_data)
        if chunk_size is not None:
            check_count("chunk_size", chunk_size, 1, "give at least 1 byte")
        _check_retries(retries)
        download.check_digest(sha256)
        digest = download.expected_digest(meta_data, sha256)
        segments, subject = self._data_of(meta_data)
        with (
            sources.source(data) as source,
            metering(f"{_name(meta_data)} up", source.length, progress) as meter,
        ):
            sender = upload.Upload(self._transport, segments, subject, meter, retries)
            if chunk_size is None or (source.length is not None and source.length <= chunk_size):
                sender.whole(source, digest)
                return
            before = self._latest(meta_data)
            total = sender.chunked(source, digest, chunk_size)
            upload.wait_until_ready(
                subject,
                before,
                lambda: self._latest(meta_data),
                lambda: self._status(meta_data),
                total,
                timeout,
            )

    def fetch_object_data(
        self,
        meta_data: ObjectMetaData,
        out: IO[bytes],
        *,
        offset: int = 0,
        sha256: str | None = None,
        progress: Progress = None,
        retries: int = download.RETRIES,
    ) -> int:
        """Stream the data of an object into a file, going on after breaks.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them: the version that is wanted.
        out : binary file
            Written from its current position.
        offset : int, default 0
            First byte wanted, counted from the start of the data.
        sha256 : str, optional
            What the digest of the data is; by default what the manifest says, if there is one.
            Compared if `offset` is 0.
        progress : callable or bool, optional
            As in `update_object_data`.
        retries : int, default 8
            How often to go on after a break without a new byte.

        Returns
        -------
        int
            Bytes written.

        Raises
        ------
        ObjectNotFoundError
            There is no such object, or it has no data.
        ObjectReplacedError
            The service has another version by now; what was written is not to be used.
        TransferBrokenError
            The connection broke again and again, or the length is wrong; `.offset` is where to go
            on, and `out` holds all bytes before it.
        DigestMismatchError
            The bytes are others than were expected.
        InvalidMetaDataError
            `offset` lies outside the data, `out` is a path or in text mode, or another argument is
            not possible.
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not give them.

        Notes
        -----
        ``GET .../data``, with ``Range`` to go on (rest-api.md, 4.16).

        Examples
        --------
        >>> from io import BytesIO
        >>> from syncnb import LocalFleet, ObjectMetaData
        >>> note = ObjectMetaData(object_type="note", object_id="a")
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.update_object(note, data=b"hello")
        ...     meta = fleet.cloud.get_object_metadata("note", "a")
        ...     fleet.cloud.fetch_object_data(meta, BytesIO(), offset=2)
        3
        """
        check_output(out)
        data, digest = self._remote(meta_data, sha256, retries, offset)
        total = None if data.size is None else data.size - offset
        with metering(f"{_name(meta_data)} down", total, progress) as meter:
            return download.copy(data, out, offset, digest, meter, retries)

    def iter_object_data(
        self, meta_data: ObjectMetaData, *, offset: int = 0, retries: int = download.RETRIES
    ) -> Iterator[bytes]:
        """The data of an object, piece by piece, going on after breaks.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them: the version that is wanted.
        offset : int, default 0
            First byte wanted, counted from the start of the data.
        retries : int, default 8
            How often to go on after a break without a new byte.

        Returns
        -------
        iterator of bytes
            Of no particular length.

        Raises
        ------
        ObjectNotFoundError, ObjectReplacedError, TransferBrokenError, InvalidMetaDataError, \
ServiceError, ConnectionFailedError
            As `fetch_object_data`; the digest is not compared.

        Examples
        --------
        >>> from syncnb import LocalFleet, ObjectMetaData
        >>> note = ObjectMetaData(object_type="note", object_id="a")
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.update_object(note, data=b"hello")
        ...     meta = fleet.cloud.get_object_metadata("note", "a")
        ...     b"".join(fleet.cloud.iter_object_data(meta))
        b'hello'
        """
        data, _ = self._remote(meta_data, None, retries, offset)
        return download.pieces(data, offset, retries=retries, check_end=True)

    def read_object_data(self, meta_data: ObjectMetaData, *, sha256: str | None = None) -> bytes:
        """The data of an object, for small ones.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them: the version that is wanted.
        sha256 : str, optional
            As in `fetch_object_data`.

        Returns
        -------
        bytes
            All of them.

        Raises
        ------
        ObjectNotFoundError, ObjectReplacedError, TransferBrokenError, DigestMismatchError, \
ServiceError, ConnectionFailedError
            As `fetch_object_data`.

        Examples
        --------
        >>> from syncnb import LocalFleet, ObjectMetaData
        >>> note = ObjectMetaData(object_type="note", object_id="a")
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.update_object(note, data=b"hello")
        ...     meta = fleet.cloud.get_object_metadata("note", "a")
        ...     fleet.cloud.read_object_data(meta)
        b'hello'
        """
        out = BytesIO()
        self.fetch_object_data(meta_data, out, sha256=sha256, progress=False)
        return out.getvalue()

    def download_object_data(
        self,
        meta_data: ObjectMetaData,
        path: str | os.PathLike[str],
        *,
        sha256: str | None = None,
        connections: int = parallel.CONNECTIONS,
        durable: bool = True,
        progress: Progress = None,
        retries: int = download.RETRIES,
    ) -> Path:
        """Fetch the data of an object into a file that appears only when it is complete.

        A broken connection goes on where it broke. From 64 MiB on, parts come over several
        connections, where the service gives parts.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them: the version that is wanted.
        path : path
            Where the data shall be; what is there is replaced.
        sha256 : str, optional
            What the digest of the data is; by default what the manifest says, if there is one.
        connections : int, default 4
            At most so many at a time. Use 1 for a service on MongoDB, which reads the whole object
            for each part.
        durable : bool, default True
            Whether the bytes are on the disk when this returns. Without, a loss of power soon after
            may leave a file that is not whole, which only its digest tells.
        progress : callable or bool, optional
            As in `update_object_data`.
        retries : int, default 8
            How often to go on after a break without a new byte.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        OSError
            The file cannot be written.
        ObjectNotFoundError, ObjectReplacedError, TransferBrokenError, DigestMismatchError, \
InvalidMetaDataError, ServiceError, ConnectionFailedError
            As `fetch_object_data`; what was at `path` is untouched.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from syncnb import LocalFleet, ObjectMetaData
        >>> note = ObjectMetaData(object_type="note", object_id="a")
        >>> with LocalFleet(nodes=0) as fleet, TemporaryDirectory() as folder:
        ...     fleet.cloud.update_object(note, data=b"hello")
        ...     meta = fleet.cloud.get_object_metadata("note", "a")
        ...     fleet.cloud.download_object_data(meta, f"{folder}/note.txt").read_text()
        'hello'
        """
        check_count("connections", connections, 1, "give at least one")
        data, digest = self._remote(meta_data, sha256, retries)
        with (
            download.placing(Path(path), durable=durable) as file,
            metering(f"{_name(meta_data)} down", data.size, progress) as meter,
        ):
            parallel.fill(data, file, digest, meter, connections=connections, retries=retries)
        return Path(path)

    def open_object_data(
        self, meta_data: ObjectMetaData, *, retries: int = download.RETRIES
    ) -> DataReader:
        """The data of an object as a file of which only what is read is fetched.

        Parameters
        ----------
        meta_data : ObjectMetaData
            As the service gave them: the version that is wanted.
        retries : int, default 8
            How often to go on after a break without a new byte.

        Returns
        -------
        DataReader
            A binary file, to be closed; for `zipfile`, `pyarrow.parquet` and the like. Reading
            raises what `fetch_object_data` raises, but does not compare the digest.

        Notes
        -----
        Each request for a part is followed by one for the metadata, so that bytes of two versions
        never mix: the service has no other way to tell (rest-api.md, 1.2).

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> meta = ObjectMetaData(object_type="example", object_id="a", dest_type="edge")
        >>> with LocalFleet(nodes=0) as fleet:
        ...     fleet.cloud.update_object(meta, data=b"0123456789")
        ...     with fleet.cloud.open_object_data(meta) as file:
        ...         file.seek(-3, 2), file.read()
        (7, b'789')
        """
        data, _ = self._remote(meta_data, None, retries)
        return DataReader(data, retries)

    def _remote(
        self, meta_data: ObjectMetaData, sha256: str | None, retries: int, offset: int = 0
    ) -> tuple[RemoteData, str | None]:
        """The data of that version, and the digest that they should have."""
        check_meta_data(meta_data)
        check_whole("offset", offset)
        _check_retries(retries)
        download.check_digest(sha256)
        segments, subject = self._data_of(meta_data)
        data = RemoteData(
            self._transport, segments, subject, meta_data, lambda: self._latest(meta_data)
        )
        download.check_offset(data.meta, offset)
        return data, None if offset else download.expected_digest(data.meta, sha256)

    def _data_of(self, meta: ObjectMetaData) -> tuple[tuple[str, ...], str]:
        names = meta.object_type, meta.object_id
        return self._object_path(*names, "data"), self._subject(*names)

    def _latest(self, meta: ObjectMetaData) -> ObjectMetaData:
        call = self._call("GET", meta.object_type, meta.object_id, operation="get_object_metadata")
        return value_of(call, "get_object_metadata", ObjectMetaData.from_json)

    def _status(self, meta: ObjectMetaData) -> str:
        call = self._call(
            "GET", meta.object_type, meta.object_id, "status", operation="get_object_status"
        )
        return state_of(call, "get_object_status")


def _name(meta: ObjectMetaData) -> str:
    return f"{meta.object_type}/{meta.object_id}"


def _check_retries(retries: int) -> None:
    check_count("retries", retries, 0, "give 0 or more")

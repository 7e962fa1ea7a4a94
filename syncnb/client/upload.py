"""Data that go to the service: whole, or in chunks that go on after a break."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import requests

from syncnb.client.download import passing, pause
from syncnb.client.progress import Meter
from syncnb.client.ranges import version
from syncnb.client.sources import Source, SourceFailed
from syncnb.client.transport import Transport
from syncnb.errors import (
    ConnectionFailedError,
    DataError,
    InvalidMetaDataError,
    RequestRefusedError,
    ServiceError,
    ServiceUnavailableError,
)
from syncnb.metadata import ObjectMetaData

RETRIES = 3  # of a whole upload, or of a chunk
_RESTARTS = 3  # of a chunked upload, when its chunks came to several processes of a service
_OPERATION = "update_object_data"
_OWNER = "Mms-Upload-Owner"
_AFTER_FAILURE = (
    "Some services keep what came of a chunk and spoil the next upload with it: delete the "
    "object, create it again, and upload without chunk_size."
)


class Upload:
    """Sends data to an object.

    Parameters
    ----------
    transport : Transport
        The service.
    segments : tuple of str
        Path of the object's data.
    subject : str
        The object, for errors.
    meter : Meter
        Told how far it is.
    retries : int
        How often to send again what a break stopped.
    """

    def __init__(
        self,
        transport: Transport,
        segments: tuple[str, ...],
        subject: str,
        meter: Meter,
        retries: int,
    ) -> None:
        self._transport, self._segments, self._subject = transport, segments, subject
        self._meter, self._retries = meter, retries

    def whole(
        self,
        source: Source,
        digest: str | None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send all in one request (rest-api.md, 4.17)."""
        for failures in range(self._retries + 1):
            try:
                return self._put(source, 0, None, digest, dict(headers or {}), params)
            except (ConnectionFailedError, ServiceUnavailableError) as error:
                if failures == self._retries or not source.repeatable or not passing(error):
                    raise
                pause(failures, error)
                self._meter.restart()
        raise AssertionError("the last failure was raised")

    def chunked(self, source: Source, digest: str | None, chunk_size: int) -> int:
        """Send chunks of `chunk_size` bytes; returns how many bytes they are in all.

        Raises
        ------
        DataError
            The chunks came to several processes again and again.
        """
        total = source.length
        if total is None or not source.repeatable:
            raise InvalidMetaDataError(
                "chunk_size", chunk_size, "give data that can be read again, such as a path"
            )
        if digest is not None:  # before the first byte: chunks that were sent stay
            for _ in source.body(self._subject, lambda _: None, digest=digest):
                pass
        at, owner, restarts = 0, "", 0
        while at < total:
            end = min(at + chunk_size, total)
            answered_by = self._chunk(source, at, end, total)
            if owner and answered_by != owner:  # which may not have the chunks before
                restarts += 1
                if restarts > _RESTARTS:
                    raise DataError(
                        self._subject,
                        "its chunks come to several processes of the service",
                        f"upload without chunk_size. {_AFTER_FAILURE}",
                    )
                at, owner = 0, ""
                self._meter.restart()
                continue
            at, owner = end, answered_by
        return total

    def _chunk(self, source: Source, first: int, end: int, total: int) -> str:
        spread = {"Content-Range": f"bytes {first}-{end - 1}/{total}"}
        for failures in range(self._retries + 1):
            try:
                response = self._put(source, first, end, None, spread)
            except (ConnectionFailedError, ServiceUnavailableError) as error:
                if failures == self._retries or not passing(error):
                    raise
                pause(failures, error)
                self._meter.restart(first)
            except ServiceError as error:
                if isinstance(error, RequestRefusedError) or error.status >= 500:
                    error.add_note(_AFTER_FAILURE)
                raise
            else:
                return response.headers.get(_OWNER, "")
        raise AssertionError("the last failure was raised")

    def _put(
        self,
        source: Source,
        first: int,
        end: int | None,
        digest: str | None,
        headers: dict[str, str],
        params: Mapping[str, str] | None = None,
    ) -> requests.Response:
        body = source.body(self._subject, self._meter.add, first, end, digest)
        try:
            return self._transport.request(
                "PUT",
                self._segments,
                headers=headers,
                params=params,
                data=body,
                operation=_OPERATION,
                subject=self._subject,
            )
        except SourceFailed as failed:
            raise failed.__cause__ or failed from None


def wait_until_ready(
    subject: str,
    before: ObjectMetaData,
    latest: Callable[[], ObjectMetaData],
    status: Callable[[], str],
    total: int,
    timeout: float,
) -> None:
    """Wait until a service has put chunks together (rest-api.md, 4.17).

    Parameters
    ----------
    subject : str
        The object, for errors.
    before : ObjectMetaData
        As they were before the first chunk.
    latest, status : callable
        Get the metadata and the status.
    total : int
        Bytes that were sent.
    timeout : float
        Seconds to wait.

    Raises
    ------
    DataError
        The service found them wrong, or does not put them together.
    """
    deadline, failures, now = time.monotonic() + timeout, 0, ""
    while time.monotonic() < deadline:
        with suppress(ConnectionFailedError, ServiceUnavailableError):
            now, meta = status(), latest()
            if now == "verificationFailed":
                raise DataError(
                    subject, "its signature does not fit its data", "sign the data that are sent"
                )
            if now in ("ready", "consumedByDest") and version(meta) != version(before):
                if meta.object_size in (0, total):
                    return
                raise DataError(
                    subject, f"{total} bytes were sent, it has {meta.object_size}", _AFTER_FAILURE
                )
        pause(failures)
        failures += 1
    raise DataError(
        subject,
        f"all chunks were taken, but it is {now or 'unknown'} after {timeout:g} s",
        f"wait longer, or take it that the service cannot put chunks together. {_AFTER_FAILURE}",
    )

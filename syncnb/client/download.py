"""Data that come from the service: over breaks, checked, and into place when complete."""

from __future__ import annotations

import hashlib
import os
import random
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from syncnb.client import interrupting
from syncnb.client.progress import Meter
from syncnb.client.ranges import Break, RemoteData
from syncnb.errors import (
    ConnectionFailedError,
    DigestMismatchError,
    InvalidManifestError,
    InvalidMetaDataError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    TransferBrokenError,
)
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData

RETRIES = 8  # after breaks between which no byte arrived; some 15 seconds
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds
_LONGEST_ASKED = 30.0  # seconds of Retry-After that are waited


def pieces(
    data: RemoteData,
    first: int = 0,
    end: int | None = None,
    *,
    retries: int,
    strict: bool = False,
    check: bool = False,
    check_end: bool = False,
) -> Iterator[bytes]:
    """The bytes from `first` up to `end`, going on after breaks.

    Parameters
    ----------
    data : RemoteData
        What to read.
    first, end : int
        Within the data; without `end`, all that follow.
    retries : int
        How often to go on without a new byte.
    strict : bool, default False
        Raise `NotRanged` instead of reading more than is wanted.
    check : bool, default False
        Make sure of the version with the first request too.
    check_end : bool, default False
        Make sure of it after the last byte, also if one request was enough.

    Raises
    ------
    TransferBrokenError
        No byte came any more.
    ObjectReplacedError
        The service has another version; what was given out before is of one version.

    Notes
    -----
    An answer whose ``ETag`` names the version needs no look at the metadata.
    """
    position, left, answers, named = first, retries, 0, True
    while True:
        try:
            with data.open(position, end, strict=strict) as stream:
                answers += 1
                named = named and stream.named
                if not stream.named and (check or answers > 1):
                    data.check()
                while piece := stream.read():
                    position, left = position + len(piece), retries
                    yield piece
            wanted = data.size if end is None else end
            if wanted is None or position >= wanted:
                break
            # a part may be answered by a shorter one (RFC 9110, 15.3.7): ask for the rest
        except (Break, ConnectionFailedError, ServiceUnavailableError) as error:
            if left <= 0 or not passing(error):
                if position == first and not isinstance(error, Break):
                    raise
                reason = str(getattr(error, "reason", error))
                raise TransferBrokenError(
                    data.subject, position, -1 if data.size is None else data.size, reason
                ) from error
            pause(retries - left, error)
            left -= 1
    if not named and (answers > 1 or check_end):
        data.check()


def passing(error: Exception) -> bool:
    """Whether what failed may be tried again; not after a refusal, as of a certificate."""
    if isinstance(error, ServiceUnavailableError):
        return (_asked(error) or 0.0) <= _LONGEST_ASKED
    return type(error) in (Break, ConnectionFailedError, ServiceTimeoutError)


def pause(failures: int, error: Exception | None = None) -> None:
    """Wait before another try, longer after each failure, and as long as the service asks for."""
    seconds = min(_FIRST_PAUSE * 2**failures, _LONGEST_PAUSE) * random.uniform(0.7, 1.0)
    interrupting.pause(max(seconds, _asked(error) or 0.0))


def _asked(error: Exception | None) -> float | None:
    return getattr(error, "retry_after", None)


def copy(
    data: RemoteData, out: IO[bytes], offset: int, digest: str | None, meter: Meter, retries: int
) -> int:
    """Read the bytes from `offset` on into a file; returns how many.

    Raises
    ------
    DigestMismatchError
        They are others than were expected.
    """
    sha256, done = hashlib.sha256(), 0
    for piece in pieces(data, offset, retries=retries, check_end=digest is None):
        out.write(piece)
        if digest:
            sha256.update(piece)
        done += len(piece)
        meter.add(len(piece))
    if digest:
        compare(data, digest, sha256.hexdigest())
    return done


def compare(data: RemoteData, expected: str, actual: str) -> None:
    """Raise if a digest is not the expected one, and say so if the object is another by now."""
    if actual != expected:
        data.check()
        raise DigestMismatchError(data.subject, expected, actual)


def check_offset(meta: ObjectMetaData, offset: int) -> None:
    """Refuse a first byte outside of the data."""
    size = meta.object_size  # 0 where the service does not know
    if offset < 0 or (size and offset >= size):
        raise InvalidMetaDataError("offset", offset, f"give a byte from 0 to {max(size - 1, 0)}")


def check_digest(sha256: str | None) -> None:
    """Refuse a digest that is none."""
    if sha256 is not None and not re.fullmatch("[0-9A-Fa-f]{64}", sha256):
        raise InvalidMetaDataError("sha256", sha256, "give 64 hexadecimal digits")


def expected_digest(meta: ObjectMetaData, sha256: str | None) -> str | None:
    """The digest that the data should have: the caller's, or that of the manifest, if any."""
    if sha256 is not None:
        return sha256.lower()
    try:
        manifest = Manifest.from_description(meta.description)
    except InvalidManifestError:
        return None  # whoever loads the data is told; bytes alone can be had
    return manifest.sha256 if manifest is not None else None


@contextmanager
def placing(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A new file beside `path` that takes its place, durably if wanted, if the block succeeds.

    Raises
    ------
    OSError
        It cannot be written there.
    """
    if path.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(path))
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb+", buffering=0) as file:
            yield file
            if durable:
                os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if not durable:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

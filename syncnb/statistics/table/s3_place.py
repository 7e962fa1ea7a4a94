"""A table in an S3-compatible store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from syncnb.errors import MissingDependencyError, SyncError, TableError
from syncnb.s3_store import first_line, s3_store, shown
from syncnb.statistics.table.place import Found

if TYPE_CHECKING:
    import pyarrow.fs as pafs

_PART = 8 << 20  # bytes of a part of an upload
_AT_ONCE = 2  # parts under way; bounds the memory
_REMEDY = "check the bucket, AWS_ENDPOINT_URL, AWS_REGION and the keys in AWS_*"


class S3Place:
    """Objects below a prefix of a bucket.

    Parameters
    ----------
    url : str
        ``s3://bucket/prefix``.
    settles : timedelta, default 10 minutes
        How long a copy within the bucket takes at the longest.

    Raises
    ------
    SettingsError
        The URL names no bucket, or the endpoint is not encrypted.

    Notes
    -----
    The log needs a store that honours ``If-None-Match: *`` (RFC 9110, 13.1.2) on ``PUT``, as Amazon
    S3, MinIO and Ceph do.
    """

    def __init__(self, url: str, settles: timedelta = timedelta(minutes=10)) -> None:
        self._store, self._shown, self._settles = s3_store(url, "table"), shown(url), settles

    @property
    def shown(self) -> str:
        """Its URL."""
        return self._shown

    @property
    def settles(self) -> timedelta:
        """How long a copy takes at the longest."""
        return self._settles

    def read(self, name: str) -> bytes | None:
        """The bytes of a small file; None if there is none."""
        with self._said():
            try:
                return bytes(obstore.get(self._store, name).bytes())
            except FileNotFoundError:
                return None

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file unless there is one; the store takes one of several."""
        with self._said():
            try:
                obstore.put(self._store, name, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                # Ours, if an answer was lost and the library asked again.
                return self.read(name) == data
        return True

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all, also over another."""
        with self._said():
            obstore.put(self._store, name, data, use_multipart=False)

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """A local path for a large file, which is there under its name after the block."""
        with tempfile.TemporaryDirectory(prefix="syncnb-") as folder:
            path = Path(folder) / "data"
            yield path
            with self._said():
                obstore.put(self._store, name, path, chunk_size=_PART, max_concurrency=_AT_ONCE)

    def move(self, name: str, to: str) -> None:
        """Copy an object, then remove it; nothing happens if it has gone."""
        with self._said():
            try:
                obstore.copy(self._store, name, to)
            except FileNotFoundError:
                return
            obstore.delete(self._store, name)

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self._said():
            try:
                obstore.delete(self._store, name)
            except FileNotFoundError:
                return

    def names(self, folder: str) -> list[Found]:
        """The objects of a folder, by their names."""
        found = []
        with self._said():
            for batch in obstore.list(self._store, folder):
                found += [
                    Found(one["path"], one["size"], one["last_modified"])
                    for one in batch
                    if one["path"].rsplit("/", 1)[0] == folder
                ]
        return sorted(found, key=lambda one: one.name)

    def days(self) -> Iterator[str]:
        """The folders ``day=...``, sorted."""
        with self._said():
            below = obstore.list_with_delimiter(self._store)["common_prefixes"]
        names = (path.rstrip("/").rsplit("/", 1)[-1] for path in below)
        yield from sorted(name for name in names if name.startswith("day="))

    def arrow(self) -> tuple[pafs.FileSystem, str]:
        """A file system for Arrow, and the root of the table in it."""
        import pyarrow.fs as pafs

        try:
            import fsspec  # noqa: F401
            from obstore.fsspec import FsspecStore
        except ImportError as error:
            raise MissingDependencyError("fsspec", "Reading a table in S3", "s3") from error
        bucket, _, prefix = self._shown.removeprefix("s3://").partition("/")
        files = FsspecStore(
            "s3",
            client_options=self._store.client_options,
            retry_config=self._store.retry_config,
        )
        return pafs.PyFileSystem(pafs.FSSpecHandler(files)), f"{bucket}/{prefix}".rstrip("/")

    def __repr__(self) -> str:
        return f"<S3Place {self._shown}>"

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except SyncError:  # some are OSErrors too
            raise
        except (BaseError, OSError) as error:
            raise TableError(f"the table {self._shown}", first_line(error), _REMEDY) from error

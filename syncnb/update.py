"""One version of an object that arrived: checked, loaded, acknowledged."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from syncnb import feedback
from syncnb.cache import Cache, default_cache
from syncnb.client import SyncServiceClient
from syncnb.client.acknowledging import Mark, acknowledge
from syncnb.client.patience import persistently
from syncnb.client.processed import Processed
from syncnb.codecs.registry import Trusted
from syncnb.errors import (
    DataError,
    MissingDependencyError,
    ObjectReplacedError,
    SettingsError,
    SyncError,
)
from syncnb.in_use import note_use
from syncnb.key_statements import checked
from syncnb.leases import Lease
from syncnb.loading import check_libraries, check_versions, codec_for, load
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData
from syncnb.saving import own_place
from syncnb.signing import is_sealed
from syncnb.trusting import Trust

log = logging.getLogger("syncnb")

_ACKNOWLEDGE_TIMEOUT = 120.0  # seconds that the service may be away while an update is acknowledged
_SHA256 = re.compile("[0-9a-f]{64}")


class Update:
    """One version of an object that arrived, or its deletion.

    A ``with`` block that ends well acknowledges it. One that an exception ends does not, and the
    exception goes on; if `path` or `load` refused what arrived before, the publisher's table shows
    ``failed`` and why. Only if a newer version took the place of this one while it was read,
    the block just ends, and the newer one comes next.

    Parameters
    ----------
    meta_data : ObjectMetaData
        As the service has them.
    client : SyncServiceClient
        The service.
    processed : Processed, optional
        Takes note of it before it is acknowledged.
    trust : Trust, optional
        Decides before any data are fetched whether they may be used.
    newest : bool, default True
        Whether an older one than was seen before is a replay.
    aside : bool, default False
        Whether it is loaded to be looked at, and is not yet the version in use.

    Examples
    --------
    >>> client = SyncServiceClient("http://127.0.0.1:8081")
    >>> Update(ObjectMetaData(object_type="model", object_id="defects", version="1.2.0"), client)
    <Update model/defects 1.2.0>
    """

    def __init__(
        self,
        meta_data: ObjectMetaData,
        client: SyncServiceClient,
        processed: Processed | None = None,
        trust: Trust | None = None,
        *,
        newest: bool = True,
        aside: bool = False,
    ) -> None:
        self.meta_data, self.client, self.trust = meta_data, client, trust
        self._newest, self._aside = newest, aside
        self._checked: tuple[Manifest | None] | None = None
        self._processed = processed
        self._lease: Lease | None = None
        self._failure: Exception | None = None  # why it cannot be used
        self._told: Exception | None = None  # what the publisher knows of that
        self._mark: Mark | None = None  # with which it was acknowledged

    @property
    def name(self) -> str:
        """The object's ID."""
        return self.meta_data.object_id

    @property
    def version(self) -> str:
        """The version that was published."""
        return self.meta_data.version

    @property
    def deleted(self) -> bool:
        """Whether it is a deletion: there are no data, and what was loaded should go."""
        return self.meta_data.deleted

    @property
    def acknowledged(self) -> bool:
        """Whether it was acknowledged here, as consumed or as received."""
        return self._mark is not None

    @property
    def manifest(self) -> Manifest | None:
        """What travelled beside the data; None if another tool published it. Not verified yet.

        Raises
        ------
        InvalidManifestError
            There is one, but it cannot be read.
        """
        with self._blaming():
            return Manifest.from_description(self.meta_data.description)

    def path(self, *, cache: bool | Cache = True) -> Path:
        """The data as a file, checked, for reading; it is gone after the ``with`` block.

        Parameters
        ----------
        cache : bool or Cache, default True
            Where to look first, and to keep the data: a cache of your own, or True for that of the
            settings. Data without a manifest are not kept.

        Returns
        -------
        Path
            Named as the publisher named it.

        Raises
        ------
        DigestMismatchError
            The bytes are not those that were published.
        UntrustedDataError
            There is a `trust`, and it refuses the object: `UnknownKeyError`, `SignatureError`,
            `ReplayedError`, `ExpiredError`.
        DataError
            It is a deletion, or the manifest is broken, lies about the size, or names a version
            that is none.
        ObjectNotFoundError, ServiceError, ConnectionFailedError
            The service does not give them.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish, updates
        >>> with LocalFleet(nodes=1) as fleet:
        ...     node = fleet.node("node1")
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     for update in updates("example", client=node):
        ...         with update:
        ...             print(update.path().name)
        ...         break
        one.bin
        """
        with self._blaming():
            self._check_present()
            path = self._fetched(self._verified(), cache).path
        self._failure = None
        return path

    def load(self, *, trusted: Trusted = False, cache: bool | Cache = True) -> Any:
        """The object that was published.

        Parameters
        ----------
        trusted : bool or sequence of str, default False
            True, or the names of the types that may be loaded, for formats that can hold code. What
            is signed by a key that is pinned in the `trust` counts as trusted.
        cache : bool or Cache, default True
            As in `path`.

        Returns
        -------
        object
            What the publisher passed; a path for a file, bytes if nothing is known of the data.

        Raises
        ------
        DigestMismatchError
            The bytes are not those that were published.
        UntrustedDataError
            Loading could run code, and `trusted` does not cover it; what was found is listed.
        LoadError
            The format's library refuses the data, or no codec knows the format.
        MissingDependencyError
            A library that wrote it is not installed; nothing is fetched then.
        DataError, ServiceError, ConnectionFailedError
            As `path`.

        Warns
        -----
        LibraryVersionWarning
            Another version of a library wrote it than is here; said once.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish, updates
        >>> with LocalFleet(nodes=1) as fleet:
        ...     node = fleet.node("node1")
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     for update in updates("example", client=node):
        ...         with update:
        ...             print(update.load())
        ...         break
        b'data'
        """
        with self._blaming():
            self._check_present()
            manifest = self._verified()
            codec = codec_for(self._subject, manifest, self.name)
            check_libraries(self._subject, manifest, codec)
            lease = self._fetched(manifest, cache)
            trusted = trusted or self._vouched
            loaded = load(self._subject, lease, manifest, codec, trusted=trusted)
        self._failure = None
        if not self._aside:
            note_use(self.meta_data.object_type, self.name, self.version)
        return loaded

    def save(self, folder: Path | str) -> Path:
        """Keep the data, checked, as a file in a folder.

        Parameters
        ----------
        folder : path
            Made if it is not there.

        Returns
        -------
        Path
            The file, named as the publisher named it. An older version of the same object is
            replaced. A file of that name that is not of this object stays, and the object's ID is
            put in front: ``ma-m.bin``; if that is not its own either, the type and a number too.

        Raises
        ------
        DataError, ServiceError, ConnectionFailedError, OSError
            As `path`; the file cannot be written.

        Notes
        -----
        A hidden file beside it, such as ``.m.bin.object``, says whose it is.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> from syncnb import LocalFleet, publish, updates
        >>> with LocalFleet(nodes=1) as fleet:
        ...     node = fleet.node("node1")
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     for update in updates("example", client=node):
        ...         with update, TemporaryDirectory() as folder:
        ...             print(update.save(folder).name)
        ...         break
        one.bin
        """
        path = self.path()
        Path(folder).mkdir(parents=True, exist_ok=True)
        target = own_place(Path(folder), path.name, self.meta_data)
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(path, part)
        part.replace(target)
        return target

    def consumed(self) -> None:
        """Acknowledge it: this node is done with it. The ``with`` block does this.

        If a newer version has arrived meanwhile, nothing is acknowledged: that one comes next.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not take it, or is away for two minutes.
        OSError
            The state file cannot be written; nothing is acknowledged then.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish, updates
        >>> with LocalFleet(nodes=1) as fleet:
        ...     node = fleet.node("node1")
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     for update in updates("example", client=node):
        ...         update.consumed()
        ...         break
        ...     done.wait("consumed")["status"].tolist()
        ['consumed']
        """
        mark: Mark = "deleted" if self.deleted else "consumed"
        if self._mark == mark:  # a service counts calls, not callers
            return
        if self._processed is not None:
            self._processed.add(self.meta_data, mark)
        self._acknowledge(mark)
        if self._processed is not None:
            self._processed.acknowledged(self.meta_data)

    def received(self) -> None:
        """Take note of it and keep it available: it is not handed out again before a restart.

        With a state file it is not handed out again after one either.

        Raises
        ------
        AccessDeniedError, ServiceError, ConnectionFailedError
            The service does not take it, or is away for two minutes.
        OSError
            The state file cannot be written; nothing is acknowledged then.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish, updates
        >>> with LocalFleet(nodes=1) as fleet:
        ...     node = fleet.node("node1")
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     for update in updates("example", client=node):
        ...         update.received()
        ...         break
        ...     len(node.get_updated_objects("example"))
        0
        """
        if self._processed is not None:
            self._processed.add(self.meta_data, None)
        self._acknowledge("received")

    def refused(self, error: Exception | None = None) -> None:
        """Tell the publisher that this node cannot use it; nothing is acknowledged.

        The ``with`` block and the loop do this for what `load` and `path` refuse.

        Parameters
        ----------
        error : Exception, optional
            Why; by default what `load` or `path` raised last, and nothing is told if they worked.

        Notes
        -----
        A service that is away or refuses the report is logged, and raises nothing.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish, updates
        >>> with LocalFleet(nodes=1) as fleet:
        ...     node = fleet.node("node1")
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     for update in updates("example", client=node):
        ...         update.refused(ValueError("it is too small"))
        ...         break
        ...     while done.delivery_rows()[0].status != "failed":
        ...         changed = done.wait_for_change(timeout=10)
        ...     done.delivery_rows()[0].message
        'ValueError: it is too small'
        """
        error = error or self._failure
        if error is not None and error is not self._told and not self.acknowledged:
            self._told = error
            feedback.report_failure(self.client, self.meta_data, error)

    def close(self) -> None:
        """Remove the temporary files.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish, updates
        >>> with LocalFleet(nodes=1) as fleet:
        ...     node = fleet.node("node1")
        ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
        ...     for update in updates("example", client=node):
        ...         path = update.path()
        ...         update.close()
        ...         break
        ...     path.exists()
        False
        """
        if self._lease is not None:
            self._lease.close()
            self._lease = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        try:
            if kind is None:
                self.consumed()
                feedback.withdraw(self.client, self.meta_data)
            else:
                self.refused()
            return self._was_replaced(error)
        finally:
            self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        from syncnb.client.threads import in_thread

        return await in_thread(lambda: self.__exit__(kind, error, trace))

    def __repr__(self) -> str:
        what = " (deleted)" if self.deleted else ""
        name = f"{self.meta_data.object_type}/{self.name} {self.version}".rstrip()
        return f"<Update {name}{what}>"

    @property
    def _subject(self) -> str:
        return f"object {self.meta_data.object_type}/{self.name}"

    @property
    def _vouched(self) -> bool:
        """Whether a key that counts here has signed it; `_verified` has let it pass before."""
        return self.trust is not None and is_sealed(self.meta_data.description)

    def _verified(self) -> Manifest | None:
        """The manifest, after all that can be checked before any data are fetched."""
        if self._checked is None:
            manifest = self.manifest
            if self.trust is not None:
                manifest = checked(self.trust, self.client, self.meta_data, newest=self._newest)
            if manifest is not None:
                manifest.check_size(self.meta_data)
                check_versions(self._subject, self.meta_data, manifest)
            self._checked = (manifest,)
        return self._checked[0]

    @contextlib.contextmanager
    def _blaming(self) -> Iterator[None]:
        """What is raised here is the fault of what arrived, and not of the caller's program."""
        try:
            yield
        except (DataError, MissingDependencyError) as error:
            if not self.deleted and not isinstance(error, ObjectReplacedError):
                self._failure = error
            raise

    def _check_present(self) -> None:
        if self.deleted:
            raise DataError(
                self._subject, "it was deleted, so it has no data", "look at update.deleted first"
            )

    def _fetched(self, manifest: Manifest | None, cache: bool | Cache) -> Lease:
        if self._lease is None:
            self._lease = self._fetch(manifest, cache)
        return self._lease

    def _fetch(self, manifest: Manifest | None, cache: bool | Cache) -> Lease:
        name = _file_name(manifest.file_name if manifest is not None else "")

        digest = manifest.sha256 if manifest and _SHA256.fullmatch(manifest.sha256) else None

        def download(path: Path) -> None:
            # The digest is named, since the service may say something else of the object by now.
            # A cache looks at it again after a loss of power.
            self.client.download_object_data(self.meta_data, path, sha256=digest, durable=False)

        if cache is not False and digest is not None:
            place = default_cache() if cache is True else cache
            try:
                return place.open(digest, name, download)
            except (OSError, SettingsError) as error:
                if isinstance(error, SyncError) and not isinstance(error, SettingsError):
                    raise
                log.warning("%s cannot be used: %s", place.path, error)
        lease = Lease.temporary(name)
        try:
            download(lease.path)
        except BaseException:
            lease.close()
            raise
        return lease

    def _was_replaced(self, error: BaseException | None) -> bool:
        """Whether a block ended because this version is not there any more: the next one comes."""
        if not isinstance(error, ObjectReplacedError):
            return False
        replaced = error.version in (self.meta_data.data_id, self.meta_data.instance_id)
        if replaced:
            log.info("%s; nothing is acknowledged, the next version comes", error)
        return replaced

    def _acknowledge(self, mark: Mark) -> None:
        persistently(
            lambda: acknowledge(self.client, self.meta_data, mark), timeout=_ACKNOWLEDGE_TIMEOUT
        )
        self._mark = mark


def _file_name(wanted: str) -> str:
    """A name from the wire as a name in a folder and nothing else."""
    name = Path(wanted).name
    if name == ".." or any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        return "data"
    return name or "data"

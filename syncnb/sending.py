"""A file, its manifest and its addresses: into the archive, and to the service.

Several publishers may send versions of one object at once. Each looks at what is there, decides,
and stores only in the place of what it saw; who was overtaken looks again.
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from syncnb.archive import ArchiveKey, Record
from syncnb.client import SyncServiceClient
from syncnb.client.patience import persistently
from syncnb.copying import Copy
from syncnb.errors import (
    ConnectionFailedError,
    DigestMismatchError,
    InvalidManifestError,
    PreconditionFailedError,
    ServiceUnavailableError,
    VersionExistsError,
)
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData
from syncnb.present import Keeping, Present, is_older, look
from syncnb.signing import Signer, Triple, seal, triple, unseal
from syncnb.versioning import check_version, next_version

INLINE = 256 * 1024  # bytes; smaller data travel with the metadata, as one version
_ROUNDS = 200  # in which others were quicker
_SLOWEST = 10 << 20  # bytes a second, of somebody else's upload that is waited for
_LONGEST_UPLOAD = 60.0  # seconds to wait for it
_ABANDONED = 300.0  # seconds after which nobody waits for data that did not come
_WITH_DATA, _WITHOUT_DATA = ("ready", "consumedByDest"), ("notReady", "verifying")
# What of a manifest says the same of the same bytes.
_INCIDENTAL = ("sequence", "published", "commit", "sbom", "python")


@dataclass(frozen=True, kw_only=True)
class Shipment:
    """What is to be published.

    Parameters
    ----------
    path : Path
        The data.
    manifest : Manifest
        Of which the version, the sequence and the time are still open, and the digest if there is
        `digest`.
    addresses : ObjectMetaData
        The object, and where it goes.
    version : str, optional
        None for the one that these bytes have already, or else the next.
    may_go_back : bool
        Whether the version may be older than the newest.
    ours : bool
        Whether nobody else changes the file any more.
    digest : callable, optional
        Waits for the digest of the data.
    copy : Copy, optional
        As what the data are still written; whoever knows the digest finds all of them at `path`.
    """

    path: Path
    manifest: Manifest
    addresses: ObjectMetaData
    version: str | None = None
    may_go_back: bool = False
    ours: bool = False
    digest: Callable[[], str] | None = None
    copy: Copy | None = None


def send(
    shipment: Shipment,
    client: SyncServiceClient,
    *,
    keeping: Keeping,
    signer: Signer | None,
    timeout: float,
) -> tuple[ObjectMetaData, Manifest]:
    """Publish; what is there already does not travel again.

    Parameters
    ----------
    shipment : Shipment
        What.
    client : SyncServiceClient
        Where.
    keeping : Keeping
        The archive.
    signer : Signer, optional
        Signs data and manifest.
    timeout : float
        Seconds that the service may be away.

    Returns
    -------
    ObjectMetaData, Manifest
        Of what the service has now.

    Raises
    ------
    VersionExistsError
        That version has other bytes, or a newer one is there.
    DigestMismatchError
        The file changed meanwhile.
    InvalidMetaDataError, SettingsError, ArchiveError, ServiceError, ConnectionFailedError
        The version is none, the signer or the archive does not work, or the service does not take
        it.
    """
    sending = _Sending(shipment, client, keeping, signer, shipment.manifest)
    try:
        return persistently(sending.until_done, timeout=timeout)
    except (ConnectionFailedError, ServiceUnavailableError):
        raise  # perhaps it arrived: the version stays taken
    except BaseException:
        sending.give_up()
        raise


@dataclass
class _Sending:
    shipment: Shipment
    client: SyncServiceClient
    keeping: Keeping
    signer: Signer | None
    manifest: Manifest  # with the digest, as soon as that is known
    sent: set[str] = field(default_factory=set)  # descriptions
    claimed: Record | None = None
    signature: Triple | None = None  # over the data

    def until_done(self) -> tuple[ObjectMetaData, Manifest]:
        for _ in range(_ROUNDS):
            try:
                done = self._once()
            except PreconditionFailedError:
                done = None
            if done is not None:
                return done
            time.sleep(random.uniform(0, 0.02))
        raise VersionExistsError(
            str(self._key), self.shipment.version or "", "others publish it all the time"
        )

    def give_up(self) -> None:
        if self.claimed is not None:
            self.keeping.release(self.claimed)
            self.claimed = None

    @property
    def _key(self) -> ArchiveKey:
        addresses = self.shipment.addresses
        return ArchiveKey(self.client.org_id, addresses.object_type, addresses.object_id)

    def _once(self) -> tuple[ObjectMetaData, Manifest] | None:
        """One look, and one try in the place of what was seen; None to look again."""
        present = look(self.client, self._key, self.keeping)
        data_first = self._goes_data_first(present)
        if not data_first or not self.shipment.ours or self._may_be_there(present):
            self._learn_digest()
        version = self._version(present)
        manifest = self._manifest(present, version)
        ready = present.digest == manifest.sha256 and self._status() in _WITH_DATA
        only = ready and self._key_of(present) == self._own_key
        if only and present.meta is not None and self._says_the_same(present, manifest):
            found = present.manifest or manifest
            if present.meta.description in self.sent:
                self._note(present.meta, found)
            return present.meta, found
        if not ready and self._others_are_at_it(present):
            return None
        if data_first and not only:
            return self._store_data_first(manifest, present)
        meta = self._meta(manifest, only=only)
        if not self._claim(meta, manifest, present):
            return None
        if not present.readable:
            self._overwrite(meta)
        else:
            meta = replace(meta, instance_id=self._store(meta, _known(present)))
        self._note(meta, manifest)
        return meta, manifest

    def _goes_data_first(self, present: Present) -> bool:
        """Whether all goes in one request, while the digest is computed and the archive writes."""
        large = self.manifest.size > INLINE
        return large and present.readable and self.client.takes_data_first

    def _may_be_there(self, present: Present) -> bool:
        """Whether these bytes may be there or in the archive, as far as their number says."""
        known = {one.size for one in present.records}
        if present.manifest is not None:
            known.add(present.manifest.size)
        return self.manifest.size in known

    def _learn_digest(self) -> None:
        digest = self.shipment.digest
        if digest is not None and self.manifest is self.shipment.manifest:
            self.manifest = replace(self.manifest, sha256=digest())

    # ------------------------------------------------------------------ decide

    def _version(self, present: Present) -> str:
        wanted, digest = self.shipment.version, self.manifest.sha256
        if wanted is None:
            if present.version and present.digest == digest:
                return present.version
            own = self.claimed.version if self.claimed is not None else None
            others = [one for one in present.records if one.version != own]
            return next_version(replace(present, records=others).newest)
        check_version(wanted)
        if present.digests_of(wanted) - {digest}:
            raise VersionExistsError(str(self._key), wanted)
        newest, is_there = present.newest, present.version == wanted and present.digest == digest
        if not (self.shipment.may_go_back or is_there) and is_older(wanted, newest):
            raise VersionExistsError(
                str(self._key),
                wanted,
                f"version {newest} is newer than {wanted}, and to go back there is "
                f"publication.rollback(to={wanted!r})",
            )
        return wanted

    def _manifest(self, present: Present, version: str) -> Manifest:
        key, now = self._key, datetime.now(UTC)
        return replace(
            self.manifest,
            version=version,
            org_id=key.org_id,
            object_type=key.object_type,
            object_id=key.object_id,
            sequence=max(present.sequence + 1, int(now.timestamp() * 1000)),
            rollback=is_older(version, present.newest),
            published=now,
        )

    def _meta(self, manifest: Manifest, *, only: bool) -> ObjectMetaData:
        description = manifest.to_description()
        signature: dict[str, Any] = {}
        if self.signer is not None:
            description = seal(description, self.signer)
            if not only:  # a service keeps the signature of the data that it has
                if self.signature is None:
                    self.signature = triple(bytes.fromhex(manifest.sha256), self.signer)
                signature = {**self.signature}
        # The size lets a service refuse data that will not fit before it discards older ones.
        return self.shipment.addresses.for_update(
            version=manifest.version,
            description=description,
            object_size=manifest.size,
            meta_only=only,
            **signature,
        ).check()

    @property
    def _own_key(self) -> tuple[str, str]:
        if self.signer is None:
            return "", ""
        return base64.b64encode(self.signer.public_key).decode(), self.signer.fingerprint

    def _key_of(self, present: Present) -> tuple[str, str]:
        meta = present.meta
        if meta is None:
            return "", ""
        try:
            sealed = unseal(meta.description)
        except InvalidManifestError:
            return "?", "?"
        return meta.public_key, sealed.key if sealed is not None else ""

    def _says_the_same(self, present: Present, manifest: Manifest) -> bool:
        if present.manifest is None or present.meta is None:
            return False
        there, wanted = present.meta, self.shipment.addresses
        as_read = Manifest.from_description(manifest.to_description()) or manifest
        incidental: dict[str, Any] = {name: getattr(as_read, name) for name in _INCIDENTAL}
        return replace(present.manifest, **incidental) == as_read and all(
            getattr(there, name) == getattr(wanted, name)
            for name in ("dest_type", "dest_id", "destinations_list", "destination_policy")
        )

    def _status(self) -> str:
        return self.client.get_object_status(self._key.object_type, self._key.object_id)

    def _others_are_at_it(self, present: Present) -> bool:
        """Wait for data that somebody else is sending; True if something changed meanwhile."""
        meta, manifest = present.meta, present.manifest
        if meta is None or manifest is None or meta.deleted or meta.description in self.sent:
            return False
        began = manifest.published
        if began is None or abs((datetime.now(UTC) - began).total_seconds()) > _ABANDONED:
            return False
        until = time.monotonic() + min(2.0 + manifest.size / _SLOWEST, _LONGEST_UPLOAD)
        waited = False
        while self._status() in _WITHOUT_DATA:
            waited = True
            if time.monotonic() > until:
                return False
            time.sleep(random.uniform(0.02, 0.1))
            now = look(self.client, self._key, Keeping()).meta
            if now is None or now.instance_id != meta.instance_id:
                return True
        return waited

    # -------------------------------------------------------------------- store

    def _claim(self, meta: ObjectMetaData, manifest: Manifest, present: Present) -> bool:
        """Take the version in the archive; False if somebody else has it with other bytes."""
        record = self._record(meta, manifest)
        if self.claimed is not None and self.claimed.version != record.version:
            self.give_up()
        if self.claimed is not None or any(
            one.version == record.version and one.sha256 == record.sha256 for one in present.records
        ):
            return True
        if not self.keeping.claim(self.shipment.path, record, ours=self.shipment.ours):
            return False
        self.claimed = record
        return True

    def _record(self, meta: ObjectMetaData, manifest: Manifest) -> Record:
        return Record(
            key=self._key,
            version=manifest.version,
            sha256=manifest.sha256,
            size=manifest.size,
            description=meta.description,
            sequence=manifest.sequence,
            published=manifest.published,
            addresses={
                "dest_type": meta.dest_type,
                "dest_id": meta.dest_id,
                "destinations_list": list(meta.destinations_list or ()),
            },
        )

    def _note(self, meta: ObjectMetaData, manifest: Manifest) -> None:
        record = self._record(meta, manifest)
        if record != self.claimed:
            self.keeping.update(record)
        self.claimed = None

    def _store_data_first(
        self, manifest: Manifest, present: Present
    ) -> tuple[ObjectMetaData, Manifest]:
        """The data, and meanwhile all else, which follows; what is there stays until all is there.

        Raises
        ------
        PreconditionFailedError
            As `_store`, or somebody else has taken the version in the archive.
        """
        final, shipment, key = manifest, self.shipment, self._key

        def complete() -> ObjectMetaData:
            nonlocal final
            self._learn_digest()
            final = replace(manifest, sha256=self.manifest.sha256)
            meta = self._meta(final, only=False)
            if not self._claim(meta, final, present):
                raise self._overtaken()
            self.sent.add(meta.description)
            return meta

        with ExitStack() as stack:
            growing = shipment.copy and stack.enter_context(shipment.copy.reader())
            meta = self.client.store_data_first(
                key.object_type,
                key.object_id,
                growing or shipment.path,
                _known(present),
                complete,
                sha256=None if shipment.ours else self.manifest.sha256,
            )
        self._note(meta, final)
        return meta, final

    def _store(self, meta: ObjectMetaData, known: int) -> int:
        """Metadata and data in the place of one instance; returns the ID of the new one.

        Raises
        ------
        PreconditionFailedError
            Another one is there by now; or this one, if its answer was lost, which the next look
            will tell.
        """
        self.sent.add(meta.description)
        inline = meta.meta_only or meta.object_size <= INLINE
        data = None if meta.meta_only or not inline else self._bytes()
        instance = self.client.replace_object(meta, known, data=data)
        if instance is None:
            instance = self._looked_after(meta).instance_id
        if inline:
            return instance
        shipment = self.shipment
        digest = None if shipment.ours else self.manifest.sha256  # it is of this very file
        stored = self.client.replace_object_data(meta, shipment.path, instance, sha256=digest)
        return self._looked_after(meta).instance_id if stored is None else stored

    def _overwrite(self, meta: ObjectMetaData) -> None:
        """The same where what is there cannot be read, so that nothing can be compared."""
        if meta.object_size <= INLINE:
            self.client.update_object(meta, data=self._bytes())
        else:
            self.client.update_object(meta)
            self.client.update_object_data(meta, self.shipment.path)

    def _bytes(self) -> bytes:
        data, digest = self.shipment.path.read_bytes(), self.manifest.sha256
        if sha256(data).hexdigest() != digest:
            raise DigestMismatchError(str(self._key), digest, sha256(data).hexdigest())
        return data

    def _mine(self, meta: ObjectMetaData) -> ObjectMetaData | None:
        """What the service has, if this sent it."""
        now = look(self.client, self._key, Keeping()).meta
        return now if now is not None and now.description == meta.description else None

    def _looked_after(self, meta: ObjectMetaData) -> ObjectMetaData:
        """What a service has that ignores conditions, if it is still what was sent."""
        now = self._mine(meta)
        if now is None:
            raise self._overtaken()
        return now

    def _overtaken(self) -> PreconditionFailedError:
        why = "somebody else has published at the same time"
        return PreconditionFailedError(412, "update_object", str(self._key), why)


def _known(present: Present) -> int:
    """The instance in whose place something is stored."""
    return present.meta.instance_id if present.meta is not None else 0

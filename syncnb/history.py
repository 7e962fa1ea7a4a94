"""Which versions there are, and which of them an alias stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncnb.archive import ArchiveKey
from syncnb.archive.opening import ArchiveSource
from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.errors import InvalidMetaDataError
from syncnb.metadata import ObjectMetaData, check_name
from syncnb.metadata.listing import Listing
from syncnb.past import PublishedVersion, check_alias, keeping_of, send_again, versions_of
from syncnb.present import look
from syncnb.publication import Publication
from syncnb.signing import signer_from
from syncnb.versioning import check_version

if TYPE_CHECKING:
    from syncnb.signing.signers import SignerSource


def versions(
    name: str,
    object_type: str = "model",
    *,
    client: SyncServiceClient | None = None,
    archive: ArchiveSource | bool | None = None,
) -> Listing[PublishedVersion]:
    """The versions of an object, in the archive and at the service.

    Parameters
    ----------
    name : str
        ID of the object; also one of an alias, such as ``"defects@production"``.
    object_type : str, default "model"
        Its type.
    client : SyncServiceClient, optional
        The CSS; by default the one of the settings.
    archive : path, str, Archive or False, optional
        As in `syncnb.publish`.

    Returns
    -------
    Listing of PublishedVersion
        The newest first; a list with ``to_pandas()``. Empty if nothing is known.

    Raises
    ------
    InvalidMetaDataError, SettingsError, ArchiveError
        The name or the archive is not possible.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not say.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=0) as fleet:
    ...     for data in (b"good", b"better"):
    ...         done = publish(data, "example", "one", dest_type="edge", client=fleet.cloud)
    ...     [(one.version, one.current) for one in versions("one", "example", client=fleet.cloud)]
    [('2', True), ('1', False)]
    """
    check_name("object_type", object_type)
    check_name("name", name)
    client = client_or_default(client)
    key = ArchiveKey(client.org_id, object_type, name)
    return Listing(versions_of(client, key, keeping_of(client, archive)), of=PublishedVersion)


def promote(
    name: str,
    version: str,
    to: str = "production",
    *,
    object_type: str = "model",
    dest_type: str = "",
    dest_id: str = "",
    destinations: Sequence[str] | None = None,
    client: SyncServiceClient | None = None,
    archive: ArchiveSource | bool | None = None,
    signer: SignerSource = None,
    timeout: float = 60.0,
) -> Publication:
    """Let an alias stand for a version: publish that as the object ``name@alias``.

    Parameters
    ----------
    name : str
        ID of the object.
    version : str
        Which of its versions.
    to : str, default "production"
        The alias. Where it stood for a newer version, this is a rollback, and marked as one.
    object_type : str, default "model"
        Type of the object.
    dest_type, dest_id, destinations
        Where the alias goes, as in `syncnb.publish`; without any, where it went before.
    client : SyncServiceClient, optional
        The CSS; by default the one of the settings.
    archive, signer
        As in `syncnb.publish`.
    timeout : float, default 60
        Seconds that the service may be away.

    Returns
    -------
    Publication
        Of the alias. If it stands for that version already, nothing is sent.

    Raises
    ------
    InvalidMetaDataError
        A name is not possible, or it is the first promotion and says not where to.
    ArchiveError
        There is no such version; those that are known are named.
    VersionExistsError, SignatureError, DataError, SettingsError, ServiceError, \
ConnectionFailedError
        As `syncnb.publish` and `Publication.rollback`.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=0) as fleet:
    ...     done = publish(b"good", "example", "one", dest_type="lab", client=fleet.cloud)
    ...     done = promote("one", "1", object_type="example", dest_type="edge", client=fleet.cloud)
    ...     done.object_id, done.version
    ('one@production', '1')
    """
    check_name("object_type", object_type)
    check_name("name", name)
    check_version(version)
    client = client_or_default(client)
    base = ArchiveKey(client.org_id, object_type, name)
    alias = base._replace(object_id=f"{name}@{check_alias(to)}")
    check_name("to", alias.object_id)
    keeping, by = keeping_of(client, archive), signer_from(signer)
    present = look(client, alias, keeping)
    if dest_type or dest_id or destinations:
        addresses = ObjectMetaData(
            object_type=object_type,
            object_id=alias.object_id,
            dest_type=dest_type,
            dest_id=dest_id,
            destinations_list=destinations,
        ).check()
    elif present.meta is not None and not present.meta.deleted:
        addresses = present.meta
    else:
        raise InvalidMetaDataError(
            "dest_type",
            dest_type,
            f"{alias.object_id} is new: say where it goes, by dest_type or destinations",
        )
    meta, manifest = send_again(
        alias, [base, alias], version,
        addresses=addresses, client=client, keeping=keeping, signer=by, timeout=timeout,
    )  # fmt: skip
    return Publication(meta, manifest, client, archive=archive, signer=signer)

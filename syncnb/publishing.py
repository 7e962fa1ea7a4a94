"""From Python to the fleet: publish an object, and see what becomes of it on every node."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from syncnb.archive import ArchiveKey
from syncnb.archive.opening import archive_for
from syncnb.bridges import Source, record, resolve
from syncnb.client.connecting import client_or_default
from syncnb.client.progress import Progress
from syncnb.codecs import default_registry
from syncnb.codecs.examples import describe
from syncnb.codecs.registry import Trusted
from syncnb.codecs.tables import library_of
from syncnb.copying import CopyFailed
from syncnb.errors import (
    InvalidMetaDataError,
    ModelError,
    NoCodecError,
)
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData, check_name
from syncnb.options import DEFAULTS, Options, with_options
from syncnb.preparing import converted, moment, prepared
from syncnb.present import Keeping
from syncnb.publication import Publication
from syncnb.sending import Shipment, send
from syncnb.signing import signer_from
from syncnb.versioning import check_version

if TYPE_CHECKING:
    import pandas as pd

_DATA = ("parquet", "arrow", "csv", "npy", "npz", "file", "text", "json", "bytes")  # no models


@with_options
def publish(obj: object, object_type: str, name: str, **options: Unpack[Options]) -> Publication:
    """Publish any object that a codec knows.

    Everything is checked before anything is sent; what was published before stays until the new
    version has arrived completely. The data of what is there already are not sent again: if nothing
    else is new, nothing is sent, and otherwise only the description.

    Parameters
    ----------
    obj : object
        A model, a table, an array or a dict of them, a text, bytes, a value that JSON has, or a
        `pathlib.Path` to a file or a folder.
    object_type, name : str
        Type and ID of the object; letters, numbers, ``.``, ``_``, ``@`` and ``-``.
    dest_type : str, default ""
        All nodes of this type; empty with no other addressee means every node.
    dest_id : str, default ""
        Only this node of `dest_type`.
    destinations : sequence of str, optional
        Exactly these nodes, each as ``"type:id"``.
    version : str, optional
        Such as ``"1.2.0"``. Without one, the next after the newest that is known, the first being
        ``"1"``; bytes that are the newest already keep their version.
    description : str, default ""
        For people.
    format : str, optional
        Such as ``"csv"``, where a type has more than one.
    convert : str, optional
        Such as ``"onnx"``: publish the model in that form instead; needs `example`.
    example : array or DataFrame, optional
        Input of a model; names, dtypes and shape travel with it, and its first rows for nodes to
        compare predictions with. If these are too long for the manifest, a warning says that they
        are left out.
    metrics, params, extra : mapping, optional
        JSON values that travel with it.
    sbom : bool, default False
        Whether the names and versions of what is installed here travel with it.
    expires : datetime or timedelta, optional
        Until when receivers may take it for the newest.
    signer : Signer, path or False, optional
        Signs it; by default the key of ``SYNCNB_SIGNING_KEY``, if there is one. False: nobody.
    archive : path, str, Archive or False, optional
        Where it is kept for a rollback: a folder or ``"s3://bucket/prefix"``; by default that of
        ``SYNCNB_ARCHIVE``, or a folder of yours. False: nowhere.
    client : SyncServiceClient, optional
        The CSS; by default the one of the settings.
    timeout : float, default 60
        Seconds that the service may be away, such as for a restart, before this gives up.

    Returns
    -------
    Publication
        What becomes of it.

    Raises
    ------
    ModelError
        No codec knows the object (`NoCodecError`), the model is not fitted (`UnfittedModelError`),
        the frame is empty, or the format cannot hold it.
    InvalidMetaDataError
        A name, a version, an address or another option is not possible, or the manifest is too
        large.
    VersionExistsError
        That version was published already, with other bytes, also by somebody else a moment ago; or
        a newer one was.
    SettingsError, ArchiveError
        There is no such key; the archive that was named cannot be used.
    AccessDeniedError, ServiceError, ConnectionFailedError
        The service does not take it.

    Examples
    --------
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...     done.wait("delivered")["dest_id"].tolist()
    ['node1']
    """
    given: dict[str, Any] = {**DEFAULTS, **options}
    check_name("name", name)
    source = obj if isinstance(obj, Source) else Source(obj=obj)
    version = given["version"] or source.version or None
    if version is not None:
        check_version(version)
    addresses = ObjectMetaData(
        object_type=object_type,
        object_id=name,
        dest_type=given["dest_type"],
        dest_id=given["dest_id"],
        destinations_list=given["destinations"],
        version=version or "",
    ).check()
    about: dict[str, Any] = {
        "metrics": source.metrics if given["metrics"] is None else given["metrics"],
        "params": source.params if given["params"] is None else given["params"],
        "extra": {**source.extra, **(given["extra"] or {})},
        "expires": moment(given["expires"]),
        "text": given["description"],
    }
    obj = converted(source.obj, given["convert"], given["example"])
    codec = (given["format"] is None and given["convert"] is None and source.codec) or (
        default_registry().for_object(obj, given["format"])
    )
    codec.check(obj)
    about["signature"], about["example"] = describe(codec, obj, given["example"])
    about["signature"] = about["signature"] or dict(source.signature)
    signer = signer_from(given["signer"])
    client = client_or_default(given["client"])
    if not client.org_id and (given["dest_type"] or given["destinations"]):
        raise InvalidMetaDataError(
            "dest_type",
            given["dest_type"] or given["destinations"],
            "an edge node sends to its cloud and nowhere else: leave it out, or publish with a "
            "client of the CSS, which has an org_id",
        )
    archive, wanted = archive_for(
        given["archive"], url=client.url, is_cloud=bool(client.org_id), of_client=client.archive
    )
    keeping = Keeping(archive=archive, wanted=wanted)
    spool = None
    if isinstance(obj, Path) and obj.is_file():
        key = ArchiveKey(client.org_id, object_type, name)
        spool = keeping.spool(key, obj.stat().st_size)

    def sent(spool: Path | None) -> tuple[ObjectMetaData, Manifest]:
        with prepared(
            obj,
            codec,
            name,
            about=about,
            sbom=given["sbom"],
            signer=signer,
            spool=spool,
            synced=keeping.is_local,
        ) as (path, manifest, digest, ours, copy):
            manifest.to_description()  # refuses what does not fit before anybody is asked
            shipment = Shipment(
                path=path,
                manifest=manifest,
                digest=digest,
                addresses=addresses,
                version=version,
                ours=ours,
                copy=copy,
            )
            return send(shipment, client, keeping=keeping, signer=signer, timeout=given["timeout"])

    try:
        meta, manifest = sent(spool)
    except CopyFailed:  # as the archive will say, if it is to keep it
        meta, manifest = sent(None)
    publication = Publication(
        meta, manifest, client, archive=given["archive"], signer=given["signer"]
    )
    record(publication)
    return publication


@with_options
def publish_model(
    model: object,
    *,
    name: str | None = None,
    object_type: str = "model",
    trusted: Trusted = False,
    include: Sequence[str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress = None,
    **options: Unpack[Options],
) -> Publication:
    """Publish a fitted model.

    Parameters
    ----------
    model : object
        A fitted estimator of scikit-learn. A warning names the types, such as the trees of a
        forest, that a receiver has to trust by name in ``load(trusted=[...])``. Models of ONNX,
        XGBoost, LightGBM, CatBoost, PyTorch, Keras and transformers, and the folder of one, are
        taken as well. Or the address of a model: ``"models:/name/version"``,
        ``"models:/name@alias"`` or ``"runs:/run_id/path"`` of MLflow, ``"hf:org/model@revision"``
        of the local cache of Hugging Face, or any URL that fsspec knows, such as
        ``"s3://bucket/model.onnx"``.
    name : str, optional
        ID of the object; may be left out where an address names it, less a suffix such as
        ``.onnx``.
    object_type : str, default "model"
        Type of the object.
    trusted : bool or sequence of str, default False
        Of a model in MLflow: True runs what a pickle holds, here and now; names are those of types
        that a skops file may hold.
    include : sequence of str, optional
        Of a Hugging Face folder: patterns, such as ``"*.json"``, of the files that travel. Without,
        all do, and pickles are refused.
    storage_options : mapping, optional
        Of a URL: what fsspec's file system is made with, such as ``{"anon": True}``.
    progress : callable or bool, optional
        Of a URL: as in `SyncServiceClient.update_object_data`.
    dest_type, dest_id, destinations, version, description, format, convert, example, metrics, \
params, extra, sbom, expires, signer, archive, client, timeout
        As in `publish`.

    Returns
    -------
    Publication
        What becomes of it.

    Raises
    ------
    ModelError, InvalidMetaDataError, ServiceError, ConnectionFailedError
        As `publish`; there is nothing at the address.
    UntrustedDataError, LoadError, MissingDependencyError
        A model of MLflow could run code and `trusted` does not cover that, cannot be loaded, or
        needs a library that is not installed; so may a URL.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from syncnb import LocalFleet
    >>> model = LogisticRegression().fit([[0], [1]], [0, 1])
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish_model(model, name="steps", dest_type="edge", client=fleet.cloud)
    ...     done.manifest.format
    'skops'
    """
    with resolve(
        model, trusted=trusted, include=include, storage_options=storage_options, progress=progress
    ) as source:
        plain = source.obj is model and options.get("format") is None
        if plain and default_registry().for_object(model).name in _DATA:
            raise NoCodecError(
                f"a {type(model).__name__}",
                "it is no model",
                "publish_dataframe is for frames, publish_file for files, publish for anything",
            )
        return publish(source, object_type, source.name if name is None else name, **options)


@with_options
def publish_dataframe(
    frame: pd.DataFrame,
    *,
    name: str,
    object_type: str = "dataframe",
    **options: Unpack[Options],
) -> Publication:
    """Publish a DataFrame as Parquet; it is loaded as what it was, dtype for dtype.

    Parameters
    ----------
    frame : pandas.DataFrame, polars.DataFrame, geopandas.GeoDataFrame or pyarrow.Table
        With at least one row and one column.
    name : str
        ID of the object.
    object_type : str, default "dataframe"
        Type of the object.
    dest_type, dest_id, destinations, version, description, format, convert, example, metrics, \
params, extra, sbom, expires, signer, archive, client, timeout
        As in `publish`.

    Returns
    -------
    Publication
        What becomes of it.

    Raises
    ------
    ModelError, InvalidMetaDataError, ServiceError, ConnectionFailedError
        As `publish`.

    Examples
    --------
    >>> import pandas as pd
    >>> from syncnb import LocalFleet
    >>> frame = pd.DataFrame({"limit": [1.5, 2.5]})
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish_dataframe(frame, name="limits", dest_type="edge", client=fleet.cloud)
    ...     done.manifest.file_name
    'limits.parquet'
    """
    if not library_of(frame):
        raise ModelError(
            f"a {type(frame).__name__}", "it is no DataFrame", "make one with pandas.DataFrame(...)"
        )
    return publish(
        frame,
        object_type,
        name,
        **options,
    )


@with_options
def publish_file(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    object_type: str = "file",
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress = None,
    **options: Unpack[Options],
) -> Publication:
    """Publish a file as it is, whatever its size, or a folder as a ZIP archive; it is streamed.

    Parameters
    ----------
    path : path or str
        The file, the folder, which is loaded as a folder again, or any URL of a file that fsspec
        knows, such as ``"s3://bucket/data.bin"``.
    name : str, optional
        ID of the object; by default the name of the file.
    object_type : str, default "file"
        Type of the object.
    storage_options : mapping, optional
        Of a URL: what fsspec's file system is made with, such as ``{"anon": True}``.
    progress : callable or bool, optional
        Of a URL: as in `SyncServiceClient.update_object_data`.
    dest_type, dest_id, destinations, version, description, format, convert, example, metrics, \
params, extra, sbom, expires, signer, archive, client, timeout
        As in `publish`.

    Returns
    -------
    Publication
        What becomes of it.

    Raises
    ------
    ModelError
        There is no such file.
    MissingDependencyError
        The library for the protocol of the URL is not installed.
    InvalidMetaDataError, ServiceError, ConnectionFailedError
        As `publish`.

    Examples
    --------
    >>> import tempfile
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet, tempfile.NamedTemporaryFile() as file:
    ...     done = publish_file(file.name, name="empty", dest_type="edge", client=fleet.cloud)
    ...     done.manifest.size
    0
    """
    with resolve(
        path if isinstance(path, str) and "://" in path else Path(path),
        formed=False,
        storage_options=storage_options,
        progress=progress,
    ) as source:
        given = source.obj.name if name is None else name
        try:
            check_name("name", given)
        except InvalidMetaDataError as error:
            if name is None:
                error.add_note("Pass another name=; on the node the file keeps its own.")
            raise
        if options.get("format") is None and not source.obj.is_dir():
            options["format"] = "file"  # as it is, also if its name says that it is a model
        return publish(source, object_type, given, **options)

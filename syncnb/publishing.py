"""From Python to the fleet: publish an object, and see what becomes of it on every node."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncnb.bridges import Source, record, resolve
from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.client.patience import persistently
from syncnb.client.progress import Progress
from syncnb.codecs import Codec, default_registry
from syncnb.codecs.registry import Trusted, is_instance, versions
from syncnb.errors import (
    InvalidMetaDataError,
    ModelError,
    NoCodecError,
)
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData, check_name
from syncnb.publication import Publication

if TYPE_CHECKING:
    import pandas as pd

INLINE = 256 * 1024  # bytes; smaller data travel with the metadata, as one version


def publish(
    obj: object,
    object_type: str,
    name: str,
    *,
    dest_type: str = "",
    dest_id: str = "",
    destinations: Sequence[str] | None = None,
    version: str = "",
    description: str = "",
    example: object = None,
    metrics: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    client: SyncServiceClient | None = None,
    timeout: float = 60.0,
) -> Publication:
    """Publish any object that a codec knows.

    Everything is checked before anything is sent; what was published before stays until the new
    version has arrived completely.

    Parameters
    ----------
    obj : object
        A model, a DataFrame, bytes, or a `pathlib.Path` to a file.
    object_type, name : str
        Type and ID of the object; letters, numbers, ``.``, ``_``, ``@`` and ``-``.
    dest_type : str, default ""
        All nodes of this type; empty with no other addressee means every node.
    dest_id : str, default ""
        Only this node of `dest_type`.
    destinations : sequence of str, optional
        Exactly these nodes, each as ``"type:id"``.
    version : str, default ""
        Such as ``"1.2.0"``.
    description : str, default ""
        For people.
    example : array or DataFrame, optional
        Input of a model; names, dtypes and shape travel with it.
    metrics, params, extra : mapping, optional
        JSON values that travel with it.
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
        A name, a version or an address is not possible, or the manifest is too large.
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
    check_name("name", name)
    source = obj if isinstance(obj, Source) else Source(obj=obj)
    obj, version = source.obj, version or source.version
    meta = ObjectMetaData(
        object_type=object_type,
        object_id=name,
        dest_type=dest_type,
        dest_id=dest_id,
        destinations_list=destinations,
        version=version,
    ).check()
    codec = source.codec or default_registry().for_object(obj)
    codec.check(obj)
    signature = _signature(example) or source.signature
    client = client_or_default(client)
    if not client.org_id and (dest_type or destinations):
        raise InvalidMetaDataError(
            "dest_type",
            dest_type or destinations,
            "an edge node sends to its cloud and nowhere else: leave it out, or publish with a "
            "client of the CSS, which has an org_id",
        )
    with _as_file(codec, obj) as path:
        manifest = Manifest(
            format=codec.name,
            codec=f"{codec.name}/{codec.version}",
            sha256=_sha256(path),
            size=path.stat().st_size,
            name=name,
            version=version,
            file_name=obj.name if isinstance(obj, Path) else f"{name}{codec.suffix}",
            type="" if isinstance(obj, Path) else _type_name(obj),
            python=platform.python_version(),
            requires=versions(codec.libraries),
            signature=signature,
            metrics=source.metrics if metrics is None else metrics,
            params=source.params if params is None else params,
            extra={**source.extra, **(extra or {})},
            text=description,
        )
        # The size lets a service refuse data that will not fit before it discards older ones.
        meta = meta.for_update(
            description=manifest.to_description(), object_size=manifest.size
        ).check()
        _send(client, meta, path, manifest.size, timeout)
    publication = Publication(meta, manifest, client)
    record(publication)
    return publication


def publish_model(
    model: object,
    *,
    name: str | None = None,
    object_type: str = "model",
    dest_type: str = "",
    dest_id: str = "",
    destinations: Sequence[str] | None = None,
    version: str = "",
    description: str = "",
    example: object = None,
    metrics: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    trusted: Trusted = False,
    include: Sequence[str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress = None,
    client: SyncServiceClient | None = None,
    timeout: float = 60.0,
) -> Publication:
    """Publish a fitted model.

    Parameters
    ----------
    model : object
        A fitted estimator of scikit-learn. A warning names the types, such as the trees of a
        forest, that a receiver has to trust by name in ``load(trusted=[...])``. Or the address of
        a model: ``"models:/name/version"``, ``"models:/name@alias"`` or ``"runs:/run_id/path"`` of
        MLflow, ``"hf:org/model@revision"`` of the local cache of Hugging Face, or any URL that
        fsspec knows, such as ``"s3://bucket/model.onnx"``.
    name : str, optional
        ID of the object; by default what the address names, less a suffix such as ``.onnx``.
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
    dest_type, dest_id, destinations, version, description, example, metrics, params, extra, \
client, timeout
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
        found = source.obj
        plain = isinstance(found, str | bytes | os.PathLike) and found is model
        if plain or is_instance(found, "pandas", "DataFrame"):
            raise NoCodecError(
                f"a {type(found).__name__}",
                "it is no model",
                "publish_dataframe is for frames, publish_file for files",
            )
        return publish(
            source, object_type, source.name if name is None else name,
            dest_type=dest_type, dest_id=dest_id, destinations=destinations, version=version,
            description=description, example=example, metrics=metrics, params=params, extra=extra,
            client=client, timeout=timeout,
        )  # fmt: skip


def publish_dataframe(
    frame: pd.DataFrame,
    *,
    name: str,
    object_type: str = "dataframe",
    dest_type: str = "",
    dest_id: str = "",
    destinations: Sequence[str] | None = None,
    version: str = "",
    description: str = "",
    example: object = None,
    metrics: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    client: SyncServiceClient | None = None,
    timeout: float = 60.0,
) -> Publication:
    """Publish a DataFrame as Parquet.

    Parameters
    ----------
    frame : pandas.DataFrame
        With at least one row and one column.
    name : str
        ID of the object.
    object_type : str, default "dataframe"
        Type of the object.
    dest_type, dest_id, destinations, version, description, example, metrics, params, extra, \
client, timeout
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
    if not is_instance(frame, "pandas", "DataFrame"):
        raise ModelError(
            f"a {type(frame).__name__}", "it is no DataFrame", "make one with pandas.DataFrame(...)"
        )
    return publish(
        frame, object_type, name,
        dest_type=dest_type, dest_id=dest_id, destinations=destinations, version=version,
        description=description, example=example, metrics=metrics, params=params, extra=extra,
        client=client, timeout=timeout,
    )  # fmt: skip


def publish_file(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    object_type: str = "file",
    dest_type: str = "",
    dest_id: str = "",
    destinations: Sequence[str] | None = None,
    version: str = "",
    description: str = "",
    example: object = None,
    metrics: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress = None,
    client: SyncServiceClient | None = None,
    timeout: float = 60.0,
) -> Publication:
    """Publish a file as it is, whatever its size; it is streamed.

    Parameters
    ----------
    path : path or str
        The file, or any URL of it that fsspec knows, such as ``"s3://bucket/data.bin"``.
    name : str, optional
        ID of the object; by default the name of the file.
    object_type : str, default "file"
        Type of the object.
    storage_options : mapping, optional
        Of a URL: what fsspec's file system is made with, such as ``{"anon": True}``.
    progress : callable or bool, optional
        Of a URL: as in `SyncServiceClient.update_object_data`.
    dest_type, dest_id, destinations, version, description, example, metrics, params, extra, \
client, timeout
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
    >>> from syncnb import LocalFleet
    >>> with LocalFleet(nodes=1) as fleet, tempfile.NamedTemporaryFile() as file:
    ...     done = publish_file(file.name, name="empty", dest_type="edge", client=fleet.cloud)
    ...     done.manifest.size
    0
    """
    with resolve(
        path if isinstance(path, str) and "://" in path else Path(path),
        formed=False, storage_options=storage_options, progress=progress,
    ) as source:  # fmt: skip
        given = source.obj.name if name is None else name
        try:
            check_name("name", given)
        except InvalidMetaDataError as error:
            if name is None:
                error.add_note("Pass another name=; on the node the file keeps its own.")
            raise
        return publish(
            source, object_type, given,
            dest_type=dest_type, dest_id=dest_id, destinations=destinations, version=version,
            description=description, example=example, metrics=metrics, params=params, extra=extra,
            client=client, timeout=timeout,
        )  # fmt: skip


@contextmanager
def _as_file(codec: Codec, obj: object) -> Iterator[Path]:
    """The object as a file of its format; a file is its own, so that its size does not matter."""
    if isinstance(obj, Path):
        yield obj
        return
    with tempfile.TemporaryDirectory(prefix="syncnb-") as folder:
        path = Path(folder) / f"data{codec.suffix}"
        codec.dump(obj, path)
        yield path


def _send(
    client: SyncServiceClient, meta: ObjectMetaData, path: Path, size: int, timeout: float
) -> None:
    """Metadata and data; again from the start if the service went away, which it may do."""

    def once() -> None:
        if size <= INLINE:
            client.update_object(meta, data=path.read_bytes())
        else:
            client.update_object(meta)
            client.update_object_data(meta, path)

    persistently(once, timeout=timeout)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _type_name(obj: object) -> str:
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def _signature(example: Any) -> dict[str, Any]:
    """Names, dtypes and shape of a model's input; the first axis is the sample."""
    if example is None:
        return {}
    if is_instance(example, "pandas", "DataFrame"):
        columns = [{"name": str(c), "dtype": str(d)} for c, d in example.dtypes.items()]
        return {"input": {"columns": columns}}
    if hasattr(example, "dtype") and hasattr(example, "shape"):
        shape = [None, *(int(n) for n in example.shape[1:])]
        return {"input": {"dtype": str(example.dtype), "shape": shape}}
    raise InvalidMetaDataError(
        "example", example, "give some rows of the model's input, as an array or a DataFrame"
    )

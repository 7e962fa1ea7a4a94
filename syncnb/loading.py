"""From a file and its manifest to an object: which codec, which libraries, and then the load."""

from __future__ import annotations

import re
import threading
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from syncnb.codecs import Codec, Loading, default_registry
from syncnb.codecs.registry import Trusted, versions
from syncnb.errors import (
    InvalidManifestError,
    InvalidMetaDataError,
    LibraryVersionWarning,
    LoadError,
    MissingDependencyError,
)
from syncnb.leases import Lease
from syncnb.manifest import Manifest
from syncnb.metadata import ObjectMetaData
from syncnb.versioning import check_version

# Distributions that bring the same module under another name.
_VARIANT = re.compile(r"-(cpu|gpu|skinny|base|intel|headless)$")
_MODULES = {"scikit-learn": "sklearn", "opencv-python": "cv2", "pillow": "PIL", "pyyaml": "yaml"}
_EXTRAS = {
    "scikit-learn": "sklearn", "skops": "sklearn", "scipy": "sklearn", "numpy": "sklearn",
    "pandas": "notebook", "pyarrow": "notebook", "joblib": "notebook",
    "xgboost-cpu": "xgboost", "geopandas": "geo", "safetensors": "torch",
    "skl2onnx": "onnx", "onnxruntime": "onnx",
}  # fmt: skip
_told: set[tuple[str, str]] = set()
_guard = threading.Lock()


def codec_for(subject: str, manifest: Manifest | None, name: str) -> Codec:
    """The codec that reads an object.

    Parameters
    ----------
    subject : str
        Which object, for errors.
    manifest : Manifest or None
        Of the object; None if another tool published it.
    name : str
        The object's ID; its suffix says what it is if there is no manifest.

    Returns
    -------
    Codec
        Of the format and version that the manifest names.

    Raises
    ------
    LoadError
        There is none.

    Examples
    --------
    >>> codec_for("object model/a.parquet", None, "a.parquet").name
    'parquet'
    """
    registry = default_registry()
    if manifest is None:
        codec = registry.for_suffix(Path(name).suffix) or registry.for_format("bytes")
    else:
        codec = registry.for_format(manifest.format)
    if codec is None:
        raise LoadError(
            subject,
            f"no codec reads the format {manifest.format if manifest else ''!r}",
            "update syncnb, install the codec, or use update.path()",
        )
    if manifest is not None and manifest.codec != f"{codec.name}/{codec.version}":
        raise LoadError(
            subject,
            f"it was written by {manifest.codec}, here is {codec.name}/{codec.version}",
            "update syncnb, or use update.path()",
        )
    return codec


def check_versions(subject: str, meta_data: ObjectMetaData, manifest: Manifest) -> None:
    """Refuse a version that is none: programs compare it, and name files by it.

    Parameters
    ----------
    subject : str
        Which object.
    meta_data : ObjectMetaData
        As the service has them.
    manifest : Manifest
        Of the object; without one, another tool published it, whose versions may be any text.

    Raises
    ------
    InvalidManifestError
        One of the two is none.

    Examples
    --------
    >>> meta = ObjectMetaData(object_type="model", object_id="a", version="../b")
    >>> manifest = Manifest(format="bytes", codec="bytes/1", sha256="", size=0)
    >>> check_versions("object model/a", meta, manifest)
    Traceback (most recent call last):
      ...
    syncnb.errors.InvalidManifestError: object model/a: its version = '../b' is not possible. ...
    """
    for text in (meta_data.version, manifest.version):
        try:
            if text:
                check_version(text)
        except InvalidMetaDataError as error:
            raise InvalidManifestError(
                subject, f"its {error}".rstrip("."), "publish it again with syncnb"
            ) from None


def check_libraries(subject: str, manifest: Manifest | None, codec: Codec) -> None:
    """Compare the libraries that wrote an object with those that are here, before it is fetched.

    Parameters
    ----------
    subject : str
        Which object.
    manifest : Manifest or None
        With what `requires` says; None: nothing is known.
    codec : Codec
        What will read it.

    Raises
    ------
    MissingDependencyError
        A library that the codec reads with is not installed.

    Warns
    -----
    LibraryVersionWarning
        Another major or minor version of a library is here; once for each pair of versions.

    Examples
    --------
    >>> manifest = Manifest(format="parquet", codec="parquet/1", sha256="", size=0,
    ...                     requires={"pandas": "0.1.0"})
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     check_libraries("object frame/a", manifest, codec_for("", manifest, "a"))
    >>> str(told[0].message).startswith("object frame/a was written with pandas 0.1.0, here is ")
    True
    """
    if manifest is None:
        return
    here = versions(list(manifest.requires))
    for library in (name for name in manifest.requires if name in codec.libraries):
        if library not in here and not _has_module(library):
            raise MissingDependencyError(
                library, f"{subject} (written with {library} {manifest.requires[library]})",
                _EXTRAS.get(library, library),
            )  # fmt: skip
    differing = [
        (f"{library} {wrote}", here[library])
        for library, wrote in manifest.requires.items()
        if library in here and wrote.split(".")[:2] != here[library].split(".")[:2]
    ]
    with _guard:
        new = [one for one in differing if one not in _told]
        _told.update(new)
    if new:
        said = ", ".join(f"{wrote}, here is {found}" for wrote, found in new)
        warnings.warn(LibraryVersionWarning(f"{subject} was written with {said}"), stacklevel=3)


def load(
    subject: str,
    lease: Lease,
    manifest: Manifest | None,
    codec: Codec,
    *,
    trusted: Trusted = False,
) -> Any:
    """Read an object out of its file.

    Parameters
    ----------
    subject : str
        Which object.
    lease : Lease
        Of the file, complete and checked.
    manifest : Manifest or None
        Of the object.
    codec : Codec
        From `codec_for`.
    trusted : bool or sequence of str, default False
        As in `Loading`.

    Returns
    -------
    object
        What was published.

    Raises
    ------
    UntrustedDataError, LoadError, MissingDependencyError
        As `Registry.load`.

    Examples
    --------
    >>> with Lease.temporary("a.bin") as lease:
    ...     _ = lease.path.write_bytes(b"data")
    ...     load("object example/a", lease, None, codec_for("", None, "a"))
    b'data'
    """
    how = Loading(
        subject=subject,
        folder=lease.folder,
        trusted=trusted,
        type=manifest.type if manifest is not None else "",
        mapped=lease.mapped,
    )
    return default_registry().load(codec, lease.path, how)


def _has_module(library: str) -> bool:
    """Whether another distribution brings its module."""
    stem = _VARIANT.sub("", library.lower())
    names = {_MODULES.get(library.lower(), stem), stem.replace("-", "_")}
    return any(name.isidentifier() and find_spec(name) is not None for name in names)

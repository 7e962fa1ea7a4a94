"""Which codec takes an object, and which one reads a format."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from syncnb.errors import ModelError, NoCodecError, SettingsError, UntrustedDataError

ENTRY_POINTS = "syncnb.codecs"
Trusted = bool | Sequence[str]  # True, or the names of the types that may be loaded


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How data are to be loaded.

    Parameters
    ----------
    subject : str
        Which object, for errors.
    folder : Path
        Where a codec may unpack files; there as long as what was loaded is used.
    trusted : bool or sequence of str, default False
        True, or the names of the types that may be loaded, for formats that can hold code.
    type : str, default ""
        Python type of what was published, such as ``"polars.dataframe.frame.DataFrame"``; from the
        manifest, so it is a hint and nothing to rely on.
    mapped : bool, default False
        Whether the file stays where it is, so that it may be mapped into memory.
    limit : int, default 16 GiB
        Bytes that the data may unpack to, in memory or in ``folder``.

    Examples
    --------
    >>> Loading(subject="object note/a", folder=Path("/tmp")).trusted
    False
    """

    subject: str
    folder: Path
    trusted: Trusted = False
    type: str = ""
    mapped: bool = False
    limit: int = 16 << 30


class Codec(Protocol):
    """One format.

    Attributes
    ----------
    name : str
        Of the format, such as ``"parquet"``; with `version` it travels in the manifest.
    version : int
        Grows when older readers could not read what is written.
    suffix : str
        Of its files, such as ``".parquet"``.
    libraries : sequence of str
        Distributions whose versions a reader should know.
    executes : bool
        Whether loading can run code that came with the data: `Registry.load` then wants the
        caller's word, and `load` is not called without it.

    Notes
    -----
    A codec may have ``sequential = True`` if `dump` writes the file from its first byte to its last
    and never goes back: the digest is then computed while it writes.

    Examples
    --------
    >>> class Text:
    ...     name, version, suffix = "text", 1, ".txt"
    ...     libraries = ()
    ...     executes = False
    ...
    ...     def accepts(self, obj):
    ...         return isinstance(obj, str)
    ...
    ...     def check(self, obj):
    ...         pass
    ...
    ...     def dump(self, obj, path):
    ...         path.write_text(obj, "utf-8")
    ...
    ...     def load(self, path, how):
    ...         return path.read_text("utf-8")
    >>> registry = Registry()
    >>> registry.add(Text())
    >>> registry.for_object("hello").name
    'text'
    """

    name: str
    version: int
    suffix: str
    libraries: Sequence[str]
    executes: bool

    def accepts(self, obj: object) -> bool:
        """Whether it writes such objects; looks, and imports nothing."""

    def check(self, obj: Any) -> None:
        """Refuse an object that makes no sense to publish, such as an unfitted model."""

    def dump(self, obj: Any, path: Path) -> None:
        """Write an object into a file."""

    def load(self, path: Path, how: Loading) -> Any:
        """Read an object out of a file.

        Raises
        ------
        UntrustedDataError
            It could run code, and ``how.trusted`` does not cover that.
        LoadError
            The library of the format refuses the data.
        MissingDependencyError
            That library is not installed.
        """


@runtime_checkable
class Predicts(Protocol):
    """A codec of models that can be asked for a prediction, so that a receiver can compare.

    Examples
    --------
    >>> isinstance(default_registry().for_format("bytes"), Predicts)
    False
    """

    def predict(self, model: Any, rows: Any) -> Any:
        """What a loaded model says to some rows of its input, as a numpy array."""


@runtime_checkable
class OnRequest(Protocol):
    """A codec that also writes what it does not take unasked.

    Examples
    --------
    >>> isinstance(default_registry().for_format("pickle"), OnRequest)
    True
    """

    def accepts_on_request(self, obj: object) -> bool:
        """Whether it writes such objects if its format is named; looks, and imports nothing."""


class Registry:
    """The codecs, asked in the order in which they were added.

    Examples
    --------
    >>> "parquet" in default_registry().names
    True
    """

    def __init__(self) -> None:
        self._codecs: dict[str, Codec] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The formats."""
        return tuple(self._codecs)

    def add(self, codec: Codec) -> None:
        """Add a codec.

        Parameters
        ----------
        codec : Codec
            Of a format that no other codec has.

        Raises
        ------
        SettingsError
            There is another one for its format.
        """
        if codec.name in self._codecs:
            raise SettingsError(
                "codec", f"{codec.name!r} is there already", "give the format another name"
            )
        self._codecs[codec.name] = codec

    def for_object(self, obj: object, format: str | None = None) -> Codec:  # noqa: A002
        """The codec that writes an object.

        Parameters
        ----------
        obj : object
            What is to be published.
        format : str, optional
            The codec of this format.

        Returns
        -------
        Codec
            The first that takes it.

        Raises
        ------
        NoCodecError
            None does.
        ModelError
            There is no such format, or it cannot hold the object.
        """
        subject = f"a {type(obj).__module__}.{type(obj).__qualname__}"
        takers = [codec for codec in self._codecs.values() if codec.accepts(obj)]
        if format is None and takers:
            return takers[0]
        if format is not None:
            takers += [
                codec
                for codec in self._codecs.values()
                if isinstance(codec, OnRequest)
                and codec not in takers
                and codec.accepts_on_request(obj)
            ]
            for codec in takers:
                if codec.name == format:
                    return codec
            raise ModelError(
                subject,
                f"it cannot be published as {format!r}",
                f"give one of format={', '.join(repr(codec.name) for codec in takers)}",
            )
        raise NoCodecError(
            subject,
            f"no codec writes it (there are {', '.join(self._codecs)})",
            "save it with its own library and use publish_file, give format='pickle' if all who "
            f"load it trust you, or add a codec through the entry point {ENTRY_POINTS!r}",
        )

    def for_format(self, name: str) -> Codec | None:
        """The codec of a format, or None."""
        return self._codecs.get(name)

    def for_suffix(self, suffix: str) -> Codec | None:
        """The codec of files that are named so, or None."""
        found = (c for c in self._codecs.values() if suffix and c.suffix == suffix)
        return next(found, None)

    def load(self, codec: Codec, path: Path, how: Loading) -> Any:
        """Read an object out of a file, if nothing of it can run without the caller's word.

        Raises
        ------
        UntrustedDataError
            The format can hold code, and ``how.trusted`` is not True.
        LoadError, MissingDependencyError
            As `Codec.load`.
        """
        if codec.executes and how.trusted is not True:
            raise UntrustedDataError(
                how.subject,
                f"it is a {codec.name} file, which can run any code when it is loaded",
                "if you trust its publisher, load(trusted=True)",
            )
        return codec.load(path, how)


@lru_cache(maxsize=1)
def default_registry() -> Registry:
    """The codecs of syncnb and those that installed distributions bring.

    Returns
    -------
    Registry
        Made once.

    Examples
    --------
    >>> default_registry().for_object(b"bytes").name
    'bytes'
    """
    from syncnb.codecs.arrays import Npy, Npz
    from syncnb.codecs.arrow import Arrow
    from syncnb.codecs.catboost import CatBoost
    from syncnb.codecs.csv import Csv
    from syncnb.codecs.files import Bytes, File
    from syncnb.codecs.folders import Folder
    from syncnb.codecs.keras import Keras
    from syncnb.codecs.lightgbm import LightGBM
    from syncnb.codecs.onnx import Onnx
    from syncnb.codecs.parquet import Parquet
    from syncnb.codecs.pickles import CloudPickle, Joblib, Pickle
    from syncnb.codecs.sklearn import Skops
    from syncnb.codecs.statistical import Statsmodels
    from syncnb.codecs.tensors import Safetensors
    from syncnb.codecs.texts import Text
    from syncnb.codecs.torch_programs import TorchExport, TorchScript
    from syncnb.codecs.transformers import Transformers
    from syncnb.codecs.values import Json
    from syncnb.codecs.xgboost import XGBoost

    tables = (Parquet(), Arrow(), Csv())
    boosting = (XGBoost(), LightGBM(), CatBoost())  # before Skops: these are estimators too
    models = (Onnx(), Skops(), Statsmodels())  # before files: a path can be that of a model
    nets = (Keras(), Transformers(), TorchScript(), TorchExport(), Safetensors())  # Keras: a Module
    arrays = (Npy(), Npz())  # a dict of arrays of numpy is no state of a net
    data = (Folder(), File(), Text(), Json(), Bytes())
    pickles = (Joblib(), Pickle(), CloudPickle())
    codecs: tuple[Codec, ...] = (*tables, *arrays, *boosting, *models, *nets, *data, *pickles)
    registry = Registry()
    for codec in codecs:
        registry.add(codec)
    for point in entry_points(group=ENTRY_POINTS):
        registry.add(point.load()())
    return registry


def is_instance(obj: object, module: str, name: str) -> bool:
    """Whether `obj` is an instance of a class of a library, without importing that.

    Whoever holds an instance has imported the library.

    Examples
    --------
    >>> from pathlib import Path
    >>> is_instance(Path("."), "pathlib", "Path")
    True
    """
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(obj, kind)


def versions(libraries: Sequence[str]) -> Mapping[str, str]:
    """Installed version of each of these distributions that is installed."""
    found = {}
    for library in libraries:
        try:
            found[library] = _version(library)
        except PackageNotFoundError:
            continue
    return found


_version = lru_cache(version)  # to find it, Python reads folders

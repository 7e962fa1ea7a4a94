"""Which codec takes an object, and which one reads a format."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any, Protocol

from syncnb.errors import NoCodecError, SettingsError

ENTRY_POINTS = "syncnb.codecs"
Trusted = bool | Sequence[str]  # True, or the names of the types that may be loaded


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

    Examples
    --------
    >>> class Text:
    ...     name, version, suffix = "text", 1, ".txt"
    ...     libraries = ()
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
    ...     def load(self, path, *, subject, trusted):
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

    def accepts(self, obj: object) -> bool:
        """Whether it writes such objects; looks, and imports nothing."""

    def check(self, obj: Any) -> None:
        """Refuse an object that makes no sense to publish, such as an unfitted model."""

    def dump(self, obj: Any, path: Path) -> None:
        """Write an object into a file."""

    def load(self, path: Path, *, subject: str, trusted: Trusted) -> Any:
        """Read an object out of a file; never run code of it unless it is trusted."""


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

    def for_object(self, obj: object) -> Codec:
        """The codec that writes an object.

        Parameters
        ----------
        obj : object
            What is to be published.

        Returns
        -------
        Codec
            The first that takes it.

        Raises
        ------
        NoCodecError
            None does.
        """
        for codec in self._codecs.values():
            if codec.accepts(obj):
                return codec
        kind = type(obj)
        raise NoCodecError(
            f"a {kind.__module__}.{kind.__qualname__}",
            f"no codec writes it (there are {', '.join(self._codecs)})",
            "save it with its own library and use publish_file, or add a codec through the entry "
            f"point {ENTRY_POINTS!r}",
        )

    def for_format(self, name: str) -> Codec | None:
        """The codec of a format, or None."""
        return self._codecs.get(name)

    def for_suffix(self, suffix: str) -> Codec | None:
        """The codec of files that are named so, or None."""
        found = (c for c in self._codecs.values() if suffix and c.suffix == suffix)
        return next(found, None)


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
    from syncnb.codecs.files import Bytes, File
    from syncnb.codecs.frames import Parquet
    from syncnb.codecs.pickles import Joblib
    from syncnb.codecs.sklearn import Skops

    registry = Registry()
    for codec in (Parquet(), Skops(), File(), Bytes(), Joblib()):
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
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found

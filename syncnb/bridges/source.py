"""What a bridge found: the object or the file, and what is known of it there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncnb.codecs import Codec, default_registry
from syncnb.codecs.registry import Loading
from syncnb.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class Source:
    """Something to publish, with what goes into its manifest unless the caller says otherwise.

    Parameters
    ----------
    obj : object
        The object, or a `pathlib.Path` to its file or folder.
    codec : Codec, optional
        What writes it; by default the one that the registry finds.
    name, version : str
        As they are where it was found.
    metrics, params, extra, signature : mapping
        Fields of the manifest.

    Examples
    --------
    >>> Source(obj=b"data").name
    ''
    """

    obj: Any = field(repr=False)
    codec: Codec | None = field(default=None, repr=False)
    name: str = ""
    version: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    signature: Mapping[str, Any] = field(default_factory=dict)


def form_of(path: Path) -> Codec | None:
    """What publishes a file in the form that its name says.

    Parameters
    ----------
    path : Path
        Of the file.

    Returns
    -------
    Codec or None
        The codec of its suffix, if that takes paths; otherwise one that sends the file as it is,
        under the format of that codec. None if no codec has the suffix.

    Examples
    --------
    >>> form_of(Path("model.skops")).name
    'skops'
    >>> print(form_of(Path("notes.doc")))
    None
    """
    codec = default_registry().for_suffix(path.suffix)
    return codec if codec is None or codec.accepts(path) else FileForm(codec)


class FileForm:
    """A file that is in the form of a codec already, and travels as it is.

    Parameters
    ----------
    codec : Codec
        Whose form it is.

    Examples
    --------
    >>> FileForm(default_registry().for_format("parquet")).suffix
    '.parquet'
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.name, self.version, self.suffix = codec.name, codec.version, codec.suffix
        self.libraries: Sequence[str] = codec.libraries
        self.executes = codec.executes
        self.in_place = self.sequential = True

    def accepts(self, obj: object) -> bool:
        """Whether it is a path."""
        return isinstance(obj, Path)

    def check(self, obj: Path) -> None:
        """Refuse what is no file."""
        if not obj.is_file():
            raise ModelError(f"the file {obj.name!r}", "it is not there", "name a file that exists")

    def dump(self, obj: Path, path: Path) -> None:
        """Copy it."""
        shutil.copyfile(obj, path)

    def load(self, path: Path, how: Loading) -> Any:
        """As the codec does."""
        return self._codec.load(path, how)

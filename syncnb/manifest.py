"""What travels beside the data, in the description, so that a receiver can check and load.

The form is decision 1 of the design: compact JSON, ``{"text": ..., "syncnb": {...}}``, of at most
8 KB.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from importlib.resources import files
from typing import Any, Self

from syncnb.errors import InvalidManifestError, InvalidMetaDataError
from syncnb.metadata import ObjectMetaData
from syncnb.metadata.times import format_time, in_utc, parse_time

MAX_SIZE = 8 * 1024  # bytes of the description
_REQUIRED = ("format", "codec", "sha256", "size")
_KINDS: Mapping[str, type] = {
    "size": int,
    "sequence": int,
    "rollback": bool,
    "sbom": list,
} | dict.fromkeys(("requires", "signature", "metrics", "params", "extra", "example"), dict)
_TIMES = ("published", "expires")
_PROTOCOL = 1  # of the manifest; grows when an older reader would misread it


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What an object is and how to load it.

    Parameters
    ----------
    format : str
        Form of the data, such as ``"parquet"``.
    codec : str
        Codec and its version, such as ``"parquet/1"``.
    sha256 : str
        Digest of the data, in hexadecimal.
    size : int
        Bytes of the data.
    name, version : str
        Of what was published.
    file_name : str
        A name for the data as a file.
    type : str
        Python type of what was published, such as ``"sklearn.svm._classes.SVC"``.
    python : str
        Python version of the publisher.
    requires : mapping of str to str
        Library -> version that wrote the data.
    signature : mapping
        Names, dtypes and shapes of the example input.
    metrics, params, extra : mapping
        For people and programs; JSON values.
    org_id, object_type, object_id : str
        The object that it was published as; a signature binds them.
    sequence : int
        Grows with each publication of the object; 0 if the publisher did not count.
    rollback : bool
        Whether an older version is meant.
    published, expires : datetime, optional
        Aware. When it was published, and until when a receiver may take it for the newest.
    commit : str
        Of the code that made it, in git.
    sbom : sequence of str
        What was installed at the publisher, such as ``"numpy==2.3.0"``.
    example : mapping
        Input and output of a model, for a receiver to compare with.
    text : str
        Description for people.

    Examples
    --------
    >>> manifest = Manifest(format="file", codec="file/1", sha256="0" * 64, size=3, text="a <b>")
    >>> Manifest.from_description(manifest.to_description()) == manifest
    True
    """

    format: str
    codec: str
    sha256: str
    size: int
    name: str = ""
    version: str = ""
    file_name: str = ""
    type: str = ""
    python: str = ""
    requires: Mapping[str, str] = field(default_factory=dict)
    signature: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    org_id: str = ""
    object_type: str = ""
    object_id: str = ""
    sequence: int = 0
    rollback: bool = False
    published: datetime | None = None
    expires: datetime | None = None
    commit: str = ""
    sbom: Sequence[str] = ()
    example: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sbom", tuple(self.sbom))
        for name in _TIMES:
            if (moment := getattr(self, name)) is not None:
                object.__setattr__(self, name, in_utc(name, moment))

    def to_description(self) -> str:
        """The description of an object that has this manifest.

        Returns
        -------
        str
            JSON, at most `MAX_SIZE` bytes; services refuse ``<`` and ``>``, so they are escaped.

        Raises
        ------
        InvalidMetaDataError
            A value is not JSON, or all of them are too large; the field is named.

        Examples
        --------
        >>> manifest = Manifest(format="file", codec="file/1", sha256="", size=3)
        >>> manifest.to_description()
        '{"text":"","syncnb":{"manifest":1,"format":"file","codec":"file/1","sha256":"","size":3}}'
        """
        description, sizes = self._written()
        if len(description.encode()) > MAX_SIZE:
            largest = max(sizes, key=sizes.__getitem__)
            raise InvalidMetaDataError(
                largest,
                self.text if largest == "description" else getattr(self, largest),
                f"the manifest may have {MAX_SIZE} bytes in all, this alone has {sizes[largest]}: "
                "shorten it, or publish it as a file of its own",
            )
        return description

    def size_of_description(self) -> int:
        """How long the description is, also if it is too long.

        Returns
        -------
        int
            Bytes; `MAX_SIZE` are taken.

        Raises
        ------
        InvalidMetaDataError
            A value is not JSON.

        Examples
        --------
        >>> Manifest(format="file", codec="file/1", sha256="", size=3).size_of_description()
        89
        """
        return len(self._written()[0].encode())

    def _written(self) -> tuple[str, dict[str, int]]:
        """The description, and how long each part of it is."""
        values = {
            name: format_time(value) if name in _TIMES else value
            for name, value in asdict(self).items()
            if name in _REQUIRED or (value and name != "text")
        }
        sizes = {name: len(_dump(name, value)) for name, value in values.items()}
        document = {"text": self.text, "syncnb": {"manifest": _PROTOCOL, **values}}
        return _dump("manifest", document), {**sizes, "description": len(self.text)}

    @classmethod
    def from_description(cls, description: str) -> Self | None:
        """Read the manifest out of a description.

        Parameters
        ----------
        description : str
            Of an object.

        Returns
        -------
        Manifest or None
            None if the object was published without one.

        Raises
        ------
        InvalidManifestError
            There is one, but it cannot be read.

        Examples
        --------
        >>> print(Manifest.from_description("written by another tool"))
        None
        """
        if not description.startswith("{"):
            return None
        claims = '"syncnb":' in description
        if claims and len(description.encode(errors="replace")) > MAX_SIZE:
            raise _broken("it is larger than 8 KB")
        try:
            document = json.loads(description)
        except (ValueError, RecursionError):
            if claims:
                raise _broken("it is no JSON") from None
            return None
        if not isinstance(document, dict) or "syncnb" not in document:
            return None
        values = document["syncnb"]
        if len(description.encode(errors="replace")) > MAX_SIZE or not isinstance(values, dict):
            raise _broken("it is larger than 8 KB or not a JSON object")
        if values.get("manifest", _PROTOCOL) != _PROTOCOL:
            raise _broken(f"it has version {values['manifest']!r}, this syncnb knows {_PROTOCOL}")
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        _check(known)
        times = {name: _time(name, known[name]) for name in _TIMES if name in known}
        return cls(**known | times | {"text": str(document.get("text") or "")})

    @staticmethod
    def schema() -> dict[str, Any]:
        """What a description with a manifest looks like, for other programs.

        Returns
        -------
        dict
            JSON Schema (draft 2020-12); also the file ``manifest.schema.json`` of this package.

        Examples
        --------
        >>> Manifest.schema()["$id"]
        'urn:syncnb:manifest:1'
        """
        text = files("syncnb").joinpath("manifest.schema.json").read_text("utf-8")
        schema: dict[str, Any] = json.loads(text)
        return schema

    def check_size(self, meta_data: ObjectMetaData) -> None:
        """Refuse a manifest that lies about the size of the data.

        Parameters
        ----------
        meta_data : ObjectMetaData
            Of the object; a service that does not know the size says 0.

        Raises
        ------
        InvalidManifestError
            The service has another number of bytes.

        Examples
        --------
        >>> manifest = Manifest(format="file", codec="file/1", sha256="0" * 64, size=3)
        >>> manifest.check_size(ObjectMetaData(object_type="a", object_id="b", object_size=3))
        """
        if meta_data.object_size not in (0, self.size):
            raise _broken(
                f"it says that the data have {self.size} bytes, they have {meta_data.object_size}"
            )


def _check(known: Mapping[str, Any]) -> None:
    for name, value in known.items():
        if type(value) is not _KINDS.get(name, str):
            raise _broken(f"its {name} is {value!r:.60}")
    if not all(isinstance(one, str) for one in known.get("sbom", ())):
        raise _broken("its sbom is no list of texts")
    for name in _REQUIRED:
        if name not in known:
            raise _broken(f"it has no {name}")


def _time(name: str, text: str) -> datetime:
    moment = parse_time(text)
    if moment is None:
        raise _broken(f"its {name} is {text!r:.60}")
    return moment


def _broken(problem: str) -> InvalidManifestError:
    return InvalidManifestError(
        "the manifest of the object", problem, "publish the object again, with this syncnb or later"
    )


def _dump(field_name: str, value: object) -> str:
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidMetaDataError(
            field_name, value, f"use values that JSON has ({error})"
        ) from error
    return text.replace("<", "\\u003c").replace(">", "\\u003e")

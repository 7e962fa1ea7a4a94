"""What skops makes of an estimator before it is a file, and of a file that has been looked at."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from zipfile import ZipFile

_SCHEMA = "schema.json"


class Parts(NamedTuple):
    """A schema and, by their names, the files that it names."""

    schema: dict[str, Any]
    files: dict[str, Any]  # bytes-like, and may be written to


def parts_of(obj: Any) -> Parts:
    """Everything that `skops.io.dump` would write.

    That function spends most of its time on the indentation of its schema, which nobody reads. So
    skops is asked for the state of the object in the way in which it asks itself; where a version
    of it has another way, its file is read again.

    Parameters
    ----------
    obj : object
        An estimator.

    Returns
    -------
    Parts
        Nothing else refers to it.

    Raises
    ------
    skops.io.exceptions.UnsupportedTypeException, AttributeError, TypeError
        skops cannot hold a part of it.

    Examples
    --------
    >>> parts = parts_of([b"some"])
    >>> parts.schema["__class__"], [bytes(one) for one in parts.files.values()]
    ('list', [b'some'])
    """
    try:
        import skops
        from skops.io._utils import SaveContext, get_state
    except ImportError:
        return _read_again(obj)
    members = _Members()
    context = SaveContext(zip_file=members)
    state = get_state(obj, context)
    state["protocol"] = context.protocol
    state["_skops_version"] = skops.__version__
    return Parts(json.loads(json.dumps(state)), members.files)


class _Members:
    """As much of a ZIP archive as skops writes into."""

    def __init__(self) -> None:
        self.files: dict[str, Any] = {}

    def namelist(self) -> Collection[str]:
        return self.files.keys()

    def writestr(self, name: str, data: Any) -> None:
        self.files[name] = data


def _read_again(obj: Any) -> Parts:
    from skops.io import dump

    data = io.BytesIO()
    dump(obj, data)
    with ZipFile(data) as archive:
        files = {name: bytearray(archive.read(name)) for name in archive.namelist()}
    return Parts(json.loads(files.pop(_SCHEMA)), files)


def made_of(schema: Mapping[str, Any], archive: ZipFile, trusted: Sequence[str]) -> Any:
    """What `skops.io.load` would make of a file, audit included.

    That function reads the schema once more, which takes a fifth of its time; where a version of
    skops has another way than this one, it is called.

    Parameters
    ----------
    schema : mapping
        The schema of the file.
    archive : zipfile.ZipFile
        The file, for its arrays.
    trusted : sequence of str
        The types and functions that may be in it beside those that skops vouches for. The fewer,
        the faster: skops goes over them at each value of a file.

    Returns
    -------
    object
        An estimator, or what else was written.

    Raises
    ------
    skops.io.exceptions.UntrustedTypesFoundException
        There are others in it.
    AttributeError, LookupError, OSError, TypeError, ValueError, ...
        It is damaged or forged; nobody has listed what skops and numpy raise then.
    """
    try:
        from skops.io._audit import audit_tree, get_tree
        from skops.io._utils import read_schema
    except ImportError:
        from skops.io import load

        return load(archive.filename, trusted=trusted)
    _, context = read_schema(_Protocol(schema))
    tree = get_tree(schema, replace(context, src=archive), trusted=trusted)
    audit_tree(tree, trusted=trusted)
    return tree.construct()


class _Protocol:
    """As much of a skops file as tells how to read it; the rest has been read."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def read(self, _: str) -> str:
        return json.dumps({"protocol": self.schema.get("protocol")})

"""A skops file that is the same, byte for byte, each time the same model is written."""

from __future__ import annotations

import io
import json
import math
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

from syncnb.codecs.npy import read_header
from syncnb.codecs.skops_parts import Parts
from syncnb.codecs.zips import entry

if TYPE_CHECKING:
    import numpy as np

_SCHEMA = "schema.json"
_START = 64  # bytes of a .npy file that show whether its array has fields
_ADDRESS = "_stop_words_id"  # of a text vectorizer: id() of a list, in the process of its publisher


def canonical(parts: Parts, path: Path) -> dict[str, Any]:
    """Write what skops makes of a model, without what is of the process and the moment.

    Skops numbers the objects of a model by their addresses in memory, names the files of its
    archive after them or at random, writes sets in the order of their hashes, dates its entries,
    and keeps what lay in memory between the fields of a tree's nodes. Here objects are numbered in
    their order, equal values that cannot change get one number, sets are sorted, the date is fixed,
    the gaps are zero: so a model that was published before is known by its digest. What
    ``skops.io.load`` makes of it is the same.

    Parameters
    ----------
    parts : Parts
        As skops made them; they are used up.
    path : Path
        Where it goes.

    Returns
    -------
    dict
        Its schema.

    Examples
    --------
    >>> import tempfile
    >>> from skops.io import load
    >>> from syncnb.codecs.skops_parts import parts_of
    >>> with tempfile.TemporaryDirectory() as name:
    ...     one, two = (Path(name) / part for part in "ab")
    ...     _ = canonical(parts_of({"some": {"a", "set"}}), one)
    ...     _ = canonical(parts_of({"some": {"set", "a"}}), two)
    ...     one.read_bytes() == two.read_bytes(), load(one) == {"some": {"a", "set"}}
    (True, True)
    """
    schema = parts.schema
    nodes = _nodes(schema)
    if _sort_sets(nodes, parts):
        nodes = _nodes(schema)  # in another order
    with ZipFile(path, "w") as target:
        for old, new in _number(nodes).items():
            data = parts.files.pop(old)
            if new.endswith(".npy"):
                _zero_gaps(data)
            target.writestr(entry(new), data)
        target.writestr(entry(_SCHEMA), json.dumps(schema, separators=(",", ":")))
    return schema


def _zero_gaps(data: Any) -> None:
    """What lies between the fields of a structured array becomes zero."""
    if b"'descr': [(" not in bytes(data[:_START]):
        return
    import numpy as np

    file = io.BytesIO(data)
    dtype = read_header(file).dtype
    items = np.frombuffer(data, np.uint8, offset=file.tell()).reshape(-1, dtype.itemsize)
    items[:, _gaps(dtype)] = 0


def _gaps(dtype: np.dtype[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Of each byte of an item, whether it is of no field."""
    import numpy as np

    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.tile(_gaps(base), math.prod(shape))
    gaps = np.full(dtype.itemsize, dtype.fields is not None)
    for field, at, *_ in (dtype.fields or {}).values():
        gaps[at : at + field.itemsize] = _gaps(field)
    return gaps


def _nodes(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of a schema, a node before its parts."""
    nodes: list[dict[str, Any]] = []
    left: list[Any] = [schema]
    while left:
        found = left.pop()
        if type(found) is dict:  # as json makes them; in a vocabulary are a hundred thousand
            if "__loader__" in found:
                nodes.append(found)
            parts: Any = found.values()
        else:
            parts = found
        left += [part for part in reversed(parts) if type(part) is dict or type(part) is list]
    return nodes


def _sort_sets(nodes: Iterable[dict[str, Any]], parts: Parts) -> bool:
    """Whether there are any."""
    sets = [node for node in nodes if node["__class__"] in ("set", "frozenset")]
    for node in reversed(sets):  # inner ones first
        items = node["content"]
        if node["__class__"] == "frozenset":  # made of a list that is its only argument
            items = items["content"][0]["content"]
        if isinstance(items, list):
            items.sort(key=lambda item: _without_numbers(item, parts))
    return bool(sets)


def _without_numbers(item: dict[str, Any], parts: Parts) -> str:
    def look(node: dict[str, Any]) -> dict[str, Any]:
        node.pop("__id__", None)
        if isinstance(name := node.get("file"), str):
            node["file"] = zlib.crc32(parts.files[name])
        return node

    return json.dumps(json.loads(json.dumps(item), object_hook=look), sort_keys=True)


def _number(nodes: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Number the nodes in their order; the names of the files, old and new."""
    numbers: dict[Any, int] = {}
    names: dict[str, str] = {}
    for node in nodes:
        parts = node["content"] if node["__loader__"] == "DictNode" else {}
        if parts.get(_ADDRESS, {}).get("__loader__") == "JsonNode":
            parts[_ADDRESS]["content"] = "0"
        if "__id__" in node:
            value = (
                ("value", node["content"]) if node["__loader__"] == "JsonNode" else node["__id__"]
            )
            node["__id__"] = numbers.setdefault(value, len(numbers) + 1)  # skops takes 0 for none
        if isinstance(old := node.get("file"), str):
            node["file"] = names.setdefault(old, f"{len(names)}{Path(old).suffix}")
    return names

"""A skops file that is the same, byte for byte, each time the same model is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from syncnb.codecs.zips import entry

_SCHEMA = "schema.json"
_HOLDERS = (dict, list)  # of other parts of a schema
_START = 64  # bytes of a .npy file that show whether its array has fields
_ADDRESS = "_stop_words_id"  # of a text vectorizer: id() of a list, in the process of its publisher


def canonical(rough: Path, path: Path) -> dict[str, Any]:
    """Write a skops file again, without what is of the process and the moment that wrote it.

    Skops numbers the objects of a model by their addresses in memory, names the files of its
    archive after them or at random, writes sets in the order of their hashes, dates its entries,
    and keeps what lay in memory between the fields of a tree's nodes. Here objects are numbered in
    their order, equal values that cannot change get one number, sets are sorted, the date is fixed,
    the gaps are zero: so a model that was published before is known by its digest. What
    ``skops.io.load`` makes of it is the same.

    Parameters
    ----------
    rough : Path
        As skops wrote it.
    path : Path
        Where it goes; another file.

    Returns
    -------
    dict
        Its schema.

    Examples
    --------
    >>> import tempfile
    >>> from skops.io import dump, load
    >>> with tempfile.TemporaryDirectory() as name:
    ...     rough, one, two = (Path(name) / part for part in "abc")
    ...     dump({"some": {"a", "set"}}, rough)
    ...     _ = canonical(rough, one)
    ...     dump({"some": {"set", "a"}}, rough)
    ...     _ = canonical(rough, two)
    ...     one.read_bytes() == two.read_bytes(), load(one) == {"some": {"a", "set"}}
    (True, True)
    """
    with ZipFile(rough) as source, ZipFile(path, "w") as target:
        schema = json.loads(source.read(_SCHEMA))
        _sort_sets(schema, source)
        for old, new in _number(schema).items():
            size = source.getinfo(old).file_size
            with source.open(old) as read, target.open(entry(new, size), "w") as written:
                _copy(read, written)
        target.writestr(entry(_SCHEMA), json.dumps(schema, separators=(",", ":")))
    return dict(schema)


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    """A file of the archive; what lies between the fields of a structured array is left behind."""
    start = source.read(_START)
    source.seek(0)
    if not (start.startswith(b"\x93NUMPY") and b"'descr': [" in start):
        shutil.copyfileobj(source, target, 1 << 20)
        return
    import numpy as np

    array = np.lib.format.read_array(source, allow_pickle=False)
    clean = np.zeros(array.shape, array.dtype, "F" if array.flags.fnc else "C")
    for name in array.dtype.names or ():
        clean[name] = array[name]
    np.lib.format.write_array(target, clean, allow_pickle=False)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every node of a schema, a node before its parts."""
    left = [value]
    while left:
        found = left.pop()
        if isinstance(found, dict):
            if "__loader__" in found:
                yield found
            parts: Any = found.values()
        else:
            parts = found
        left += [part for part in reversed(parts) if isinstance(part, _HOLDERS)]


def _sort_sets(schema: dict[str, Any], archive: ZipFile) -> None:
    sets = [node for node in _nodes(schema) if node["__class__"] in ("set", "frozenset")]
    for node in reversed(sets):  # inner ones first
        items = node["content"]
        if node["__class__"] == "frozenset":  # made of a list that is its only argument
            items = items["content"][0]["content"]
        if isinstance(items, list):
            items.sort(key=lambda item: _without_numbers(item, archive))


def _without_numbers(item: dict[str, Any], archive: ZipFile) -> str:
    def look(node: dict[str, Any]) -> dict[str, Any]:
        node.pop("__id__", None)
        if isinstance(name := node.get("file"), str):
            node["file"] = archive.getinfo(name).CRC
        return node

    return json.dumps(json.loads(json.dumps(item), object_hook=look), sort_keys=True)


def _number(schema: dict[str, Any]) -> dict[str, str]:
    """Number the nodes in their order; the names of the files, old and new."""
    numbers: dict[Any, int] = {}
    names: dict[str, str] = {}
    for node in _nodes(schema):
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

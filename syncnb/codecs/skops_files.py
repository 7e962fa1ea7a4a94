"""skops files of the same model with the same bytes.

skops names what is in a file by places in memory and random numbers, and notes the time. A model
that is published once more, as by a cell of a notebook that runs again, would come as another one.
So would a forest that is fitted again: between the fields of its nodes is what was in memory.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from syncnb.codecs.zips import entry

_SCHEMA = "schema.json"


def number(path: Path) -> None:
    """Number what a skops file names by chance, in the order in which it comes.

    Parameters
    ----------
    path : Path
        As skops has written it; it is replaced.

    Notes
    -----
    The ``__id__`` of two nodes are equal if they are one object, and say nothing else; ``file`` is
    the name of a member of the archive.

    Examples
    --------
    >>> import tempfile
    >>> from skops.io import dump
    >>> from sklearn.linear_model import LinearRegression
    >>> model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, other = Path(folder) / "one", Path(folder) / "other"
    ...     for path in (one, other):
    ...         dump(model, path)
    ...         number(path)
    ...     one.read_bytes() == other.read_bytes()
    True
    """
    part = path.with_name(f"{path.name}.part")
    with ZipFile(path) as source, ZipFile(part, "w") as target:
        files = [name for name in source.namelist() if name != _SCHEMA]
        names = {name: f"{at}{Path(name).suffix}" for at, name in enumerate(files, start=1)}
        for name in files:
            size = source.getinfo(name).file_size
            with source.open(name) as old, target.open(entry(names[name], size), "w") as new:
                if _has_fields(old):
                    _copy_fields(old, new)
                else:
                    shutil.copyfileobj(old, new, 1 << 20)
        target.writestr(entry(_SCHEMA), _numbered(source.read(_SCHEMA), names))
    part.replace(path)


def _has_fields(file: IO[bytes]) -> bool:
    """Whether a member is a numpy array of records; reads its header only."""
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        return read(file)[2].names is not None
    except ValueError:
        return False  # a file of scipy, or bytes
    finally:
        file.seek(0)


def _copy_fields(old: IO[bytes], new: IO[bytes]) -> None:
    """Copy an array of records with zeros between the fields."""
    import numpy as np
    from numpy.lib import format as npy

    array = npy.read_array(old)
    clean = np.zeros(array.shape, array.dtype, order="F" if array.flags.fnc else "C")
    for field in array.dtype.names or ():
        clean[field] = array[field]
    npy.write_array(new, clean)


def _numbered(schema: bytes, names: dict[str, str]) -> str:
    ids: dict[int, int] = {}

    def renamed(node: dict[str, Any]) -> dict[str, Any]:
        # What a model has under these keys itself is a node, no number and no text.
        if isinstance(known := node.get("__id__"), int):
            node["__id__"] = ids.setdefault(known, len(ids) + 1)
        if isinstance(name := node.get("file"), str):
            node["file"] = names[name]
        return node

    return json.dumps(json.loads(schema, object_hook=renamed), indent=2)

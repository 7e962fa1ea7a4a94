"""Where the data of an object are saved: never where those of another one are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from syncnb.metadata import ObjectMetaData


def own_place(folder: Path, name: str, meta_data: ObjectMetaData) -> Path:
    """The file in a folder that an object may write: a new one, or that of its older versions.

    Parameters
    ----------
    folder : Path
        It is there.
    name : str
        What the file is called if nobody else has the name.
    meta_data : ObjectMetaData
        Of the object.

    Returns
    -------
    Path
        The same for each version of the object, as long as `name` is.

    Raises
    ------
    OSError
        The note of whose it is cannot be read or written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> one, other = (ObjectMetaData(object_type="file", object_id=name) for name in ("ma", "mb"))
    >>> with TemporaryDirectory() as folder:
    ...     [own_place(Path(folder), "m.bin", each).name for each in (one, other, one)]
    ['m.bin', 'mb-m.bin', 'm.bin']
    """
    owner = json.dumps([meta_data.object_type, meta_data.object_id])
    return next(
        place
        for place in (folder / possible for possible in _names(name, meta_data))
        if _belongs(place, owner)
    )


def _names(name: str, meta_data: ObjectMetaData) -> Iterator[str]:
    # A foreign service may send anything for an ID; it becomes a part of a name, never of a path.
    kind, own = (
        re.sub(r"[^\w.@-]", "_", value) for value in (meta_data.object_type, meta_data.object_id)
    )
    yield name
    yield f"{own}-{name}"
    yield f"{kind}-{own}-{name}"
    for number in count(2):
        yield f"{kind}-{own}-{number}-{name}"


def _belongs(place: Path, owner: str) -> bool:
    """Whether a file is the owner's; one that is not there becomes it."""
    note = place.with_name(f".{place.name}.object")
    if not place.exists():
        try:
            with note.open("x", encoding="utf-8") as file:  # of two at a time, one succeeds
                file.write(owner)
        except FileExistsError:
            pass  # somebody's, whose file is not written yet or was moved away
        else:
            return True
    try:
        return note.read_text("utf-8") == owner
    except (FileNotFoundError, UnicodeDecodeError):
        return False

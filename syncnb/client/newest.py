"""Of several objects that carry versions of the same thing, the newest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from syncnb.errors import InvalidManifestError
from syncnb.manifest import Manifest

if TYPE_CHECKING:
    from syncnb.metadata import ObjectMetaData

NameOf = Callable[["ObjectMetaData"], object]


def name_of(meta_data: ObjectMetaData) -> str:
    """What an object carries a version of: the name in its manifest, else its own ID.

    Parameters
    ----------
    meta_data : ObjectMetaData
        Of the object.

    Returns
    -------
    str
        Equal for versions of the same thing.

    Examples
    --------
    >>> from syncnb import ObjectMetaData
    >>> name_of(ObjectMetaData(object_type="model", object_id="defects-7"))
    'defects-7'
    """
    try:
        manifest = Manifest.from_description(meta_data.description)
    except InvalidManifestError:
        manifest = None
    return (manifest.name if manifest is not None else "") or meta_data.object_id


def split_newest(
    found: Iterable[ObjectMetaData], name: NameOf
) -> tuple[list[ObjectMetaData], list[ObjectMetaData]]:
    """The newest of each name, and the older ones.

    Parameters
    ----------
    found : iterable of ObjectMetaData
        What waits.
    name : callable
        Makes the name of metadata; hashable.

    Returns
    -------
    tuple of two lists of ObjectMetaData
        The newest by instance ID, which grows with time; deletions are always among them, since
        each concerns an object of its own.

    Examples
    --------
    >>> from syncnb import ObjectMetaData
    >>> of = lambda number: ObjectMetaData(
    ...     object_type="model", object_id=f"defects-{number}", instance_id=number)
    >>> newest, older = split_newest([of(1), of(3), of(2)], lambda meta: "defects")
    >>> [meta.object_id for meta in newest], [meta.object_id for meta in older]
    (['defects-3'], ['defects-1', 'defects-2'])
    """
    newest: list[ObjectMetaData] = []
    older: list[ObjectMetaData] = []
    seen: set[object] = set()
    for meta in sorted(found, key=lambda one: one.instance_id, reverse=True):
        if meta.deleted:
            newest.append(meta)
        elif (what := name(meta)) in seen:
            older.append(meta)
        else:
            seen.add(what)
            newest.append(meta)
    return newest[::-1], older[::-1]

"""What a loop has handed out already, so that nothing comes twice unasked."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncnb.metadata import ObjectMetaData

Key = tuple[str, str, int, bool]


def key_of(meta_data: ObjectMetaData) -> Key:
    """What makes an update a new one: type, ID, instance and whether it is a deletion.

    Examples
    --------
    >>> from syncnb import ObjectMetaData
    >>> key_of(ObjectMetaData(object_type="model", object_id="defects", instance_id=7))
    ('model', 'defects', 7, False)
    """
    return (
        meta_data.object_type,
        meta_data.object_id,
        meta_data.instance_id,
        meta_data.deleted,
    )


class Given:
    """The memory of one loop (rest-api.md, 9.1); used by one thread.

    Parameters
    ----------
    redeliver : float, optional
        Seconds after which an update that is still in the list comes again; None: never.

    Examples
    --------
    >>> from syncnb import ObjectMetaData
    >>> given, meta = Given(None), ObjectMetaData(object_type="model", object_id="defects")
    >>> given.note(meta)
    >>> given.is_due(meta)
    False
    """

    def __init__(self, redeliver: float | None) -> None:
        self._redeliver = math.inf if redeliver is None else redeliver
        self._due_at: dict[Key, float] = {}

    def note(self, meta_data: ObjectMetaData) -> None:
        """It is handed out now."""
        self.again(meta_data, self._redeliver)

    def again(self, meta_data: ObjectMetaData, seconds: float) -> None:
        """It is to be handed out again, after so many seconds from now."""
        self._due_at[key_of(meta_data)] = time.monotonic() + seconds

    def keep(self, keys: Collection[Key]) -> None:
        """Forget all others: they were acknowledged, or replaced."""
        self._due_at = {key: at for key, at in self._due_at.items() if key in keys}

    def is_new(self, meta_data: ObjectMetaData) -> bool:
        """Whether it was never handed out."""
        return key_of(meta_data) not in self._due_at

    def is_due(self, meta_data: ObjectMetaData) -> bool:
        """Whether it is to be handed out: it is new, or its time has come."""
        return self._due_at.get(key_of(meta_data), 0.0) <= time.monotonic()

    def seconds_left(self) -> float:
        """Until the next one is to be handed out again; infinite if none is."""
        return min(self._due_at.values(), default=math.inf) - time.monotonic()

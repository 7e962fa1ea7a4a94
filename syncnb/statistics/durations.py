"""Times as people write them."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from syncnb.errors import InvalidMetaDataError

_UNITS = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def seconds_of(field: str, value: float | str | timedelta) -> float:
    """A time in seconds.

    Parameters
    ----------
    field : str
        Named in the error.
    value : float, str or timedelta
        Seconds, or a number with a unit: ``"500ms"``, ``"60s"``, ``"10m"``, ``"1h"``, ``"2d"``.

    Returns
    -------
    float
        Positive.

    Raises
    ------
    InvalidMetaDataError
        It is no such time.

    Examples
    --------
    >>> seconds_of("every", "10m")
    600.0
    """
    seconds = 0.0
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", value)
        if found and found[2] in _UNITS:
            seconds = float(found[1]) * _UNITS[found[2]]
    if not 0 < seconds < math.inf:
        raise InvalidMetaDataError(field, value, 'write it as "60s", "10m", "1h" or in seconds')
    return seconds

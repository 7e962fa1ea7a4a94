"""Whether two predictions are the same, and in words where they are not."""

from __future__ import annotations

import math
from typing import Any

_RELATIVE = {2: 1e-2, 4: 1e-4, 8: 1e-6}  # by the bytes of a float; machines add up in other orders


def difference(expected: Any, output: Any) -> str:
    """What differs between two predictions.

    Parameters
    ----------
    expected, output : array of shape (n, ...)
        Two predictions of the same rows.

    Returns
    -------
    str
        Empty if nothing does: shapes are equal, floats agree to about half of their digits
        (relative to the largest of them, nan with nan), all else is equal.

    Examples
    --------
    >>> difference([1.0, 2.0], [1.0, 2.0 + 1e-12])
    ''
    >>> difference([1.0, 2.0], [1.0, 2.5])
    'row 1 gives 2.5 and not 2.0, the largest difference is 0.5'
    >>> difference(["cat"], ["dog"])
    "row 0 gives 'dog' and not 'cat'"
    """
    import numpy as np

    one, other = np.asarray(expected), np.asarray(output)
    if one.shape != other.shape:
        return f"their shape is {other.shape} and not {one.shape}"
    if "f" in (one.dtype.kind, other.dtype.kind) and {one.dtype.kind, other.dtype.kind} <= {
        *"biuf"
    }:
        return _of_floats(one, other)
    unequal = (
        index
        for index, (a, b) in enumerate(zip(one.flat, other.flat, strict=True))
        if bool(a != b) and not _both_nan(a, b)
    )
    index = next(unequal, None)
    return "" if index is None else _first(one, other, index)


def _both_nan(one: Any, other: Any) -> bool:
    return all(isinstance(x, float) and math.isnan(x) for x in (one, other))


def _of_floats(one: Any, other: Any) -> str:
    import numpy as np

    width = min(array.dtype.itemsize for array in (one, other) if array.dtype.kind == "f")
    a, b = one.astype("f8"), other.astype("f8")
    finite = np.abs(a[np.isfinite(a)])
    scale = float(finite.max()) if finite.size else 0.0
    tolerance = _RELATIVE[min(width, 8)] * max(scale, 1e-12)
    equal = np.isclose(a, b, rtol=0.0, atol=tolerance, equal_nan=True)
    if equal.all():
        return ""
    with np.errstate(invalid="ignore"):
        distance = np.abs(a - b)
    largest = float(np.nanmax(distance)) if not np.isnan(distance).all() else float("nan")
    found = _first(one, other, int(np.argmax(~equal)))
    return f"{found}, the largest difference is {largest:.3g}"


def _first(one: Any, other: Any, index: int) -> str:
    row = index // max(1, one.size // one.shape[0]) if one.ndim else 0
    found, wanted = (array.ravel()[index : index + 1].tolist()[0] for array in (other, one))
    return f"row {row} gives {found!r:.60} and not {wanted!r:.60}"

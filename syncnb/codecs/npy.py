"""What the header of a .npy file says of its array."""

from __future__ import annotations

import ast
import io
import math
import re
from contextlib import suppress
from functools import lru_cache
from tokenize import TokenError
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

_WIDTHS = {(1, 0): 2, (2, 0): 4, (3, 0): 4}  # bytes of the length, by version
_LARGEST = 64 * 1024  # bytes that numpy needs at most for a header that it takes
# A header as numpy writes it. numpy reads it with Python's compiler; a forest has 250 of them.
_USUAL = re.compile(
    rb"\{'descr': ('[^']*'|\[[^\]]*\]), 'fortran_order': (?:True|False), 'shape': "
    rb"\(((?:\d+, )+\d+|\d+,|)\), \} *\n"
)


class Header(NamedTuple):
    """Of an array that may not be there; names of fields that are not ASCII may be others."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of the array."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes]) -> Header:
    """Read as far as the array.

    Parameters
    ----------
    file : binary file
        At its beginning.

    Returns
    -------
    Header
        Of the array that should follow.

    Raises
    ------
    ValueError
        It is no .npy file, one of a version that there is not, or its header is too long.

    Notes
    -----
    The format is that of NEP 1, ``numpy.lib.format``.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> file = io.BytesIO()
    >>> np.save(file, np.zeros((2, 3)))
    >>> _ = file.seek(0)
    >>> read_header(file).size
    48
    """
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    if version not in _WIDTHS:
        raise ValueError(f"version {version} of .npy files is not known")
    length = file.read(_WIDTHS[version])
    size = int.from_bytes(length, "little")
    if size > _LARGEST:
        raise ValueError(f"its header claims {size} bytes")
    text = file.read(size)
    found = _USUAL.fullmatch(text)
    if found and len(text) == size and text.isascii():
        with suppress(SyntaxError, TypeError, ValueError):  # numpy says better what is wrong
            shape = tuple(int(one) for one in found[2].split(b",") if one)
            return Header(shape, _dtype(found[1].decode()))
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    try:
        shape, _, dtype = read(io.BytesIO(length + text))
    except (SyntaxError, TokenError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"its header is none ({error})") from error
    return Header(shape, dtype)


@lru_cache
def _dtype(text: str) -> np.dtype[Any]:
    from numpy.lib import format as npy

    return npy.descr_to_dtype(ast.literal_eval(text))

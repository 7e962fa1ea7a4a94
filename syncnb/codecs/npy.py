"""What the header of a .npy file says of its array."""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np


class Header(NamedTuple):
    """Of an array that may not be there."""

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
        It is no .npy file, or one of a version that there is not.

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
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version} of .npy files is not known")
    # 3.0 is as 2.0, with names in UTF-8
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return Header(shape, dtype)

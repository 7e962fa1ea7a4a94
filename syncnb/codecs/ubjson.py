"""UBJSON, as far as XGBoost writes it: to look at a model before its library does."""

from __future__ import annotations

from struct import Struct
from typing import Any

_NUMBERS = {  # by the byte that marks them: how struct and numpy read them
    ord("i"): (Struct(">b"), ">i1"),
    ord("U"): (Struct(">B"), ">u1"),
    ord("I"): (Struct(">h"), ">i2"),
    ord("l"): (Struct(">i"), ">i4"),
    ord("L"): (Struct(">q"), ">i8"),
    ord("d"): (Struct(">f"), ">f4"),
    ord("D"): (Struct(">d"), ">f8"),
}
_LENGTHS = b"iUIlL"
_WORDS = {ord("T"): True, ord("F"): False, ord("Z"): None}
_DEPTH = 64


def parse(data: Any) -> Any:
    r"""A whole UBJSON document.

    Parameters
    ----------
    data : bytes-like
        Such as a mapped file; arrays of numbers stay in it.

    Returns
    -------
    object
        dict, list, str, int, float, bool, None; `numpy.ndarray` for typed arrays of numbers.

    Raises
    ------
    ValueError
        It ends too early, is longer than the document, nests too deeply, or is something else.

    Notes
    -----
    The format is the Universal Binary JSON Specification, draft 12.

    Examples
    --------
    >>> parse(b"{i\x01aSi\x02hi}")
    {'a': 'hi'}
    """
    reader = _Reader(data)
    value = reader.value(reader.byte(), 0)
    if reader.at != len(data):
        raise ValueError(f"{len(data) - reader.at} bytes follow the document")
    return value


class _Reader:
    def __init__(self, data: Any) -> None:
        self.data, self.at, self.end = data, 0, len(data)

    def byte(self) -> int:
        if self.at >= self.end:
            raise ValueError(f"it ends at {self.end}, in the middle")
        byte: int = self.data[self.at]
        self.at += 1
        return byte

    def number(self, marker: int) -> Any:
        form = _NUMBERS[marker][0]
        at = self.at
        if at + form.size > self.end:
            raise ValueError(f"it ends at {self.end}, in the middle of a number")
        self.at = at + form.size
        return form.unpack_from(self.data, at)[0]

    def length(self) -> int:
        marker = self.byte()
        if marker not in _LENGTHS:
            raise ValueError(f"no length at {self.at - 1}")
        length: int = self.number(marker)
        if not 0 <= length <= self.end - self.at:  # each item has a byte at least
            raise ValueError(f"a length of {length} at {self.at} of {self.end}")
        return length

    def text(self) -> str:
        length = self.length()
        at = self.at
        self.at = at + length
        return str(self.data[at : self.at], "utf-8", "surrogateescape")

    def value(self, marker: int, depth: int) -> Any:
        if marker == 91:  # [
            return self._array(depth + 1)
        if marker == 123:  # {
            return self._object(depth + 1)
        if marker == 83:  # S
            return self.text()
        if marker in _NUMBERS:
            return self.number(marker)
        if marker in _WORDS:
            return _WORDS[marker]
        raise ValueError(f"no value at {self.at - 1}")

    def _object(self, depth: int) -> dict[str, Any]:
        if depth > _DEPTH:
            raise ValueError("it nests too deeply")
        found: dict[str, Any] = {}
        while self.at >= self.end or self.data[self.at] != 125:  # }
            key = self.text()
            if key in found:
                raise ValueError(f"{key!r} is there twice")
            found[key] = self.value(self.byte(), depth)
        self.at += 1
        return found

    def _array(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError("it nests too deeply")
        marker = self.byte()
        if marker == 36:  # $
            kind = self.byte()
            if kind not in _NUMBERS or self.byte() != 35:
                raise ValueError(f"no typed array at {self.at}")
            return self._typed(kind)
        if marker == 35:  # #
            return [self.value(self.byte(), depth) for _ in range(self.length())]
        items = []
        while marker != 93:  # ]
            items.append(self.value(marker, depth))
            marker = self.byte()
        return items

    def _typed(self, kind: int) -> Any:
        import numpy as np

        form, dtype = _NUMBERS[kind]
        length, at = self.length(), self.at
        if length * form.size > self.end - at:
            raise ValueError(f"{length} numbers at {at} of {self.end}")
        self.at = at + length * form.size
        return np.frombuffer(self.data, dtype, length, at)

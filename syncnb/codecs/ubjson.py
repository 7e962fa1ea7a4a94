"""UBJSON, as far as XGBoost writes it: to look at a model before its library does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
_LENGTHS = {marker: _NUMBERS[marker][0] for marker in b"iUIlL"}
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


# What an entry of an object begins with, its key, and how to read what follows.
_Entry = tuple[bytes, str, Callable[[], Any]]


class _Reader:
    def __init__(self, data: Any) -> None:
        import numpy as np

        self.data, self.at, self.end = data, 0, len(data)
        self.array = np.frombuffer
        self.types = {marker: np.dtype(name) for marker, (_, name) in _NUMBERS.items()}

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

    def measure(self) -> Struct:
        """How the length that follows is written."""
        form = _LENGTHS.get(self.byte())
        if form is None:
            raise ValueError(f"no length at {self.at - 1}")
        return form

    def length(self, form: Struct) -> int:
        at = self.at + form.size
        if at > self.end:
            raise ValueError(f"it ends at {self.end}, in the middle of a number")
        length: int = form.unpack_from(self.data, self.at)[0]
        if not 0 <= length <= self.end - at:  # each item has a byte at least
            raise ValueError(f"a length of {length} at {at} of {self.end}")
        self.at = at
        return length

    def text(self, form: Struct) -> str:
        length = self.length(form)
        at = self.at
        self.at = at + length
        return str(self.data[at : self.at], "utf-8", "surrogateescape")

    def value(self, marker: int, depth: int) -> Any:
        if marker == 91:  # [
            return self._array(depth + 1)
        if marker == 123:  # {
            return self._object(depth + 1, [])
        if marker == 83:  # S
            return self.text(self.measure())
        if marker in _NUMBERS:
            return self.number(marker)
        if marker in _WORDS:
            return _WORDS[marker]
        raise ValueError(f"no value at {self.at - 1}")

    def _object(self, depth: int, known: list[_Entry]) -> dict[str, Any]:
        """One object; the entries of one before it are known, and it may add its own.

        A model has a thousand trees whose entries are the same.
        """
        if depth > _DEPTH:
            raise ValueError("it nests too deeply")
        found: dict[str, Any] = {}
        for start, key, read in known:
            at = self.at + len(start)
            if self.data[self.at : at] != start:
                break
            if key in found:
                raise ValueError(f"{key!r} is there twice")
            self.at = at
            found[key] = read()
        while self.at >= self.end or self.data[self.at] != 125:  # }
            entry = self._entry(depth)
            if entry[1] in found:
                raise ValueError(f"{entry[1]!r} is there twice")
            if len(found) == len(known):
                known.append(entry)
            found[entry[1]] = entry[2]()
        self.at += 1
        return found

    def _entry(self, depth: int) -> _Entry:
        start = self.at
        key, marker = self.text(self.measure()), self.byte()
        if marker == 123:  # {
            read: Callable[[], Any] = partial(self._object, depth + 1, [])
        elif marker == 91 and self.at < self.end and self.data[self.at] == 36:  # [$
            read = partial(self._typed, *self._kind())
        elif marker == 83:  # S
            read = partial(self.text, self.measure())
        else:  # numbers are of one type or another, by their size
            self.at -= 1
            read = partial(self._next, depth)
        return bytes(self.data[start : self.at]), key, read

    def _next(self, depth: int) -> Any:
        return self.value(self.byte(), depth)

    def _array(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError("it nests too deeply")
        if self.at < self.end and self.data[self.at] == 36:  # $
            return self._typed(*self._kind())
        marker, known = self.byte(), list[_Entry]()
        if marker == 35:  # #
            length = self.length(self.measure())
            return [self._item(self.byte(), depth, known) for _ in range(length)]
        items = []
        while marker != 93:  # ]
            items.append(self._item(marker, depth, known))
            marker = self.byte()
        return items

    def _item(self, marker: int, depth: int, known: list[_Entry]) -> Any:
        if marker == 123:  # {
            return self._object(depth + 1, known)
        return self.value(marker, depth)

    def _kind(self) -> tuple[Any, Struct]:
        self.at += 1
        dtype = self.types.get(self.byte())
        if dtype is None or self.byte() != 35:  # #
            raise ValueError(f"no typed array at {self.at}")
        return dtype, self.measure()

    def _typed(self, dtype: Any, form: Struct) -> Any:
        length = self.length(form)
        at, self.at = self.at, self.at + length * dtype.itemsize
        if self.at > self.end:
            raise ValueError(f"{length} numbers at {at} of {self.end}")
        return self.array(self.data, dtype, length, at)

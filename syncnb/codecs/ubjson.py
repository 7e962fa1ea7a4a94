"""UBJSON, as far as XGBoost writes it: to look at a model before its library does."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from struct import Struct
from typing import Any, NamedTuple

from syncnb.codecs.ubjson_shapes import Free, Like, Numbers, Shape

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
_PREFIX = 64  # bytes by which shapes are looked up
_SHAPES = 4  # that are known of objects which begin alike
_MOST_SHAPES = 10_000  # of a document; each takes as much memory as a few objects


def parse(data: Any) -> Any:
    r"""A whole UBJSON document.

    Parameters
    ----------
    data : bytes
        Arrays of numbers stay in it.

    Returns
    -------
    object
        dict, list, str, int, float, bool, None; `Numbers` for typed arrays of numbers, and `Like`
        for objects of an array that hold some.

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
    try:
        value = reader.value(reader.byte(), 0)
    except struct.error:
        raise ValueError(f"it ends at {len(data)}, in the middle of a number") from None
    if reader.at != len(data):
        raise ValueError(f"{len(data) - reader.at} bytes follow the document")
    return value


class _Entry(NamedTuple):
    """What an entry of an object begins with, and how to read what follows."""

    start: bytes
    key: str
    form: Struct | None  # of the length of text and typed arrays
    item: int  # bytes of each of these
    make: Callable[..., Any]  # from these bytes; of anything else, at the place of the reader


class _Alike:
    """What is known of the objects of an array, for the next one."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self.prefix = 0  # bytes of each, until the first number
        self.shapes: dict[bytes, list[Shape]] = {}

    def shape_at(self, data: bytes, at: int) -> Shape | None:
        """That of the object that lies there; it is the first to be tried from now on.

        So a shape that is large is tried in vain no oftener than it occurs, times `_SHAPES`.
        """
        shapes = self.shapes.get(data[at : at + self.prefix], [])
        for number, shape in enumerate(shapes):
            if shape.fits(at):
                shapes.insert(0, shapes.pop(number))
                return shape
        return None

    def learn(self, shape: Shape) -> None:
        """What lies at its first object; the oldest of those that begin alike is forgotten."""
        if not self.shapes:
            self.prefix = min(next(iter(shape.free.values()))[1] - shape.first, _PREFIX)
        before = shape.data[shape.first : shape.first + self.prefix]
        self.shapes[before] = [shape, *self.shapes.get(before, ())][:_SHAPES]


class _Reader:
    def __init__(self, data: bytes) -> None:
        import numpy as np

        self.data, self.at, self.end, self.shapes = data, 0, len(data), 0
        self.view = memoryview(data)
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

    def span(self, form: Struct, item: int) -> memoryview:
        """What follows a length, in bytes."""
        at = self.at + form.size
        length: int = form.unpack_from(self.data, self.at)[0]
        self.at = at + length * item
        if not at <= self.at <= self.end:
            raise ValueError(f"a length of {length} at {at} of {self.end}")
        return self.view[at : self.at]

    def text(self, form: Struct) -> str:
        return _text(self.span(form, 1))

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

    def _object(
        self, depth: int, known: list[_Entry], free: list[Free] | None = None
    ) -> dict[str, Any]:
        """One object; the entries of one before it are known, and it may add its own.

        A model has a thousand trees whose entries are the same. What is a number or a typed array
        is noted in `free`.
        """
        if depth > _DEPTH:
            raise ValueError("it nests too deeply")
        found: dict[str, Any] = {}
        for entry in known:
            if not self.data.startswith(entry.start, self.at):
                break
            self.at += len(entry.start)
            found[entry.key] = self._value_of(entry, free)
        like_it = len(found) == len(known)
        while self.at >= self.end or self.data[self.at] != 125:  # }
            entry = self._entry(depth)
            if entry.key in found:
                raise ValueError(f"{entry.key!r} is there twice")
            if like_it:
                known.append(entry)
            found[entry.key] = self._value_of(entry, free)
        self.at += 1
        return found

    def _value_of(self, entry: _Entry, free: list[Free] | None) -> Any:
        start = self.at
        if entry.form is None:
            value, kind = entry.make(), None
            if type(value) in (int, float):
                start, kind = start + 1, _NUMBERS[self.data[start]][0]
        else:
            value = entry.make(self.span(entry.form, entry.item))
            start, kind = start + entry.form.size, getattr(value, "dtype", None)
        if free is not None and kind is not None:
            free.append((entry.key, start, self.at, kind))
        return value

    def _entry(self, depth: int) -> _Entry:
        start, form, item = self.at, None, 0
        key, marker = self.text(self.measure()), self.byte()
        if marker == 123:  # {
            make: Callable[..., Any] = partial(self._object, depth + 1, [])
        elif marker == 91 and self.at < self.end and self.data[self.at] == 36:  # [$
            dtype, form = self._kind()
            make, item = partial(Numbers, dtype), dtype.itemsize
        elif marker == 83:  # S
            make, form, item = _text, self.measure(), 1
        else:  # numbers are of one type or another, by their size
            self.at -= 1
            make = partial(self._next, depth)
        return _Entry(self.data[start : self.at], key, form, item, make)

    def _next(self, depth: int) -> Any:
        return self.value(self.byte(), depth)

    def _array(self, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError("it nests too deeply")
        if self.at < self.end and self.data[self.at] == 36:  # $
            return self._typed(*self._kind())
        marker, alike = self.byte(), _Alike()
        if marker == 35:  # #
            length = len(self.span(self.measure(), 1))  # each item has a byte at least
            self.at -= length
            return self._like_numbers(length) or [
                self._item(self.byte(), depth, alike) for _ in range(length)
            ]
        items = []
        while marker != 93:  # ]
            items.append(self._item(marker, depth, alike))
            marker = self.byte()
        return items

    def _like_numbers(self, length: int) -> list[Any]:
        """Numbers of one type, each with its marker; nothing if they are anything else."""
        marker = self.data[self.at : self.at + 1]
        form = _NUMBERS.get(ord(marker)) if marker else None
        if form is None:
            return []
        step = 1 + form[0].size
        raw = self.data[self.at : self.at + length * step]
        if raw[::step] != marker * length:
            return []
        self.at += len(raw)
        return [value for (value,) in Struct(f">x{form[0].format[1:]}").iter_unpack(raw)]

    def _item(self, marker: int, depth: int, alike: _Alike) -> Any:
        if marker != 123:  # {
            return self.value(marker, depth)
        at = self.at
        shape = alike.shape_at(self.data, at)
        if shape is not None:
            self.at = at + shape.size
            return Like(shape, at)
        free: list[Free] = []
        found = self._object(depth + 1, alike.entries, free)
        if not free or self.shapes >= _MOST_SHAPES:
            return found
        self.shapes += 1
        shape = Shape(self.data, at, self.at, found, free)
        alike.learn(shape)
        return Like(shape, at)

    def _kind(self) -> tuple[Any, Struct]:
        self.at += 1
        dtype = self.types.get(self.byte())
        if dtype is None or self.byte() != 35:  # #
            raise ValueError(f"no typed array at {self.at}")
        return dtype, self.measure()

    def _typed(self, dtype: Any, form: Struct) -> Numbers:
        return Numbers(dtype, self.span(form, dtype.itemsize))


def _text(raw: memoryview) -> str:
    return str(raw, "utf-8", "surrogateescape")

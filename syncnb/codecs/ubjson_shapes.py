"""Objects of a UBJSON document that differ in their numbers alone, such as the trees of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import Any


class Numbers:
    """A typed array, as it lies in the document; numpy makes an array of it."""

    __slots__ = ("dtype", "raw")

    def __init__(self, dtype: Any, raw: memoryview) -> None:
        self.dtype, self.raw = dtype, raw

    def __len__(self) -> int:
        length: int = len(self.raw) // self.dtype.itemsize
        return length

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy as np

        return np.array(np.frombuffer(self.raw, self.dtype), dtype, copy=copy)


# Where an object has numbers of its own: key, begin, end, and a dtype, or how to read one number.
Free = tuple[str, int, int, Any]


class Shape:
    """Objects that are the same, byte for byte, but for the numbers and typed arrays in them.

    Parameters
    ----------
    data : bytes
        The document.
    first, last : int
        Where the first of them lies.
    found : dict
        What is in that.
    free : sequence of Free
        Its numbers and typed arrays, in their order, with their places in the document.
    """

    def __init__(
        self, data: bytes, first: int, last: int, found: dict[str, Any], free: Sequence[Free]
    ) -> None:
        self.data, self.first, self.size, self.found = data, first, last - first, found
        self.free = {one[0]: one for one in free}
        form, before = "=", first
        for _, begin, end, _ in free:
            form += f"{begin - before}s{end - begin}x"
            before = end
        self._rest = Struct(f"{form}{last - before}s")
        self._bytes = self._rest.unpack_from(data, first)
        self.lengths = {
            key: (end - begin) // kind.itemsize
            for key, begin, end, kind in free
            if not isinstance(kind, Struct)
        }
        self._readers: dict[tuple[str, ...], tuple[Struct, list[Any]]] = {}

    def fits(self, at: int) -> bool:
        """Whether such an object lies there: the parser would take the same way through it."""
        if at + self.size > len(self.data):
            return False
        return self._rest.unpack_from(self.data, at) == self._bytes

    def reader(self, keys: tuple[str, ...]) -> tuple[Struct, list[Any]] | None:
        """How to read typed arrays at once, and their types; None if they are not, or not so."""
        if keys not in self._readers:
            form, before, kinds = "=", self.first, list[Any]()
            for key in keys:
                _, begin, end, kind = self.free.get(key, (key, -1, 0, None))
                if begin < before or isinstance(kind, Struct):
                    return None
                form += f"{begin - before}x{end - begin}s"
                before = end
                kinds.append(kind)
            self._readers[keys] = Struct(form), kinds
        return self._readers[keys]


class Like(Mapping[str, Any]):
    """An object of a shape; its numbers stay in the document until somebody asks for them."""

    __slots__ = ("at", "shape")

    def __init__(self, shape: Shape, at: int) -> None:
        self.shape, self.at = shape, at

    def __getitem__(self, key: str) -> Any:
        if key not in self.shape.free:
            return self.shape.found[key]
        _, begin, end, kind = self.shape.free[key]
        moved = self.at - self.shape.first
        if isinstance(kind, Struct):
            return kind.unpack_from(self.shape.data, begin + moved)[0]
        return Numbers(kind, memoryview(self.shape.data)[begin + moved : end + moved])

    def __iter__(self) -> Iterator[str]:
        return iter(self.shape.found)

    def __len__(self) -> int:
        return len(self.shape.found)


def one_of_each(objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """One object of each shape, and all that have none."""
    found = {id(one.shape if isinstance(one, Like) else one): one for one in objects}
    return list(found.values())


def columns(objects: Sequence[Mapping[str, Any]], keys: tuple[str, ...]) -> list[Any]:
    """The arrays that objects have under some keys, those of each key as one.

    Parameters
    ----------
    objects : sequence of mapping
        One at least.
    keys : tuple of str
        In the order in which the objects have them, if that is to be quick.

    Returns
    -------
    list of numpy.ndarray
        One for each key.
    """
    import numpy as np

    rows, kinds = [], None
    for one in objects:
        reader = one.shape.reader(keys) if isinstance(one, Like) else None
        if not isinstance(one, Like) or reader is None or reader[1] != (kinds or reader[1]):
            return [np.concatenate([np.asarray(each[key]) for each in objects]) for key in keys]
        form, kinds = reader
        rows.append(form.unpack_from(one.shape.data, one.at))
    return [
        np.frombuffer(b"".join(raw), kind)
        for raw, kind in zip(zip(*rows, strict=True), kinds or (), strict=True)
    ]


def lengths(objects: Sequence[Mapping[str, Any]], key: str) -> list[int]:
    """Of the array that each object has under a key."""
    return [
        one.shape.lengths[key]
        if isinstance(one, Like) and key in one.shape.lengths
        else len(one[key])
        for one in objects
    ]

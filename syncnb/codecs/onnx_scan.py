"""Where an ONNX file points outside itself, found without a library and without reading it all."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Buffer = bytes | mmap.mmap

_DEEPEST = 100  # messages inside one another, as in protobuf itself
MOST_FIELDS = 20_000_000  # fields; a file with more keeps a reader busy for no model's sake
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Message -> number of a field -> message in it; what is not here holds no tensors.
FIELDS: Mapping[str, Mapping[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto", 6: "GraphProto", 10: "TensorProto", 11: "GraphProto",
        22: "SparseTensorProto", 23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
}  # fmt: skip
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a TensorProto
_DIMS, _DATA_TYPE, _NAME, _RAW_DATA = 1, 2, 8, 9
_GRAPH, _INITIALIZER = 7, 5
_LARGE = 1 << 16  # bytes
SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
# An attribute has a field for each of its numbers and texts, and a forest has millions of them: a
# regular expression skips floats, integers, and texts shorter than 32 bytes.
_TEXTS = b"|".join(re.escape(bytes([size])) + b".{%d}" % size for size in range(32))
_ITEMS = re.compile(
    rb"(?:\x3d.{4})++|(?:\x40[\x80-\xff]{0,9}+[\x00-\x7f])++|(?:\x4a(?:%b))++" % _TEXTS, re.DOTALL
)


def has_external_data(path: Path) -> bool:
    """Whether any tensor of an ONNX file lies in another file.

    Parameters
    ----------
    path : Path
        The file; it is mapped, so its size costs no memory.

    Returns
    -------
    bool
        True also if the file only says so and names no file.

    Raises
    ------
    ValueError
        It is no ONNX file.

    Notes
    -----
    Fields as in ``onnx.proto`` (IR version 13), encoding as in
    https://protobuf.dev/programming-guides/encoding/. Where readers of protobuf differ, such as
    numbers that are written too long, the file is refused.

    Examples
    --------
    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile() as file:
    ...     _ = file.write(bytes([0x08, 10, 0x3a, 0]))  # an IR version and an empty graph
    ...     file.flush()
    ...     has_external_data(Path(file.name))
    False
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise ValueError("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _points_outside(data)


def without_weights(data: bytes) -> bytes:
    """A model whose large weights are single numbers, for who looks at all but them.

    Parameters
    ----------
    data : bytes
        An ONNX file.

    Returns
    -------
    bytes
        The same, but for those of ``graph.initializer`` that have 64 KB and more, as many bytes as
        their shape and type say, and nothing else.

    Raises
    ------
    ValueError
        It is no ONNX file.

    Examples
    --------
    >>> len(without_weights(bytes([0x08, 10, 0x3a, 0])))
    4
    """
    return _cut(data, 0, len(data), (_GRAPH, _INITIALIZER))


def _cut(data: bytes, start: int, end: int, way: Sequence[int]) -> bytes:
    """The fields of a message, of which the tensors at the end of a way are cut."""
    if not way:
        return _cut_tensor(data, start, end)
    parts, copied, at = [], start, start
    for number, kind, value, stop in _fields(data, start, end, False):
        if number == way[0] and kind == _BYTES and stop - value >= _LARGE:
            inner = _cut(data, value, stop, way[1:])
            parts += [data[copied:at], _field(number, inner)]
            copied = stop
        at = stop
    return b"".join([*parts, data[copied:end]])


def _cut_tensor(data: bytes, start: int, end: int) -> bytes:
    """A tensor as one number of its type, if it has as many bytes as it says."""
    elements, size, weights, rest, at = 1, 0, -1, [], start
    for number, kind, value, stop in _fields(data, start, end, False):
        if (number, kind) == (_DIMS, _VARINT):
            elements *= value
        elif (number, kind) == (_RAW_DATA, _BYTES):
            weights = stop - value
        elif number in (_DATA_TYPE, _NAME):
            size = SIZES.get(value, 0) if number == _DATA_TYPE else size
            rest.append(data[at:stop])
        else:
            return data[start:end]
        at = stop
    if not 0 < elements * size == weights:
        return data[start:end]
    return b"".join([*rest, _field(_RAW_DATA, bytes(size))])


def _field(number: int, value: bytes) -> bytes:
    """A message or bytes as a field with a number below 16."""
    size, left = bytearray(), len(value)
    while left > 0x7F:
        size.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([number << 3 | _BYTES, *size, left]) + value


def _points_outside(data: Buffer) -> bool:
    waiting, graph, count = [("ModelProto", 0, len(data), 0)], False, 0
    while waiting:
        message, start, end, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError(f"its messages are nested more than {_DEEPEST} deep")
        inner = FIELDS[message]
        for number, kind, value, stop in _fields(data, start, end, message == "AttributeProto"):
            count += 1
            if count > MOST_FIELDS:
                raise ValueError(f"it has more than {MOST_FIELDS} fields")
            if message == "TensorProto":
                if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
                    return True
            elif number in inner and kind == _BYTES:
                graph = graph or message == "ModelProto"
                waiting.append((inner[number], value, stop, depth + 1))
    if not graph:
        raise ValueError("there is no graph in it")
    return False


def _fields(data: Buffer, start: int, end: int, items: bool) -> Iterator[tuple[int, int, int, int]]:
    """Number, wire type, value (or where it starts) and where it ends, of each field."""
    at = start
    while at < end:
        if items and (run := _ITEMS.match(data, at, end)):
            at = run.end()
            continue
        tag, at = _varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise ValueError(f"it has a field with the number {number}")
        value = at
        if kind == _VARINT:
            value, at = _varint(data, at, end)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        elif kind == _BYTES:
            size, value = _varint(data, at, end)
            at = value + size
        else:
            raise ValueError(f"it has a field of the wire type {kind}")
        if at > end:
            raise ValueError("it ends in the middle of a field")
        yield number, kind, value, at


def _varint(data: Buffer, at: int, end: int) -> tuple[int, int]:
    """A number and where it ends."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("it ends in the middle of a number, or a number is too long")

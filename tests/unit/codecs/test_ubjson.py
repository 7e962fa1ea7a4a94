"""UBJSON as XGBoost writes it: read as it is, whatever came before, and refused where it is none."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from syncnb.codecs.ubjson import _Alike, _Reader, parse
from syncnb.codecs.ubjson_shapes import Like, Numbers, Shape, columns, lengths


def ubjson(*entries: tuple[str, int]) -> bytes:
    """An object of small numbers."""
    return b"{%s}" % b"".join(b"U%c%sU%c" % (len(k), k.encode(), v) for k, v in entries)


KEYS = st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(0, 9)), max_size=5)


@given(st.lists(KEYS, max_size=6))
@example([[("A", 1), ("B", 2)], [("C", 1), ("D", 2), ("A", 3)], [("A", 1), ("B", 2), ("A", 7)]])
def test_an_object_is_read_as_if_none_had_been_before_it(
    objects: list[list[tuple[str, int]]],
) -> None:
    """Keys that are there twice are refused, since another reader may take the other value."""
    data = b"[%s]" % b"".join(ubjson(*entries) for entries in objects)
    if any(len(dict(entries)) < len(entries) for entries in objects):
        with pytest.raises(ValueError, match="is there twice"):
            parse(data)
    else:
        assert parse(data) == [dict(entries) for entries in objects]


def ubjson_value(value: Any) -> bytes:
    """As XGBoost writes it: a number as short as it can be, an array with its type and length."""
    if isinstance(value, dict):
        entries = [b"U%c%s" % (len(k), k.encode()) + ubjson_value(v) for k, v in value.items()]
        return b"{%s}" % b"".join(entries)
    if isinstance(value, str):
        return b"SU%c%s" % (len(value), value.encode())
    if isinstance(value, np.ndarray):
        marker = {"int32": b"l", "float32": b"d", "uint8": b"U"}[value.dtype.name]
        raw = value.astype(value.dtype.newbyteorder(">")).tobytes()
        return b"[$%s#L%s" % (marker, len(value).to_bytes(8, "big")) + raw
    if isinstance(value, list):
        return b"[#U%c%s" % (len(value), b"".join(map(ubjson_value, value)))
    return b"U%c" % value if value < 256 else b"l" + value.to_bytes(4, "big")


LONG = [0] * 250  # with its markers 500 bytes and more
VALUES = st.one_of(
    st.integers(0, 1000),
    st.text("ab", max_size=2),
    st.sampled_from(["int32", "float32", "uint8"]).flatmap(
        lambda dtype: arrays(dtype, st.integers(0, 2), elements=st.integers(0, 200))
    ),
    st.lists(st.integers(0, 300), max_size=2),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 400), max_size=2),
)
OBJECTS = st.lists(st.dictionaries(st.sampled_from("ABC"), VALUES, max_size=3), max_size=6)


def plain(value: Any) -> Any:
    """The same out of what Python has itself, arrays with their types."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray | Numbers):
        array = np.asarray(value)
        return array.dtype.newbyteorder("=").name, array.tolist()
    return value


@given(OBJECTS, st.integers(1, 6))
def test_objects_that_are_alike_keep_their_own_numbers(
    objects: list[dict[str, Any]], times: int
) -> None:
    """Whatever is alike in them, and cut off anywhere they are refused."""
    objects = [one for one in objects for _ in range(times)]
    objects = [  # A gets another marker in the end
        {**one, "A": number * 30} if "A" in one else one for number, one in enumerate(objects)
    ]
    data = ubjson_value(objects)
    assert plain(parse(data)) == plain(objects)
    for end in range(len(data)):
        with pytest.raises(ValueError, match=r"^it ends|^a length|^no "):
            parse(data[:end])


@given(OBJECTS.filter(len))
@example([{"A": np.array([1], "int32")}, {"A": np.array([0.5], "float32")}])
@example([{"A": np.array([1], "int32")}, {"A": np.array([], "uint8"), "B": 7}])
def test_columns_are_the_arrays_one_after_the_other(objects: list[dict[str, Any]]) -> None:
    """Also where a type changes, or another value stands in the place of an array."""
    objects = [{"x": np.arange(2, dtype="int32"), **one} for one in objects]
    trees = parse(ubjson_value(objects))
    keys = tuple(key for key in "xABC" if all(isinstance(o.get(key), np.ndarray) for o in objects))
    for key, got in zip(keys, columns(trees, keys), strict=True):
        wanted = [one[key] for one in objects]
        assert got.tolist() == np.concatenate(wanted).tolist()
        assert lengths(trees, key) == [len(one) for one in wanted]


def test_ubjson_refuses_random_bytes() -> None:
    """With an error, in bounded time."""
    draw = random.Random(0)
    for _ in range(500):
        letters = bytes(draw.choice(b"{}[]$#LlUiISTFZ\x00\x01\x02\xff") for _ in range(60))
        try:
            parse(letters)
        except ValueError:
            continue
    with pytest.raises(ValueError, match="deep"):
        parse(b"[" * 100_000)


@pytest.mark.parametrize("others", [[], [{"A": np.arange(3, dtype="uint8")}]])
def test_a_number_is_no_array(others: list[dict[str, Any]]) -> None:
    """Where others have one, and by itself."""
    objects = parse(ubjson_value([*others, {"A": 3}]))
    with pytest.raises(ValueError, match="dimension"):
        columns(objects, ("A",))


def test_a_large_object_makes_no_small_one_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it comes first or later, a thousand small ones that begin alike look at it twice."""
    looked: list[int] = []
    fits = Shape.fits

    def counted(shape: Shape, at: int) -> bool:
        looked.append(shape.size)
        return fits(shape, at)

    monkeypatch.setattr(Shape, "fits", counted)
    small, large = {"A": np.zeros(1, "uint8")}, {"A": np.zeros(1, "uint8"), "B": LONG}
    for first in ([large], [small, large]):
        looked.clear()
        objects = [*first, *[small] * 1000]
        items = b"".join(map(ubjson_value, [*objects, LONG]))  # there is room for a large one
        assert plain(parse(b"[%s]" % items)) == plain([*objects, LONG])
        assert sum(size > 500 for size in looked) <= 2


def test_what_is_known_of_objects_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that are all different, no more is kept than of a few."""
    monkeypatch.setattr("syncnb.codecs.ubjson._MOST_SHAPES", 5)
    objects = [{"A": np.zeros(size, "uint8")} for size in range(20)]
    found = parse(ubjson_value(objects))
    assert plain(found) == plain(objects)
    assert sum(isinstance(one, Like) for one in found) == 5


@pytest.mark.parametrize("entry", [b"U\x01ASl%s%sU\x01BU\x05", b"l%s%sU\x05"])
def test_long_text_before_the_first_number_is_not_compared_each_time(entry: bytes) -> None:
    """Neither as a value nor as a key: what objects are looked up by stays short."""
    text = b"t" * 100_000
    data = b"[{%s}{U\x01CU\x07}]" % (entry % (len(text).to_bytes(4, "big"), text))
    reader, alike = _Reader(data), _Alike()
    reader.at = 2
    assert isinstance(reader._item(123, 0, alike), Like)
    assert 0 < alike.prefix < 100
    assert all(len(before) < 100 for before in alike.shapes)

"""Texts and JSON values."""

from __future__ import annotations

import json
import math
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.errors import LoadError, ModelError

from .trips import read, refusal_within, trip, written

TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)  # fmt: skip


def typed(value: Any) -> Any:
    """With the type of everything, so that 1, 1.0 and True, 0.0 and -0.0 differ."""
    if isinstance(value, dict):
        return [(key, typed(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return type(value), repr(value)


@given(VALUES.filter(lambda value: type(value) is not str))
def test_any_json_value_comes_back(value: Any) -> None:
    """Floats and integers to the last digit, keys in their order."""
    assert typed(trip(value)) == typed(value)


@given(VALUES.filter(lambda value: type(value) is not str))
def test_any_json_value_comes_back_where_the_service_is_not_installed(value: Any) -> None:
    """Whose encoder is used where it is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "msgspec", None)
        assert typed(trip(value)) == typed(value)


@given(TEXT)
def test_any_text_comes_back(text: str) -> None:
    """Also with ends of lines of all kinds."""
    assert trip(text) == text


def cyclic() -> list[Any]:
    """A list in itself."""
    items: list[Any] = []
    items.append(items)
    return items


def wide() -> list[Any]:
    """A list in itself a thousand times, which is more than any memory holds three levels down."""
    items: list[Any] = []
    items.extend([items] * 1000)
    return items


class Number(int):
    """Not quite an int."""


class Word(str):
    """Not quite a str, and equal to one."""


@pytest.mark.parametrize(
    ("value", "problem", "remedy"),
    [
        ({"a": [1, {"b": math.nan}]}, r"value\['a'\]\[1\]\['b'\] is nan", "None"),
        ([math.inf], r"value\[0\] is inf", "None"),
        ({"a": {5: 1}}, r"value\['a'\] has the key 5", r"str\(key\)"),
        ({None: 1}, "has the key None", r"str\(key\)"),
        ({"a": (1, 2)}, r"value\['a'\] is a builtins.tuple", r"list\(\)"),
        ({"a": np.float64(1)}, r"value\['a'\] is a numpy.float64", r"float\(\)"),
        ({"a": np.arange(2), "b": 1}, r"value\['a'\] is a numpy.ndarray", r"\.tolist\(\)"),
        ([Number(5)], r"value\[0\] is a .*Number", "number"),
        ([OrderedDict()], "OrderedDict", "dict"),
        ([{1}], "builtins.set", "list"),
        (["\ud800"], "lone surrogate", "Repair"),
        ({"\ud800": 1}, "has the key", ""),
        ([10**5000], "has 16610 bits", "text"),
        ([{"a": 1}, {Word("a"): 1}], "has the key 'a'", ""),
        ([True, 1, 1.5, "a", Word("a")], r"value\[4\] is a .*Word", "text"),
        (cyclic(), "deeper than 100, or holds itself", "flatter"),
        (wide(), "deeper than 100, or holds itself", "flatter"),
    ],
)
def test_a_value_that_would_not_come_back_is_refused(
    value: Any, problem: str, remedy: str, tmp_path: Path
) -> None:
    """With its place and the remedy."""
    with pytest.raises(ModelError, match=problem) as caught:
        written(value, tmp_path)
    assert caught.match(remedy)


def test_a_text_with_half_a_character_is_refused(tmp_path: Path) -> None:
    """UTF-8 has not got it."""
    with pytest.raises(ModelError, match="character 1 is a lone surrogate"):
        written("a\udcff", tmp_path)


def test_the_name_of_a_file_is_not_published_as_a_text(tmp_path: Path) -> None:
    """Its content is meant."""
    (tmp_path / "m.note").write_bytes(b"")
    with pytest.raises(ModelError, match=r"is the name of a file. Publish pathlib.Path"):
        written(str(tmp_path / "m.note"), tmp_path)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"[" * 100_000 + b"]" * 100_000, "RecursionError"),
        (b'{"a":' * 100_000, "RecursionError"),
        (b"", "JSONDecodeError"),
        (b"[NaN]", "NaN is no JSON"),
        (b"[-Infinity]", "-Infinity is no JSON"),
        (b'{"a": 1', "JSONDecodeError"),
        (b'"\xff"', "UnicodeDecodeError"),
        (b"1" * 5000, "Exceeds the limit"),
        (b"\x80\x04\x95", "UnicodeDecodeError"),
    ],
)
def test_what_is_no_json_is_refused(data: bytes, problem: str, tmp_path: Path) -> None:
    """Whatever it is."""
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(LoadError, match=problem):
        read("json", tmp_path / "a.json")


def test_deep_json_does_not_fill_the_memory(tmp_path: Path) -> None:
    """Nor end the process."""
    (tmp_path / "a.json").write_bytes(b"[" * 100_000)
    assert "RecursionError" in refusal_within("json", tmp_path / "a.json", megabytes=256)


def test_json_that_becomes_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    """An empty list has two bytes, in Python more than fifty."""
    (tmp_path / "a.json").write_text(json.dumps([[]] * 1000))
    with pytest.raises(LoadError, match="its value would take"):
        read("json", tmp_path / "a.json", limit=100_000)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """Here Latin-1."""
    (tmp_path / "a.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(LoadError, match="its data are no UTF-8 text"):
        read("text", tmp_path / "a.txt")
    with pytest.raises(LoadError, match="its text would take"):
        read("text", tmp_path / "a.txt", limit=3)

"""What travels beside the data survives, stays small, and is refused when it is broken."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb import Manifest
from syncnb.errors import InvalidManifestError, InvalidMetaDataError

GOOD: dict[str, Any] = {"format": "file", "codec": "file/1", "sha256": "0" * 64, "size": 3}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.text(max_size=200), st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_manifest_survives_the_description(text: str, extra: dict[str, Any]) -> None:
    """With any text and any JSON, and no service takes it for a tag."""
    manifest = Manifest(**GOOD, text=text, extra=extra)
    description = manifest.to_description()
    assert not re.search("[<>]", description)
    assert Manifest.from_description(description) == manifest


@pytest.mark.parametrize("text", ["", "free text", "{not json", "[]", '{"other": 1}'])
def test_description_of_another_tool_has_no_manifest(text: str) -> None:
    """And is no error."""
    assert Manifest.from_description(text) is None


@pytest.mark.parametrize(
    "values",
    [
        '"text"',
        "{}",
        '{"format": 1, "codec": "f/1", "sha256": "0", "size": 1}',
        '{"format": "f", "codec": "f/1", "sha256": "0", "size": "1"}',
        '{"manifest": 99, "format": "f", "codec": "f/1", "sha256": "0", "size": 1}',
        '{"format": "f", "codec": "f/1", "sha256": "0", "size": 1, "extra": []}',
    ],
)
def test_broken_manifest_is_refused(values: str) -> None:
    """It claims to be one, so it must be right."""
    with pytest.raises(InvalidManifestError, match="Publish the object again"):
        Manifest.from_description(f'{{"text": "", "syncnb": {values}}}')


def test_text_that_is_no_unicode_is_no_accident() -> None:
    """JSON can hold half a character; the size of the description is counted anyway."""
    with pytest.raises(InvalidManifestError, match="format"):
        Manifest.from_description('{"text":"\ud800","syncnb":{}}')


def test_manifest_that_is_too_large_names_what_is() -> None:
    """Services keep at most 8 KB of it."""
    with pytest.raises(InvalidMetaDataError, match=r"8192 bytes in all") as caught:
        Manifest(**GOOD, metrics={"loss": list(range(5000))}).to_description()
    assert caught.value.field == "metrics"


def test_value_that_json_does_not_have_is_named() -> None:
    """NaN is not JSON either."""
    for value in (object(), float("nan")):
        with pytest.raises(InvalidMetaDataError, match="values that JSON has") as caught:
            Manifest(**GOOD, params={"a": value}).to_description()
        assert caught.value.field == "params"

"""What comes over the wire: strange input is refused or made storable, never passed on."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncnb.service.wire import (
    Malformed,
    byte_range,
    content_range,
    decode_meta,
    dumps,
    instance,
    is_file_uri,
    loads,
    parse_time,
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(b'"a\\u0000b"', "a\ufffdb", id="nul"),
        pytest.param(b'"a\\ud800b"', "a\ufffdb", id="lone-surrogate"),
        pytest.param(b'"a\\uDFFF"', "a\ufffd", id="lone-low-surrogate"),
        pytest.param(b'"a\xffb"', "a\ufffdb", id="not-utf-8"),
        pytest.param(b'"\\ud83d\\ude00"', "\U0001f600", id="pair-stays"),
        pytest.param(b'"\\\\u0000"', "\\u0000", id="escaped-backslash-stays"),
    ],
)
def test_text_that_no_database_holds_becomes_the_replacement_character(
    body: bytes, text: str
) -> None:
    """In values and in names of members, at any depth."""
    assert loads(body) == text
    assert loads(b'{"x": [{' + body + b": " + body + b"}]}") == {"x": [{text: text}]}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[" * 100_000, id="unclosed"),
        pytest.param(b"[" * 40 + b"]" * 40, id="deep-array"),
        pytest.param(b'{"a":' * 40 + b"1" + b"}" * 40, id="deep-object"),
        pytest.param(b"1" * 5000, id="huge-number"),
        pytest.param(b"[1e400] x", id="infinite-number"),
        pytest.param(b"NaN", id="not-a-number"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param(b'"a\x00b"', id="raw-nul"),
    ],
)
def test_body_that_cannot_be_used_is_malformed(body: bytes) -> None:
    """And never an error of another kind, which would be a 500."""
    with pytest.raises(Malformed):
        loads(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_that_can_be_sent_again_or_malformed(body: bytes) -> None:
    """Whatever gets in also gets out."""
    try:
        value = loads(body)
    except Malformed:
        return
    dumps(value)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted(decode_meta({}))


@given(st.dictionaries(st.sampled_from(FIELDS), json, max_size=4))
def test_any_metadata_are_complete_or_malformed(value: dict[str, object]) -> None:
    """Each member has its type, and integers fit a database."""
    try:
        meta = decode_meta(value)
    except Malformed:
        return
    assert sorted(meta) == FIELDS
    assert all(-(2**63) <= v < 2**63 for v in meta.values() if isinstance(v, int))
    dumps(meta)


@pytest.mark.parametrize(
    "text", ["", "x", "+1", "1_0", " 1", "١", "9223372036854775808", "1" * 5000]
)
def test_instance_in_a_path_is_a_decimal_number_of_64_bits(text: str) -> None:
    """Nothing else that Python would take for a number."""
    with pytest.raises(Malformed):
        instance(text)
    assert instance("-9223372036854775808") == -(2**63)


@given(st.text(max_size=60))
def test_any_text_is_a_range_a_time_and_a_uri_or_none(text: str) -> None:
    """Headers and fields that are garbage cause nothing worse than a refusal."""
    for parse in (content_range, lambda header: byte_range(header, 10)):
        with contextlib.suppress(Malformed, IndexError):
            parse(text)
    parse_time(text)
    is_file_uri(f"file:{text}")


@pytest.mark.parametrize("uri", ["file://[", "file://[::1/x", "http:///x", "file:x", "file://h/x"])
def test_uri_that_is_no_file_is_refused(uri: str) -> None:
    """Also one that cannot be parsed."""
    assert not is_file_uri(uri)

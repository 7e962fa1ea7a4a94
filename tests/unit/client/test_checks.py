"""Arguments of a wrong kind are refused by name, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from io import BytesIO, StringIO
from typing import Any

import numpy as np
import pytest

from syncnb import ObjectMetaData, SyncServiceClient, connect, publish_file, updates
from syncnb.errors import InvalidMetaDataError, SettingsError
from syncnb.publication import Publication

NOTE = ObjectMetaData(object_type="note", object_id="a")
URL = "http://127.0.0.1:1"
TEXT: Any = "x"  # untyped, as the users are who get it wrong
FIVE: Any = 5


@pytest.fixture
def client() -> Any:
    """It has nowhere to send to, and is untyped, since all calls here are wrong."""
    return SyncServiceClient(URL, org_id="acme")


@pytest.mark.parametrize(
    ("call", "field", "words"),
    [
        (lambda c: c.update_object({"objectType": "a"}, data=b"x"), "meta_data", "ObjectMetaData("),
        (lambda c: c.activate_object("a"), "meta_data", "ObjectMetaData("),
        (lambda c: c.mark_object_consumed(("note", "a")), "meta_data", "get_object_metadata("),
        (lambda c: c.update_object_data(("note", "a"), b"x"), "meta_data", "('note', 'a')"),
        (lambda c: c.download_object_data("note", "a"), "meta_data", "get_object_metadata("),
        (lambda c: c.open_object_data("note"), "meta_data", "get_object_metadata("),
        (lambda c: c.read_object_data("note"), "meta_data", "get_object_metadata("),
        (lambda c: c.iter_object_data("note"), "meta_data", "get_object_metadata("),
        (lambda c: c.fetch_object_data(NOTE, "x"), "out", "download_object_data takes a path"),
        (lambda c: c.fetch_object_data(NOTE, StringIO()), "out", "binary mode"),
        (lambda c: c.fetch_object_data(NOTE, BytesIO(), offset="1"), "offset", "whole number"),
        (lambda c: c.fetch_object_data(NOTE, BytesIO(), retries="1"), "retries", "whole number"),
        (lambda c: c.download_object_data(NOTE, "x", connections="2"), "connections", "whole"),
        (lambda c: c.update_object_data(NOTE, b"x", chunk_size="5 MiB"), "chunk_size", "'5 MiB'"),
    ],
)
def test_argument_of_a_wrong_kind_is_named_with_the_remedy(
    call: Callable[[Any], object], field: str, words: str, client: Any
) -> None:
    """Not an AttributeError of inner code."""
    with pytest.raises(InvalidMetaDataError) as caught:
        call(client)
    assert caught.value.field == field
    assert words in str(caught.value)


def test_text_file_is_no_output(client: Any, tmp_path: Any) -> None:
    """A real file, since what makes it one of text is an attribute of its class."""
    with (tmp_path / "out").open("w") as out, pytest.raises(InvalidMetaDataError, match="'wb'"):
        client.fetch_object_data(NOTE, out)


@pytest.mark.parametrize(
    ("call", "setting", "words"),
    [
        (lambda: connect(url=FIVE), "url", "5 is no text"),
        (lambda: connect(URL, profile=FIVE), "profile", "5 is no text"),
        (lambda: SyncServiceClient(FIVE), "url", "5 is no text"),
        (lambda: SyncServiceClient(URL, ca=FIVE), "ca", "5 is no text"),
        (lambda: connect(URL, timeout=TEXT), "timeout", "'x' is no number"),
        (lambda: connect(URL, timeout=True), "timeout", "True is no number"),
        (lambda: connect(URL, deadline=TEXT), "deadline", "'x' is no number"),
        (lambda: connect(URL, deadline=float("nan")), "deadline", "positive number of seconds"),
        (lambda: list(updates("w", client=TEXT)), "client", "make one with syncnb.connect(...)"),
        (lambda: publish_file("x", client=TEXT), "client", "make one with syncnb.connect(...)"),
        (lambda: Publication.of("a", "b", client=TEXT), "client", "syncnb.connect(...)"),
        (lambda: list(updates("w", client=connect(URL), timeout=TEXT)), "timeout", "seconds"),
        (
            lambda: list(updates("w", client=connect(URL), poll_interval=TEXT)),
            "poll_interval",
            "'x'",
        ),
    ],
)
def test_setting_of_a_wrong_kind_is_named_with_the_remedy(
    call: Callable[[], object], setting: str, words: str, tmp_path: Any, monkeypatch: Any
) -> None:
    """Not a TypeError of inner code."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(SettingsError) as caught:
        call()
    assert caught.value.setting == setting
    assert words.lower() in str(caught.value).lower()


@pytest.mark.parametrize("make", [connect, SyncServiceClient])
def test_secret_of_a_wrong_kind_is_not_shown(make: Any) -> None:
    """Only of which kind it is."""
    with pytest.raises(SettingsError, match="secret: a value of type bytes is no text") as caught:
        make(URL, key="me", secret=b"hidden")
    assert "hidden" not in str(caught.value)


def test_numbers_of_other_libraries_are_numbers(client: Any) -> None:
    """Such as one that was computed with numpy; the error shows that they passed the check."""
    assert connect(URL, timeout=np.float64(5), deadline=Fraction(5)).url == URL  # type: ignore[arg-type]  # it works
    with pytest.raises(OSError, match="no-such-file"):
        client.update_object_data(NOTE, "/no-such-file", chunk_size=np.int64(5))

"""Answers that are JSON, but not what the protocol has there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import ServiceError
from syncnb.metadata import Listing

READS: dict[str, tuple[Any, ...]] = {
    "get_destinations": (),
    "get_destination_objects": ("edge", "n"),
    "get_object_destinations": ("t", "a"),
    "get_objects": ("t",),
    "get_objects_with_destination_policy": (),
    "get_objects_with_filters": (),
    "get_object_types": (),
    "get_organizations": (),
    "get_updated_objects": ("t",),
    "objects": ("t",),
    "retrieve_all_destination_acls": (),
    "retrieve_all_object_acls": (),
    "retrieve_destination_acl": ("t",),
    "retrieve_object_acl": ("t",),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(["objectType", "objectID", "status", "destinations", "destinationPolicy",
                         "services", "Username", "org-id", "expiration", "consumers", "new"]),
        inner,
    ),
    max_leaves=8,
)  # fmt: skip


class Answering(BaseAdapter):
    """Gives one answer to every request."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__()
        self._status, self._body = status, body

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        import io

        import urllib3

        answer = Response()
        answer.status_code, answer.request, answer.url = self._status, request, str(request.url)
        answer.raw = urllib3.HTTPResponse(io.BytesIO(self._body), preload_content=False)
        return answer

    def close(self) -> None:
        """Nothing is open."""


def answered(body: object, status: int = 200) -> SyncServiceClient:
    """A client of a service that answers this."""
    adapter = Answering(status, json.dumps(body).encode())
    return SyncServiceClient("http://127.0.0.1:1", org_id="acme", adapter=adapter)


@settings(max_examples=30, deadline=None)
@given(JSON)
@pytest.mark.parametrize("call", sorted(READS))
def test_list_is_a_list_or_an_error_that_says_what_is_wrong(call: str, body: object) -> None:
    """Never an accident in the middle."""
    try:
        found = getattr(answered(body), call)(*READS[call])
    except ServiceError as error:
        wrong = str(error)
    else:
        assert isinstance(found, Listing)
        found.to_pandas()
        repr(found), found._repr_html_()
        return
    assert "cannot be understood" in wrong


@pytest.mark.parametrize("call", sorted(READS))
def test_empty_list_in_every_form_is_an_empty_list(call: str) -> None:
    """An empty one, none at all, and null."""
    for client in (answered([]), answered("", 404), answered(None)):
        assert getattr(client, call)(*READS[call]) == []


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_object_is_one_or_an_error(body: object) -> None:
    """The same for a single one."""
    try:
        found = answered(body).get_object_metadata("t", "a")
    except ServiceError as error:
        assert error.operation == "get_object_metadata"  # noqa: PT017
    else:
        assert isinstance(found, ObjectMetaData)


@pytest.mark.parametrize("page", [b"<html>login</html>", b"", b"two words", b"x" * 100])
def test_status_is_a_word(page: bytes) -> None:
    """And not the page of a proxy."""
    client = SyncServiceClient("http://127.0.0.1:1", adapter=Answering(200, page))
    with pytest.raises(ServiceError, match="it is not the word of a status"):
        client.get_object_status("t", "a")


def test_error_names_the_member_that_is_wrong() -> None:
    """So that the other side can be told."""
    with pytest.raises(ServiceError, match=r"consumers is 'three' there.*64-bit integer"):
        answered({"objectType": "t", "objectID": "a", "consumers": "three"}).get_object_metadata(
            "t", "a"
        )

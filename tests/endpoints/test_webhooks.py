"""The calls about webhooks, against a live CSS and a live ESS."""

from __future__ import annotations

import json

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import InvalidMetaDataError
from tests.unit.service.stage import Receiver

from .conftest import WaitUntil


def send(other: SyncServiceClient, object_type: str, object_id: str) -> None:
    """One object to the other side."""
    dest_type = "edge" if other.org_id else ""
    meta = ObjectMetaData(object_type=object_type, object_id=object_id, dest_type=dest_type)
    other.update_object(meta, data=b"x")


@pytest.mark.parametrize("receiver", ["cloud", "edge"])
def test_webhook_is_called_until_it_is_deleted(
    cloud: SyncServiceClient,
    edge: SyncServiceClient,
    name: str,
    receiver: str,
    wait_until: WaitUntil,
) -> None:
    """With the metadata of what arrived."""
    here, there = (cloud, edge) if receiver == "cloud" else (edge, cloud)
    with Receiver() as web:
        here.register_webhook(name, f"{web.url}/hook/s3cret?a=b")
        send(there, name, "a")
        wait_until(lambda: len(web.calls) == 1)
        path, _, body = web.calls[0]
        assert path == "/hook/s3cret?a=b"
        assert ObjectMetaData.from_json(json.loads(body)).object_id == "a"
        here.delete_webhook(name, f"{web.url}/hook/s3cret?a=b")
        here.delete_webhook(name, f"{web.url}/hook/s3cret?a=b")
        send(there, name, "b")
        wait_until(lambda: len(here.get_updated_objects(name)) == 2)
        assert len(web.calls) == 1


@pytest.mark.parametrize(
    "url",
    ["", "example.com/x", "ftp://example.com/x", "http://", "http://a b/", "http://[::1", 5,
     "http://a:port/", "http://a\n/"],
)  # fmt: skip
@pytest.mark.parametrize("call", ["register_webhook", "delete_webhook"])
def test_url_that_is_none_is_refused(call: str, url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidMetaDataError, match="url = "):
        getattr(SyncServiceClient("http://127.0.0.1:1"), call)("t", url)

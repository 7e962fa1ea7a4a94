"""What the protocol refuses (rest-api.md, 6) is refused twice: by the client, and by the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import InvalidMetaDataError, RequestRefusedError, ServiceError
from syncnb.metadata import DestinationPolicy, PolicyProperty, PolicyService

NOW = datetime.now(UTC)
EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(days=1)
BOTH, CSS, ESS = ("cloud", "edge"), ("cloud",), ("edge",)


class Unchecked(ObjectMetaData):
    """Metadata that are sent as they are."""

    def check(self, *, cloud: bool | None = None, data: bytes | None = None) -> Self:
        return self

    def as_sent(self) -> Self:
        return self


def policy(**members: Any) -> dict[str, Any]:
    """Fields with a policy."""
    return {"destination_policy": DestinationPolicy(**members)}


# Rule of rest-api.md, 6; at which services; the field; all fields; data.
RULES: list[tuple[str, tuple[str, ...], str, dict[str, Any], bytes | None]] = [
    ("2 types", BOTH, "description", {"description": 5}, None),
    ("2 types", BOTH, "public", {"public": "yes"}, None),
    ("2 types", BOTH, "consumers", {"consumers": "2"}, None),
    ("2 types", BOTH, "consumers", {"consumers": 2**63}, None),
    ("2 types", BOTH, "link", {"link": ["a"]}, None),
    ("6", BOTH, "hash_algorithm", {"hash_algorithm": "MD5"}, None),
    ("6", BOTH, "hash_algorithm", {"hash_algorithm": "sha256"}, None),
    ("7", BOTH, "public_key", {"public_key": "no base64!"}, None),
    ("7", BOTH, "public_key", {"public_key": "QQ"}, None),
    ("7", BOTH, "signature", {"signature": "-_"}, None),
    ("8 ESS", ESS, "expiration", {"expiration": LATER}, None),
    ("8 past", CSS, "expiration", {"expiration": EARLIER}, None),
    ("9", BOTH, "version", {"version": "1 2"}, None),
    ("9", BOTH, "version", {"version": "1+cpu"}, None),
    ("10", BOTH, "description", {"description": "a <b> c"}, None),
    ("10", BOTH, "description", {"description": "</script>"}, None),
    ("11", BOTH, "meta_only", {"meta_only": True}, b"x"),
    ("12", BOTH, "dest_id", {"dest_id": "node1"}, None),
    ("13", ESS, "destinations_list", {"destinations_list": ["edge:node1"]}, None),
    ("14", CSS, "destinations_list",
     {"destinations_list": ["edge:node1"], "dest_type": "edge"}, None),
    ("15", CSS, "destinations_list", {"destinations_list": ["edge:<b>"]}, None),
    ("16 type", BOTH, "destination_policy", {"dest_type": "edge", **policy()}, None),
    ("16 list", CSS, "destinations_list", {"destinations_list": ["edge:node1"], **policy()}, None),
    ("16 property", BOTH, "destination_policy.properties",
     policy(properties=[PolicyProperty("")]), None),
    ("16 service", BOTH, "destination_policy.services",
     policy(services=[PolicyService("", "s")]), None),
    ("16 service", BOTH, "destination_policy.services",
     policy(services=[PolicyService("o", "s", "1", "")]), None),
    ("16 version", BOTH, "destination_policy.services",
     policy(services=[PolicyService("o", "s", "1.02")]), None),
    ("16 version", BOTH, "destination_policy.services",
     policy(services=[PolicyService("o", "s", "[1.0;2.0)")]), None),
    ("17", BOTH, "dest_type", {"dest_type": "a/b"}, None),
    ("18", BOTH, "auto_delete", {"auto_delete": True}, None),
    ("18", BOTH, "auto_delete", {"auto_delete": True, "dest_type": "edge"}, None),
    ("19", BOTH, "activation_time", {"inactive": True, "activation_time": EARLIER}, None),
    ("19", BOTH, "activation_time",
     {"inactive": True, "unknown": {"activationTime": "tomorrow"}}, None),
    ("20", BOTH, "deleted", {"deleted": True}, None),
    ("21 ESS", ESS, "destination_data_uri", {"destination_data_uri": "file:///data/x"}, None),
    ("21", CSS, "destination_data_uri", {"destination_data_uri": "/data/x"}, None),
    ("21", CSS, "destination_data_uri", {"destination_data_uri": "file://host/data/x"}, None),
    ("21", CSS, "destination_data_uri", {"destination_data_uri": "http://[x"}, None),
    ("22 CSS", CSS, "source_data_uri", {"source_data_uri": "file:///data/x"}, None),
    ("22 data", ESS, "source_data_uri", {"source_data_uri": "file:///data/x"}, b""),
    ("22", ESS, "source_data_uri", {"source_data_uri": "data/x"}, None),
    ("23", BOTH, "origin_type", {"origin_type": "a b", "origin_id": "c"}, None),
    ("23", BOTH, "origin_id", {"origin_type": "a", "origin_id": "b/c"}, None),
    ("26", CSS, "destinations_list", {"destinations_list": ["node1"]}, None),
    ("26", CSS, "destinations_list", {"destinations_list": ["a:b:c"]}, None),
]  # fmt: skip
CASES = [
    pytest.param(where, *rule[2:], id=f"{where}-{rule[0].replace(' ', '-')}-{rule[2]}-{number}")
    for number, rule in enumerate(RULES)
    for where in rule[1]
]


@pytest.mark.parametrize(("where", "field", "fields", "data"), CASES)
def test_client_refuses_it_before_anything_is_sent(
    where: str, field: str, fields: dict[str, Any], data: bytes | None
) -> None:
    """It names the field, the value and the rule; at this URL nobody listens."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme" if where == "cloud" else "")
    meta = ObjectMetaData(object_type="t", object_id="a", **fields)
    with pytest.raises(InvalidMetaDataError) as caught:
        client.update_object(meta, data=data)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} = ")
    assert caught.value.remedy


@pytest.mark.parametrize(("where", "field", "fields", "data"), CASES)
def test_service_refuses_it_too(
    request: pytest.FixtureRequest,
    name: str,
    where: str,
    field: str,
    fields: dict[str, Any],
    data: bytes | None,
) -> None:
    """With the check of the client off; what it says reaches the caller."""
    client: SyncServiceClient = request.getfixturevalue(where)
    meta = Unchecked(object_type=name, object_id="a", **fields)
    with pytest.raises(RequestRefusedError, match="update_object on object") as caught:
        client.update_object(meta, data=data)
    assert caught.value.status == 400
    assert caught.value.server_message, field
    assert client.get_objects(name) == []


def test_what_only_a_service_can_know_is_its_to_refuse(
    cloud: SyncServiceClient, edge: SyncServiceClient, name: str
) -> None:
    """A node that is not registered, a file that is not there, a signature that is wrong."""
    meta = ObjectMetaData(object_type=name, object_id="a")
    with pytest.raises(ServiceError, match="nobody"):
        cloud.update_object(meta.for_update(destinations_list=["edge:nobody"]))
    with pytest.raises(RequestRefusedError, match="no-such-file"):
        edge.update_object(meta.for_update(source_data_uri="file:///no-such-file"))
    cloud.update_object(meta.for_update(destination_policy=DestinationPolicy()))
    with pytest.raises(RequestRefusedError, match=r"(?i)polic"):
        cloud.update_object(meta)

"""The calls about access control lists, against a live CSS."""

from __future__ import annotations

from typing import Any

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import AccessDeniedError, InvalidMetaDataError
from syncnb.metadata import AclEntry
from tests.unit.service.stage import Running

from .conftest import client_of


def test_user_who_is_put_on_the_lists_may_publish(
    css: Running, cloud: SyncServiceClient, name: str
) -> None:
    """The lists have an effect, which the calls of the older clients never had."""
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type=name, no_data=True)
    with client_of(css, "user2") as carol:
        with pytest.raises(AccessDeniedError):
            carol.update_object(meta)
        cloud.add_users_to_object_acl(name, ["carol"], role="aclWriter")
        cloud.add_users_to_destination_acl(name, ["carol"])
        carol.update_object(meta)
        cloud.remove_users_from_destination_acl(name, ["carol"])
        cloud.remove_users_from_object_acl(name, ["carol"])
        with pytest.raises(AccessDeniedError):
            carol.update_object(meta)


def test_list_for_objects_is_read_by_type_and_kind_of_user(
    cloud: SyncServiceClient, name: str
) -> None:
    """Several at once, one away, and a new role."""
    assert cloud.retrieve_object_acl(name) == []
    cloud.add_users_to_object_acl(name, ["bob", AclEntry("n1", "aclWriter", "node")])
    reader, node = AclEntry("bob", "aclReader"), AclEntry("n1", "aclWriter", "node")
    assert set(cloud.retrieve_object_acl(name)) == {reader, node}
    assert cloud.retrieve_object_acl(name, user_type="node") == [node]
    assert cloud.retrieve_object_acl(name, user_type="user") == [reader]
    cloud.add_users_to_object_acl(name, ["bob"], role="aclWriter", replace=True)
    assert cloud.retrieve_object_acl(name, user_type="user") == [AclEntry("bob", "aclWriter")]
    cloud.remove_user_from_object_acl(name, "n1", user_type="node")
    cloud.remove_user_from_object_acl(name, "n1", user_type="node")
    assert cloud.retrieve_object_acl(name).to_pandas()["username"].tolist() == ["bob"]
    assert name in cloud.retrieve_all_object_acls()
    cloud.remove_users_from_object_acl(name, cloud.retrieve_object_acl(name))
    assert name not in cloud.retrieve_all_object_acls()


def test_list_for_destinations_is_read_by_type_and_kind_of_user(
    cloud: SyncServiceClient, name: str
) -> None:
    """Which knows no roles."""
    cloud.add_users_to_destination_acl(name, ["bob", "*", AclEntry("n1", user_type="node")])
    assert {(e.username, e.user_type, e.role) for e in cloud.retrieve_destination_acl(name)} == {
        ("bob", "user", "na"),
        ("*", "user", "na"),
        ("n1", "node", "na"),
    }
    assert [e.username for e in cloud.retrieve_destination_acl(name, user_type="node")] == ["n1"]
    assert name in cloud.retrieve_all_destination_acls()
    cloud.remove_user_from_destination_acl(name, "*")
    cloud.remove_users_from_destination_acl(name, ["n1"], user_type="node")
    assert [e.username for e in cloud.retrieve_destination_acl(name)] == ["bob"]


def test_list_for_all_types_is_one_of_its_own(css: Running) -> None:
    """Its key is a star."""
    with client_of(css, "syncadmin", "starorg") as client:
        client.add_users_to_object_acl("*", ["bob"])
        client.add_users_to_destination_acl("*", ["bob"])
        assert client.retrieve_object_acl() == [AclEntry("bob")]
        assert [one.username for one in client.retrieve_destination_acl()] == ["bob"]
        assert client.retrieve_all_object_acls() == ["*"]
        assert client.retrieve_all_destination_acls() == ["*"]
        client.remove_user_from_object_acl("*", "bob")
        client.remove_user_from_destination_acl("*", "bob")
        assert client.retrieve_all_object_acls() == []


@pytest.mark.parametrize(
    ("call", "arguments", "field"),
    [
        ("add_users_to_object_acl", ("a b", ["u"]), "object_type"),
        ("add_users_to_object_acl", ("", ["u"]), "object_type"),
        ("add_users_to_object_acl", ("t", "bob"), "users"),
        ("add_users_to_object_acl", ("t", [" "]), "username"),
        ("add_users_to_object_acl", ("t", [5]), "username"),
        ("add_users_to_object_acl", ("t", [AclEntry("u", "owner")]), "role"),
        ("add_users_to_object_acl", ("t", [AclEntry("u", "na")]), "role"),
        ("add_users_to_object_acl", ("t", ["ok", AclEntry("u", user_type="group")]), "user_type"),
        ("add_users_to_destination_acl", ("<b>", ["u"]), "dest_type"),
        ("remove_users_from_destination_acl", ("t", [""]), "username"),
        ("remove_users_from_object_acl", ("t", AclEntry("u")), "users"),
        ("remove_user_from_object_acl", ("t", "a/b"), "username"),
        ("remove_user_from_destination_acl", ("..", "u"), "dest_type"),
        ("retrieve_object_acl", ("a/b",), "object_type"),
    ],
)
def test_entry_that_is_none_is_refused(call: str, arguments: tuple[Any, ...], field: str) -> None:
    """All of them, before anything is sent."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(InvalidMetaDataError) as caught:
        getattr(client, call)(*arguments)
    assert caught.value.field == field


@pytest.mark.parametrize("call", ["retrieve_object_acl", "retrieve_destination_acl"])
def test_kind_of_user_that_is_none_is_refused(call: str) -> None:
    """There are users and nodes."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(InvalidMetaDataError, match="user_type = 'group'"):
        getattr(client, call)("t", user_type="group")


def test_nobody_is_added_without_a_call(cloud: SyncServiceClient, name: str) -> None:
    """An empty list is no error and no request."""
    cloud.add_users_to_object_acl(name, [])
    assert cloud.retrieve_object_acl(name) == []

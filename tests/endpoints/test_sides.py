"""Calls that only one kind of service has are not sent to the other."""

from __future__ import annotations

from typing import Any

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import WrongSideError

META = ObjectMetaData(object_type="t", object_id="a")
ONLY_CSS: dict[str, tuple[Any, ...]] = {
    "add_object_destinations": ("t", "a", ["edge:n"]),
    "add_users_to_destination_acl": ("t", ["u"]),
    "add_users_to_object_acl": ("t", ["u"]),
    "delete_organization": ("acme",),
    "get_destination_objects": ("edge", "n"),
    "get_destinations": (),
    "get_object_destinations": ("t", "a"),
    "get_object_types": (),
    "get_objects_with_destination_policy": (),
    "get_objects_with_filters": (),
    "get_organizations": (),
    "mark_object_policy_received": (META,),
    "remove_object_destinations": ("t", "a", ["edge:n"]),
    "remove_user_from_destination_acl": ("t", "u"),
    "remove_user_from_object_acl": ("t", "u"),
    "remove_users_from_destination_acl": ("t", ["u"]),
    "remove_users_from_object_acl": ("t", ["u"]),
    "retrieve_all_destination_acls": (),
    "retrieve_all_object_acls": (),
    "retrieve_destination_acl": ("t",),
    "retrieve_object_acl": ("t",),
    "update_object_destinations": ("t", "a", []),
    "update_organization": ("acme",),
    "watch_object_destinations": ("t", "a"),
}


@pytest.mark.parametrize("call", sorted(ONLY_CSS))
def test_call_for_a_css_is_not_sent_to_an_ess(call: str) -> None:
    """It says what to do; at this URL nobody listens."""
    client = SyncServiceClient("http://127.0.0.1:1")
    with pytest.raises(WrongSideError, match=f"^{call} is .*Cloud.*give the org_id") as caught:
        getattr(client, call)(*ONLY_CSS[call])
    assert caught.value.needs == "CSS"


def test_call_for_an_ess_is_not_sent_to_a_css() -> None:
    """The same for the other side."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    with pytest.raises(WrongSideError, match=r"resend is .*Edge.*without an org_id"):
        client.resend()
    with pytest.raises(WrongSideError, match="unregister"):
        client.shutdown(unregister=True)


def test_completion_shows_what_is_meant_for_users() -> None:
    """Nothing with an underscore, and everything that is documented."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    shown = dir(client)
    assert not [name for name in shown if name.startswith("_")]
    assert {*ONLY_CSS, "update_object", "objects", "url", "org_id", "close"} <= set(shown)
    for name in shown:
        of_class = getattr(SyncServiceClient, name, None)
        assert of_class is None or of_class.__doc__, name


def test_object_of_a_node_has_no_addressees(edge: SyncServiceClient, name: str) -> None:
    """What a publication on a node shows does not fail for it."""
    from syncnb import Publication, publish

    published = publish(b"x", name, "a", client=edge)
    assert published.status().empty
    assert name in repr(published)
    assert Publication.of(name, "a", client=edge).rows() == ()

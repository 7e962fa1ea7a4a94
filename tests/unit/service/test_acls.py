"""Access control lists over HTTP, where the recorded conversations do not go."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
import requests

from .stage import CREDENTIALS, Running

WaitUntil = Callable[..., None]


def fresh() -> str:
    return f"t{uuid.uuid4().hex}"


def change(
    css: Running, path: str, name: str, role: str = "aclReader", user_type: str = "user",
    action: str = "add", by: str = "admin",
) -> int:  # fmt: skip
    user = {"Username": name, "ACLUserType": user_type, "ACLRole": role}
    body = {"action": action, "users": [user]}
    return css.call(by, "PUT", f"security/{path}", json=body).status_code


def test_adding_again_gives_the_new_role_and_keeps_the_place(css: Running) -> None:
    name = fresh()
    for who, role in (("bob", "aclReader"), ("carol", "aclReader"), ("bob", "aclWriter")):
        assert change(css, f"objects/myorg/{name}", who, role) == 204
    entries = css.call("admin", "GET", f"security/objects/myorg?key={name}").json()
    assert [(e["Username"], e["ACLRole"]) for e in entries] == [
        ("bob", "aclWriter"),
        ("carol", "aclReader"),
    ]


def test_entry_counts_for_the_kind_of_user_that_it_names(css: Running) -> None:
    """A node and a user of the same name are two."""
    name = fresh()
    assert css.put(f"myorg/{name}/a", b"x") == 204
    assert change(css, f"objects/myorg/{name}", "bob", user_type="node") == 204
    assert css.call("user", "GET", f"objects/myorg/{name}/a").status_code == 403
    assert css.call("samename", "GET", f"objects/myorg/{name}/a").status_code == 200
    for user_type, status in (("node", 200), ("user", 404)):
        query = f"security/objects/myorg?key={name}&acl_usertype={user_type}"
        assert css.call("admin", "GET", query).status_code == status


def test_key_in_the_path_is_not_looked_at_when_a_list_is_read(css: Running) -> None:
    """Existing clients send it there, and get the list of the whole organisation."""
    name = fresh()
    assert change(css, f"objects/myorg/{name}", "bob") == 204
    whole = css.call("admin", "GET", "security/objects/myorg")
    answer = css.call("admin", "GET", f"security/objects/myorg/{name}")
    assert (answer.status_code, answer.content) == (whole.status_code, whole.content)
    entries = css.call("admin", "GET", f"security/objects/myorg?key={name}").json()
    assert [e["Username"] for e in entries] == ["bob"]


def test_new_right_to_a_destination_holds_at_once_also_after_a_refusal(css: Running) -> None:
    """D20 of rest-api.md, 13: the existing service remembers the refusal for 15 minutes."""
    name = fresh()
    assert change(css, f"objects/myorg/{name}", "bob", "aclWriter") == 204
    assert css.put(f"myorg/{name}/a", by="user", destinationType=name) == 403
    assert change(css, f"destinations/myorg/{name}", "bob") == 204
    assert css.put(f"myorg/{name}/a", by="user", destinationType=name) == 204
    assert change(css, f"destinations/myorg/{name}", "bob", action="remove") == 204
    assert css.put(f"myorg/{name}/a", by="user", destinationType=name) == 403


def test_destinations_of_an_object_are_changed_only_by_its_writers(
    css: Running, ess: Running, wait_until: WaitUntil
) -> None:
    """D2: neither a stranger nor a reader adds or removes a node."""
    name = fresh()
    wait_until(lambda: css.call("admin", "GET", "destinations/myorg").status_code == 200)
    assert css.put(f"myorg/{name}/a", b"x", public=True, destinationPolicy={}) == 204
    assert change(css, f"objects/myorg/{name}", "bob") == 204
    body = {"action": "add", "destinations": ["edge:node1"]}
    url = f"objects/myorg/{name}/a/destinations"
    for caller in ("user", "user2", "other-admin", "other-user", "node", "service"):
        assert css.call(caller, "POST", url, json=body).status_code == 403
        assert css.call(caller, "PUT", url, json=["edge:node1"]).status_code == 403
    assert css.call("admin", "GET", url).status_code == 404
    assert css.call("objectadmin", "POST", url, json=body).status_code == 204
    wait_until(lambda: css.call("admin", "GET", url).json()[0]["status"] == "delivered")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "security/objects/myorg/k/bob", {}, 400),
        ("PUT", "security/objects/myorg/k", {"action": "add", "usernames": ["bob"]}, 400),
        ("PUT", "security/objects/myorg/k", {"action": "add", "users": {}}, 400),
        ("PUT", "security/objects/myorg/k", {"action": "add", "users": ["bob"]}, 400),
        ("PUT", "security/objects/myorg/k", {"action": 1, "users": []}, 400),
        ("PUT", "security/objects/myorg/k", [], 400),
        ("GET", "security/objects/myorg?key=a%20b", None, 400),
        ("GET", "security/", None, 400),
        ("GET", "security/objects", None, 400),
        ("DELETE", "security/objects/myorg", None, 400),
        ("PATCH", "security/objects/myorg", None, 405),
        ("HEAD", "security/objects/myorg", None, 405),
    ],
)
def test_malformed_calls_are_refused(
    css: Running, method: str, path: str, body: object, status: int
) -> None:
    answer = css.call("admin", method, path, json=body)
    assert answer.status_code == status
    assert css.call("admin", "GET", "security/objects/myorg?key=k").status_code == 404


def test_only_administrators_of_the_organisation_touch_its_lists(
    css: Running, ess: Running
) -> None:
    for caller in CREDENTIALS:
        allowed = caller in ("admin", "syncadmin")
        status = css.call(caller, "GET", "security/objects/myorg?key=nothing").status_code
        assert status == (404 if allowed else 403), caller
        assert (change(css, "objects/myorg/n", "x", by=caller) == 204) is allowed
        if caller != "edgenode":
            assert ess.call(caller, "GET", "security/objects/myorg").status_code == 404
    assert change(css, "objects/myorg/n", "x", action="remove") == 204


def test_user_stands_for_a_node_of_a_type_that_the_lists_allow(css: Running) -> None:
    """sync-http.md, 2.2."""
    name = fresh()

    def register() -> int:
        return requests.put(
            f"{css.url}/spi/v1/register-new/x/y/z",
            auth=("user", "bob"),
            headers={"X-Sync-Service-Dest": f"myorg/{name}/n1"},
            timeout=10,
        ).status_code

    assert register() == 403
    assert change(css, f"destinations/myorg/{name}", "bob") == 204
    assert register() == 204
    nodes = css.call("admin", "GET", "destinations/myorg").json()
    assert name in {node["destinationType"] for node in nodes}

"""Who may do what: the tables of rest-api.md, 2.4-2.8, and sync-http.md, 2.2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncnb.service.identity import Identity
from syncnb.service.security import (
    Access,
    link_node,
    may_hook,
    may_write,
    object_access,
    shows,
    type_access,
    user_node,
)
from syncnb.service.store import AclEntry, Key, Node, ObjectRecord, Transaction
from syncnb.service.store.schema import migrate
from syncnb.service.store.sqlite import SQLite
from syncnb.service.wire import decode_meta

F, P, D = Access.FULL, Access.PUBLIC, Access.DENIED
UPGRADES = "agent_upgrade_manifests"

WHO = {
    "S": Identity("syncadmin", "", "frank"),
    "A": Identity("admin", "o", "alice"),
    "O": Identity("objectadmin", "o", "olga"),
    "U": Identity("user", "o", "bob"),
    "N": Identity("nodeuser", "o", "n1"),
    "V": Identity("service", "o", "o/1.2.0/svc"),
    "E": Identity("edgenode", "o", "edge/node1"),
    "A2": Identity("admin", "p", "alice"),
    "U2": Identity("user", "p", "bob"),
    "N2": Identity("nodeuser", "p", "n1"),
}


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    """A transaction on an empty database."""
    backend = SQLite(tmp_path / "records.sqlite")
    connection = backend.connect()
    migrate(connection, backend.types)
    connection.begin(write=True)
    yield Transaction(connection.execute)
    connection.rollback()
    connection.close()


def add(
    tx: Transaction, kind: str, key: str, name: str, role: str = "na", user_type: str = "user"
) -> None:
    tx.add_to_acl("o", kind, key, AclEntry(name, user_type, role))


@pytest.mark.parametrize(
    ("who", "on_css", "on_ess", "upgrades"),
    [
        ("S", F, F, F),
        ("A", F, F, F),
        ("O", F, F, F),
        ("U", P, F, P),
        ("N", P, F, F),
        ("V", D, F, D),
        ("E", D, D, D),
        ("A2", P, D, P),
        ("U2", P, D, P),
        ("N2", P, D, P),
    ],
)
def test_reading_without_lists(
    tx: Transaction, who: str, on_css: Access, on_ess: Access, upgrades: Access
) -> None:
    assert type_access(tx, WHO[who], "o", "t", is_css=True) is on_css
    assert type_access(tx, WHO[who], "o", "t", is_css=False) is on_ess
    assert type_access(tx, WHO[who], "o", UPGRADES, is_css=True) is upgrades


@pytest.mark.parametrize("role", ["aclReader", "aclWriter"])
@pytest.mark.parametrize(
    ("key", "name", "user_type", "readers"),
    [
        ("t", "bob", "user", {"U"}),
        ("t", "bob", "node", set()),
        ("t", "n1", "node", {"N"}),
        ("t", "n1", "user", set()),
        ("t", "*", "user", {"U"}),
        ("t", "*", "node", {"N"}),
        ("*", "bob", "user", {"U"}),
        ("*", "*", "node", {"N"}),
        ("other", "bob", "user", set()),
    ],
)
def test_list_lets_those_read_whom_it_names_and_nobody_of_another_kind_or_organisation(
    tx: Transaction, role: str, key: str, name: str, user_type: str, readers: set[str]
) -> None:
    add(tx, "objects", key, name, role, user_type)
    full = {
        w for w in ("U", "N", "U2", "N2") if type_access(tx, WHO[w], "o", "t", is_css=True) is F
    }
    assert full == readers
    assert type_access(tx, WHO["V"], "o", "t", is_css=True) is D


def policy(*names: str, **meta: Any) -> dict[str, Any]:
    services = [{"orgID": "o", "arch": "x", "serviceName": n, "version": "1"} for n in names]
    return decode_meta({"destinationPolicy": {"services": services}, **meta})


@pytest.mark.parametrize(
    ("meta", "removed", "access", "for_deleted"),
    [
        pytest.param(None, (), D, D, id="unknown"),
        pytest.param(decode_meta({}), (), F, F, id="no-policy"),
        pytest.param(policy(), (), F, F, id="no-services"),
        pytest.param(policy("svc"), (), F, F, id="named"),
        pytest.param(policy("x"), (), D, D, id="not-named"),
        pytest.param(policy("x", public=True), (), P, P, id="public"),
        pytest.param(policy("x"), ("svc",), D, F, id="removed"),
        pytest.param(policy("x"), ("y",), D, D, id="other-removed"),
    ],
)
def test_service_on_a_node_reads_what_is_meant_for_it(
    tx: Transaction, meta: Any, removed: tuple[str, ...], access: Access, for_deleted: Access
) -> None:
    key, record = Key("o", "t", "i"), None
    if meta is not None:
        gone = policy(*removed)["destinationPolicy"]["services"] if removed else ()
        record = ObjectRecord(key, "completelyReceived", False, meta, removed_services=tuple(gone))
    who = WHO["V"]
    assert object_access(tx, who, key, record, is_css=False) is access
    assert object_access(tx, who, key, record, is_css=False, removed_too=True) is for_deleted
    if record is not None:
        assert shows(access, record) is (access is not D)


@pytest.mark.parametrize(
    ("who", "on_css", "on_ess", "upgrades"),
    [
        ("S", True, True, True),
        ("A", True, True, True),
        ("O", True, True, False),
        ("U", False, True, False),
        ("N", False, True, False),
        ("V", False, True, False),
        ("E", False, False, False),
        ("A2", False, False, False),
        ("U2", False, False, False),
    ],
)
def test_writing_without_lists(
    tx: Transaction, who: str, on_css: bool, on_ess: bool, upgrades: bool
) -> None:
    meta, key = decode_meta({}), Key("o", "t", "i")
    assert may_write(tx, WHO[who], key, meta, is_css=True) is on_css
    assert may_write(tx, WHO[who], key, meta, is_css=False) is on_ess
    upgrade = Key("o", UPGRADES, "i")
    assert may_write(tx, WHO[who], upgrade, meta, is_css=True) is upgrades


@pytest.mark.parametrize(
    ("entries", "writes"),
    [
        ([("t", "bob", "aclWriter")], True),
        ([("t", "bob", "aclReader")], False),
        ([("t", "*", "aclReader"), ("t", "bob", "aclWriter")], False),  # the first decides
        ([("t", "bob", "aclWriter"), ("t", "*", "aclReader")], True),
        ([("t", "carol", "aclReader"), ("t", "bob", "aclWriter")], True),
        ([("t", "bob", "aclReader"), ("*", "bob", "aclWriter")], False),  # final
        ([("*", "bob", "aclWriter")], True),
        ([("other", "bob", "aclWriter")], False),
        ([], False),
    ],
)
def test_first_entry_that_fits_decides_who_writes(
    tx: Transaction, entries: list[tuple[str, str, str]], writes: bool
) -> None:
    for key, name, role in entries:
        add(tx, "objects", key, name, role)
    add(tx, "destinations", "*", "bob")
    target, meta = Key("o", "t", "i"), decode_meta({})
    assert may_write(tx, WHO["U"], target, meta, is_css=True) is writes
    assert not may_write(tx, WHO["U2"], target, meta, is_css=True)
    assert not may_write(tx, WHO["N"], target, meta, is_css=True)
    assert may_hook(tx, WHO["U"], "o", "t", is_css=True) is writes
    assert not may_hook(tx, WHO["U2"], "o", "t", is_css=True)  # D4: the organisation counts


@pytest.mark.parametrize(
    ("lists", "meta", "reaches"),
    [
        (["d"], {"destinationType": "d"}, True),
        (["d"], {"destinationType": "e"}, False),
        (["*"], {"destinationType": "e"}, True),
        (["d"], {}, False),  # a broadcast
        (["*"], {}, True),
        (["d"], {"destinationsList": []}, False),  # a broadcast, too
        (["d"], {"destinationsList": ["d:1", "d:2"]}, True),
        (["d"], {"destinationsList": ["d:1", "e:2"]}, False),
        (["d", "e"], {"destinationsList": ["d:1", "e:2"]}, True),
        ([], {"destinationPolicy": {}}, True),
        ([], {"destinationType": "d"}, False),
    ],
)
def test_writer_reaches_the_destinations_that_the_lists_allow(
    tx: Transaction, lists: list[str], meta: dict[str, Any], reaches: bool
) -> None:
    add(tx, "objects", "t", "bob", "aclWriter")
    for dest_type in lists:
        add(tx, "destinations", dest_type, "bob")
    key = Key("o", "t", "i")
    assert may_write(tx, WHO["U"], key, decode_meta(meta), is_css=True) is reaches


@pytest.mark.parametrize(
    ("who", "on_css", "on_ess"),
    [
        ("S", True, True),
        ("A", True, True),
        ("O", True, True),
        ("U", False, True),
        ("N", False, True),
        ("V", False, False),
        ("E", False, False),
        ("A2", False, False),
    ],
)
def test_webhooks_without_lists(tx: Transaction, who: str, on_css: bool, on_ess: bool) -> None:
    assert may_hook(tx, WHO[who], "o", "t", is_css=True) is on_css
    assert may_hook(tx, WHO[who], "o", "t", is_css=False) is on_ess


NODE1 = ("o", Node("edge", "node1"))


@pytest.mark.parametrize(
    ("who", "header", "found"),
    [
        ("E", "o/edge/node1", NODE1),
        ("E", "o/edge/node2", None),
        ("E", "p/edge/node1", None),
        ("A", "o/edge/node1", NODE1),
        ("A", "p/edge/node1", None),
        ("A", "o/edge", None),
        ("A", "o//node1", None),
        ("A", "", None),
        ("O", "o/edge/node1", None),
        ("U", "o/edge/node1", None),
        ("N", "o/edge/node1", None),
        ("S", "o/edge/node1", None),
        ("V", "o/edge/node1", None),
    ],
)
def test_who_may_speak_for_a_node_on_the_link(who: str, header: str, found: object) -> None:
    assert link_node(WHO[who], header) == found


def test_user_speaks_for_nodes_of_the_types_that_the_lists_allow(tx: Transaction) -> None:
    add(tx, "destinations", "edge", "bob")
    assert user_node(tx, WHO["U"], "o/edge/node1") == NODE1
    assert user_node(tx, WHO["U"], "elsewhere/edge/node1") == NODE1  # its own organisation counts
    assert user_node(tx, WHO["U"], "o/other/node1") is None
    assert user_node(tx, WHO["U2"], "o/edge/node1") is None

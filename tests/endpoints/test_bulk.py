"""Calls on many objects, against a live CSS and a live ESS."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import AccessDeniedError
from syncnb.metadata.bundles import unpacked
from tests.unit.service.stage import ORG, Running

from .conftest import WaitUntil, client_of

SENT = {"a": b"one", "b": b"two", "c": b"x" * 100_000, "d": b"four"}  # c is no small one


@pytest.fixture(params=["css", "ess"])
def receiver(
    request: pytest.FixtureRequest,
    cloud: SyncServiceClient,
    edge: SyncServiceClient,
    name: str,
    wait_until: WaitUntil,
) -> SyncServiceClient:
    """Who has received all of `SENT`: once the CSS and once the ESS."""
    sender, receiver = (edge, cloud) if request.param == "css" else (cloud, edge)
    for object_id, data in SENT.items():
        sender.update_object(ObjectMetaData(object_type=name, object_id=object_id), data=data)
    wait_until(lambda: len(receiver.get_updated_objects(name)) == len(SENT))
    return receiver


def one_by_one(client: SyncServiceClient) -> SyncServiceClient:
    """The same client, as it is with a service that has no calls for many objects."""
    other = pickle.loads(pickle.dumps(client))  # noqa: S301  our own
    call, look = other._call, other._watch

    def plain(*names: Any, params: dict[str, str] | None = None, **more: Any) -> Any:
        params = {k: v for k, v in (params or {}).items() if k == "received"}
        return call(*names, params=params, **more)

    def watch(*names: Any) -> Any:
        *others, params = names
        return look(*others, {k: v for k, v in params.items() if k == "received"})

    other._call, other._watch, other._has_bulk = plain, watch, False
    assert isinstance(other, SyncServiceClient)
    return other


KINDS: dict[str, Callable[[SyncServiceClient], SyncServiceClient]] = {
    "bulk": lambda client: client,
    "one-by-one": one_by_one,
}


@pytest.mark.parametrize("kind", KINDS)
def test_many_objects_are_listed_read_and_consumed(
    receiver: SyncServiceClient, name: str, kind: str
) -> None:
    """The same in effect at every service; only syncnb's own gives data with the metadata."""
    client = KINDS[kind](receiver)
    listed = client.watch_arrivals(name, received=True).items or []
    found = {m.object_id: m for m in receiver.get_updated_objects(name)}
    assert [(one.object_id, one.instance_id, one.object_size) for one in listed] == [
        (one, found[one].instance_id, len(SENT[one])) for one in sorted(SENT)
    ]
    assert {(one.origin_type, one.origin_id) for one in listed} == {
        (m.origin_type, m.origin_id) for m in found.values()
    }
    read = list(client.read_arrivals(name, received=True, after="a", last="c"))
    assert [meta for meta, _ in read] == [found["b"], found["c"]]
    wanted = [b"two", None] if kind == "bulk" else [None, None]
    assert [data for _, data in read] == wanted

    late = replace(found["b"], instance_id=found["b"].instance_id - 1)
    left = client.mark_objects_consumed([found["a"], late, found["c"]])
    assert left == [late]
    assert [m.object_id for m in receiver.get_updated_objects(name)] == ["b", "d"]
    assert client.mark_objects_consumed([found["a"], found["b"], found["d"]]) == [found["a"]]
    assert client.watch_arrivals(name).items == []


def test_list_of_arrivals_waits_for_news(
    cloud: SyncServiceClient, edge: SyncServiceClient, name: str, wait_until: WaitUntil
) -> None:
    """And says nothing while it is as it was."""
    edge.update_object(ObjectMetaData(object_type=name, object_id="a"), data=b"x")
    wait_until(lambda: bool(cloud.watch_arrivals(name).items))
    first = cloud.watch_arrivals(name, wait=1)
    assert first.waited
    assert cloud.watch_arrivals(name, etag=first.etag, wait=1).items is None
    edge.update_object(ObjectMetaData(object_type=name, object_id="b"), data=b"x")
    second = cloud.watch_arrivals(name, etag=first.etag, wait=20)
    assert [one.object_id for one in second.items or []] == ["a", "b"]
    assert cloud.watch_arrivals(name, after="b").items == []


def test_answer_is_bounded_and_goes_on_where_it_ended(
    cloud: SyncServiceClient,
    css: Running,
    edge: SyncServiceClient,
    name: str,
    wait_until: WaitUntil,
) -> None:
    """Some 8 MiB at a time, and all of it in the end."""
    data = b"\0" * (64 << 10)
    for number in range(130):
        meta = ObjectMetaData(object_type=name, object_id=f"{number:03}")
        edge.update_object(meta, data=data)
    wait_until(lambda: len(cloud.get_updated_objects(name)) == 130, timeout=60)
    answer = css.call("admin", "GET", f"objects/{ORG}/{name}?bundle=true")
    assert len(answer.content) < 9 << 20
    assert list(unpacked(answer.content))[-1] is False
    read = list(cloud.read_arrivals(name))
    assert [meta.object_id for meta, _ in read] == [f"{number:03}" for number in range(130)]
    assert all(got == data for _, got in read)


def test_rights_are_those_of_the_calls_for_one_object(
    css: Running, cloud: SyncServiceClient, edge: SyncServiceClient, name: str,
    wait_until: WaitUntil,
) -> None:  # fmt: skip
    """Who may not read an object gets nothing of it, and who may not consume it does not."""
    meta = ObjectMetaData(object_type=name, object_id="open", public=True)
    edge.update_object(meta, data=b"for everybody")
    edge.update_object(ObjectMetaData(object_type=name, object_id="shut"), data=b"secret")
    wait_until(lambda: len(cloud.get_updated_objects(name)) == 2)
    for who in ("other-user", "user", "node", "other-admin"):
        with client_of(css, who) as client:
            assert [m.object_id for m in client.get_updated_objects(name)] == ["open"]
            assert [one.object_id for one in client.watch_arrivals(name).items or []] == ["open"]
            assert [data for _, data in client.read_arrivals(name)] == [b"for everybody"]
            with pytest.raises(AccessDeniedError):
                client.mark_objects_consumed(cloud.get_updated_objects(name))
    path = f"objects/{ORG}/{name}"
    for caller in ("service", "edgenode", None):
        for query in ("brief=true", "bundle=true"):
            assert css.call(caller, "GET", f"{path}?{query}").status_code == 403
    shut = next(m for m in cloud.get_updated_objects(name) if m.object_id == "shut")
    item = {"objectID": "shut", "instanceID": shut.instance_id}
    answer = css.call("user", "PUT", f"{path}?mark=consumed", json=[item])
    assert answer.json() == [{"objectID": "shut", "status": 403}]
    assert len(cloud.get_updated_objects(name)) == 2


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        pytest.param("GET", "brief=maybe", None, id="no-boolean"),
        pytest.param("GET", "brief=true&after=a%2Fb", None, id="after-is-no-name"),
        pytest.param("GET", "bundle=true&last=..", None, id="last-is-no-name"),
        pytest.param("GET", "bundle=true&received=%ff", None, id="received-is-no-boolean"),
        pytest.param("PUT", "mark=deleted", [], id="another-mark"),
        pytest.param("PUT", "mark=consumed", {}, id="no-array"),
        pytest.param("PUT", "mark=consumed", [1], id="no-object"),
        pytest.param("PUT", "mark=consumed", [{"objectID": "a/b"}], id="no-name"),
        pytest.param("PUT", "mark=consumed", [{"objectID": "a"}], id="no-instance"),
        pytest.param(
            "PUT", "mark=consumed", [{"objectID": "a", "instanceID": 2**63}], id="too-large"
        ),
        pytest.param(
            "PUT", "mark=consumed", [{"objectID": "a", "instanceID": 1}] * 1001, id="too-many"
        ),
    ],
)
def test_nonsense_is_refused(css: Running, name: str, method: str, query: str, body: Any) -> None:
    """With 400, whatever it is."""
    more = {} if body is None else {"json": body}
    answer = css.call("admin", method, f"objects/{ORG}/{name}?{query}", **more)
    assert answer.status_code == 400


def test_copy_of_a_client_works_and_shows_no_secret(cloud: SyncServiceClient, name: str) -> None:
    """In another process, which gets what it needs to log in."""
    with pickle.loads(pickle.dumps(cloud)) as copy:  # noqa: S301  our own
        assert copy.watch_arrivals(name).items == []
        assert repr(copy) == repr(cloud)
        token = base64.b64encode(b"admin:alice").decode()
        assert all("alice" not in text and token not in text for text in (repr(copy), str(copy)))

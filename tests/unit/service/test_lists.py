"""Lists over all types of an organisation (rest-api.md, 4.6-4.8)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from .stage import Running


@pytest.fixture(scope="module")
def shelf(css: Running) -> Iterator[str]:
    """An organisation with some objects; what is in it is in the tests below."""
    org = f"o{uuid.uuid4().hex}"
    services = [{"orgID": "so", "arch": "x", "serviceName": "svc", "version": v} for v in "12"]
    policy = {"properties": [{"name": "color", "value": "red"}], "services": services}
    objects: dict[str, dict[str, Any]] = {
        "t1/plain": {},
        "t1/open": {"public": True, "noData": True},
        "t1/typed": {"destinationType": "edge"},
        "t2/exact": {"destinationType": "edge", "destinationID": "n1"},
        "t2/policy": {"destinationPolicy": policy},
        "t2/empty": {"destinationPolicy": {}},
        "t3/lied": {
            "destinationPolicy": {"properties": [{"name": "p", "value": {"public": True}}]}
        },
    }
    for name, meta in objects.items():
        assert css.put(f"{org}/{name}", by="syncadmin", **meta) == 204
    yield org
    css.call("syncadmin", "DELETE", f"organizations/{org}")


def found(css: Running, org: str, query: str, by: str = "syncadmin") -> object:
    """The names that a query lists, or the status if that is not 200."""
    answer = css.call(by, "GET", f"objects/{org}?{query}")
    if answer.status_code != 200:
        return answer.status_code
    items = answer.json()
    return sorted(i if isinstance(i, str) else i["objectID"] for i in items)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("destinationType=edge", ["exact", "typed"]),
        ("destinationType=edge&destinationID=n1", ["exact"]),
        ("destinationType=edge&destinationID=n2", 404),
        ("destinationID=n1&objectType=t2", ["empty", "exact", "policy"]),
        ("destinationType=ed%3Cge", 400),
        ("objectType=t1", ["open", "plain", "typed"]),
        ("objectType=t1&objectID=plain", ["plain"]),
        ("objectType=t2&objectID=plain", 404),
        ("objectID=plain&noData=true", ["open"]),
        ("objectType=a%20b", 400),
        ("objectType=t1&objectID=a%20b", 400),
        ("objectID=a%20b&noData=true", ["open"]),
        ("noData=true", ["open"]),
        ("noData=maybe", 400),
        ("deleted=true", 404),
        ("deleted=x", 400),
        ("destinationPolicy=true", ["empty", "lied", "policy"]),
        ("destinationPolicy=false&objectType=t2", ["exact"]),
        ("destinationPolicy=yes", 400),
        ("destinationPolicy=true&dpService=so/svc", ["policy"]),
        ("destinationPolicy=true&dpService=so/other", 404),
        ("destinationPolicy=true&dpService=so", 400),
        ("destinationPolicy=true&dpService=so/a%20b", 400),
        ("dpService=so&noData=true", ["open"]),
        ("destinationPolicy=true&dpPropertyName=color", ["policy"]),
        ("destinationPolicy=true&dpPropertyName=a%20b", 400),
        ("destinationPolicy=true&since=1970-01-01T00:00:00Z", ["empty", "lied", "policy"]),
        ("destinationPolicy=true&since=1969-12-31T23:59:59Z", 400),
        ("destinationPolicy=true&since=2200-01-01T00:00:00%2B03:00", 404),
        ("destinationPolicy=true&since=12345", 400),
        ("since=12345&noData=true", ["open"]),
        ("expirationTimeBefore=2200-01-01T00:00:00Z", 404),
        ("expirationTimeBefore=soon", 400),
    ],
)
def test_filters_are_combined_and_checked(
    css: Running, shelf: str, query: str, expected: object
) -> None:
    assert found(css, shelf, f"filters=true&{query}") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["empty", "lied", "policy"]),
        ("service=so/svc", ["policy"]),  # once, though the policy lists it in two versions
        ("service=so/nothing", 404),
        ("service=so", 400),
        ("service=so/a/b", 400),
        ("since=1", ["empty", "lied", "policy"]),
        ("since=1&service=so/svc&received=maybe", ["empty", "lied", "policy"]),  # the first counts
        ("since=9000000000000000000", 404),
        ("since=0", 400),
        ("since=-1", 400),
        ("since=1.5", 400),
        ("since=99999999999999999999", 400),
        ("received=maybe", 400),
    ],
)
def test_policies_are_listed_by_time_else_by_service(
    css: Running, shelf: str, query: str, expected: object
) -> None:
    assert found(css, shelf, f"destination_policy=true&{query}") == expected


def test_policy_that_was_received_comes_back_when_it_is_stored_again(css: Running) -> None:
    org = f"o{uuid.uuid4().hex}"
    before = time.time_ns() - 5_000_000_000
    for name in ("a", "b"):
        assert css.put(f"{org}/t/{name}", by="syncadmin", destinationPolicy={}) == 204
    url = f"objects/{org}/t/a"
    assert css.call("syncadmin", "PUT", f"{url}/policyreceived").status_code == 204
    assert css.call("syncadmin", "PUT", f"{url}/data", data=b"x").status_code == 204
    assert found(css, org, "destination_policy=true") == ["b"]
    assert found(css, org, "destination_policy=true&received=true") == ["a", "b"]
    assert found(css, org, f"destination_policy=true&since={before}") == ["a", "b"]
    assert css.put(f"{org}/t/a", by="syncadmin", destinationPolicy={}) == 204
    assert found(css, org, "destination_policy=true") == ["a", "b"]


@pytest.mark.parametrize(
    ("caller", "types", "objects", "policies"),
    [
        ("syncadmin", ["t1", "t2", "t3"], 7, 3),
        ("other-admin", ["t1"], 1, 0),
        ("admin", ["t1"], 1, 0),
        ("objectadmin", ["t1"], 1, 0),
        ("user", ["t1"], 1, 0),
        ("node", ["t1"], 1, 0),
        ("service", 403, 403, 403),
        ("edgenode", 403, 403, 403),
    ],
)
def test_lists_hold_what_the_caller_may_read(
    css: Running, shelf: str, caller: str, types: object, objects: int, policies: int
) -> None:
    assert found(css, shelf, "list_object_type=true", caller) == types
    listed = found(css, shelf, "filters=true", caller)
    assert (len(listed) if isinstance(listed, list) else listed) == objects
    listed = found(css, shelf, "destination_policy=true", caller)
    assert (len(listed) if isinstance(listed, list) else listed) == (policies or 404)


def test_stranger_cannot_tell_an_empty_organisation_from_a_private_one(css: Running) -> None:
    """D19 of rest-api.md, 13; a member of the organisation gets an empty list."""
    name, empty = f"t{uuid.uuid4().hex}", f"o{uuid.uuid4().hex}"
    assert css.put(f"myorg/{name}/a", noData=True) == 204
    query = f"filters=true&objectType={name}"
    assert found(css, "myorg", query, "other-admin") == found(css, empty, query, "other-admin")
    assert found(css, "myorg", query, "user") == []


def test_redirect_to_the_path_with_a_slash_keeps_the_query(ess: Running) -> None:
    """Lists of an organisation cannot be had on a node (rest-api.md, 3)."""
    answer = ess.call("admin", "GET", "objects?filters=true", allow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["Location"].endswith("/api/v1/objects/?filters=true")
    assert ess.call("admin", "GET", "objects?filters=true").status_code == 400

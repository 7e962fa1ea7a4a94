"""Versions, ranges, and the services that a policy names."""

from __future__ import annotations

from typing import Any

import pytest

from syncnb.service.lifecycle.policies import (
    is_named,
    parse_range,
    parse_version,
    services_removed,
    without_service,
)
from syncnb.service.store import Key, ObjectRecord
from syncnb.service.wire import decode_meta


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1", (1, 0, 0)),
        ("1.2", (1, 2, 0)),
        ("10.20.30", (10, 20, 30)),
        ("0", (0, 0, 0)),
        ("", None),
        ("01", None),
        ("1.2.3.4", None),
        ("1.", None),
        ("-1", None),
        ("1.x", None),
        ("v1", None),
        ("INFINITY", None),
        ("\u0661", None),
    ],
)
def test_version_is_up_to_three_numbers(text: str, version: object) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.2", ["1.2", "1.2.1", "99"], ["1.1.9", "0"]),
        ("[1,2]", ["1", "1.5", "2"], ["0.9", "2.0.1"]),
        ("[1,2)", ["1", "1.9.9"], ["2"]),
        ("(1,2]", ["1.0.1", "2"], ["1"]),
        ("(1,2)", ["1.0.1"], ["1", "2"]),
        ("[ 1 , INFINITY )", ["1", "1000"], ["0.9.9"]),
        ("(1.2,INFINITY]", ["1.2.1"], ["1.2"]),
        ("[2,1]", [], ["1", "1.5", "2"]),
    ],
)
def test_range_holds_what_lies_between_its_ends(
    text: str, inside: list[str], outside: list[str]
) -> None:
    span = parse_range(text)
    assert span is not None
    assert [parse_version(v) in span for v in inside] == [True] * len(inside)
    assert [parse_version(v) in span for v in outside] == [False] * len(outside)


@pytest.mark.parametrize(
    "text", ["", "[1,2", "1,2]", "[1]", "[INFINITY,2]", "[1,2,3]", "{1,2}", "[01,2]", "INFINITY"]
)
def test_what_is_no_range_is_none(text: str) -> None:
    assert parse_range(text) is None


def service(name: str = "svc", version: str = "[1,2)", org: str = "so") -> dict[str, str]:
    return {"orgID": org, "arch": "amd64", "serviceName": name, "version": version}


@pytest.mark.parametrize(
    ("user", "named"),
    [
        ("so/1.5.0/svc", True),
        ("so/1.5/svc", True),
        ("so/2.0.0/svc", False),
        ("other/1.5.0/svc", False),
        ("so/1.5.0/unknown", False),
        ("so/latest/svc", False),
        ("so/1.5.0", False),
        ("so/1.5.0/a/b", True),  # only the first two slashes split
        ("", False),
    ],
)
def test_service_is_named_by_organisation_name_and_version(user: str, named: bool) -> None:
    assert is_named([service("other"), service(), service("a/b")], user) is named


def record(*services: dict[str, str], removed: tuple[dict[str, Any], ...] = ()) -> ObjectRecord:
    meta = decode_meta({"destinationPolicy": {"services": list(services)}})
    return ObjectRecord(
        Key("o", "t", "i"), "completelyReceived", False, meta, removed_services=removed
    )


def test_service_that_a_policy_no_longer_lists_is_remembered_until_it_took_note() -> None:
    old, new = record(service("a"), service("b")), record(service("b"))
    removed = services_removed(old, new.meta)
    assert [s["serviceName"] for s in removed] == ["a"]
    later = record(service("c"), removed=removed)
    assert without_service(later, "so/1.0.0/other") == removed
    assert without_service(later, "so/1.0.0/a") == ()
    # A next update adds to the list, and takes off it what is listed again.
    again = services_removed(record(service("b"), removed=removed), record(service("a")).meta)
    assert [s["serviceName"] for s in again] == ["b"]


def test_other_version_text_is_another_service_on_the_list() -> None:
    removed = services_removed(record(service(version="1")), record(service(version="2")).meta)
    assert [s["version"] for s in removed] == ["1"]

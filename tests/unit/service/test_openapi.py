"""The description of the API: complete, and true."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from syncnb import LocalFleet
from syncnb.service.openapi.description import description
from syncnb.service.openapi.page import page
from syncnb.service.openapi.templates import Templates

METHODS = ("get", "put", "post", "delete")
OBJECT = "/api/v1/objects/{o}{objectType}/{objectID}"
# rest-api.md, 3; what it calls unreachable, or a redirect, is left out.
BOTH = [
    ("get", "/api/v1/health"),
    ("post", "/api/v1/shutdown"),
    ("post", "/api/v1/resend"),
    ("get", "/api/v1/objects/{o}{objectType}"),
    ("put", "/api/v1/objects/{o}{objectType}"),
    ("get", OBJECT),
    ("put", OBJECT),
    ("delete", OBJECT),
    ("get", f"{OBJECT}/status"),
    ("get", f"{OBJECT}/data"),
    ("put", f"{OBJECT}/data"),
    *(("put", f"{OBJECT}/{word}") for word in ("received", "consumed", "deleted", "activate")),
    ("put", f"{OBJECT}/policyreceived"),
    *((method, f"{OBJECT}/destinations") for method in ("get", "put", "post")),
    ("get", "/api/v1/organizations"),
    ("put", "/api/v1/organizations/{orgID}"),
    ("delete", "/api/v1/organizations/{orgID}"),
    ("get", "/swagger"),
    ("get", "/swagger.json"),
]
ACLS = "/api/v1/security/{aclKind}/{orgID}"
CSS_ONLY = [
    ("get", "/api/v1/destinations/{orgID}"),
    ("get", "/api/v1/destinations/{orgID}/{destType}/{destID}/objects"),
    ("get", "/api/v1/objects/{orgID}"),
    ("get", ACLS),
    ("put", ACLS),
    ("put", ACLS + "/{key}"),
    ("delete", ACLS + "/{key}/{aclUserType}/{username}"),
]
SAMPLES = {
    "orgID": "myorg",
    "objectType": "model",
    "objectID": "described",
    "destType": "edge",
    "destID": "described",
    "aclKind": "objects",
    "key": "model",
    "aclUserType": "user",
    "username": "nobody",
    "instanceID": "1",
    "dataID": "1",
    "report": "updated",
}


def operations(described: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, one)
        for path, methods in described["paths"].items()
        for method, one in methods.items()
    ]


@pytest.mark.parametrize("is_css", [True, False], ids=["css", "ess"])
def test_every_route_of_the_protocol_is_described(is_css: bool) -> None:
    """And nothing has another name than there."""
    wanted = {(m, p.replace("{o}", "{orgID}/" if is_css else "")) for m, p in BOTH}
    described = {(m, p) for m, p, _ in operations(description(is_css=is_css))}
    assert wanted | set(CSS_ONLY if is_css else ()) <= described
    extra = {p for _, p in described - wanted - set(CSS_ONLY if is_css else ())}
    assert {p for p in extra if not p.startswith("/spi/v1/")} == {
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
    }


@pytest.mark.parametrize("is_css", [True, False], ids=["css", "ess"])
def test_description_is_whole(is_css: bool) -> None:
    """Every reference leads somewhere, every name is used once, every operation has a line."""
    described = description(is_css=is_css)
    schemas = described["components"]["schemas"]
    named = set(re.findall(r"#/components/schemas/(\w+)", str(described)))
    assert named <= set(schemas)
    listed = operations(described)
    names = [one["operationId"] for _, _, one in listed]
    assert len(names) == len(set(names))
    assert all(
        method in METHODS and one["summary"] and one["responses"] for method, _, one in listed
    )
    for _, path, one in listed:
        there = {p["name"] for p in one["parameters"] if p["in"] == "path"}
        assert there == set(re.findall(r"{(\w+)}", path))


@pytest.mark.parametrize("role", ["css", "ess"])
def test_service_serves_its_own_description(fleet: LocalFleet, role: str) -> None:
    """Under both names, without credentials; the page lists every operation without a script."""
    base = fleet.url if role == "css" else fleet.node("node1").url
    described = requests.get(f"{base}/openapi.json", timeout=5).json()
    assert described == description(is_css=role == "css")
    assert requests.get(f"{base}/swagger.json", timeout=5).json() == described
    answer = requests.get(f"{base}/swagger", timeout=5)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
    assert answer.text.count("<details>") == len(operations(described))
    assert page(is_css=role == "css") == answer.text


@pytest.mark.parametrize("role", ["css", "ess"])
def test_every_described_operation_is_there_and_answers_as_described(
    fleet: LocalFleet, role: str
) -> None:
    """One call each, by an administrator: routed, with a status that is described."""
    is_css = role == "css"
    client = fleet.cloud if is_css else fleet.node("node1")
    samples = SAMPLES | {"orgID": fleet.org_id}
    wrong = []
    for method, path, one in operations(description(is_css=is_css)):
        names = samples | ({"orgID": "foreign"} if method == "delete" else {})
        url = client.url + path.replace("{", "{0[").replace("}", "]}").format(names)
        answer = requests.request(
            method.upper(),
            url,
            auth=login(fleet, role),
            headers={"X-Sync-Service-Dest": f"{fleet.org_id}/edge/described"},
            data=b"{}",
            timeout=10,
        )
        if str(answer.status_code) not in one["responses"] or "page not found" in answer.text:
            wrong.append(f"{method} {path}: {answer.status_code} {answer.text}")
    assert not wrong


def login(fleet: LocalFleet, role: str) -> tuple[str, str]:
    environment = fleet.environment() if role == "css" else fleet.environment("node1")
    return environment["SYNCNB_KEY"], environment["SYNCNB_SECRET"]


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/v1/objects/o/t", "/api/v1/objects/{orgID}/{objectType}"),
        ("/api/v1/objects/o/t/i/DATA", "/api/v1/objects/{orgID}/{objectType}/{objectID}/data"),
        ("/api/v1/objects/o/t/i/nothing", "other"),
        ("/spi/v1/objects/", "/spi/v1/objects/"),
        (
            "/spi/v1/objects/o/t/i/1/2/update",
            "/spi/v1/objects/{orgID}/{objectType}/{objectID}/{instanceID}/{dataID}/update",
        ),
        (
            "/spi/v1/objects/o/t/i/1/2/ackDelete",
            "/spi/v1/objects/{orgID}/{objectType}/{objectID}/{instanceID}/{dataID}/{report}",
        ),
        ("/", "other"),
        ("//", "other"),
    ],
)
def test_path_has_the_template_that_it_fits(path: str, template: str) -> None:
    """Words before parameters; what no operation has is one and the same."""
    assert Templates(is_css=True).find(path) == template

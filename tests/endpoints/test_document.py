"""docs/client-calls.md: complete, and true."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from syncnb import SyncServiceClient

HERE = Path(__file__).parent
DOCUMENT = HERE.parent.parent / "docs" / "client-calls.md"
OBJECT = "/api/v1/objects/{o}{type}/{id}"
IN_CSS = "/api/v1/objects/{orgID}/{type}/{id}"
ACL = "/api/v1/security/{kind}/{orgID}"
# rest-api.md, 3, and what only syncnb's own service has.
ENDPOINTS = {
    "GET /api/v1/health",
    "POST /api/v1/shutdown",
    "POST /api/v1/resend",
    "GET /api/v1/destinations/{orgID}",
    "GET /api/v1/destinations",
    "GET /api/v1/destinations/{orgID}/{destType}/{destID}/objects",
    "GET /api/v1/objects/{orgID}?destination_policy=true",
    "GET /api/v1/objects/{orgID}?filters=true",
    "GET /api/v1/objects/{orgID}?list_object_type=true",
    "GET /api/v1/objects/{o}{type}",
    "GET /api/v1/objects/{o}{type}?all_objects=true",
    "GET /api/v1/objects/{o}{type}?brief=true",
    "GET /api/v1/objects/{o}{type}?bundle=true",
    "PUT /api/v1/objects/{o}{type}",
    "PUT /api/v1/objects/{o}{type}?mark=consumed",
    *(f"{method} {OBJECT}" for method in ("GET", "PUT", "DELETE")),
    f"PUT {OBJECT}?data=SIZE",
    f"GET {OBJECT}/status",
    *(f"{method} {OBJECT}/data" for method in ("GET", "PUT")),
    *(f"PUT {OBJECT}/{word}" for word in ("received", "consumed", "deleted", "activate")),
    f"PUT {IN_CSS}/policyreceived",
    f"GET {OBJECT}/destinations",
    *(f"{method} {IN_CSS}/destinations" for method in ("PUT", "POST")),
    "GET /api/v1/organizations",
    *(f"{method} /api/v1/organizations/{{orgID}}" for method in ("PUT", "DELETE")),
    *(
        endpoint.replace("{kind}", kind)
        for kind in ("objects", "destinations")
        for endpoint in (
            f"GET {ACL}",
            f"PUT {ACL}[/{{key}}]",
            f"DELETE {ACL}/{{key}}/{{aclUserType}}/{{username}}",
        )
    ),
    "GET /swagger",
    "GET /swagger.json",
    "GET /swagger-ui/",
}


def rows() -> list[list[str]]:
    """The cells of the table."""
    lines = DOCUMENT.read_text("utf-8").splitlines()
    table = [line for line in lines if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]


def quoted(cell: str) -> list[str]:
    """What a cell has as code."""
    return re.findall(r"`([^`]+)`", cell)


def test_every_endpoint_has_a_row() -> None:
    """And none has two."""
    found = [endpoint for row in rows() for endpoint in quoted(row[0])]
    assert sorted(found) == sorted(ENDPOINTS)


@pytest.mark.parametrize("row", rows(), ids=lambda row: quoted(row[0])[0])
def test_row_is_complete_and_true(row: list[str]) -> None:
    """Its calls are calls of the client, its tests are tests, and no cell is empty."""
    assert len(row) == 6
    assert all(row)
    calls = [name for name in quoted(row[1]) if re.fullmatch(r"[a-z_]+", name) and name != "url"]
    assert calls
    for call in calls:
        assert callable(getattr(SyncServiceClient, call)), call
    tests = quoted(row[5])
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        tree = ast.parse((HERE / file).read_text("utf-8"))
        function = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}[name]
        assert function.body


def test_every_call_of_a_row_is_made_by_the_test_that_it_names() -> None:
    """A call that no test makes would be a promise."""
    for row in rows():
        used = "".join(
            ast.unparse(node)
            for test in quoted(row[5])
            for node in ast.parse((HERE / test.partition("::")[0]).read_text("utf-8")).body
        )
        for call in quoted(row[1]):
            if re.fullmatch(r"[a-z_]+", call) and call != "url":
                assert re.search(rf"\.{call}\(|'{call}'", used), call

"""Conversations recorded with an existing service, held with ours."""

from __future__ import annotations

import fnmatch
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from .conftest import HERE, Services

SCENARIOS = [
    scenario["name"]
    for path in sorted((HERE / "scenarios").glob("*.json"))
    for scenario in json.loads(path.read_text("utf-8"))["scenarios"]
]
# Areas that this release does not have yet. Strict: a scenario that begins to pass fails here.
LATER = {
    "acl/*": "access control lists",
    "auth/no-credentials-css": "access control lists",
    "down/resend": "resend",
    "lists/*": "lists of an organisation",
    "matrix/nodes-and-lists-css": "lists of an organisation",
    "matrix/webhook-*": "webhooks",
    "objects/unregistered-organisation": "lists of an organisation",
    "policy/*": "destination policies",
    "resend/*": "resend",
    "shutdown/*": "shutdown by a call",
    "up/cloud-lists": "lists of an organisation",
    "webhook/*": "webhooks",
}
STORAGES = {  # database and place for data -> whether the test command goes without
    "sqlite-files": False,
    "postgres-s3": False,
    "sqlite-s3": True,
    "postgres-files": True,
}
PASSES_ALREADY = {"policy/not-evaluated"}


@pytest.fixture(scope="session")
def outcome(services: Services, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What went wrong in each scenario; empty where nothing did."""
    report: Path = tmp_path_factory.mktemp("conformance") / "report.xml"
    done = subprocess.run(
        [sys.executable, str(HERE / "replay.py"), "--jobs", "8", "--patience", "3",
         "--css", services.css, "--ess", services.ess, "--ess2", services.ess2,
         "--junit", str(report), str(HERE / "scenarios")],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if not report.exists():
        pytest.fail(f"the scenarios could not be replayed:\n{done.stdout}{done.stderr}")
    return {
        f"{case.get('classname')}/{case.get('name')}": (
            failure.text or "" if (failure := case.find("failure")) is not None else ""
        )
        for case in ET.parse(report).iter("testcase")
    }


def _storages() -> list[object]:
    return [
        pytest.param(
            name, marks=[pytest.mark.xdist_group(name), *([pytest.mark.long] if longer else [])]
        )
        for name, longer in STORAGES.items()
    ]


def _scenarios() -> list[object]:
    cases: list[object] = []
    for name in SCENARIOS:
        reasons = [LATER[one] for one in LATER if fnmatch.fnmatch(name, one)]
        marks = [pytest.mark.xfail(reason=f"later: {reasons[0]}", strict=True)] if reasons else []
        cases.append(pytest.param(name, marks=[] if name in PASSES_ALREADY else marks))
    return cases


@pytest.mark.parametrize("name", _scenarios())
@pytest.mark.parametrize("services", _storages(), indirect=True)
def test_service_answers_as_the_existing_one_did(name: str, outcome: dict[str, str]) -> None:
    """Each step of the scenario got the answer that clients rely on."""
    assert not outcome[name], outcome[name]

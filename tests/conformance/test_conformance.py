"""Conversations recorded with an existing service, held with ours."""

from __future__ import annotations

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
STORAGES = {  # database and place for data -> whether the test command goes without
    "sqlite-files": False,
    "postgres-s3": False,
    "sqlite-s3": True,
    "postgres-files": True,
}


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


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("services", _storages(), indirect=True)
def test_service_answers_as_the_existing_one_did(name: str, outcome: dict[str, str]) -> None:
    """Each step of the scenario got the answer that clients rely on."""
    assert not outcome[name], outcome[name]

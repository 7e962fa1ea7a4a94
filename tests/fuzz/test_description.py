"""Calls made from the description that a service serves: no 5xx, and only what it describes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Running, login

HERE = Path(__file__).parent


def _run(service: Running, folder: Path, who: str, *options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--no-color",
         "--config-file", str(HERE / "schemathesis.toml"), "run", f"{service.url}/openapi.json",
         "--auth", ":".join(login(who)), "--warnings", "off", "--request-timeout", "10",
         "--continue-on-failure", *options],
        capture_output=True, text=True, check=False, cwd=folder,
        env=os.environ | {
            "PYTHONWARNINGS": "ignore",
            "PYTHONPATH": os.pathsep.join((str(HERE), os.environ.get("PYTHONPATH", ""))),
            "SCHEMATHESIS_HOOKS": "hooks",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_service_answers_as_it_describes(service: Running, tmp_path: Path) -> None:
    """A few hundred calls of each operation that the description leads to."""
    _run(service, tmp_path, "admin", "--max-examples", "10", "--seed", "1")


@pytest.mark.long
@pytest.mark.parametrize("who", ["admin", "user", "syncadmin", "service", "other-admin"])
def test_service_answers_everybody_as_it_describes(
    service: Running, tmp_path: Path, who: str
) -> None:
    """Many more calls, of all kinds of identities."""
    # Of them all, only this one is obeyed when it ends the service.
    spared = ["--exclude-path", "/api/v1/shutdown"] if who == "syncadmin" else []
    _run(service, tmp_path, who, "--max-examples", "200", *spared)

"""docs/operation.md and the README: what they tell an operator to write works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from syncnb.service.config import ServiceConfig
from syncnb.service.fields import settings_of
from syncnb.service.sources import resolve
from tests.service.conftest import ADMIN, Start

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = ["README.md", "docs/operation.md", "docs/configuration.md", "docs/service.md"]
OPERATION = (ROOT / "docs" / "operation.md").read_text("utf-8")


def block(kind: str, number: int = 0) -> str:
    """A piece of the document."""
    return str(re.findall(rf"```{kind}\n(.*?)```", OPERATION, re.DOTALL)[number])


def dockerfile() -> list[tuple[str, str]]:
    """Its instructions, with continued lines joined."""
    lines = block("dockerfile").replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_of_the_documents_have_the_options_that_they_name(document: str) -> None:
    """A command that changed would be wrong there for ever."""
    text = (ROOT / document).read_text("utf-8")
    code = "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL))
    code += "\n" + "\n".join(re.findall(r"(?<!`)`(syncnb [^`]+)`(?!`)", text))
    for line in re.sub(r"\\\n\s*", " ", code).splitlines():
        found = re.search(
            r"(?:^|[/\s=])syncnb (css|ess|health|demo|fleet|publish|status)\b(.*)", line
        )
        if found is None:
            continue
        shown = subprocess.run(
            [sys.executable, "-m", "syncnb", found.group(1), "--help"],
            capture_output=True, text=True, timeout=30, check=True,
        ).stdout  # fmt: skip
        for option in re.findall(r"(?<!\w)--[a-z-]+", found.group(2).partition("||")[0]):
            assert re.search(rf"{option}\b", shown), f"{document}: {line}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_that_the_documents_name_exist(document: str) -> None:
    """In the environment and in files."""
    text = (ROOT / document).read_text("utf-8")
    for role, name in re.findall(r"SYNCNB_(CSS|ESS)_([A-Z_]+[A-Z])", text):
        known = {
            n
            for n, s in settings_of(ServiceConfig).items()
            if s.described.role in ("", role.lower())
        }
        assert name.lower() in known | {"name", "config"}, name


@pytest.mark.parametrize("document", ["docs/operation.md", "docs/configuration.md"])
def test_files_of_settings_in_the_documents_can_be_read(document: str, tmp_path: Path) -> None:
    """Each describes a service that could start."""
    text = (ROOT / document).read_text("utf-8")
    for content in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        file = tmp_path / "service.toml"
        file.write_text(content)
        for role in ("css", "ess"):
            if f"[{role}]" in content:
                assert resolve(role, {}, file=file, environ={}).config().role == role


def test_unit_is_one_that_systemd_takes_and_exposes_little(tmp_path: Path) -> None:
    """No directive is unknown; what it exposes is rated as little."""
    there = tmp_path / "syncnb"
    there.write_text("#!/bin/sh\n")
    there.chmod(0o755)
    unit = tmp_path / "syncnb-css.service"
    unit.write_text(block("ini").replace("/opt/syncnb/bin/syncnb", str(there)))
    env = os.environ | {"SYSTEMD_LOG_LEVEL": "warning", "SYSTEMD_COLORS": "0"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True, text=True, timeout=60, check=False, env=env,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if "syncnb-css" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True, text=True, timeout=60, check=False, env=env,
    )  # fmt: skip
    rated = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert rated is not None, done.stdout + done.stderr
    assert float(rated.group(1)) < 2.0


def test_commands_of_the_unit_are_those_of_the_service() -> None:
    """ExecStartPre and ExecStart differ in one option."""
    commands = dict(re.findall(r"^(Exec\w+)=/opt/syncnb/bin/syncnb (.*)$", block("ini"), re.M))
    assert commands["ExecStartPre"] == commands["ExecStart"] + " --print-config"
    assert "RestartPreventExitStatus=2" in block("ini")  # a wrong setting stays wrong


def test_container_starts_and_its_health_check_knows(start: Start, tmp_path: Path) -> None:
    """Its variables, its command and its check, outside of a container."""
    file = dockerfile()
    text = " ".join(rest for name, rest in file if name == "ENV")
    env = dict(part.split("=", 1) for part in shlex.split(text))
    names = {name for name in env if name.startswith("SYNCNB_CSS_")}
    assert {n.removeprefix("SYNCNB_CSS_").lower() for n in names} <= set(settings_of(ServiceConfig))
    assert ("USER", "syncnb") in file
    assert [rest for name, rest in file if name in ("ENTRYPOINT", "CMD")] == [
        '["syncnb"]',
        '["css"]',
    ]
    css = start("css", "--log-format", env["SYNCNB_CSS_LOG_FORMAT"], listen="https://127.0.0.1:0")
    assert env["SYNCNB_CA"] == env["SYNCNB_CSS_DATA"] + "/certs/ca.pem"
    check = next(rest for name, rest in file if name == "HEALTHCHECK").partition("CMD ")[2]
    check = check.replace("syncnb", f"{shlex.quote(sys.executable)} -m syncnb")

    def healthy(**more: str) -> bool:
        where = {"SYNCNB_URL": f"https://localhost:{css.port}", "SYNCNB_CA": css.ca}
        done = subprocess.run(
            ["sh", "-c", check], env=os.environ | where | more, timeout=30, check=False,
            capture_output=True,
        )  # fmt: skip
        return done.returncode == 0

    assert healthy()
    assert healthy(SYNCNB_KEY=ADMIN[0], SYNCNB_SECRET=ADMIN[1])
    assert css.stop() == 0
    assert not healthy()


def test_container_copies_all_that_the_package_is_built_of() -> None:
    """What is missing would show in the first build only."""
    copied = {name for op, rest in dockerfile() if op == "COPY" for name in rest.split()[:-1]}
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for name in ("pyproject.toml", "syncnb", re.findall(r'readme = "(.*)"', project)[0], "LICENSE"):
        assert name in copied
        assert (ROOT / name).exists()

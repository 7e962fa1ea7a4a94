"""The house rules that a machine can check."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import syncnb

ROOT = Path(__file__).parent.parent
FILES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
]


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    """What the README promises is what is checked."""
    readme = (ROOT / "README.md").read_text("utf-8")
    _, tests = re.findall(r"```\n(bash .*)\n```", readme)
    assert (ROOT / ".ci" / "run").read_text("utf-8").splitlines()[-1] == tests


def test_version_and_changelog_agree() -> None:
    """A release has its entry."""
    assert f"## [{syncnb.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_links_of_the_documents_lead_somewhere() -> None:
    """Files that are named are there."""
    for document in (path for path in FILES if path.suffix == ".md"):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name} names {target}"


@pytest.mark.parametrize(
    "pattern", [r"/work/|/root/|/home/\w+/", r"(files\.)?pythonhosted|registry\.npmjs"]
)
def test_no_file_names_a_machine_or_a_registry(pattern: str) -> None:
    """They would be wrong elsewhere."""
    here = Path(__file__)
    found = [
        path.name
        for path in FILES
        if path != here and path.suffix not in (".png",) and path.exists()
        and re.search(pattern, path.read_text("utf-8"))
    ]  # fmt: skip
    assert not found


def test_only_the_agreed_folders_are_at_the_top() -> None:
    """Whoever looks finds their way."""
    allowed = {
        "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "syncnb", "notebooks", "tests",
        "benchmarks", "docs", ".ci", ".gitignore",
    }  # fmt: skip
    assert {path.relative_to(ROOT).parts[0] for path in FILES} <= allowed

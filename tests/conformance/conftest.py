"""A CSS and two nodes of it as the scenarios want them, started by the commands that users type."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Services:
    """Base URLs."""

    css: str
    ess: str
    ess2: str


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Three processes, ended after the last test."""
    folder = tmp_path_factory.mktemp("services")
    running: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, auth: str, name: str) -> str:
        log = folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "syncnb", *arguments, "--listen", "127.0.0.1:0",
                 "--data", str(folder / name), "--auth", str(HERE / auth)],
                stdout=subprocess.PIPE, stderr=out,
            )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if "http://" not in line:
            pytest.fail(f"{name} did not start: {line}{log.read_text()}")
        return "http://" + line.split("http://")[1].split()[0]

    try:
        css = start("css", auth="preset-auth.json", name="css")
        link = ("--css", css, "--org", "myorg", "--poll", "1")
        yield Services(
            css,
            start("ess", *link, "--node", "edge/node1", auth="preset-auth-node1.json", name="n1"),
            start("ess", *link, "--node", "edge/node2", auth="preset-auth-node2.json", name="n2"),
        )
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()

"""Ports and unix sockets, several at a time."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

from tests.service.conftest import ADMIN, Start

HEALTH = "/api/v1/health"


def curl(*arguments: str) -> str:
    """Status of an answer, or curl's own exit code."""
    done = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", ":".join(ADMIN), *arguments],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else f"exit {done.returncode}"


def test_one_service_listens_at_several_places_of_all_kinds(start: Start, tmp_path: Path) -> None:
    """Each form of an address answers."""
    css = start(
        "css", "--listen", "https://127.0.0.1:0", "--listen", "unix:a.sock",
        "--listen", f"unix+tls:{tmp_path}/sockets/b.sock",
    )  # fmt: skip
    plain, secure, a, b = css.urls
    assert curl(f"{plain}{HEALTH}") == "200"
    assert curl("--cacert", css.ca, f"{secure}{HEALTH}") == "200"
    assert curl(f"{secure}{HEALTH}") == "exit 60"  # nobody is asked to trust it blindly
    assert a == f"unix:{css.data}/a.sock"
    assert curl("--unix-socket", a.removeprefix("unix:"), f"http://any{HEALTH}") == "200"
    path = b.removeprefix("unix+tls:")
    assert curl("--unix-socket", path, "--cacert", css.ca, f"https://localhost{HEALTH}") == "200"
    assert curl("--unix-socket", path, f"http://localhost{HEALTH}") != "200"


def test_socket_file_has_its_mode_and_goes_with_the_service(start: Start) -> None:
    """0660 unless it is configured; the data folder stays private."""
    css = start("css", "--listen", "unix:a.sock")
    other = start("css", "--listen", "unix:a.sock", "--socket-mode", "0600", name="other")
    for one, mode in ((css, 0o660), (other, 0o600)):
        found = (one.data / "a.sock").stat()
        assert (stat.S_IMODE(found.st_mode), stat.S_ISSOCK(found.st_mode)) == (mode, True)
        assert stat.S_IMODE(one.data.stat().st_mode) == 0o700
        assert one.stop() == 0
        assert not (one.data / "a.sock").exists()


def test_socket_file_that_a_crash_left_is_replaced(start: Start) -> None:
    """A file that somebody listens on is not."""
    css = start("css", "--listen", "unix:a.sock")
    css.process.kill()
    css.process.wait()
    assert (css.data / "a.sock").is_socket()
    again = start("css", "--listen", "unix:a.sock")
    assert curl("--unix-socket", f"{again.data}/a.sock", f"http://any{HEALTH}") == "200"
    for path, problem in (
        (f"{again.data}/a.sock", "somebody listens on"),
        (f"{again.log}", "no socket"),
        ("/" + "long/" * 30 + "a.sock", "longer than 107 bytes"),
        ("/proc/a.sock", "cannot be used"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "syncnb", "css", "--listen", f"unix:{path}",
             "--data", f"{again.data}2", "--auth", str(again.data.parent / "auth.json")],
            capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip
        assert done.returncode == 2, path
        assert problem in done.stderr
    assert os.path.exists(again.log)


def test_several_clients_keep_apart_on_one_socket(start: Start) -> None:
    """Two connections at once, the first one silent."""
    css = start("css", "--listen", "unix:a.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(f"{css.data}/a.sock")
        assert curl("--unix-socket", f"{css.data}/a.sock", f"http://any{HEALTH}") == "200"

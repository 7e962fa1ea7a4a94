"""The command, as a script and as a person use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from syncnb import LocalFleet, __version__, publish, report
from syncnb.service.credentials import fits_hash

COMMANDS = [
    "demo",
    "css",
    "ess",
    "fleet",
    "publish",
    "status",
    "updates",
    "collect",
    "health",
    "doctor",
    "keys",
]


def syncnb(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SYNCNB_")}
    return subprocess.run(
        [sys.executable, "-m", "syncnb", *arguments],
        env={**plain, **(env or {})},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_help_names_every_command_and_exit_code() -> None:
    """And each command has an example that names it."""
    done = syncnb("--help")
    assert all(command in done.stdout for command in COMMANDS)
    assert "exit codes" in done.stdout
    for command in COMMANDS:
        assert f"example:\n  syncnb {command}" in syncnb(command, "--help").stdout
    assert syncnb("--version").stdout.strip() == f"syncnb {__version__}"


def test_demo_does_the_main_job() -> None:
    """Three nodes, each consumed both versions, and the better one runs everywhere."""
    done = syncnb("demo", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["nodes"] == 3
    assert outcome["consumed"] == {"1.0.0": 3, "1.1.0": 3}
    assert outcome["rows"] == 6
    assert outcome["versions"] == dict.fromkeys(("node1", "node2", "node3"), "1.1.0")
    assert outcome["accuracy"]["1.1.0"] > outcome["accuracy"]["1.0.0"]


def test_file_goes_out_and_comes_back(fleet: LocalFleet, tmp_path: Path) -> None:
    """publish, status, updates --save, status, collect."""
    path = tmp_path / "weights.bin"
    path.write_bytes(b"weights")
    cloud, node = fleet.environment(), fleet.environment("node1")
    done = syncnb(
        "publish", str(path), "--type", "cli", "--version", "1.0.0", "--dest-type", "edge",
        "--dest-id", "node1", "--wait", "delivered", env=cloud,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"edge/node1 +1\.0\.0 +delivered", done.stdout)
    done = syncnb("updates", "cli", "--save", str(tmp_path / "in"), "--once", env=node)
    assert done.stdout == f"weights.bin\t1.0.0\t{tmp_path / 'in' / 'weights.bin'}\n"
    assert (tmp_path / "in" / "weights.bin").read_bytes() == b"weights"
    done = syncnb("status", "cli", "weights.bin", "--json", env=cloud)
    assert [row["dest_id"] for row in json.loads(done.stdout)] == ["node1"]
    report({"fps": 1.5}, "cli-stats", client=fleet.node("node1"))
    done = syncnb("collect", "cli-stats", "--json", "--timeout", "10", env=cloud)
    assert json.loads(done.stdout)["fps"] == 1.5
    assert syncnb("collect", "cli-stats", env=cloud).stdout == "nothing was reported\n"


def test_folder_that_cannot_be_written_costs_no_update(fleet: LocalFleet, tmp_path: Path) -> None:
    """It is named before anything is waited for, and what arrived is still there."""
    node, kind = fleet.environment("node1"), "save-nowhere"
    done = publish(b"bytes", kind, "a", dest_type="edge", client=fleet.cloud)
    done.wait("delivered", nodes=2)
    (tmp_path / "file").write_text("in the way")
    for wrong in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere")):
        tried = syncnb("updates", kind, "--once", "--save", str(wrong), env=node)
        assert tried.returncode == 2, tried.stderr
        assert tried.stderr.startswith(f"syncnb: --save: {wrong}: ")
        assert tried.stderr.count("\n") == 1, tried.stderr
    kept = syncnb("updates", kind, "--once", "--save", str(tmp_path / "kept"), env=node)
    assert [file.read_bytes() for file in (tmp_path / "kept").glob("[!.]*")] == [b"bytes"]
    assert kept.returncode == 0, kept.stderr


def test_collected_rows_are_acknowledged_when_they_are_written(
    fleet: LocalFleet, tmp_path: Path
) -> None:
    """A file that cannot be written costs no row, nor does a reader that has gone."""
    cloud, stats = fleet.environment(), tmp_path / "stats.csv"
    report({"fps": 1.5}, "csv-stats", client=fleet.node("node1"))
    assert "1.5" in syncnb("collect", "csv-stats", "--keep", "--timeout", "10", env=cloud).stdout
    for wrong in ("/no/dir/x.csv", str(tmp_path), "/dev/full"):
        done = syncnb("collect", "csv-stats", "--csv", wrong, env=cloud)
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith(f"syncnb: --csv: {wrong}: ")
        assert done.stderr.count("\n") == 1, done.stderr
    ours, theirs = os.pipe()
    os.close(ours)
    subprocess.run(
        [sys.executable, "-m", "syncnb", "collect", "csv-stats"],
        env={**os.environ, **cloud}, stdout=theirs, timeout=60, check=False,
    )  # fmt: skip
    os.close(theirs)
    done = syncnb("collect", "csv-stats", "--csv", str(stats), env=cloud)
    assert done.stdout == f"1 rows are in {stats}\n", done.stderr
    assert stats.read_text().startswith("fps,node,")
    assert list(tmp_path.iterdir()) == [stats]
    assert syncnb("collect", "csv-stats", env=cloud).stdout == "nothing was reported\n"


def test_status_of_a_mistyped_dest_type_says_so_beside_the_json(fleet: LocalFleet) -> None:
    """An empty list would look like patience is needed."""
    publish(b"x", "cli", "mistyped", dest_type="egde", client=fleet.cloud)
    done = syncnb("status", "cli", "mistyped", "--json", env=fleet.environment())
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert done.stderr.startswith("syncnb: No node of type 'egde' is registered")
    assert "Did you mean 'edge'?" in done.stderr


def test_exit_codes_tell_what_went_wrong(fleet: LocalFleet, tmp_path: Path) -> None:
    """One line on standard error, no traceback, no secret."""
    secret = tmp_path / "secret"
    secret.write_text("wrong-secret")
    cloud = fleet.environment()
    publish(b"x", "cli", "waits", dest_type="edge", client=fleet.cloud)
    for code, arguments, env in (
        (2, ("status", "model", "x"), {"SYNCNB_CONFIG": str(tmp_path / "none.toml")}),
        (2, ("status", "model", "no such name"), cloud),
        (3, ("status", "model", "x", "--url", "http://127.0.0.1:1"), {}),
        (4, ("status", "model", "x", "--key", "admin", "--secret-file", str(secret)), cloud),
        (5, ("status", "model", "nosuch"), cloud),
        (1, ("publish", str(tmp_path / "nosuch")), cloud),
        (2, ("css", "--listen", "nowhere", "--data", str(tmp_path), "--auth", str(secret)), {}),
    ):
        done = syncnb(*arguments, env=env)
        assert done.returncode == code, f"{arguments}: {done.stderr}"
        assert done.stderr.startswith("syncnb: ")
        assert "Traceback" not in done.stderr
        assert "wrong-secret" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ("css --listne 127.0.0.1:0", "--listen"),
        ("css --audit-log=x", None),
        ("ess --pol 1", None),
        ("publish model.onnx --desttype camera", "--dest-type"),
        ("publish -- --desttype", None),
        ("css --list 127.0.0.1:0", "--listen"),
        ("--verson", "--version"),
    ],
)
def test_mistyped_option_is_answered_with_the_nearest(arguments: str, meant: str | None) -> None:
    done = syncnb(*arguments.split(), env={"SYNCNB_URL": "http://127.0.0.1:1"})
    assert done.returncode in (1, 2)
    assert (f"perhaps {meant} is meant" in done.stderr) is (meant is not None), done.stderr
    assert "invalid choice" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"), [("pubish", "publish"), ("stat", "status"), ("xyz", None)]
)
def test_mistyped_command_is_answered_with_the_nearest(typed: str, meant: str | None) -> None:
    done = syncnb(typed, "x")
    perhaps = f": perhaps {meant} is meant" if meant else ""
    assert (done.returncode, done.stderr) == (
        2,
        f"syncnb: there is no command {typed}{perhaps}; see --help\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        "health --secret MyPassw0rd",
        "health --url http://127.0.0.1:1 --secret=MyPassw0rd",
        "--secret MyPassw0rd health",
        "publish file --secret MyPassw0rd",
    ],
)
def test_secret_as_an_option_is_refused_and_not_printed(arguments: str) -> None:
    """Whoever lists the processes could read it, and a log keeps what is printed."""
    done = syncnb(*arguments.split())
    assert done.returncode == 2
    assert "secrets are no options: use --secret-file, or SYNCNB_SECRET" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "MyPassw0rd" not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", ["health --secret-f x", "publish f --vers 1", "demo --n 1"])
def test_options_are_not_abbreviated(arguments: str) -> None:
    done = syncnb(*arguments.split())
    assert done.returncode == 2
    assert "there is no option" in done.stderr


@pytest.mark.parametrize("content", ["", "[]", '{"credentials": []}'])
def test_credentials_that_cannot_be_read_are_named(tmp_path: Path, content: str) -> None:
    """Nobody could log in otherwise, and nobody would know why."""
    auth = tmp_path / "auth.json"
    auth.write_text(content)
    done = syncnb("css", "--listen", "127.0.0.1:0", "--data", str(tmp_path), "--auth", str(auth))
    assert done.returncode == 2
    assert "auth.json" in done.stderr


def test_port_and_folder_in_use_are_named(fleet: LocalFleet, tmp_path: Path) -> None:
    """Before anything of the other service is touched."""
    auth = fleet.folder("cloud") / "auth.json"
    port = fleet.url.removeprefix("http://")
    done = syncnb("css", "--listen", port, "--data", str(tmp_path / "d"), "--auth", str(auth))
    assert (done.returncode, "is in use" in done.stderr) == (2, True), done.stderr
    done = syncnb(
        "css", "--listen", "127.0.0.1:0", "--data", str(fleet.folder("cloud")), "--auth", str(auth)
    )
    assert (done.returncode, "another service uses" in done.stderr) == (2, True), done.stderr


def test_hashed_secret_logs_in_and_cannot_be_read(tmp_path: Path) -> None:
    """`syncnb css hash-secret` prints what the credentials file may hold instead."""
    done = subprocess.run(
        [sys.executable, "-m", "syncnb", "css", "hash-secret"],
        input="s3cret\n", capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert "s3cret" not in done.stdout
    assert fits_hash("s3cret", done.stdout.strip())
    assert not fits_hash("s3cret ", done.stdout.strip())

"""``syncnb keys``, as a person and as a script use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syncnb import LocalFleet, Trust
from syncnb.cli import main
from syncnb.key_statements import fetch_statements
from syncnb.signing import make_key
from tests.conftest import WaitUntil

ACTIONS = ("make", "show", "list", "pin", "unpin", "revoke", "rotate", "publish", "follow")


class Shell:
    """Runs the command in a folder of its own, and gives back what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self.errors = capsys, ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        try:
            ended = main(["keys", *arguments])
        except SystemExit as stop:
            ended = int(stop.code or 0)
        printed, self.errors = self._capsys.readouterr()
        assert ended == code, self.errors
        return printed


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name in ("SYNCNB_SIGNING_KEY", "SYNCNB_SIGNING_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SYNCNB_TRUST", str(tmp_path / "trust.json"))
    return Shell(capsys)


def made(shell: Shell, name: str) -> str:
    fingerprint = json.loads(shell("make", name, "--bits", "2048", "--json"))["key"]
    assert isinstance(fingerprint, str)
    return fingerprint


def pins(shell: Shell) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in json.loads(shell("list", "--json"))}


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_an_example(shell: Shell, action: str) -> None:
    """That names it."""
    assert f"example:\n  syncnb keys {action} " in shell(action, "--help")
    assert action in shell("--help")


def test_key_is_made_shown_and_pinned(shell: Shell) -> None:
    """What is printed is what the next command wants."""
    printed = shell("make", "a.pem", "--bits", "2048")
    fingerprint = printed.splitlines()[0]
    assert "syncnb keys pin a.pem.pub" in printed
    for file in ("a.pem", "a.pem.pub"):
        shown = shell("show", file)
        assert shown.startswith(f"{fingerprint}\nRSA, 2048 bits\n-----BEGIN PUBLIC KEY-----")
        assert "PRIVATE" not in shown
        assert json.loads(shell("show", file, "--json"))["key"] == fingerprint
    assert "no key is pinned" in shell("list")
    assert fingerprint in shell("pin", "a.pem.pub", "--name", "data science", "--org", "acme")
    assert pins(shell)[fingerprint]["name"] == "data science"
    assert pins(shell)[fingerprint]["organisation"] == "acme"
    assert "data science" in shell("list")
    assert fingerprint in shell("unpin", fingerprint[:8])
    assert "unsigned objects are taken now" in shell.errors
    assert pins(shell) == {}
    shell("pin", fingerprint)
    assert "revoked here" in shell("revoke", fingerprint, "--reason", "stolen")
    assert pins(shell)[fingerprint]["status"] == "revoked"
    shell("pin", fingerprint, code=2)
    assert "is revoked here ('stolen')" in shell.errors


def test_key_with_a_passphrase(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for, or of the environment; never an argument."""
    shell("make", "a.pem", "--encrypt", "--bits", "2048", code=2)
    assert "nobody to ask" in shell.errors
    monkeypatch.setenv("SYNCNB_SIGNING_PASSPHRASE", "open sesame")
    shell("make", "a.pem", "--encrypt", "--bits", "2048")
    assert "ENCRYPTED" in (tmp_path / "a.pem").read_text()
    shell("show", "a.pem")
    monkeypatch.setenv("SYNCNB_SIGNING_KEY", str(tmp_path / "a.pem"))
    shell("show")
    monkeypatch.delenv("SYNCNB_SIGNING_PASSPHRASE")
    shell("show", code=2)
    assert "SYNCNB_SIGNING_PASSPHRASE" in shell.errors
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = iter(["one", "other", "same", "same"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(answers))
    shell("make", "b.pem", "--encrypt", "--bits", "2048", code=2)
    assert not (tmp_path / "b.pem").exists()
    shell("make", "b.pem", "--encrypt", "--bits", "2048")
    assert "ENCRYPTED" in (tmp_path / "b.pem").read_text()


def test_mistakes_are_named_in_one_line(shell: Shell, tmp_path: Path) -> None:
    """With exit code 2, and no traceback."""
    made(shell, "a.pem")
    (tmp_path / "junk").write_text("junk")
    for arguments, problem in (
        (("make", "a.pem"), "is there already"),
        (("make", "b.pem", "--bits", "1024"), "1024 is not possible"),
        (("show", "nosuch"), "No such file"),
        (("show",), "SYNCNB_SIGNING_KEY"),
        (("pin", "a.pem"), "it is a private key"),
        (("pin", "junk"), "no public key"),
        (("pin", "3f9a01c2"), "No such file"),
        (("unpin", "3f9a01c2"), "no such key is pinned"),
        (("revoke", "3f9a01c2"), "no such key is pinned"),
        (("revoke", "ab" * 32, "--out", "x"), "--by"),
        (("rotate", "a.pem"), "Let the old key sign"),
        (("rotate", "a.pem", "--old", "a.pem"), "this is the old one"),
        (("rotate", "a.pem", "--old", "a.pem.pub"), "cannot sign"),
        (("rotate", "a.pem", "--old", "a.pem", "--days", "nan"), "--days"),
        (("publish", "junk"), "junk holds no statements"),
        (("follow", "nosuch"), "No such file"),
        (("turn",), "there is no command turn"),
    ):
        shell(*arguments, code=2)
        assert problem in shell.errors, shell.errors
        assert shell.errors.count("\n") == 1, shell.errors


def test_rotation_goes_to_every_node(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil
) -> None:
    """Made where the keys are, sent from elsewhere, followed on the node."""
    old, new = made(shell, "old.pem"), made(shell, "new.pem")
    shell("pin", old, "--name", "ci")
    printed = shell(
        "rotate", "new.pem", "--old", "old.pem", "--days", "7", "--out", "rotation.json"
    )
    assert "syncnb keys publish rotation.json" in printed
    with LocalFleet(nodes=1) as fleet:
        for name, value in fleet.environment().items():
            monkeypatch.setenv(name, value)
        assert (
            shell("publish", "rotation.json") == "statements about keys that go to every node: 1\n"
        )
        node = fleet.node("node1")
        wait_until(lambda: len(fetch_statements(node)) == 1)
        for name in fleet.environment():
            monkeypatch.delenv(name)
        for name, value in fleet.environment("node1").items():
            monkeypatch.setenv(name, value)
        assert shell("follow") == f"the key {new} is pinned in the place of {old}, says {old}\n"
        assert shell("follow") == "nothing changes\n"
    assert pins(shell)[new]["name"] == "ci"
    assert pins(shell)[old]["status"] == "replaced"
    (tmp_path / "revocation.json").write_text(shell("revoke", old, "--by", "new.pem"))
    assert shell("follow", "revocation.json") == f"the key {old} is revoked, says {new}\n"


def test_root_key_hands_over(shell: Shell, tmp_path: Path) -> None:
    """From a machine that has nothing but a stick: files in, files out."""
    root, stolen, fresh = (made(shell, f"{name}.pem") for name in ("root", "stolen", "fresh"))
    shell("pin", "root.pem.pub", "--root", "--trust", "node.json")
    shell("pin", "stolen.pem.pub", "--trust", "node.json")
    shell("rotate", "fresh.pem", "--old-key", stolen, "--root", "root.pem", "--out", "r.json")
    shell("revoke", stolen, "--by", "root.pem", "--reason", "stolen", "--out", "v.json")
    assert shell("follow", "r.json", "v.json", "--trust", "node.json").count("\n") == 2
    state = Trust(tmp_path / "node.json").state
    assert state.pins.keys() == {root, fresh}
    assert state.revoked.keys() == {stolen}
    assert "(all)" in shell("list", "--trust", "node.json")


def test_secrets_are_not_printed(shell: Shell, tmp_path: Path) -> None:
    """By no action that reads a private key, in no form."""
    make_key(tmp_path / "a.pem", bits=2048)
    make_key(tmp_path / "b.pem", bits=2048)
    secret = (tmp_path / "a.pem").read_text().splitlines()[1]
    for arguments in (
        ("show", "a.pem"),
        ("show", "a.pem", "--json"),
        ("rotate", "b.pem", "--old", "a.pem"),
    ):
        assert secret not in shell(*arguments) + shell.errors

"""Credentials: hashed, read again when they change, remembered for a while, or somebody else's."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncnb.errors import SettingsError
from syncnb.service.authentication import Authentication
from syncnb.service.authenticators import Dummy, Preset, make_authenticator
from syncnb.service.config import ServiceConfig
from syncnb.service.credentials import fits_hash, hash_secret
from syncnb.service.identity import Identity, Login

from .stage import CREDENTIALS, Running

WaitUntil = Callable[..., None]


def basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_hash_fits_its_secret_and_no_other() -> None:
    hashed = hash_secret("pä55")
    assert fits_hash("pä55", hashed)
    assert not fits_hash("pa55", hashed)
    assert hashed != hash_secret("pä55")
    assert "pä55" not in hashed


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ({"secret": "x", "secretHash": hash_secret("x")}, "Keep one"),
        ({"secretHash": "md5:abc"}, "hash-secret"),
        ({"secretHash": "scrypt:3:8:1:AAAA:AAAA"}, "hash-secret"),
        ({"secretHash": "scrypt:1073741824:8:1:AAAA:AAAA"}, "too much memory"),
        ({"secretHash": "scrypt:16384:8:1:?:?"}, "base64"),
        ({"secret": 5}, "secret of 'k'"),
    ],
)
def test_entry_that_cannot_be_used_is_refused_at_the_start(
    tmp_path: Path, entry: dict[str, Any], remedy: str
) -> None:
    entry = {"orgID": "o", "username": "u", "type": "admin", **entry}
    path = write(tmp_path / "auth.json", {"credentials": {"k": entry}})
    with pytest.raises(SettingsError, match=remedy):
        Preset(path)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Admin", Identity("admin", "o", "u")),
        ("objectAdmin", Identity("objectadmin", "o", "u")),
        ("nodeUser", Identity("nodeuser", "o", "u")),
        ("user", Identity("user", "o", "u")),
        ("service", Identity("service", "o", "u")),
        ("edgenode", Identity("edgenode", "o", "u")),
        ("syncadmin", Identity("syncadmin", "", "u")),
        ("king", None),
        ("", None),
    ],
)
def test_type_of_an_entry_is_read_in_any_case(
    tmp_path: Path, kind: str, expected: Identity | None
) -> None:
    entry = {"secret": "s", "orgID": "o", "username": "u", "type": kind}
    preset = Preset(write(tmp_path / "auth.json", {"credentials": {"k": entry}}))
    assert preset.identify("k", "s") == expected
    assert preset.identify("k", "t") is None
    assert preset.identify("l", "s") is None


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("o/edge/n1", Identity("edgenode", "o", "edge/n1")),
        ("o/xadmin", Identity("admin", "o", "xadmin")),
        ("o/somebody", Identity("objectadmin", "o", "somebody")),
        ("o$so$1.0.0$svc", Identity("service", "o", "so/1.0.0/svc")),
        ("n1%o", Identity("nodeuser", "o", "n1")),
        ("u1@o", Identity("user", "o", "u1")),
        ("u2@mail.com@o", Identity("user", "o", "u2@mail.com")),
        ("root@o", Identity("syncadmin", "", "root")),
        ("who@o", Identity("admin", "o", "who")),
        ("nothing", None),
        ("a@b@c@d", None),
        ("", None),
    ],
)
def test_dummy_goes_by_the_form_of_the_key(
    tmp_path: Path, key: str, expected: Identity | None
) -> None:
    lists = {
        "regularUsers": ["u1", "u2@mail.com"],
        "syncAdmins": ["root"],
        "exchangeAdmins": ["xadmin"],
    }
    assert Dummy(write(tmp_path / "dummy.json", lists)).identify(key, "whatever") == expected


def test_dummy_refuses_a_broken_file_and_everybody_from_outside(tmp_path: Path) -> None:
    """To ignore the file would make everybody an administrator."""
    with pytest.raises(SettingsError, match="regularUsers"):
        Dummy(write(tmp_path / "dummy.json", {"regularUsers": "bob"}))
    with pytest.raises(SettingsError, match=r"Listen on 127\.0\.0\.1"):
        ServiceConfig(
            role="css", data=tmp_path, auth=tmp_path / "none", authenticator="dummy",
            listen="0.0.0.0:0",
        )  # fmt: skip
    node = ServiceConfig(
        role="ess", data=tmp_path, auth=tmp_path / "none", authenticator="dummy",
        css_url="http://127.0.0.1:1", org_id="o", node="edge/n1",
    )  # fmt: skip
    assert make_authenticator(node)[1]() == Login("o/edge/n1", "")


class Counting:
    """An authenticator of somebody else, which is slow, fails at times, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.secret = "s"

    def identify(self, key: str, secret: str) -> Identity | None:
        self.asked.append(key)
        time.sleep(0.05)
        if key == "broken":
            raise RuntimeError("the directory does not answer")
        return Identity("user", "o", key) if secret == self.secret else None


def test_answer_is_remembered_for_a_quarter_of_an_hour_and_a_failure_is_not() -> None:
    asked, now = Counting(), [0.0]
    authentication = Authentication(asked, Login, clock=lambda: now[0])

    async def talk() -> None:
        who = authentication.identify
        same = await asyncio.gather(*(who(basic("a", "s")) for _ in range(20)))
        assert same == [Identity("user", "o", "a")] * 20
        assert asked.asked == ["a"]  # at the same time: one question
        now[0] = 899
        assert await who(basic("a", "s"))
        assert asked.asked == ["a"]
        assert await who(basic("a", "wrong")) is None  # another secret is asked about, and
        assert await who(basic("a", "s"))  # drops what was remembered
        assert len(asked.asked) == 3
        now[0] = 899 + 901
        asked.secret = "new"
        assert await who(basic("a", "s")) is None
        assert await who(basic("broken", "s")) is None

    try:
        asyncio.run(talk())
    finally:
        authentication.close()


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic ?", "Bearer YTpz", "Basic \xff", "Basic /w==", "Basic YQ=="],
)
def test_what_is_no_basic_header_is_nobody(header: str | None) -> None:
    asked = Counting()
    authentication = Authentication(asked, Login)
    try:
        assert asyncio.run(authentication.identify(header)) is None
    finally:
        authentication.close()
    assert not asked.asked


def test_authenticator_of_another_package_joins_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is a value of the configuration; an unknown one is refused with those there are."""
    package = tmp_path / "corp-1.0.dist-info"
    package.mkdir()
    write(package / "METADATA", "Metadata-Version: 2.1\nName: corp\nVersion: 1.0\n")
    write(package / "entry_points.txt", f"[syncnb.authenticators]\ncorp = {__name__}:make_corp\n")
    monkeypatch.syspath_prepend(tmp_path)
    auth = write(tmp_path / "a.json", {"cssCredentials": {"key": "k", "secret": "s"}})
    config = ServiceConfig(role="css", data=tmp_path, auth=auth, authenticator="corp")
    made, login = make_authenticator(config)
    assert made.identify("x", "s") == Identity("user", "o", "x")
    assert login() == Login("k", "s")
    unknown = ServiceConfig(role="css", data=tmp_path, auth=auth, authenticator="crop")
    with pytest.raises(SettingsError, match="Take one of corp, dummy, preset"):
        make_authenticator(unknown)


def make_corp(config: ServiceConfig) -> Counting:
    return Counting()


def test_broken_new_file_keeps_the_old_credentials_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    entry = {"secret": "s", "orgID": "o", "username": "u", "type": "admin"}
    preset = Preset(write(tmp_path / "auth.json", {"credentials": {"k": entry}}))
    assert not preset.refresh()
    write(tmp_path / "auth.json", "{")
    with caplog.at_level(logging.ERROR):
        assert not preset.refresh()
    assert "is not JSON" in caplog.text
    assert preset.identify("k", "s")
    write(tmp_path / "auth.json", {"credentials": {"l": entry}})
    assert preset.refresh()
    assert preset.identify("k", "s") is None
    assert preset.identify("l", "s")


def test_changed_credentials_hold_without_a_restart(tmp_path: Path, wait_until: WaitUntil) -> None:
    """A revoked key is out within seconds, though it was remembered; a new one is in."""
    with Running(tmp_path, role="css") as css:
        assert css.call("user", "GET", "health").status_code == 200
        others = {k: v for k, v in CREDENTIALS.items() if k != "user"}
        css.write_auth(others | {"new": CREDENTIALS["user"]})
        wait_until(lambda: css.call("user", "GET", "health").status_code == 403)
        assert css.call(("new", "bob"), "GET", "health").status_code == 200
        assert css.call("admin", "GET", "health").status_code == 200


def test_hashed_secret_costs_no_more_than_a_plain_one_after_the_first_time(css: Running) -> None:
    """A check by scrypt takes tens of milliseconds: not for every request."""
    import requests

    with requests.Session() as session:
        session.auth = ("user", "bob")
        session.get(f"{css.url}/api/v1/health", timeout=10)
        started = time.perf_counter()
        for _ in range(50):
            assert session.get(f"{css.url}/api/v1/health", timeout=10).status_code == 200
        assert (time.perf_counter() - started) / 50 < 0.02

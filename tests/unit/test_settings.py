"""Where to connect is found in order, and a mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncnb.errors import SettingsError
from syncnb.settings import find_settings


def test_first_source_wins(tmp_path: Path) -> None:
    """Argument, environment, file."""
    path = tmp_path / "config.toml"
    path.write_text('[default]\nurl = "http://file"\norg_id = "file"\nkey = "file"\n')
    environ = {"SYNCNB_CONFIG": str(path), "SYNCNB_URL": "http://env", "SYNCNB_ORG_ID": "env"}
    found = find_settings("http://arg/", environ=environ)
    assert (found.url, found.org_id, found.key) == ("http://arg", "env", "file")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "SYNCNB_URL"),
        ("127.0.0.1:8080", "http://host:port"),
        ("ftp://x", "http://host:port"),
        ("http://", "http://host:port"),
        ("http://me:secret@host", "key= and secret="),
    ],
)
def test_bad_url_is_refused_with_the_remedy(url: str | None, words: str, tmp_path: Path) -> None:
    """Before anything is sent, and without showing a secret."""
    with pytest.raises(SettingsError, match=words) as caught:
        find_settings(url, environ={"XDG_CONFIG_HOME": str(tmp_path)})
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize("content", ["[default", '[default]\nulr = "http://x"\n'])
def test_bad_file_is_named(tmp_path: Path, content: str) -> None:
    """Whether it is no TOML or has an unknown key."""
    path = tmp_path / "config.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"config\.toml"):
        find_settings(environ={"SYNCNB_CONFIG": str(path)})


def test_secret_is_not_shown() -> None:
    """Not in a repr, so not in a log or a notebook."""
    assert "hidden" not in repr(find_settings("http://x", secret="hidden", environ={}))

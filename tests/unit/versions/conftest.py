"""Archives of every kind, and a key."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from syncnb.archive import Archive, open_archive
from syncnb.signing import Signer, make_key


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place for an archive."""
    if request.param == "folder":
        return str(tmp_path / "archive")
    server = request.getfixturevalue("s3")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return str(server.new_bucket())


@pytest.fixture
def archive(place: str) -> Archive:
    """An empty archive."""
    return open_archive(place)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"n{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A key."""
    return make_key(tmp_path_factory.mktemp("keys") / "key.pem")

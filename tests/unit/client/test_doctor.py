"""What `syncnb doctor` finds is told, never raised."""

from __future__ import annotations

import pytest

from syncnb.client.doctor import examine
from syncnb.settings import Settings

from .hostile import always, scripted


def test_certificates_of_the_environment_that_are_not_there_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Requests take them from a variable of `requests`."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with scripted(always(b"")) as (url, _):
        found = examine(lambda: Settings(url.replace("http:", "https:")), timeout=5)
    (failed,) = [step for step in found.steps if step.ok is False]
    assert (failed.name, failed.said) == ("TLS", "/nowhere.pem does not exist")
    assert "REQUESTS_CA_BUNDLE" in failed.remedy

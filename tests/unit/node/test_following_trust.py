"""`current` and `follow` where keys are pinned: also after a restart, and beside other programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from syncnb import Cache, LocalFleet, Publication, Trust, current, follow, publish
from syncnb.errors import NotReadyError, SettingsError, UntrustedDataError
from syncnb.following import close_all
from syncnb.signing import Signer
from tests.unit.signing.conftest import key

from .helpers import fresh

WaitUntil = Callable[..., None]
NAME = "a"


class Clock:
    """The only thing here that is not real."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trust(tmp_path: Path, clock: Clock) -> Trust:
    """Alice is pinned."""
    trust = Trust(tmp_path / "trust.json", now=clock)
    trust.pin(key("alice").fingerprint)
    return trust


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def _nothing_is_followed_on() -> Iterator[None]:
    yield
    close_all()


def put(
    fleet: LocalFleet,
    kind: str,
    data: object,
    version: str,
    signer: Signer | bool = True,
    **how: Any,
) -> Publication:
    """By Alice, unless somebody else signs."""
    by = key("alice") if signer is True else signer
    return publish(
        data, kind, NAME, version=version, dest_type="edge", client=fleet.cloud, signer=by, **how
    )


def replay(fleet: LocalFleet, kind: str) -> Callable[[], None]:
    """What the service has now; to be called later, when there is a newer one."""
    meta = fleet.cloud.get_object_metadata(kind, NAME)
    data = fleet.cloud.read_object_data(meta)
    return lambda: fleet.cloud.update_object(meta.for_update(), data=data)


def row_of(publication: Publication) -> tuple[str, str]:
    """Status and message at node1; empty as long as it is not known to the publication."""
    rows = [row for row in publication.delivery_rows() if row.dest_id == "node1"]
    return (rows[0].status, rows[0].message) if rows else ("", "")


def test_current_takes_what_is_signed_and_nothing_else(
    fleet: LocalFleet, trust: Trust, wait_until: WaitUntil
) -> None:
    """Each that is refused is shown, and the last good one stays until the next."""
    kind, node = fresh(), fleet.node("node1")

    def now() -> Any:
        return current(NAME, object_type=kind, client=node, trust=trust.path)

    put(fleet, kind, b"v1", "1")
    assert now() == b"v1"
    unsigned = put(fleet, kind, b"v2", "2", signer=False)
    wait_until(lambda: row_of(unsigned)[0] == "failed")
    assert "nobody signed it" in row_of(unsigned)[1]
    strange = put(fleet, kind, b"v3", "3", signer=key("mallory"))
    wait_until(lambda: row_of(strange)[0] == "failed")
    assert key("mallory").fingerprint in row_of(strange)[1]
    assert now() == b"v1"
    good = put(fleet, kind, b"v4", "4")
    wait_until(lambda: now() == b"v4")
    wait_until(lambda: row_of(good)[0] == "consumed")
    with pytest.raises(SettingsError, match="with other options"):
        current(NAME, object_type=kind, client=node, trust=False)


def test_trust_of_the_environment_is_the_default(
    fleet: LocalFleet, trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No program needs to be changed."""
    monkeypatch.setenv("SYNCNB_TRUST", str(trust.path))
    kind, node = fresh(), fleet.node("node1")
    put(fleet, kind, b"v1", "1", signer=False)
    with pytest.raises(NotReadyError, match="nobody signed it"):
        current(NAME, object_type=kind, client=node, timeout=3)
    with follow(NAME, object_type=kind, client=node, trust=False) as follower:
        assert follower.wait() == b"v1"


def test_pinned_key_is_the_word_for_what_could_run_code(
    fleet: LocalFleet, trust: Trust, wait_until: WaitUntil
) -> None:
    """And only that: the same file without it is refused."""
    kind, node = fresh(), fleet.node("node1")
    put(fleet, kind, {"a", "set"}, "1", format="pickle")
    with follow(NAME, object_type=kind, client=node, trust=False, cache=False) as follower:
        wait_until(lambda: len(follower.failures) == 1)
        assert isinstance(follower.failures[0].error, UntrustedDataError)
    with follow(NAME, object_type=kind, client=node, trust=trust) as follower:
        assert follower.wait() == {"a", "set"}


def test_older_version_is_followed_only_as_a_rollback(
    fleet: LocalFleet, trust: Trust, wait_until: WaitUntil
) -> None:
    """Signed as one by its publisher; what somebody stores again is not."""
    kind = fresh()
    put(fleet, kind, b"v1", "1")
    again = replay(fleet, kind)
    with follow(NAME, object_type=kind, client=fleet.node("node1"), trust=trust) as follower:
        assert follower.wait() == b"v1"
        second = put(fleet, kind, b"v2", "2")
        wait_until(lambda: follower.model == b"v2")
        again()
        wait_until(lambda: row_of(second)[0] == "failed")
        assert "came in its place" in row_of(second)[1]
        assert follower.model == b"v2"
        put(fleet, kind, b"v3", "3").rollback(to="1")
        wait_until(lambda: follower.version == "1")
        assert follower.model == b"v1"


def test_last_good_version_is_there_after_a_restart_although_it_is_old(
    fleet: LocalFleet, trust: Trust, clock: Clock, cache: Cache, wait_until: WaitUntil
) -> None:
    """A newer one was seen and is broken, and the old one has expired."""
    kind = fresh()
    how: dict[str, Any] = {
        "object_type": kind, "client": fleet.node("node1"), "trust": trust, "cache": cache,
    }  # fmt: skip
    put(fleet, kind, b"v1", "1", expires=timedelta(days=1))
    with follow(NAME, **how, check=bytes.decode) as follower:
        assert follower.wait() == b"v1"
        broken = put(fleet, kind, {"no": "bytes"}, "2")
        wait_until(lambda: row_of(broken)[0] == "failed")
    clock.time += timedelta(days=2)
    with follow(NAME, **how, check=bytes.decode) as follower:
        assert follower.wait() == b"v1"
        trust.revoke(key("alice").fingerprint, "stolen")
        assert follower.wait() == b"v1"  # it is in use
    with follow(NAME, **how, check=bytes.decode) as follower:
        wait_until(lambda: len(follower.failures) > 0)
        with pytest.raises(NotReadyError, match=r"revoked since .*stolen"):
            follower.wait(0)


def test_version_that_another_program_kept_is_checked_as_a_new_one(
    fleet: LocalFleet, trust: Trust, cache: Cache, wait_until: WaitUntil
) -> None:
    """It trusts anybody, and was given an older version that is signed properly."""
    kind = fresh()
    how: dict[str, Any] = {"object_type": kind, "client": fleet.node("node1"), "cache": cache}
    put(fleet, kind, b"v1", "1")
    again = replay(fleet, kind)
    with follow(NAME, **how, trust=False) as follower:
        assert follower.wait() == b"v1"
    second = put(fleet, kind, b"v2", "2")
    with follow(NAME, **how, trust=trust) as follower:
        wait_until(lambda: follower.version == "2")
        wait_until(lambda: row_of(second)[0] == "consumed")
    again()
    with follow(NAME, **how, trust=False) as follower:
        wait_until(lambda: follower.version == "1")
        wait_until(lambda: row_of(second)[0] == "consumed")
    with follow(NAME, **how, trust=trust) as follower:
        wait_until(lambda: len(follower.failures) > 0)
        with pytest.raises(NotReadyError, match="was seen here"):
            follower.wait(0)

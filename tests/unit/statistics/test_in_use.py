"""Which version a program has in use, for what it reports."""

from __future__ import annotations

import pytest

from syncnb import LocalFleet, current, follow, publish, updates
from syncnb.errors import DataError, InvalidMetaDataError
from syncnb.following import close_all
from syncnb.in_use import check_object_name, version_in_use
from tests.unit.node.helpers import fresh, publish_raw


def test_current_and_follow_take_a_version_into_use_when_they_hand_it_out(
    fleet: LocalFleet,
) -> None:
    """Not when it arrives: until the next call the program has the old one."""
    name, node = fresh(), fleet.node("node1")
    publish(
        b"v1", "model", name, version="1", dest_type="edge", dest_id="node1", client=fleet.cloud
    ).wait("delivered", timeout=30)
    assert current(name, client=node, trust=False) == b"v1"
    assert version_in_use(name) == version_in_use() == "1"
    publish(
        b"v2", "model", name, version="2", dest_type="edge", dest_id="node1", client=fleet.cloud
    ).wait("consumed", timeout=30)
    assert version_in_use(name) == "1"
    assert current(name, client=node, trust=False) == b"v2"
    assert version_in_use(name) == "2"
    close_all()


def test_refused_version_is_not_in_use(fleet: LocalFleet) -> None:
    """Neither one that `check` refuses, nor one that does not load."""
    name, node = fresh(), fleet.node("node1")

    def check(model: object) -> None:
        if model != b"v1":
            raise ValueError("it is odd")

    publish(
        b"v1", "model", name, version="1", dest_type="edge", dest_id="node1", client=fleet.cloud
    )
    with follow(name, client=node, check=check, trust=False) as follower:
        follower.wait()
        publish(
            b"v2", "model", name, version="2", dest_type="edge", dest_id="node1", client=fleet.cloud
        ).wait("failed", timeout=30)
        with follower._changed:
            assert follower._changed.wait_for(lambda: bool(follower.failures), 30)
        assert follower.model == b"v1"
    assert version_in_use(name) == "1"


def test_update_that_is_loaded_is_in_use_and_a_broken_one_is_not(fleet: LocalFleet) -> None:
    """`with update: update.load()`; a table beside the model does not count as the model."""
    kind, node = fresh(), fleet.node("node1")
    publish(b"v1", kind, "a", version="1", dest_type="edge", dest_id="node1", client=fleet.cloud)
    before = version_in_use()
    for update in updates(kind, client=node, trust=False, timeout=30):
        with update:
            update.load()
        break
    assert version_in_use(f"{kind}/a") == "1"
    assert version_in_use() == before
    publish_raw(fleet.cloud, kind, b"v2", version="2", format="nonsense")
    for update in updates(kind, client=node, trust=False, timeout=30):
        with pytest.raises(DataError), update:
            update.load()
        break
    assert version_in_use(f"{kind}/a") == "1"


@pytest.mark.parametrize("name", ["", "a/b/c", "a/", "a b", 7])
def test_name_that_no_object_has_is_refused(name: str) -> None:
    """It could never be found."""
    with pytest.raises(InvalidMetaDataError, match="model"):
        check_object_name("model", name)

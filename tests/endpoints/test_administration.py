"""The calls about a service itself, against live ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from syncnb import ObjectMetaData, SyncServiceClient
from syncnb.errors import AccessDeniedError, InvalidMetaDataError
from tests.unit.service.stage import Running

from .conftest import WaitUntil, client_of, node_of


def test_organisations_are_registered_listed_and_deleted(
    css: Running, root: SyncServiceClient, name: str
) -> None:
    """With everything that is in them."""
    root.update_organization(name, address="broker:1883", user="u", password="p")
    assert {one.org_id: one.address for one in root.get_organizations()}[name] == "broker:1883"
    frame = root.get_organizations().to_pandas()
    assert name in set(frame["org_id"])
    with client_of(css, "syncadmin", name) as there:
        there.update_object(ObjectMetaData(object_type="t", object_id="a"))
        root.delete_organization(name)
        assert there.get_objects("t") == []
    assert name not in {one.org_id for one in root.get_organizations()}


@pytest.mark.parametrize("org_id", ["", "a b", "..", "a/b"])
def test_organisation_that_has_no_name_is_refused(org_id: str) -> None:
    """Before anything is sent."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    for call in (client.update_organization, client.delete_organization):
        with pytest.raises(InvalidMetaDataError, match="org_id"):
            call(org_id)


def test_password_of_a_broker_is_in_no_error() -> None:
    """Whatever it is."""
    client = SyncServiceClient("http://127.0.0.1:1", org_id="acme")
    secret: Any = b"hidden"
    with pytest.raises(InvalidMetaDataError, match="password") as caught:
        client.update_organization("other", password=secret)
    assert "hidden" not in str(caught.value)


def test_health_says_what_the_service_is(side: SyncServiceClient) -> None:
    """And how much is in use, if that is asked for."""
    general = side.health()["general"]
    assert general["nodeType"] == ("CSS" if side.org_id else "ESS")
    assert "usage" in side.health(details=True)


def test_service_describes_its_api(side: SyncServiceClient) -> None:
    """For programs; people read the page of it."""
    described = side.get_api_description()
    assert "/api/v1/health" in described["paths"]


def test_node_gets_everything_again(
    cloud: SyncServiceClient, edge: SyncServiceClient, name: str, wait_until: WaitUntil
) -> None:
    """What was delivered is under way once more, and arrives once more."""
    meta = ObjectMetaData(object_type=name, object_id="a", dest_type="edge")
    cloud.update_object(meta, data=b"x")
    wait_until(lambda: cloud.get_object_destinations(name, "a")[0].status == "delivered")
    known = cloud.watch_object_destinations(name, "a", wait=1).etag
    with ThreadPoolExecutor(1) as pool:
        watch = pool.submit(cloud.watch_object_destinations, name, "a", etag=known, wait=20)

        def asked_again() -> bool:  # once more where the watch came after it was over
            edge.resend()
            return watch.done()

        wait_until(asked_again, timeout=30)
    assert [one.status for one in watch.result().items or ()] == ["delivering"]
    wait_until(lambda: cloud.get_object_destinations(name, "a")[0].status == "delivered")


def test_service_stops_when_it_is_told(tmp_path: Path, wait_until: WaitUntil) -> None:
    """A node that is to be forgotten, then its CSS."""
    with Running(tmp_path / "css", role="css") as css:
        with node_of(css, tmp_path / "ess", "edge/node1") as ess:
            with client_of(css, "admin") as cloud, client_of(ess, "syncadmin", "") as node:
                wait_until(lambda: len(cloud.get_destinations()) == 1)
                node.shutdown(quiesce=0, unregister=True)
                wait_until(lambda: cloud.get_destinations() == [])
            assert ess.process.wait(20) == 0
        with client_of(css, "syncadmin") as cloud:
            cloud.shutdown(quiesce=1)
        assert css.process.wait(20) == 0


def test_service_starts_again_when_it_is_told(tmp_path: Path, wait_until: WaitUntil) -> None:
    """On the same port."""
    with Running(tmp_path, role="css") as css, client_of(css, "syncadmin") as cloud:
        cloud.update_object(ObjectMetaData(object_type="t", object_id="a"))
        cloud.shutdown(restart=True, quiesce=0)
        wait_until(lambda: css.log().count("listens on") == 2, show=css.log)
        assert cloud.get_object_status("t", "a") == "notReady"


def test_only_the_administrator_of_all_may_stop_a_service(cloud: SyncServiceClient) -> None:
    """The answer says so."""
    with pytest.raises(AccessDeniedError, match="shutdown"):
        cloud.shutdown()


@pytest.mark.parametrize("quiesce", [-1, float("inf"), float("nan")])
def test_time_to_finish_that_is_none_is_refused(quiesce: float) -> None:
    """Services would take their own."""
    with pytest.raises(InvalidMetaDataError, match="quiesce"):
        SyncServiceClient("http://127.0.0.1:1").shutdown(quiesce=quiesce)

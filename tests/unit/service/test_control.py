"""Resend and shutdown by a call, and what time does (rest-api.md, 4.2, 4.3, 8.7)."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from .stage import CREDENTIALS, ORG, Running

WaitUntil = Callable[..., None]


def fresh() -> str:
    return f"t{uuid.uuid4().hex}"


def node_of(css_url: str, folder: Path, **more: object) -> Running:
    return Running(
        folder, role="ess", css_url=css_url, org_id=ORG, node="edge/node1", poll_interval=0.2,
        resend_interval=1, **more,
    )  # fmt: skip


def statuses(css: Running, name: str) -> list[str]:
    answer = css.call("admin", "GET", f"objects/myorg/{name}/a/destinations")
    return [one["status"] for one in answer.json()] if answer.status_code == 200 else []


def reports(css: Running) -> float:
    """How often nodes have said since the start of a CSS how far an object is."""
    text = requests.get(f"{css.url}/metrics", timeout=5).text
    wanted = {"method": "PUT", "status": "204"}
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "syncnb_http_requests_total"
        and sample.labels["route"].endswith("/{report}")
        and wanted.items() <= sample.labels.items()
    )


def test_wish_for_everything_again_outlives_a_restart_while_the_css_is_away(
    tmp_path: Path, wait_until: WaitUntil
) -> None:
    """And it brings back what the node lost, but nothing that its application consumed."""
    with Running(tmp_path / "css", role="css") as css, node_of(css.url, tmp_path / "ess") as node:
        name, eaten = fresh(), fresh()
        for one in (name, eaten):
            assert css.put(f"myorg/{one}/a", b"x", destinationType="edge") == 204
            wait_until(lambda one=one: node.call("admin", "GET", f"objects/{one}").ok)
        assert node.call("admin", "PUT", f"objects/{eaten}/a/consumed").status_code == 204
        wait_until(lambda: statuses(css, eaten) == ["consumed"])
        wait_until(lambda: statuses(css, name) == ["delivered"])
        css.stop()
        assert node.call("admin", "POST", "resend").status_code == 204
        node.kill()
        css.start()
        node.start()
        wait_until(lambda: reports(css) == 1.0, timeout=20, show=lambda: reports(css))
        wait_until(lambda: statuses(css, name) == ["delivered"])
        assert statuses(css, eaten) == ["consumed"]
        assert node.call("admin", "GET", f"objects/{eaten}").status_code == 404
        assert reports(css) == 1.0


@pytest.mark.parametrize("caller", sorted({*CREDENTIALS, "nobody"}))
def test_who_may_ask_for_everything_again(css: Running, ess: Running, caller: str) -> None:
    who = None if caller == "nobody" else caller
    allowed = caller in ("admin", "user", "user2", "syncadmin")
    foreign = caller in ("other-admin", "other-user")
    assert ess.call(who, "POST", "resend").status_code == (204 if allowed else 403)
    assert css.call(who, "POST", "resend").status_code == (400 if allowed or foreign else 403)


def test_shutdown_answers_and_then_ends_the_process(tmp_path: Path, wait_until: WaitUntil) -> None:
    """What waits is released; new calls get 503 until the end."""
    with Running(tmp_path, role="css") as css:
        assert css.call("syncadmin", "POST", "shutdown?quiesce=1").status_code == 204
        seen = set()
        with contextlib.suppress(requests.ConnectionError):
            while css.process.poll() is None:
                seen.add(css.call("admin", "GET", "destinations/myorg").status_code)
                assert css.call("admin", "GET", "health").status_code == 200
                time.sleep(0.05)
        assert seen == {404, 503}
        wait_until(lambda: css.process.poll() == 0)


def test_shutdown_with_restart_comes_back_with_everything(
    tmp_path: Path, wait_until: WaitUntil
) -> None:
    with Running(tmp_path, role="css") as css:
        assert css.put("myorg/t/a", b"kept") == 204
        answer = css.call("syncadmin", "POST", "shutdown?restart=YES&quiesce=0")
        assert answer.status_code == 204
        wait_until(lambda: css.log().count("listens on") == 2, show=css.log)
        assert css.call("admin", "GET", "objects/myorg/t/a/data").content == b"kept"
        assert css.process.poll() is None


@pytest.mark.parametrize(("query", "stays"), [("", True), ("&essunregister=true", False)])
def test_node_unregisters_only_if_it_is_told_so(
    css: Running, tmp_path: Path, wait_until: WaitUntil, query: str, stays: bool
) -> None:
    """The existing service always does, and wipes its records."""
    name = fresh()

    def known() -> bool:
        answer = css.call("admin", "GET", "destinations/myorg")
        return answer.ok and name in {one["destinationID"] for one in answer.json()}

    credentials = CREDENTIALS | {
        "edgenode": {**CREDENTIALS["edgenode"], "username": f"edge/{name}"},
        "own": {"secret": "n", "orgID": ORG, "username": "alice", "type": "admin"},
    }
    auth = tmp_path / "own.json"
    auth.write_text(
        f'{{"credentials": {_json(credentials)}, "cssCredentials": {{"key": "own", "secret": "n"}}}}'
    )
    css.write_auth(CREDENTIALS | {"own": credentials["own"]})
    with Running(
        tmp_path, role="ess", css_url=css.url, org_id=ORG, node=f"edge/{name}", auth=str(auth)
    ) as node:
        wait_until(known)
        assert node.call("syncadmin", "POST", f"shutdown?quiesce=0{query}").status_code == 204
        wait_until(lambda: node.process.poll() == 0)
        assert known() is stays


def _json(value: object) -> str:
    import json

    return json.dumps(value)


def test_node_takes_a_new_login_without_a_restart(tmp_path: Path, wait_until: WaitUntil) -> None:
    with Running(tmp_path / "css", role="css") as css:
        css.write_auth(CREDENTIALS | {"edgenode": {**CREDENTIALS["edgenode"], "secret": "new"}})
        as_node = {"X-Sync-Service-Dest": "myorg/edge/node1"}
        ping = f"{css.url}/spi/v1/ping/"

        def old_login() -> int:
            return requests.put(
                ping, auth=("edgenode", "n"), headers=as_node, timeout=9
            ).status_code

        wait_until(lambda: old_login() == 403)
        with node_of(css.url, tmp_path / "ess") as node:
            wait_until(lambda: "refuses the node's credentials" in node.log())
            content = node.auth.read_text().replace(
                '"cssCredentials": {"key": "edgenode", "secret": "n"}',
                '"cssCredentials": {"key": "edgenode", "secret": "new"}',
            )
            node.auth.write_text(content)
            wait_until(lambda: css.call("admin", "GET", "destinations/myorg").ok)


def test_malformed_wish_to_unregister_is_refused_and_stops_nothing(ess: Running) -> None:
    answer = ess.call("syncadmin", "POST", "shutdown?essunregister=perhaps")
    assert answer.status_code == 400
    time.sleep(1.5)
    assert ess.call("admin", "GET", "health").status_code == 200


def test_node_keeps_only_so_many_consumed_objects_and_their_names_are_free_again(
    css: Running, tmp_path: Path, wait_until: WaitUntil
) -> None:
    with (
        Running(tmp_path / "css", role="css") as css,
        node_of(css.url, tmp_path / "ess", consumed_kept=2, maintenance_interval=0.5) as node,
    ):
        name = fresh()
        for number in range(5):
            assert node.put(f"{name}/{number}", noData=True) == 204
            url = f"objects/myorg/{name}/{number}"
            wait_until(lambda url=url: css.call("admin", "GET", url).ok)
            assert css.call("admin", "PUT", f"{url}/consumed").status_code == 204

        def left() -> list[str]:
            answer = node.call("admin", "GET", f"objects/{name}?all_objects=true")
            return [one["objectID"] for one in answer.json()]

        wait_until(lambda: left() == ["3", "4"], show=left)
        assert node.put(f"{name}/0", noData=True) == 204
        assert node.put(f"{name}/4", noData=True) == 400


def test_node_that_fell_silent_is_forgotten_and_gets_everything_when_it_is_back(
    tmp_path: Path, wait_until: WaitUntil
) -> None:
    """A deletion does not wait for it."""
    with (
        Running(tmp_path / "css", role="css", forget_after=2, resend_interval=0.4) as css,
        node_of(css.url, tmp_path / "ess") as node,
    ):
        name, gone, kept = fresh(), fresh(), fresh()
        assert css.put(f"myorg/{kept}/a", b"x", destinationType="edge") == 204
        wait_until(lambda: node.call("admin", "GET", f"objects/{kept}").ok)
        assert node.call("admin", "PUT", f"objects/{kept}/a/consumed").status_code == 204
        wait_until(lambda: statuses(css, kept) == ["consumed"])
        node.stop()
        assert css.put(f"myorg/{name}/a", b"x", destinationType="edge") == 204
        assert css.put(f"myorg/{gone}/a", b"x", destinationsList=["edge:node1"]) == 204
        assert css.call("admin", "DELETE", f"objects/myorg/{gone}/a").status_code == 204
        assert css.call("admin", "GET", f"objects/myorg/{gone}/a/status").text == "objdeleted"
        wait_until(lambda: css.call("admin", "GET", "destinations/myorg").status_code == 404)
        assert css.call("admin", "GET", f"objects/myorg/{gone}/a").status_code == 404
        assert statuses(css, name) == ["pending"]
        assert statuses(css, kept) == ["consumed"]
        node.start()
        wait_until(lambda: node.call("admin", "GET", f"objects/{name}").ok)
        assert node.call("admin", "GET", f"objects/{kept}").status_code == 404

"""Webhooks: called once for what arrived, again if that failed, and never in another's way."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from .stage import Receiver, Running

WaitUntil = Callable[..., None]


def fresh() -> str:
    return f"t{uuid.uuid4().hex}"


def register(service: Running, path: str, url: str, by: str = "admin", action: str = "") -> int:
    body = {"action": action or "Register", "url": url}
    return service.call(by, "PUT", f"objects/{path}", json=body).status_code


def test_cloud_is_called_when_the_data_of_a_node_have_arrived(
    css: Running, ess: Running, wait_until: WaitUntil
) -> None:
    """One call a URL, with the metadata as they are stored and nothing else."""
    name = fresh()
    with Receiver() as receiver:
        for _ in range(2):  # registered twice, called once
            assert register(css, f"myorg/{name}", f"{receiver.url}/a?x=1") == 204
        assert register(css, f"myorg/{name}", f"{receiver.url}/b") == 204
        assert ess.put(f"{name}/big", b"12345", description="<>") == 204
        wait_until(lambda: len(receiver.calls) == 2)
        assert {path for path, _, _ in receiver.calls} == {"/a?x=1", "/b"}
        _, headers, body = receiver.calls[0]
        assert headers["Content-Type"] == "Application/JSON"
        assert "Authorization" not in headers
        assert body == css.call("admin", "GET", f"objects/myorg/{name}/big").content
        assert json.loads(body)["objectSize"] == 5
        assert (
            register(css, f"myorg/{name}", f"{receiver.url}/A?X=1".lower(), action="DELETE") == 204
        )
        assert ess.put(f"{name}/next", b"1") == 204
        wait_until(lambda: len(receiver.calls) == 3)
        assert receiver.calls[2][0] == "/b"


def test_webhooks_of_organisations_are_apart(
    css: Running, ess: Running, wait_until: WaitUntil
) -> None:
    """D5: the same type in another organisation is another type."""
    name = fresh()
    with Receiver() as mine, Receiver() as theirs:
        assert register(css, f"yourorg/{name}", theirs.url, by="other-admin") == 204
        assert register(css, f"myorg/{name}", mine.url) == 204
        assert ess.put(f"{name}/a", b"x") == 204
        wait_until(lambda: len(mine.calls) == 1)
        assert not theirs.calls


def test_failed_call_is_made_again(css: Running, ess: Running, wait_until: WaitUntil) -> None:
    name = fresh()
    with Receiver([500]) as receiver:
        assert register(ess, name, receiver.url) == 204
        assert css.put(f"myorg/{name}/a", b"x", destinationType="edge") == 204
        wait_until(lambda: len(receiver.calls) == 2)
        first, second = (json.loads(body) for _, _, body in receiver.calls)
        assert first == second
        assert first["destinationID"] == "node1"
    metrics = requests.get(f"{ess.url}/metrics", timeout=5).text
    assert 'syncnb_webhook_calls_total{result="failed"} 0.0' not in metrics
    assert 'syncnb_webhook_calls_total{result="taken"} 0.0' not in metrics


def test_call_outlives_the_process(tmp_path: Path, wait_until: WaitUntil) -> None:
    """It is queued with the commit that completes the object."""
    with (
        Running(tmp_path / "css", role="css") as css,
        Running(
            tmp_path / "ess", role="ess", css_url=css.url, org_id="myorg", node="edge/node1"
        ) as node,
        Receiver([503, 503]) as receiver,
    ):
        name = fresh()
        assert register(css, f"myorg/{name}", receiver.url) == 204
        assert node.put(f"{name}/a", b"x") == 204
        wait_until(lambda: len(receiver.calls) == 1)
        wait_until(lambda: "tried again" in css.log())
        css.kill()
        css.start()
        wait_until(lambda: len(receiver.calls) >= 3, timeout=30)


def test_slow_receiver_does_not_delay_another(
    css: Running, ess: Running, wait_until: WaitUntil
) -> None:
    slow_type, quick_type = fresh(), fresh()
    with Receiver() as slow, Receiver() as quick:
        slow.hold.clear()
        assert register(ess, slow_type, slow.url) == 204
        assert register(ess, quick_type, quick.url) == 204
        for number in range(20):
            path = f"myorg/{slow_type}/{number}"
            assert css.put(path, b"x", destinationType="edge") == 204
        wait_until(lambda: len(slow.calls) == 4)
        started = time.monotonic()
        assert css.put(f"myorg/{quick_type}/a", b"x", destinationType="edge") == 204
        wait_until(lambda: len(quick.calls) == 1)
        assert time.monotonic() - started < 5
        assert len(slow.calls) == 4  # at a time
        slow.hold.set()
        wait_until(lambda: len(slow.calls) == 20)


def test_redirect_to_another_scheme_is_not_followed(
    css: Running, ess: Running, wait_until: WaitUntil
) -> None:
    name = fresh()
    with Receiver([307, 307]) as receiver:
        receiver.location = "file:///etc/passwd"
        assert register(ess, name, receiver.url) == 204
        assert css.put(f"myorg/{name}/a", b"x", destinationType="edge") == 204
        wait_until(lambda: "redirects to another scheme" in ess.log())
        receiver.location = "/moved"
        wait_until(lambda: [p for p, _, _ in receiver.calls][-1] == "/moved")


@pytest.mark.parametrize(
    "body",
    [
        {"action": "list", "url": "http://127.0.0.1/"},
        {"action": "register", "url": "http:///x"},
        {"action": "register", "url": "http://[/"},
        {"action": "register", "url": "http://a b/"},
        {"action": "register", "url": "http://127.0.0.1:99999/"},
        {"action": "register", "url": "http://127.0.0.1/\n"},
        {"action": "register", "url": ["http://127.0.0.1/"]},
        {"url": "http://127.0.0.1/"},
    ],
)
def test_registration_that_cannot_work_is_refused(ess: Running, body: dict[str, object]) -> None:
    assert ess.call("admin", "PUT", f"objects/{fresh()}", json=body).status_code == 400

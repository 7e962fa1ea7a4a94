"""An edge node whose poll was under way while it reported what that poll is about."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.survival.scripted_css import ScriptedCss, node_of

WaitUntil = Callable[..., None]
ITEM = {
    "Type": "update",
    "MetaData": {
        "objectID": "m", "objectType": "model", "destinationOrgID": "acme",
        "destinationID": "node1", "destinationType": "edge", "originID": "Cloud",
        "originType": "Cloud", "instanceID": 7, "dataID": 7, "consumers": 1,
        "objectSize": 5, "chunkSize": 120000,
    },
}  # fmt: skip


class Slow(ThreadingHTTPServer):
    """A CSS that reads what is pending, and answers when the node has long gone on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.calls: list[str] = []
        self.polls = 0
        self.polled_again = threading.Event()  # the poll that is to be late is under way
        self.forgotten = threading.Event()  # the node has no trace of the object any more


class _Handler(ScriptedCss):
    server: Slow

    def get(self) -> None:
        """The second poll is answered late."""
        if self.path.endswith("/data"):
            self.server.calls.append("data")
            self.answer(200, b"bytes")
            return
        self.server.polls += 1
        if self.server.polls == 2:
            self.server.polled_again.set()
            self.server.forgotten.wait(30)
        if self.server.polls <= 2:
            self.answer(200, json.dumps([ITEM]).encode())
        else:
            self.answer(204)

    def put(self, action: str, body: bytes) -> None:
        """The first report is lost; the last one is answered while the second poll is open."""
        self.server.calls.append(action)
        if action == "updated" and not self.server.polled_again.is_set():
            self.answer(503)  # so that the item is still pending for the next poll
            return
        if action == "consumed":
            self.server.polled_again.wait(30)
        self.answer(204)


def test_what_was_consumed_during_a_poll_does_not_come_twice(
    tmp_path: Path, wait_until: WaitUntil
) -> None:
    """The late item is older than the report: the application has had its object."""
    with Slow() as css, node_of(css, tmp_path) as client:
        wait_until(lambda: len(client.get_updated_objects("model")) == 1, timeout=30)
        client.mark_object_consumed(client.get_updated_objects("model")[0])
        wait_until(lambda: client.get_objects("model") == [], timeout=30)
        css.forgotten.set()
        wait_until(lambda: css.polls > 4, timeout=30, show=lambda: (css.polls, css.calls))
        assert css.calls.count("data") == 1
        assert client.get_updated_objects("model") == []

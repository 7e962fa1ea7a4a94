"""An edge node with a CSS of another make, which says 409 to metadata that it has already."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from syncnb import ObjectMetaData
from tests.survival.scripted_css import ScriptedCss, node_of

WaitUntil = Callable[..., None]


class Other(ThreadingHTTPServer):
    """A CSS that answers as sync-http.md says of the existing one, and loses some answers."""

    def __init__(self, refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.known: set[str] = set()
        self.data: list[bytes] = []
        self.refusals = refusals  # uploads that are answered by 503


class _Handler(ScriptedCss):
    server: Other

    def put(self, action: str, body: bytes) -> None:
        """The answer to the first call about an object is lost."""
        name = self.path.rpartition("/")[0]
        if action == "update":
            if name in self.server.known:
                self.answer(409)
                return
            self.server.known.add(name)
            self.connection.shutdown(socket.SHUT_RDWR)  # it has the metadata; the answer is lost
            self.close_connection = True
        elif action == "data" and self.server.refusals > 0:
            self.server.refusals -= 1
            self.answer(503)
        else:
            if action == "data":
                self.server.data.append(body)
            self.answer(204)


@pytest.mark.parametrize("refusals", [0, 1], ids=["at once", "and a refused upload"])
def test_data_reach_another_css_whose_first_answer_was_lost(
    tmp_path: Path, wait_until: WaitUntil, refusals: int
) -> None:
    """The repeated call gets 409 although the data are missing; they are sent all the same."""
    with Other(refusals) as other, node_of(other, tmp_path) as client:
        meta = ObjectMetaData(object_type="stats", object_id="node1-1")
        client.update_object(meta, data=b"measured")
        wait_until(lambda: other.data == [b"measured"], timeout=30, show=lambda: other.data)

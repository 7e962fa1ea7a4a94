"""The thread that follows a source."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from syncnb.errors import AccessDeniedError, ConnectionFailedError
from syncnb.widgets.feeder import Feeder
from syncnb.widgets.table import Snapshot, snapshot
from tests.browser.scripted_source import ScriptedSource
from tests.conftest import WaitUntil


class Watched:
    """A feeder and all that it handed on."""

    def __init__(self, source: ScriptedSource) -> None:
        self.seen: list[Snapshot] = []
        self.ended = threading.Event()
        self.feeder = Feeder(source, self.seen.append, self.ended.set)
        self.feeder.start(snapshot(source))


@pytest.fixture
def source() -> Iterator[ScriptedSource]:
    """Two nodes; whatever still follows it is let go at the end."""
    scripted = ScriptedSource(2)
    yield scripted
    scripted.finish()


def test_changes_are_handed_on_until_the_source_is_done(
    source: ScriptedSource, wait_until: WaitUntil
) -> None:
    watched = Watched(source)
    source.set("camera/node1", "consumed")
    wait_until(lambda: bool(watched.seen) and watched.seen[-1].summary == "1 of 2 consumed, 1 sent")
    source.set("camera/node2", "consumed")
    source.finish()
    assert watched.ended.wait(10)
    assert watched.feeder.join(10)
    assert watched.seen[-1].done
    assert watched.seen[-1].summary == "2 of 2 consumed"


def test_nothing_is_handed_on_after_a_stop(source: ScriptedSource) -> None:
    watched = Watched(source)
    watched.feeder.stop()
    before = len(watched.seen)
    source.set("camera/node1", "consumed")
    assert watched.feeder.join(10)
    assert watched.ended.is_set()
    assert len(watched.seen) == before


def test_an_outage_keeps_the_rows_and_says_why_and_passes(
    source: ScriptedSource, wait_until: WaitUntil
) -> None:
    watched = Watched(source)
    source.fail(ConnectionFailedError("http://127.0.0.1:9080", "connection refused"))
    wait_until(lambda: bool(watched.seen) and "connection refused" in watched.seen[-1].notice)
    assert watched.seen[-1].summary == "0 of 2 consumed, 2 sent"
    source.fail(None)
    wait_until(lambda: not watched.seen[-1].notice)
    assert not watched.ended.is_set()


def test_a_denial_ends_it_with_the_reason(
    source: ScriptedSource, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(source)
    source.fail(AccessDeniedError(403, "get_object_destinations", "object model/m"))
    assert watched.ended.wait(10)
    assert watched.seen[-1].notice.startswith("This table stopped: get_object_destinations")
    assert not watched.seen[-1].done
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_mistake_in_a_source_is_shown_and_logged(
    source: ScriptedSource, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody sees a traceback of a thread: the table says it, the log has the rest."""
    watched = Watched(source)
    source.fail(ZeroDivisionError("a bug"))
    assert watched.ended.wait(10)
    assert watched.seen[-1].notice == "This table stopped: a bug"
    assert watched.feeder.join(10)
    assert any(record.exc_info for record in caplog.records)


def test_a_source_that_changes_all_the_time_does_not_flood_the_page(source: ScriptedSource) -> None:
    watched = Watched(source)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        source.set("camera/node1", "delivered")
    watched.feeder.stop()
    assert 3 <= len(watched.seen) <= 12

"""The widget, without a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from syncnb.widgets import LiveTable, to_text
from tests.browser.scripted_source import ScriptedSource
from tests.conftest import WaitUntil


@pytest.fixture
def source() -> Iterator[ScriptedSource]:
    """Two nodes; whatever still follows it is let go at the end."""
    scripted = ScriptedSource(2)
    yield scripted
    scripted.finish()


def test_it_follows_by_itself_and_finishes(source: ScriptedSource, wait_until: WaitUntil) -> None:
    table = LiveTable(source)
    assert table.state == "live"
    source.set("camera/node1", "error", "disk full")
    wait_until(lambda: table.summary == "0 of 2 consumed, 1 sent, 1 error")
    for node in ("camera/node1", "camera/node2"):
        source.set(node, "consumed")
    source.finish()
    assert table.wait(10)
    assert (table.state, table.summary) == ("finished", "2 of 2 consumed")
    assert [row["status"] for row in table.last.rows] == ["consumed", "consumed"]


def test_a_finished_source_needs_no_thread(source: ScriptedSource) -> None:
    source.finish()
    before = threading.active_count()
    table = LiveTable(source)
    assert threading.active_count() == before
    assert table.state == "finished"
    assert table.wait(0)


@pytest.mark.parametrize("way", ["stop", "close", "with"])
def test_its_thread_ends(source: ScriptedSource, way: str) -> None:
    table = LiveTable(source)
    if way == "with":
        with table as entered:
            assert entered is table
    else:
        getattr(table, way)()
    assert table.state == "stopped"
    source.set("camera/node1", "consumed")
    assert table.wait(10)
    assert table.summary == "0 of 2 consumed, 2 sent", "nothing may be drawn after a stop"


def test_what_waits_for_the_end_is_called_once(source: ScriptedSource) -> None:
    calls: list[str] = []
    table = LiveTable(source)
    table.at_end(lambda: calls.append("while it was live"))
    table.stop()
    table.stop()
    table.at_end(lambda: calls.append("afterwards"))
    assert calls == ["while it was live", "afterwards"]


def test_whoever_opens_it_gets_all_rows_as_they_are_now(
    source: ScriptedSource, wait_until: WaitUntil
) -> None:
    """Made when it is asked for: a page that is loaded again, or a notebook that is saved."""
    with LiveTable(source) as table:
        source.set("camera/node2", "error", "disk\tfull")
        wait_until(lambda: table.patch["serial"] == 1)
        sent = table.get_state(["columns", "lines", "statuses"])
    assert sent["columns"] == ["node", "version", "status", "since"]
    serial, first, second = sent["lines"].split("\n")
    assert serial == "1"
    assert sent["statuses"] == [["sent", "waiting"], ["error", "bad"]]
    assert first.split("\t")[:3] == ["camera/node1", "1.2.0", "0"]
    assert second.split("\t")[2] == "1"
    assert second.split("\t")[4] == "disk\\tfull"


def test_a_page_that_opens_while_rows_change_gets_all_of_one_moment() -> None:
    """Also what is new: its statuses are known to whoever gets the rows."""
    source = ScriptedSource(2000)
    over = threading.Event()

    def change() -> None:
        for turn in range(10_000):
            if over.is_set():
                break
            source.set(f"camera/node{turn % 2000 + 1}", f"status {turn}")

    thread = threading.Thread(target=change)
    with LiveTable(source) as table:
        thread.start()
        try:
            for _ in range(100):
                state = table.get_state()
                _, *lines = state["lines"].split("\n")
                assert len(lines) == 2000
                known = len(state["statuses"])
                assert all(int(line.split("\t")[2]) < known for line in lines)
        finally:
            over.set()
            thread.join()
            source.finish()


def test_only_what_changed_travels(source: ScriptedSource, wait_until: WaitUntil) -> None:
    with LiveTable(source) as table:
        source.set("camera/node2", "consumed")
        wait_until(lambda: table.patch["serial"] == 1)
        assert table.patch["at"] == [1]
        assert "node1" not in table.patch["rows"]


def test_its_repr_is_the_text_form(source: ScriptedSource) -> None:
    source.finish()
    assert repr(LiveTable(source)) == to_text(source)


def test_a_source_that_breaks_at_once_leaves_no_widget_behind(source: ScriptedSource) -> None:
    source.fail(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        LiveTable(source)

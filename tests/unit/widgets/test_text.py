"""The table as text."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from syncnb.widgets import Snapshot, to_text
from syncnb.widgets.text import printable
from tests.browser.scripted_source import ScriptedSource
from tests.unit.widgets.test_table import START


def small_table() -> ScriptedSource:
    source = ScriptedSource(3, title="model/defects 1.2.0", start=START)
    source.set("camera/node1", "consumed", after=2)
    source.set("camera/node2", "delivered", after=1)
    source.set("camera/node3", "error", "disk full\nfree some space", after=1)
    return source


def test_a_small_table_reads_well() -> None:
    assert to_text(small_table()) == (
        "model/defects 1.2.0\n"
        "[##########++++++++++!!!!!!!!!!]  1 of 3 consumed, 1 delivered, 1 error\n"
        "\n"
        "node          version  status     since (UTC)\n"
        "camera/node1  1.2.0    consumed   14:03:09\n"
        "camera/node2  1.2.0    delivered  14:03:10\n"
        "camera/node3  1.2.0    error      14:03:11\n"
        "    disk full\n"
        "    free some space"
    )


def test_an_empty_table_says_what_to_expect() -> None:
    assert to_text(ScriptedSource(0, title="model/m")).startswith("model/m\nNo nodes yet")


def test_a_large_table_shows_what_failed_and_counts_the_rest() -> None:
    source = ScriptedSource(300)
    for i in range(1, 291):
        source.set(f"camera/node{i}", "consumed")
    source.set("camera/node200", "error", "disk full")
    text = to_text(source)
    assert "camera/node200" in text.splitlines()[4]
    assert text.splitlines()[5] == "    disk full"
    assert text.endswith("... 270 more: 270 consumed")
    assert "!" in text.splitlines()[1], "one error in 300 must be seen in the bar"


def test_long_messages_are_wrapped_and_very_long_ones_cut() -> None:
    source = ScriptedSource(1)
    source.set("camera/node1", "error", "word " * 1000)
    lines = to_text(source, width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert "(4400 characters more)" in " ".join(line.strip() for line in lines)


def test_wide_letters_do_not_shift_the_columns() -> None:
    rows = [{"node": "カメラ", "status": "sent"}, {"node": "camera", "status": "sent"}]
    text = to_text(Snapshot(title="", columns=("node", "status"), rows=rows))
    assert text.splitlines()[-2:] == ["カメラ  sent", "camera  sent"]


@given(st.text())
def test_nothing_a_node_sends_can_steer_a_terminal(text: str) -> None:
    rows = [{"node": text, "status": text, "message": text}]
    drawn = to_text(Snapshot(title=text, columns=("node", "status"), rows=rows, notice=text))
    bad = [c for c in drawn if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs")]
    assert not bad
    assert len(printable(text)) == len(text)


@given(st.lists(st.sampled_from(["consumed", "delivered", "sent", "error", "x"]), min_size=1))
def test_the_bar_is_always_thirty_characters(statuses: list[str]) -> None:
    rows = [{"node": str(i), "status": status} for i, status in enumerate(statuses)]
    line = to_text(Snapshot(title="t", columns=("node", "status"), rows=rows)).splitlines()[1]
    assert line.index("]") == 31

"""The table as still HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncnb.widgets import Snapshot, to_html
from syncnb.widgets.still import COLOURS, SIGNS
from syncnb.widgets.table import TONES, tone
from tests.browser.scripted_source import ScriptedSource
from tests.unit.widgets.test_text import small_table


class Reader(HTMLParser):
    """What a browser would make of it: elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_it_stands_on_its_own() -> None:
    """No class, script, style sheet or address: sites that show notebooks drop or block those."""
    read = Reader(to_html(small_table()))
    assert read.attributes <= {"style", "aria-hidden", "colspan"}
    assert read.tags <= {
        "div", "strong", "table", "thead", "tbody", "tr", "th", "td", "span",
    }  # fmt: skip
    assert not read.open


def test_without_styles_the_words_say_everything() -> None:
    html = re.sub(r' style="[^"]*"', "", to_html(small_table()))
    text = " ".join(Reader(html).text)
    for word in ("1 of 3 consumed", "✓ consumed", "↓ delivered", "! error", "disk full"):
        assert word in text


def test_the_time_of_the_look_is_said_unless_the_table_is_final() -> None:
    source = small_table()
    assert re.search(r"at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", to_html(source))
    source.finish()
    assert " at " not in to_html(source)


def test_a_final_table_is_drawn_the_same_each_time() -> None:
    source = small_table()
    source.finish()
    assert to_html(source) == to_html(source)


def test_a_large_table_stays_small() -> None:
    html = to_html(ScriptedSource(5000))
    assert html.count("<tr") == 61
    assert "4940 more: 4940 sent" in html
    assert len(html) < 60_000


@pytest.mark.parametrize("look", sorted(set(TONES.values())))
def test_chips_are_readable_on_light_and_dark_pages(look: str) -> None:
    """WCAG 2.2: 4.5 for the text on the chip (1.4.3), 3 for the chip on the page (1.4.11)."""
    assert contrast("#ffffff", COLOURS[look]) >= 4.5
    assert contrast("#111111", COLOURS[look]) >= 3
    assert look in SIGNS


def test_states_of_unlike_meaning_do_not_look_alike() -> None:
    looks = {(COLOURS[tone(status)], SIGNS[tone(status)]) for status in TONES}
    assert len(looks) == len(set(TONES.values()))


MARKUP = st.text(alphabet="<>&\"'/=ab \x00\n") | st.text()


@given(MARKUP, MARKUP)
@example("<b>bold</b>", "<script>alert(1)</script>")
@example("a", "' onclick='b")
@example("a", '" onclick="b')
def test_nothing_a_node_sends_becomes_markup(text: str, more: str) -> None:
    rows = [{"node": text, "status": more, "message": text + more}]
    table = Snapshot(title=text, columns=("node", "status"), rows=rows, notice=more)
    plain = Snapshot(
        title="t",
        columns=("node", "status"),
        rows=[{"node": "n", "status": more and "s", "message": (text + more) and "m"}],
        notice=more and "n",
    )
    read, expected = Reader(to_html(table)), Reader(to_html(plain))
    assert (read.tags, read.attributes) == (expected.tags, expected.attributes)

"""The live table, in a real JupyterLab in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.jupyter_driver import JupyterLab
from tests.browser.tables import line, summary, the_table

SHOW = """\
import syncnb.widgets
from tests.browser.scripted_source import ScriptedSource
source = ScriptedSource({nodes})
syncnb.widgets.show(source)"""
LONG_MESSAGE = "Traceback (most recent call last):\n" + "\n".join(
    f'  File "edge.py", line {n}, in step_{n}' for n in range(30)
)
THREE_END = """\
source.set("camera/node1", "consumed")
source.set("camera/node2", "consumed")
source.set("camera/node3", "error", "disk full: /var/lib/ess has 0 bytes left")"""
TWO_END = """\
for i in (1, 2):
    source.set(f"camera/node{i}", "consumed")
source.finish()"""
MOST_OF_300 = """\
for i in range(1, 300):
    source.set(f"camera/node{i}", "consumed")
source.set("camera/node250", "error", "no space")"""
THREE_LINES = 'source.set("camera/node1", "failed", "model " + "a few words " * 22 + "trust")'
TWO_MESSAGES = f"""\
source.set("camera/node1", "error", {LONG_MESSAGE!r})
source.set("camera/node2", "error", '<img src=x onerror="window.hacked=1">')"""
OUTAGE = """\
from syncnb.errors import ConnectionFailedError
source.fail(ConnectionFailedError("http://127.0.0.1:9080", "connection refused"))"""
PUBLISH = """\
publication = syncnb.publish(
    b"threshold = 3", "settings", "line7", version="1.0.0",
    dest_type=fleet.node_type, client=fleet.cloud,
)
publication"""
CONSUME = """\
def consume(node):
    for update in syncnb.updates("settings", client=fleet.node(node), timeout=20):
        with update:
            assert update.load() == b"threshold = 3"
        return

consume(fleet.nodes[0])"""

REFUSE = """\
import logging
logging.getLogger("syncnb").setLevel(logging.ERROR)

def check(settings):
    raise ValueError("the line has no such setting")

follower = syncnb.follow(
    "line7", object_type="settings", client=fleet.node("node1"), cache=False, check=check
)
import time

while not follower.failures:
    time.sleep(0.05)
follower.close()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_table_changes_by_itself_while_nodes_get_on(
    open_notebook: OpenNotebook, pictures: Path, dark: bool
) -> None:
    """No cell runs again: what other cells do to the nodes appears in the first one's output."""
    notebook = open_notebook(
        [
            SHOW.format(nodes=3),
            'source.set("camera/node1", "delivered")',
            THREE_END,
        ],
        dark=dark,
    )
    notebook.run(0)
    expect(summary(notebook)).to_have_text("0 of 3 consumed, 3 sent")
    expect(the_table(notebook).locator(".state")).to_have_text("live")
    expect(the_table(notebook)).to_have_attribute("data-theme", "dark" if dark else "light")
    notebook.run(1)
    expect(summary(notebook)).to_have_text("0 of 3 consumed, 1 delivered, 2 sent")
    expect(line(notebook, "camera/node1").locator(".status")).to_have_text("delivered")
    notebook.run(2)
    expect(summary(notebook)).to_have_text("2 of 3 consumed, 1 error")
    expect(line(notebook, "camera/node3").locator(".message")).to_have_text(
        "disk full: /var/lib/ess has 0 bytes left"
    )
    bar = the_table(notebook).get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuenow", "2")
    expect(bar).to_have_attribute("aria-valuetext", "2 of 3 consumed, 1 error")
    picture = pictures / f"three-nodes-{'dark' if dark else 'light'}.png"
    notebook.page.screenshot(path=picture)
    assert picture.stat().st_size > 10_000


def test_the_saved_notebook_has_the_outcome_and_needs_no_kernel(
    open_notebook: OpenNotebook, lab: JupyterLab, request: pytest.FixtureRequest
) -> None:
    """A table that has ended is kept as HTML and text, not as a widget that nobody can draw."""
    notebook = open_notebook([SHOW.format(nodes=2), TWO_END])
    notebook.run(0)
    expect(summary(notebook)).to_have_text("0 of 2 consumed, 2 sent")
    notebook.run(1)
    expect(notebook.cell(0).locator(".jp-OutputArea")).to_contain_text("2 of 2 consumed")
    expect(the_table(notebook)).to_have_count(0)
    notebook.save()
    path = lab.notebooks / f"{request.node.name}.ipynb"
    saved = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    (output,) = saved.cells[0].outputs
    assert set(output.data) == {"text/plain", "text/html"}
    assert "2 of 2 consumed" in output.data["text/html"]
    assert "2 of 2 consumed" in output.data["text/plain"]


def test_three_hundred_nodes_can_be_searched_filtered_and_sorted(
    open_notebook: OpenNotebook, pictures: Path
) -> None:
    """The document holds the rows near what is seen; what failed is on top."""
    notebook = open_notebook([SHOW.format(nodes=300), MOST_OF_300])
    notebook.run(0)
    notebook.run(1)
    table, rows = the_table(notebook), the_table(notebook).locator("tr[data-key]")
    expect(summary(notebook)).to_have_text("298 of 300 consumed")
    expect(rows.first).to_contain_text("camera/node250")
    expect(line(notebook, "camera/node250").locator(".message")).to_have_text("no space")
    assert rows.count() < 60
    expect(table.get_by_role("grid")).to_have_attribute("aria-rowcount", "301")
    notebook.page.screenshot(path=pictures / "three-hundred-nodes.png")
    table.locator(".scroll").evaluate("node => { node.scrollTop = node.scrollHeight; }")
    expect(line(notebook, "camera/node300")).to_be_in_viewport()
    table.get_by_role("button", name="1 sent", exact=True).click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("camera/node300")
    table.get_by_role("button", name="all 300").click()
    table.get_by_role("searchbox").fill("node29")
    expect(rows).to_have_count(11)
    expect(rows.first.locator("th")).to_have_text("camera/node29")
    table.get_by_role("button", name="node", exact=True).click()
    table.get_by_role("button", name="node", exact=True).click()
    expect(rows.first.locator("th")).to_have_text("camera/node299")
    expect(table.locator("thead th").first).to_have_attribute("aria-sort", "descending")
    table.get_by_role("searchbox").fill("no such node")
    expect(table).to_contain_text("No row matches.")


def test_scroll_position_focus_and_selection_survive_a_change(open_notebook: OpenNotebook) -> None:
    """A reader in the middle of a long table is not thrown back to its top."""
    notebook = open_notebook([SHOW.format(nodes=100), 'source.set("camera/node90", "consumed")'])
    notebook.run(0)
    scroll = the_table(notebook).locator(".scroll")
    scroll.evaluate("node => { node.scrollTop = 500; }")
    search = the_table(notebook).get_by_role("searchbox")
    search.click()
    notebook.page.keyboard.type("camera")
    cells = notebook.page.locator(".jp-Notebook .jp-Cell").count()
    notebook.run(1)
    expect(summary(notebook)).to_have_text("1 of 100 consumed")
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == cells, "keys were commands"
    expect(search).to_have_value("camera")
    assert scroll.evaluate("node => node.scrollTop") == 500


def test_a_long_message_opens_and_markup_in_it_stays_text(open_notebook: OpenNotebook) -> None:
    """What a node sends is never HTML."""
    notebook = open_notebook([SHOW.format(nodes=2), TWO_MESSAGES])
    notebook.run(0)
    notebook.run(1)
    expect(line(notebook, "camera/node2").locator(".message")).to_have_text(
        '<img src=x onerror="window.hacked=1">'
    )
    assert notebook.page.evaluate("() => window.hacked") is None
    words = line(notebook, "camera/node1").locator(".words")
    short = words.bounding_box()
    the_table(notebook).get_by_role("button", name="Show all").click()
    expect(the_table(notebook).get_by_role("button", name="Show less")).to_be_focused()
    opened = words.bounding_box()
    assert short is not None
    assert opened is not None
    assert short["height"] < 70 < 150 < opened["height"]


def test_message_is_opened_only_where_it_is_cut_off(open_notebook: OpenNotebook) -> None:
    """Three lines on a wide page are more on a narrow one; a button that opens nothing misleads."""
    notebook = open_notebook([SHOW.format(nodes=1), THREE_LINES], width=1200)
    notebook.run(0)
    notebook.run(1)
    more = the_table(notebook).get_by_role("button", name="Show all")
    expect(line(notebook, "camera/node1").locator(".message")).to_have_text(
        re.compile("^model.*trust$")
    )
    expect(more).to_have_count(0)
    notebook.page.set_viewport_size({"width": 700, "height": 900})
    expect(more).to_be_visible()
    notebook.page.set_viewport_size({"width": 1200, "height": 900})
    expect(more).to_have_count(0)


def test_no_nodes_yet_is_said_in_words(open_notebook: OpenNotebook) -> None:
    """An empty table explains itself, and the first node appears in it."""
    notebook = open_notebook([SHOW.format(nodes=0), 'source.set("camera/node1", "sent")'])
    notebook.run(0)
    expect(the_table(notebook).locator(".empty")).to_contain_text("No nodes yet")
    notebook.run(1)
    expect(summary(notebook)).to_have_text("0 of 1 consumed, 1 sent")
    expect(the_table(notebook).locator(".empty")).to_be_hidden()


def test_an_outage_is_shown_and_passes(open_notebook: OpenNotebook) -> None:
    """The last rows stay, with the reason; no cell gets a traceback."""
    notebook = open_notebook([SHOW.format(nodes=2), OUTAGE, "source.fail(None)"])
    notebook.run(0)
    notebook.run(1)
    notice = the_table(notebook).locator(".notice")
    expect(notice).to_contain_text("No sync service answers at http://127.0.0.1:9080")
    expect(line(notebook, "camera/node2")).to_be_visible()
    notebook.run(2)
    expect(notice).to_be_hidden()


def test_a_restarted_kernel_is_not_called_live(open_notebook: OpenNotebook) -> None:
    """A table that nobody feeds says so."""
    notebook = open_notebook([SHOW.format(nodes=2)])
    notebook.run(0)
    expect(the_table(notebook).locator(".state")).to_have_text("live")
    notebook.restart_kernel()
    expect(the_table(notebook).locator(".state")).to_have_text("kernel gone")


@pytest.mark.parametrize("width", [420, 700], ids=["phone", "half"])
def test_a_narrow_page_cuts_nothing_off(
    open_notebook: OpenNotebook, pictures: Path, width: int
) -> None:
    """Node, status and time stay readable; the table is never wider than its place."""
    notebook = open_notebook([SHOW.format(nodes=20)], width=width)
    notebook.command("application:toggle-left-area")
    notebook.run(0)
    expect(summary(notebook)).to_have_text("0 of 20 consumed")
    expect(line(notebook, "camera/node3").locator(".since time")).to_have_text(
        re.compile(r"^\d\d:\d\d:\d\d$")
    )
    notebook.page.screenshot(path=pictures / f"narrow-{width}.png")
    sizes = the_table(notebook).locator(".scroll").evaluate("n => [n.scrollWidth, n.clientWidth]")
    assert sizes[0] <= sizes[1], json.dumps(sizes)


def test_a_publication_shows_itself_live_until_every_node_consumed_it(
    open_notebook: OpenNotebook, pictures: Path
) -> None:
    """The product itself: a CSS, two nodes, an object, and an acknowledgement from each node."""
    notebook = open_notebook(
        [
            "import syncnb\nfleet = syncnb.LocalFleet(nodes=2)",
            PUBLISH,
            CONSUME,
            "consume(fleet.nodes[1])",
            "fleet.close()",
        ]
    )
    notebook.run(0)
    try:
        notebook.run(1)
        where = notebook.cell(1).locator(".jp-OutputArea")
        expect(where).to_contain_text("0 of 2 consumed")
        notebook.run(2)
        expect(where).to_contain_text("1 of 2 consumed")
        notebook.page.screenshot(path=pictures / "publication.png")
        notebook.run(3)
        expect(where).to_contain_text("2 of 2 consumed")
    finally:
        notebook.run(4)


def test_a_node_that_cannot_use_what_it_got_is_shown_with_its_reason(
    open_notebook: OpenNotebook, pictures: Path
) -> None:
    """While the table is on the page; nobody runs its cell again."""
    notebook = open_notebook(
        [
            "import syncnb\nfleet = syncnb.LocalFleet(nodes=2)",
            PUBLISH,
            REFUSE,
            CONSUME.replace("fleet.nodes[0]", "fleet.nodes[1]"),
            "fleet.close()",
        ]
    )
    notebook.run(0)
    try:
        notebook.run(1)
        notebook.run(2)
        table = the_table(notebook, 1)
        node = table.locator("tbody").filter(
            has=notebook.page.get_by_role("rowheader", name="edge/node1", exact=True)
        )
        expect(node.locator(".status")).to_have_text("failed")
        expect(node.locator(".chip")).to_have_attribute("data-tone", "bad")
        expect(node.locator(".message")).to_have_text("ValueError: the line has no such setting")
        notebook.run(3)
        expect(table.locator(".summary")).to_have_text("1 of 2 consumed, 1 failed")
        notebook.page.screenshot(path=pictures / "failed-node.png")
    finally:
        notebook.run(4)

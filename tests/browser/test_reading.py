"""How a reader works with the live table: keys, selection, a page that is loaded again."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import OpenNotebook
from tests.browser.jupyter_driver import JupyterLab
from tests.browser.tables import line, rows, summary, the_table

SHOW = """\
import syncnb.widgets
from tests.browser.scripted_source import ScriptedSource
source = ScriptedSource({nodes})
syncnb.widgets.show(source)"""
ONE_FAILS = """\
source.set("camera/node2", "consumed")
source.set("camera/node7", "failed", "the camera has no such lens")"""
MARKUP = '<img src=x onerror="window.hacked=1">'
HOSTILE = f"""\
import syncnb.widgets
from tests.browser.scripted_source import ScriptedSource
bad = {MARKUP!r}
source = ScriptedSource(0, title=bad)
source._rows[bad] = dict(node=bad, version=bad, status=bad, since=bad, message=bad)
for n in range(20):
    source.set(f"camera/node{{n}}", "sent", version=bad)
syncnb.widgets.show(source)"""

FAIL = """\
from syncnb.errors import ConnectionFailedError
source.fail(ConnectionFailedError("http://127.0.0.1", bad))"""


def test_everything_works_from_the_keyboard(open_notebook: OpenNotebook) -> None:
    """Filter, sort, go through the rows, choose some; Python knows which."""
    notebook = open_notebook(
        [SHOW.format(nodes=30), ONE_FAILS, "print(syncnb.widgets.table_of(source).selected)"]
    )
    notebook.run(0)
    notebook.run(1)
    expect(summary(notebook)).to_have_text("1 of 30 consumed")
    press = notebook.page.keyboard.press
    table = the_table(notebook)
    table.get_by_role("button", name="all 30").focus()
    press("Tab")  # the statuses, then the search
    press("Enter")
    expect(rows(notebook)).to_have_count(1)
    expect(rows(notebook)).to_contain_text("camera/node2")
    press("Shift+Tab")
    press("Enter")
    expect(rows(notebook)).to_have_count(30)
    table.get_by_role("searchbox").focus()
    notebook.page.keyboard.type("node1")
    expect(rows(notebook)).to_have_count(11)
    press("Tab")  # to the title of the first column
    press("Enter")
    press("Enter")
    expect(rows(notebook).first).to_contain_text("camera/node19")
    for _ in range(4):
        press("Tab")  # past the other titles to the row that was reached last
    press("Home")
    expect(rows(notebook).first).to_be_focused()
    press("ArrowDown")
    press("Space")
    press("Shift+ArrowDown")
    expect(rows(notebook).nth(1)).to_have_attribute("aria-selected", "true")
    expect(table.locator(".selection")).to_contain_text("2 selected")
    said = notebook.cell(2).locator(".jp-OutputArea")
    for _ in range(20):  # one choice after the other travels to the kernel
        notebook.run(2)
        if "node17" in said.inner_text():
            break
    expect(said).to_contain_text("['camera/node18', 'camera/node17']")
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == 3, "keys were commands"


def test_clicks_choose_rows_as_elsewhere(open_notebook: OpenNotebook) -> None:
    """One; with Shift all up to there; with Ctrl one more or less."""
    notebook = open_notebook([SHOW.format(nodes=9)])
    notebook.run(0)
    chosen = the_table(notebook).locator("tr[aria-selected=true] th")
    for name, keys, expected in (
        ("camera/node2", [], ["2"]),
        ("camera/node4", ["Shift"], ["2", "3", "4"]),
        ("camera/node3", ["Control"], ["2", "4"]),
        ("camera/node8", [], ["8"]),
        ("camera/node8", [], []),
    ):
        line(notebook, name).locator(".version").click(modifiers=keys)  # type: ignore[arg-type]
        expect(chosen).to_have_text([f"camera/node{n}" for n in expected])


def test_ten_thousand_rows_are_at_hand(
    open_notebook: OpenNotebook, pictures: Path, lab: JupyterLab, request: pytest.FixtureRequest
) -> None:
    """The last row is a key away; what is saved, state of the widget included, is under 1 MB."""
    change = 'for n in range(1, 4001): source.set(f"camera/node{n}", "consumed")'
    notebook = open_notebook([SHOW.format(nodes=10_000), change])
    notebook.run(0)
    expect(rows(notebook).first).to_contain_text("camera/node1")
    notebook.run(1)
    expect(summary(notebook)).to_have_text("4000 of 10000 consumed", timeout=20_000)
    rows(notebook).first.focus()
    notebook.page.keyboard.press("End")
    last = line(notebook, "camera/node10000")
    expect(last).to_be_in_viewport()
    expect(last.locator("tr[data-key]")).to_be_focused()
    expect(last.locator("tr[data-key]")).to_have_attribute("aria-rowindex", "10001")
    assert rows(notebook).count() < 80
    notebook.page.keyboard.press("PageUp")
    expect(the_table(notebook).locator("tr:focus")).to_be_in_viewport()
    notebook.page.keyboard.press("Home")
    expect(line(notebook, "camera/node1")).to_be_in_viewport()
    notebook.page.screenshot(path=pictures / "ten-thousand-rows.png")
    notebook.command("@jupyter-widgets/jupyterlab-manager:saveWidgetState")
    notebook.save()
    path = lab.notebooks / f"{request.node.name}.ipynb"
    states = nbformat.read(path, 4).metadata.widgets  # type: ignore[no-untyped-call]
    assert "camera/node10000" in str(states), "the state of the widget is saved"
    assert path.stat().st_size < 1_000_000


def test_what_others_write_stays_text(open_notebook: OpenNotebook) -> None:
    """Names, versions, statuses, times, messages and the title."""
    notebook = open_notebook(
        [
            HOSTILE,
            FAIL,
            "from IPython.display import HTML\nHTML(syncnb.widgets.to_html(source))",
        ]
    )
    notebook.run(0)
    table = the_table(notebook)
    expect(table.locator(".title")).to_have_text(MARKUP)
    row = table.locator("tbody").filter(has=notebook.page.locator(f"th:text-is({MARKUP!r})"))
    for part in ("th", ".version", ".status .chip", ".since", ".message"):
        expect(row.locator(part).first).to_have_text(MARKUP)
    expect(table.locator(".tools")).to_contain_text(MARKUP)
    notebook.run(1)
    expect(table.locator(".notice")).to_contain_text(MARKUP)
    notebook.run(2)
    expect(notebook.cell(2).locator(".jp-OutputArea")).to_contain_text(MARKUP)
    assert notebook.page.evaluate("() => window.hacked") is None
    assert notebook.page.locator("img[src=x]").count() == 0


def test_it_survives_that_the_page_is_loaded_again(open_notebook: OpenNotebook) -> None:
    """The kernel goes on, and so does the table."""
    notebook = open_notebook([SHOW.format(nodes=300), ONE_FAILS])
    notebook.run(0)
    expect(summary(notebook)).to_have_text("0 of 300 consumed")
    notebook.save()
    notebook.reload()
    expect(the_table(notebook).locator(".state")).to_have_text("live", timeout=30_000)
    expect(rows(notebook).first).to_contain_text("camera/node1")
    notebook.run(1)
    expect(summary(notebook)).to_have_text("1 of 300 consumed")
    expect(line(notebook, "camera/node7").locator(".message")).to_contain_text("no such lens")


def test_a_notebook_that_is_mailed_shows_the_still_form(
    open_notebook: OpenNotebook,
    lab: JupyterLab,
    browser: BrowserContext,
    pictures: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Nbconvert makes a page of it, which needs no kernel and nothing from the network."""
    notebook = open_notebook(
        [SHOW.format(nodes=8), ONE_FAILS, "syncnb.widgets.table_of(source).stop()"]
    )
    notebook.run(0)
    notebook.run(1)
    expect(summary(notebook)).to_have_text("1 of 8 consumed, 6 sent, 1 failed")
    notebook.run(2)
    expect(notebook.cell(0).locator(".jp-OutputArea")).to_contain_text(
        "the camera has no such lens"
    )
    notebook.save()
    path = lab.notebooks / f"{request.node.name}.ipynb"
    html = pictures / "mailed.html"
    exporter: Any = HTMLExporter()  # type: ignore[no-untyped-call]
    html.write_text(exporter.from_filename(str(path))[0])
    page = browser.new_page()
    page.route("http*://**", lambda route: route.abort())
    page.goto(f"file://{quote(str(html))}")
    expect(page.get_by_text("1 of 8 consumed, 6 sent, 1 failed")).to_be_visible()
    expect(page.get_by_text("the camera has no such lens", exact=True)).to_be_visible()
    page.screenshot(path=pictures / "mailed.png")
    page.close()


def test_notebook_7_shows_it_as_well(open_notebook: OpenNotebook, pictures: Path) -> None:
    """The other front end of Jupyter, with the same kernel."""
    notebook = open_notebook([SHOW.format(nodes=14), ONE_FAILS], classic=True)
    notebook.run(0)
    expect(summary(notebook)).to_have_text("0 of 14 consumed")
    notebook.run(1)
    expect(summary(notebook)).to_have_text("1 of 14 consumed")
    the_table(notebook).get_by_role("searchbox").fill("lens")
    expect(rows(notebook)).to_have_count(1)
    expect(line(notebook, "camera/node7").locator(".message")).to_contain_text("no such lens")
    notebook.page.screenshot(path=pictures / "notebook-7.png")

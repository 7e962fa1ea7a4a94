"""The live table by the rules of axe-core, in each of its states."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.tables import line, rows, summary, the_table

SHOW = """\
import syncnb.widgets
from tests.browser.scripted_source import ScriptedSource
source = ScriptedSource({nodes})
syncnb.widgets.show(source)"""
CHANGE = """\
for number, status in enumerate(("delivered", "consumed", "deleted", "failed", "error", "odd")):
    source.set(f"camera/node{number + 2}", status, "no room\\n" * 8 if number in (3, 4) else "")"""


@pytest.mark.parametrize("nodes", [0, 8, 300])
def test_axe_finds_no_violation(open_notebook: OpenNotebook, nodes: int) -> None:
    notebook = open_notebook([SHOW.format(nodes=nodes), CHANGE])
    notebook.command("application:toggle-left-area")
    notebook.run(0)
    if nodes:
        notebook.run(1)
        expect(line(notebook, "camera/node5").locator(".message")).to_be_visible()
        rows(notebook).nth(2).click()
        expect(the_table(notebook).locator(".selection")).to_be_visible()
        expect(summary(notebook)).to_contain_text(f"1 of {nodes} consumed")
    for dark, width in ((False, 1000), (True, 1000), (False, 420)):
        notebook.theme(dark=dark)
        notebook.page.set_viewport_size({"width": width, "height": 900})
        table = the_table(notebook)
        expect(table).to_have_attribute("data-theme", "dark" if dark else "light")
        notebook.page.wait_for_function(
            "() => !document.querySelector('.syncnb-table .new')?.getAnimations().length"
        )
        found = Axe().run(notebook.page, context=".syncnb-table")
        assert found.violations_count == 0, f"{dark} {width}: {found.generate_report()}"
        passed = {rule["id"] for rule in found.response["passes"]}
        assert "color-contrast" in passed, "the rules were applied"

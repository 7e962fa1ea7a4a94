"""Make the pictures of the documentation: the product itself, in a real JupyterLab.

Run it as ``python docs/make_pictures.py`` in the environment of ``.ci/setup tests``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import BrowserContext, expect  # noqa: E402

from tests.browser.jupyter_driver import JupyterLab, NotebookPage, open_browser  # noqa: E402

TRAIN = """\
import syncnb
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

X, y = load_digits(return_X_y=True)
model = LogisticRegression(max_iter=5000).fit(X, y)
fleet = syncnb.LocalFleet(nodes=3)"""
PUBLISH = """\
syncnb.publish_model(
    model, name="digits", version="1.1.0", dest_type="edge",
    example=X[:5], client=fleet.cloud,
)"""
CONSUME = """\
for node in fleet.nodes[:2]:
    with next(iter(syncnb.updates("model", client=fleet.node(node), timeout=20))) as update:
        update.load()"""
CLOSE = "fleet.close()"
LARGE = """\
import syncnb.widgets
from tests.browser.scripted_source import ScriptedSource
source = ScriptedSource(10_000)
syncnb.widgets.show(source)"""
GET_ON = """\
for n in range(1, 10_001):
    if n % 3:
        source.set(f"camera/node{n}", "delivered")
    if n % 3 == 1 and n % 2500 != 1:
        source.set(f"camera/node{n}", "consumed")
    elif n % 2500 == 1:
        source.set(f"camera/node{n}", "failed", "ValueError: this camera has no such lens")"""


def picture_of_live_table(lab: JupyterLab, browser: BrowserContext, out: Path) -> None:
    """Publish a model to three nodes, let two of them load it, and take the notebook's picture."""
    lab.write("live-table.ipynb", [TRAIN, PUBLISH, CONSUME, CLOSE])
    notebook = NotebookPage(browser, lab.page_url("live-table.ipynb"), width=860, height=900)
    notebook.command("application:toggle-left-area")
    notebook.run(0)
    try:
        notebook.run(1)
        table = notebook.cell(1).locator(".syncnb-table")
        expect(table.locator(".summary")).to_have_text("0 of 3 consumed, 3 delivered")
        notebook.run(2)
        expect(table.locator(".summary")).to_have_text("2 of 3 consumed, 1 delivered")
        notebook.command("notebook:enter-command-mode")
        notebook.page.evaluate("() => document.activeElement?.blur()")
        # The cells below only make the nodes work: they are no part of the picture.
        for number in (2, 3):
            notebook.cell(number).evaluate("node => { node.style.display = 'none'; }")
        notebook.page.wait_for_timeout(4000)  # "just now" and the glow of what is new pass
        take(notebook, 0, 1, out)
    finally:
        notebook.run(3)
        notebook.close()


def picture_of_large_table(lab: JupyterLab, browser: BrowserContext, out: Path) -> None:
    """Ten thousand nodes in the dark theme, some of which failed."""
    lab.write("large-table.ipynb", [LARGE, GET_ON])
    notebook = NotebookPage(
        browser, lab.page_url("large-table.ipynb"), dark=True, width=860, height=900
    )
    notebook.command("application:toggle-left-area")
    notebook.run(0)
    notebook.run(1)
    table = notebook.cell(0).locator(".syncnb-table")
    expect(table.locator(".summary")).to_have_text("3332 of 10000 consumed", timeout=20_000)
    table.locator("tr[data-key]").nth(5).click()
    notebook.command("notebook:enter-command-mode")
    notebook.page.evaluate("() => document.activeElement?.blur()")
    for part in (notebook.cell(1), notebook.cell(0).locator(".jp-Cell-inputWrapper")):
        part.evaluate("node => { node.style.display = 'none'; }")
    notebook.page.wait_for_timeout(4000)
    take(notebook, 0, 0, out)
    notebook.close()


def take(notebook: NotebookPage, first: int, last: int, out: Path) -> None:
    """A picture of some cells."""
    top = notebook.cell(first).bounding_box()
    bottom = notebook.cell(last).bounding_box()
    assert top is not None
    assert bottom is not None
    notebook.page.screenshot(
        path=out,
        clip={
            "x": top["x"],
            "y": top["y"] - 4,
            "width": top["width"],
            "height": bottom["y"] + bottom["height"] - top["y"] + 12,
        },
    )


def main() -> None:
    """Make all of them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        JupyterLab(Path(folder)) as lab,
        open_browser() as browser,
        browser.new_context(device_scale_factor=2) as context,
    ):
        picture_of_live_table(lab, context, ROOT / "docs" / "live-table.png")
        picture_of_large_table(lab, context, ROOT / "docs" / "large-table.png")


if __name__ == "__main__":
    main()

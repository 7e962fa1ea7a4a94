"""Where the parts of a table are on a page."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.browser.jupyter_driver import NotebookPage


def the_table(notebook: NotebookPage, cell: int = 0) -> Locator:
    """The live table below a cell."""
    return notebook.cell(cell).locator(".syncnb-table")


def summary(notebook: NotebookPage, cell: int = 0) -> Locator:
    """Its sentence."""
    return the_table(notebook, cell).locator(".summary")


def line(notebook: NotebookPage, name: str, cell: int = 0) -> Locator:
    """Its row of one name, and the message below."""
    header = notebook.page.get_by_role("rowheader", name=name, exact=True)
    return the_table(notebook, cell).locator("tbody").filter(has=header)


def rows(notebook: NotebookPage, cell: int = 0) -> Locator:
    """Its rows that are in the document."""
    return the_table(notebook, cell).locator("tr[data-key]")

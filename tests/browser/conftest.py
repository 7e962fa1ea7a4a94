"""One JupyterLab and one browser for all tests that look at widgets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.jupyter_driver import JupyterLab, NotebookPage, open_browser

OpenNotebook = Callable[..., NotebookPage]


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    """A JupyterLab server with a configuration of its own."""
    with JupyterLab(tmp_path_factory.mktemp("jupyter")) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[BrowserContext]:
    """A headless Chromium; without one, the tests fail."""
    with open_browser() as running, running.new_context(device_scale_factor=1.5) as context:
        yield context


@pytest.fixture
def open_notebook(
    lab: JupyterLab, browser: BrowserContext, request: pytest.FixtureRequest
) -> Iterator[OpenNotebook]:
    """Open code cells as a notebook; afterwards, nothing on the page may have raised."""
    pages: list[NotebookPage] = []

    def open_cells(
        cells: Sequence[str], *, dark: bool = False, width: int = 1000, classic: bool = False
    ) -> NotebookPage:
        name = f"{request.node.name.replace('[', '-').replace(']', '')}.ipynb"
        lab.write(name, cells)
        url = lab.page_url(name, classic=classic)
        page = NotebookPage(browser, url, dark=dark, width=width)
        pages.append(page)
        return page

    yield open_cells
    problems = [problem for page in pages for problem in page.problems]
    for page in pages:
        page.close()
    assert not problems


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where a test leaves its screenshots; ``SYNCNB_PICTURES`` names a folder that keeps them."""
    kept = os.environ.get("SYNCNB_PICTURES")
    folder = Path(kept) if kept else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder

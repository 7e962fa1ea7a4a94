"""A real JupyterLab in a real browser, started and ended by whoever needs to look at a widget."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from urllib.request import urlopen

import nbformat
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

ROOT = Path(__file__).parents[2]
# Without the flags after the first three, Chromium asks several hosts of its own at every start.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
]
# JupyterLab asks at its first start whether it may fetch news, and would cover the page with that.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}

# What the front ends raise by themselves: JupyterLab for what it had asked a kernel that is
# restarted, Notebook 7 for parts of JupyterLab that it does not have.
OWN_ERRORS = ("Canceled future for", "(reading 'schema')", "'filebrowser:open-path' not registered")


def find_chromium() -> str:
    """Path of the browser.

    Raises
    ------
    FileNotFoundError
        There is none: a test that wants a browser then fails, because skipped tests are forgotten.
    """
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    raise FileNotFoundError("no Chromium: apt-get install chromium")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=list(CHROMIUM_FLAGS)
        )
        try:
            yield browser
        finally:
            browser.close()


class JupyterLab:
    """A JupyterLab server of its own: own configuration, random port and token.

    Parameters
    ----------
    folder : Path
        Empty; everything is kept below it.
    timeout : float, default 60
        Seconds until the server must answer.
    """

    def __init__(self, folder: Path, *, timeout: float = 60.0) -> None:
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        self._token = secrets.token_hex(16)
        self._runtime = folder / "runtime"
        self._log_path = folder / "jupyter.log"
        settings = folder / "settings"
        for name, values in SETTINGS.items():
            path = settings / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "SYNCNB_"))}
        environ |= {
            "HOME": str(folder),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "JUPYTER_RUNTIME_DIR": str(self._runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(settings),
            "JUPYTER_TOKEN": self._token,
            "IPYTHONDIR": str(folder / "ipython"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        options = [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            "--port=0",
            f"--ServerApp.root_dir={self.notebooks}",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly",
        ]
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options],
                env=environ,
                cwd=self.notebooks,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.url = self._wait(time.monotonic() + timeout)
        except BaseException:
            self.close()
            raise

    def _wait(self, deadline: float) -> str:
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"JupyterLab ended at its start:\n{self.log}")
            for path in self._runtime.glob("jpserver-*.json"):
                try:
                    url = str(json.loads(path.read_text())["url"])
                    with urlopen(f"{url}api/status?token={self._token}", timeout=5):
                        return url
                except (OSError, ValueError):  # not up yet, or the file is half written
                    pass
            time.sleep(0.1)
        raise TimeoutError(f"JupyterLab did not start in time:\n{self.log}")

    @property
    def log(self) -> str:
        """The end of what the server printed."""
        return self._log_path.read_text(errors="replace")[-4000:]

    def page_url(self, name: str, *, classic: bool = False) -> str:
        """Where a browser sees one notebook: in JupyterLab, or in Notebook 7."""
        if classic:
            return f"{self.url}notebooks/{quote(name)}?token={self._token}"
        return f"{self.url}lab/workspaces/{secrets.token_hex(4)}/tree/{quote(name)}?token={self._token}"

    def write(self, name: str, cells: Sequence[str]) -> Path:
        """Put a notebook with these code cells into the server's folder."""
        notebook: Any = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
        make: Callable[[str], Any] = nbformat.v4.new_code_cell
        notebook.cells = [make(source) for source in cells]
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        path = self.notebooks / name
        nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
        return path

    def close(self) -> None:
        """End the server and its kernels, at the latest after 15 s."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class NotebookPage:
    """One notebook, open in JupyterLab in a browser.

    Parameters
    ----------
    context : BrowserContext
        Where to open it.
    url : str
        See `JupyterLab.page_url`.
    dark : bool, default False
        Whether to take JupyterLab's dark theme.
    width, height : int
        Of the page, in CSS pixels.
    """

    def __init__(
        self,
        context: BrowserContext,
        url: str,
        *,
        dark: bool = False,
        width: int = 1000,
        height: int = 900,
    ) -> None:
        self.page: Page = context.new_page()
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.set_default_timeout(30_000)
        self.problems: list[str] = []
        self.page.on("pageerror", self._note)
        self.page.goto(url, timeout=60_000)
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        self.theme(dark=dark)

    def _note(self, error: object) -> None:
        if not any(one in str(error) for one in OWN_ERRORS):
            self.problems.append(str(error))

    def command(self, name: str, arguments: Mapping[str, Any] | None = None) -> None:
        """Run a command of JupyterLab, as its menus do."""
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args)",
            [name, dict(arguments or {})],
        )

    def theme(self, *, dark: bool) -> None:
        """Take JupyterLab's light or dark theme."""
        self.command(
            "apputils:change-theme", {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"}
        )
        shown = "false" if dark else "true"
        self.page.wait_for_selector(f"body[data-jp-theme-light='{shown}']", state="attached")

    def run(self, cell: int) -> None:
        """Run one cell and wait until it is over; it waits for the kernel first.

        Raises
        ------
        AssertionError
            It ended with an error.
        """
        self.page.evaluate(
            """async (number) => {
                const panel = window.jupyterapp.shell.currentWidget;
                await panel.sessionContext.ready;
                panel.content.activeCellIndex = number;
                await window.jupyterapp.commands.execute("notebook:run-cell");
            }""",
            cell,
        )
        box = self.cell(cell)
        failed = box.locator("[data-mime-type='application/vnd.jupyter.stderr'], .jp-RenderedError")
        if failed.count():
            raise AssertionError(f"cell {cell} failed: {failed.first.inner_text()}")

    def cell(self, number: int) -> Locator:
        """The cell with this number, counted from 0."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(number)

    def save(self) -> None:
        """Save the notebook, and wait until it is."""
        self.command("docmanager:save")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.model?.dirty")

    def reload(self) -> None:
        """Load the page again, as a reader does with F5."""
        self.page.reload(timeout=60_000)
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)

    def restart_kernel(self) -> None:
        """Restart the kernel without a question."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )

    def close(self) -> None:
        """End the kernel and leave the page."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

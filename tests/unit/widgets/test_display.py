"""Putting a source on a page, in a real kernel and without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from syncnb.widgets import mimebundle, show, to_text
from tests.browser.scripted_source import ScriptedSource

ROOT = Path(__file__).parents[3]
VIEW = "application/vnd.jupyter.widget-view+json"
SETUP = f"""\
import sys
sys.path.insert(0, {str(ROOT)!r})
import syncnb.widgets
from tests.browser.scripted_source import ScriptedSource
source = ScriptedSource(2)
"""
LOOKED_AT = (
    SETUP + "get_ipython().kernel._allow_stdin = True  # as a front end with a person says\n"
)


def run(tmp_path: Path, *cells: str) -> list[Any]:
    """Run code cells in a kernel; the outputs of each."""
    notebook: Any = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    for source in cells:
        notebook.cells.append(nbformat.v4.new_code_cell(source))  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    return [cell.outputs for cell in notebook.cells]


def test_outside_of_a_notebook_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    source = ScriptedSource(2)
    show(source)
    assert capsys.readouterr().out == to_text(source) + "\n"
    assert set(mimebundle(source)) == {"text/plain", "text/html"}


def test_in_a_kernel_a_table_that_can_change_is_a_widget(tmp_path: Path) -> None:
    ((output,),) = run(tmp_path, LOOKED_AT + "syncnb.widgets.show(source)")
    assert set(output.data) == {VIEW, "text/plain", "text/html"}
    assert "0 of 2 consumed" in output.data["text/plain"]


def test_in_a_kernel_a_final_table_is_still(tmp_path: Path) -> None:
    ((output,),) = run(tmp_path, SETUP + "source.finish()\nsyncnb.widgets.show(source)")
    assert set(output.data) == {"text/plain", "text/html"}


def test_an_executed_notebook_is_saved_with_the_outcome(tmp_path: Path) -> None:
    shown, _ = run(
        tmp_path,
        SETUP + "syncnb.widgets.show(source)",
        "import time\n"
        "for i in (1, 2):\n    source.set(f'camera/node{i}', 'consumed')\n"
        "source.finish()\n"
        "time.sleep(2)",
    )
    (output,) = shown
    assert set(output.data) == {"text/plain", "text/html"}
    assert "2 of 2 consumed" in output.data["text/html"]


def test_a_notebook_that_nobody_looks_at_gets_the_still_form(tmp_path: Path) -> None:
    """Nbconvert and papermill would keep a widget that needs a script from the network."""
    first, second, _ = run(
        tmp_path,
        SETUP + "syncnb.widgets.show(source)",
        "syncnb.widgets.show(source)",
        # Who reads the second of two changes has shown the first.
        "import time\n"
        "for n in range(2):\n"
        "    reads = source.reads\n"
        "    source.set('camera/node1', 'consumed')\n"
        "    while source.reads == reads:\n"
        "        time.sleep(0.02)",
    )
    for outputs in (first, second):
        (output,) = outputs  # and no warning
        assert set(output.data) == {"text/plain", "text/html"}
        assert "1 of 2 consumed" in output.data["text/html"], "it follows"


@pytest.mark.parametrize("setup", [SETUP, LOOKED_AT], ids=["still", "live"])
def test_showing_a_source_twice_follows_it_once(tmp_path: Path, setup: str) -> None:
    first, second = run(
        tmp_path,
        setup + "syncnb.widgets.show(source)",
        "import threading\nget_ipython().kernel._allow_stdin = syncnb.widgets.display._live != {}\n"
        "syncnb.widgets.show(source)\n"
        "names = [thread.name for thread in threading.enumerate()]\n"
        "assert names.count('syncnb-live-table') == 1, names",
    )
    if setup == LOOKED_AT:
        assert first[0].data[VIEW]["model_id"] == second[0].data[VIEW]["model_id"]


def test_without_anywidget_the_still_form_is_shown(tmp_path: Path) -> None:
    hide = "import sys\nsys.modules['anywidget'] = None\n"
    ((output,),) = run(tmp_path, hide + LOOKED_AT + "syncnb.widgets.show(source)")
    assert set(output.data) == {"text/plain", "text/html"}


def test_without_anywidget_the_error_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['anywidget'] = None\n"
        "import syncnb.widgets\n"
        "try:\n    syncnb.widgets.LiveTable\n"
        "except ImportError as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (
        "MissingDependencyError The live table needs anywidget: pip install 'syncnb[notebook]'"
    )


def test_importing_the_package_loads_no_widget_library() -> None:
    code = (
        "import sys, syncnb.widgets\n"
        "print({'ipywidgets', 'anywidget', 'traitlets', 'IPython', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"

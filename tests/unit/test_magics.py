"""The magics, in a real shell against a real fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from syncnb import LocalFleet, Publication, TableView


@pytest.fixture(scope="module")
def of_module() -> Any:
    shell: Any = InteractiveShell()  # type: ignore[no-untyped-call]
    shell.run_line_magic("load_ext", "syncnb")
    return shell


@pytest.fixture
def shell(of_module: Any, fleet: LocalFleet) -> Any:
    of_module.user_ns["client"] = fleet.cloud
    of_module.user_ns["node"] = fleet.node("node1")
    return of_module


def test_a_cell_publishes_the_value_of_its_last_line(shell: Any) -> None:
    cell = "import pandas as pd\nfactor = 2\npd.DataFrame({'limit': [1.0 * factor]})"
    done = shell.run_cell_magic("publish", "of-magics --dest-type edge --client client", cell)
    assert isinstance(done, Publication)
    assert (done.object_type, done.object_id) == ("dataframe", "of-magics")
    assert shell.user_ns["factor"] == 2
    line = "of-magics --type settings --version 1.4 --client client"
    given = shell.run_cell_magic("publish", line, "settings = {'a': 1}")
    assert (given.object_type, given.version) == ("settings", "1.4")


def test_a_path_is_published_as_a_file(shell: Any, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"123")
    shell.user_ns["here"] = tmp_path / "a.bin"
    done = shell.run_cell_magic("publish", "of-magics --client client", "here")
    assert (done.object_type, done.manifest.size) == ("file", 3)


@pytest.mark.parametrize("cell", ["# nothing", "for a in [1]:\n    a", "import os"])
def test_a_cell_without_a_value_says_so(shell: Any, cell: str) -> None:
    with pytest.raises(UsageError, match="End the cell with the object"):
        shell.run_cell_magic("publish", "x --client client", cell)


def test_an_error_in_the_cell_is_the_readers_own(shell: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        shell.run_cell_magic("publish", "x --client client", "1 / 0")


def test_status_of_an_object_of_a_type_and_of_all_nodes(shell: Any) -> None:
    shell.run_cell_magic("publish", "seen --type of-status --client client", "{'a': 1}")
    one = shell.run_line_magic("sync_status", "of-status/seen --client client")
    assert isinstance(one, Publication)
    arrived = shell.run_line_magic("sync_status", "of-status --client node")
    assert isinstance(arrived, TableView)
    assert "this node" in arrived.title
    everything = shell.run_line_magic("sync_status", "--client client")
    assert "Nodes of" in everything.title
    with pytest.raises(UsageError, match="name a type"):
        shell.run_line_magic("sync_status", "--client node")
    with pytest.raises(UsageError, match="no variable of this name"):
        shell.run_line_magic("sync_status", "--client nobody")


def test_names_and_options_are_completed(shell: Any) -> None:
    shell.run_cell_magic("publish", "typed --type of-tabs --client client", "{'a': 1}")

    def after(text: str) -> list[str]:
        with provisionalcompleter():
            return [one.text for one in shell.Completer.completions(text, len(text))]

    assert "of-tabs/typed" in after("%sync_status --client client of-tabs")
    assert "client" in after("%sync_status --client cl")
    assert "--dest-type" in after("%%publish x --dest")


def test_help_lists_the_options(shell: Any) -> None:
    text = shell.magics_manager.magics["cell"]["publish"].__doc__
    assert "--dest-type" in text
    assert "publish the value of its last line" in text

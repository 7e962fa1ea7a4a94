"""Importing syncnb costs next to nothing, and what it names is there."""

from __future__ import annotations

import subprocess
import sys

import syncnb

HEAVY = {"pandas", "pyarrow", "numpy", "ipywidgets", "anywidget", "sklearn", "rich"}


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    """In a fresh interpreter."""
    loaded = loaded_by("import syncnb")
    assert not (HEAVY | {"requests", "syncnb.service", "syncnb.client"}) & loaded


def test_edge_program_for_files_loads_nothing_heavy() -> None:
    """A node that only receives files needs `requests` and no more."""
    loaded = loaded_by("from syncnb import updates, report")
    assert "requests" in loaded
    assert not (HEAVY | {"syncnb.service"}) & loaded


def test_every_public_name_is_there() -> None:
    """`__all__` and what can be imported are the same."""
    assert syncnb.__all__ == sorted(syncnb.__all__)
    for name in syncnb.__all__:
        assert getattr(syncnb, name).__doc__

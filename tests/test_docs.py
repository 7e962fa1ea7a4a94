"""The documentation builds, leads somewhere, and has every public name with an example that runs."""

from __future__ import annotations

import doctest
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import syncnb
from syncnb import SyncServiceClient

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MODULES = (
    "syncnb", "syncnb.client", "syncnb.codecs", "syncnb.errors", "syncnb.manifest",
    "syncnb.metadata", "syncnb.settings", "syncnb.signing", "syncnb.widgets",
)  # fmt: skip


def build(folder: Path) -> None:
    """Run the command of the README."""
    (command,) = re.findall(r"`(python -m sphinx .*) docs/_build`", README.read_text("utf-8"))
    done = subprocess.run(
        [sys.executable, *command.split()[1:], str(folder), "--keep-going", "--quiet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def public() -> Iterator[tuple[str, Any]]:
    """Every public name with what it stands for."""
    for home in MODULES:
        module = import_module(home)
        for name in names_of(module):
            yield f"{home}.{name}", getattr(module, name)


def names_of(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = (
        (name, value)
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
    )
    return [name for name, value in own if callable(value) and not name.startswith("_")]


def members(owner: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties, those of bases in syncnb too."""
    for name in dir(owner):
        value = inspect.getattr_static(owner, name)
        if not name.startswith("_") and defined_here(value):
            yield name, value


def defined_here(value: object) -> bool:
    function = bare(value)
    return inspect.isfunction(function) and function.__module__.startswith("syncnb")


def bare(value: Any) -> Any:
    """The function in a property or a class method."""
    for inner in ("fget", "func", "__func__"):
        value = getattr(value, inner, None) or value
    return inspect.unwrap(value)


@cache
def examples(home: str) -> dict[str, int]:
    """How many lines the doctests of a module run, by the name of what they belong to."""
    found = doctest.DocTestFinder(recurse=True).find(import_module(home))
    return {
        test.name.removeprefix(f"{home}."): sum(
            doctest.SKIP not in example.options for example in test.examples
        )
        for test in found
    }


def has_example(value: Any) -> bool:
    function: Callable[..., Any] = bare(value)
    return examples(function.__module__).get(function.__qualname__, 0) > 0


def entries_of(inventory: Path) -> set[str]:
    """Every Python name that the site has an entry of; four lines of head, then zlib."""
    *_, packed = inventory.read_bytes().split(b"\n", 4)
    lines = zlib.decompress(packed).decode().splitlines()
    return {line.split()[0] for line in lines if line.split()[1].startswith("py:")}


def without_entry(site: Path) -> set[str]:
    """Public names and their methods that no page has, under whichever name they are imported."""
    entries = entries_of(site / "objects.inv")
    documented = {id(bare(pkgutil.resolve_name(name))) for name in entries}
    missing = set()
    for name, value in public():
        if name not in entries and (not callable(value) or id(value) not in documented):
            missing.add(name)
        elif inspect.isclass(value):
            missing |= {
                f"{name}.{member}"
                for member, inner in members(value)
                if id(bare(inner)) not in documented
            }
    return missing


def loaded_from_elsewhere(site: Path) -> set[str]:
    """Styles, scripts, fonts and pictures that are not in the folder."""
    loaded = re.compile(
        r"""(?:src=|<link[^>]*href=|url\(|@import )["']?((?:https?:)?//[^"')\s]+)"""
    )
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 10
    return {
        f"{page.relative_to(site)}: {address}"
        for page in pages
        for address in loaded.findall(page.read_text("utf-8"))
    }


def test_documentation_builds_and_has_every_public_name(tmp_path: Path) -> None:
    """No reference is broken, and no page needs another host. One test, for one build."""
    build(tmp_path)
    missing = sorted(without_entry(tmp_path))
    assert not missing, "\n".join(["not in the documentation (docs/api):", *missing])
    assert not loaded_from_elsewhere(tmp_path)


def test_every_public_callable_has_an_example_that_runs() -> None:
    """Functions, classes, and the methods of what `syncnb` itself offers."""
    missing = set()
    for name, value in public():
        if not callable(value) or not getattr(value, "__module__", "").startswith("syncnb"):
            continue
        if not has_example(value):
            missing.add(name)
        if inspect.isclass(value) and name.count(".") == 1:
            missing |= {
                f"{name}.{member}"
                for member, inner in members(value)
                if not isinstance(inner, property) and not has_example(inner)
            }
    assert not missing, "\n".join(["no example that runs:", *sorted(missing)])


def test_the_notebook_for_those_who_come_from_older_sdks_has_every_call() -> None:
    """Its tables name what there is, and leave out nothing."""
    notebook = json.loads((ROOT / "notebooks" / "02_client.ipynb").read_text("utf-8"))
    text = "\n".join(
        "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"
    )
    rows = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    named = set(re.findall(r"`client\.(\w+)`", rows))
    calls = {name for name, value in members(SyncServiceClient) if inspect.isfunction(value)}
    assert named == calls - {"close"}
    for name in re.findall(r"`syncnb\.(\w+)", rows):
        assert name in syncnb.__all__

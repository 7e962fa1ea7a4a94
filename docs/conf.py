"""How Sphinx builds the documentation; nothing is fetched, neither to build it nor to read it."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE.parent)]

from references import aliases  # noqa: E402

import syncnb  # noqa: E402
import syncnb.errors  # noqa: E402
from syncnb.version import __version__  # noqa: E402

project = "syncnb"
author = "the authors of syncnb"
copyright = author  # noqa: A001
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "public_names", "references"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4  # links to a heading work as on a code host

nitpicky = True  # every reference leads somewhere
default_role = "py:obj"  # so also each name in single backticks of a docstring
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # autodoc lists them, with their docstrings
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"  # words are words, unless they are in the next line
numpydoc_xref_aliases = aliases([*syncnb.__all__, *vars(syncnb.errors)])
# No parameter that there is not, no section that numpydoc does not know or has elsewhere.
numpydoc_validation_checks = {"GL06", "GL07", "PR02"}

html_theme = "furo"  # its fonts are those of the machine
html_title = f"syncnb {release}"
html_copy_source = html_show_sourcelink = html_show_copyright = False

nitpick_ignore = [
    ("py:class", "collections.abc.Callable[[]"),  # split at the comma
    ("py:class", "Axes"),  # of matplotlib
    ("py:class", "RenderableType"),  # of rich
]

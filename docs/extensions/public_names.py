"""What is public, and the directives that document all of it.

``public`` documents every public name of a module, so that a new one needs no line here;
``methods`` the methods that one area of the client adds to it.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.parsing import nested_parse_to_nodes

import syncnb


def public_names(module: ModuleType) -> list[str]:
    """`__all__`; without one, the classes and functions that the module defines."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


class Public(Directive):
    """Documents names of a module: those that are given, or all that `syncnb` itself has not."""

    required_arguments = 1
    optional_arguments = 100

    def run(self) -> list[nodes.Node]:
        """The nodes of all of them."""
        home, *names = self.arguments
        module = import_module(home)
        names = names or [
            name
            for name in public_names(module)
            if name not in syncnb.__all__ or getattr(syncnb, name) is not getattr(module, name)
        ]
        lines = []
        for name in names:
            value = getattr(module, name)
            if inspect.isclass(value):
                kind, options = "class", ["   :members:"]
                if issubclass(value, BaseException):
                    kind, options = "exception", [*options, "   :show-inheritance:"]
            else:
                kind, options = ("function" if callable(value) else "data"), []
            lines += [f".. auto{kind}:: {home}.{name}", *options, ""]
        return _parsed(self, lines)


class Methods(Directive):
    """Documents the methods of a class that come from one of its bases."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """The nodes of all of them."""
        owner, base = self.arguments
        home, _, name = base.rpartition(".")
        area = getattr(import_module(home), name)
        lines = []
        for method, value in vars(area).items():
            if method.startswith("_"):
                continue
            kind = "property" if isinstance(value, property) else "method"
            lines += [f".. auto{kind}:: {owner}.{method}", ""]
        return _parsed(self, lines)


def without_factories(
    app: Sphinx,
    what: str,
    name: str,
    value: object,
    options: object,
    signature: str | None,
    result: str,
) -> tuple[str, str] | None:
    """The signature of a dataclass in a form that can be read as Python."""
    if signature is None or "<factory>" not in signature:
        return None
    return signature.replace("<factory>", "..."), result


def _parsed(directive: Directive, lines: list[str]) -> list[nodes.Node]:
    source = directive.state.document.current_source or ""
    content = StringList(["```{eval-rst}", *lines, "```"], source=source)  # the pages are Markdown
    return nested_parse_to_nodes(directive.state, content)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the directives known."""
    app.add_directive("public", Public)
    app.add_directive("methods", Methods)
    app.connect("autodoc-process-signature", without_factories)
    return {"parallel_read_safe": True}

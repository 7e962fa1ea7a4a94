"""Where a name leads that no page of ours has, so that only true mistakes are left as warnings.

Docstrings write names of parameters and of classes alike in single backticks. A name is looked for
among what is documented, by its last part; then among parameters, attributes and what is internal,
which have no page; then in what is installed.
"""

from __future__ import annotations

import builtins
import inspect
import sys
from functools import cache
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment

_PYTHON = "https://docs.python.org/3/library"
_PANDAS = "https://pandas.pydata.org/docs/reference/api"
_SHORT = {"pads": "pyarrow.dataset", "pd": "pandas", "np": "numpy", "t": "typing"}
# What the types of parameters are called in prose.
_PROSE = {
    "callable": "collections.abc.Callable",
    "datetime": "datetime.datetime",
    "iterable": "collections.abc.Iterable",
    "iterator": "collections.abc.Iterator",
    "mapping": "collections.abc.Mapping",
    "sequence": "collections.abc.Sequence",
    "Path": "pathlib.Path",
    "path": "pathlib.Path",
}
_BUILTIN = ("bool", "bytes", "dict", "float", "int", "list", "object", "set", "str", "tuple")


def aliases(public: list[str]) -> dict[str, str]:
    """What numpydoc makes a link in the types of parameters and results, and where it leads."""
    links = {name: f":obj:`{name}`" for name in (*_BUILTIN, "None", "True", "False", *public)}
    return links | _PROSE


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element
) -> nodes.Element | None:
    """A link, or the plain name if it is right and leads nowhere; None is a broken reference."""
    if node.get("refdomain") != "py":
        return None
    target = str(node["reftarget"]).lstrip("~.")
    domain = env.domains.python_domain
    words = _words(frozenset(domain.objects))
    owner, _, field = target.rpartition(".")
    ours = _ours(domain, target) or (_ours(domain, owner) if owner and field in words else None)
    if ours is not None and not (target in words and _is_member(ours)):
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", ours, node, shown)
    if target in words:
        return shown
    url = _outside(target)
    if url is None:
        return None
    return nodes.reference("", "", shown, internal=False, refuri=url) if url else shown


def _ours(domain: PythonDomain, target: str) -> str | None:
    """The documented object whose name ends so, the least nested one."""
    objects = domain.objects
    tail = target.removeprefix("syncnb.")
    found = {name for name in objects if name == target or name.endswith(f".{tail}")}
    shown = {name for name in found if not objects[name].aliased} or found
    return min(shown, key=lambda name: (name.count("."), name), default=None)


def _is_member(name: str) -> bool:
    """Whether it belongs to a class; elsewhere the word means a parameter, not this."""
    return inspect.isclass(_value(name.rpartition(".")[0]))


@cache
def _words(objects: frozenset[str]) -> frozenset[str]:
    """Parameters and attributes of all that is documented, and what our modules define besides."""
    words: set[str] = set()
    for name in objects:
        value = _value(name)
        if callable(value):
            words |= _parameters(value)
        if inspect.isclass(value):
            words |= set(dir(value)) | set(getattr(value, "__annotations__", {}))
    for name, module in list(sys.modules.items()):
        if name.startswith("syncnb."):
            words |= set(vars(module))
    return frozenset(words)


def _parameters(value: Any) -> set[str]:
    try:
        return set(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return set()


@cache
def _value(name: str) -> object:
    """What has this full name; None if nothing has."""
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        try:
            value: Any = import_module(".".join(parts[:split]))
        except ImportError:
            continue
        try:
            for part in parts[split:]:
                value = getattr(value, part)
        except AttributeError:
            return None
        return value
    return None


@cache
def _outside(target: str) -> str | None:
    """Where a name of another library is described; empty if it is right but has no page."""
    first, *rest = target.split(".")
    first = _SHORT.get(first, first)
    target = ".".join([first, *rest])
    if not rest and hasattr(builtins, first):
        return _builtin(first)
    if _value(target) is None:
        return None
    if rest and first in sys.stdlib_module_names:
        return f"{_PYTHON}/{target.rpartition('.')[0]}.html#{target}"
    return f"{_PANDAS}/{target}.html" if first == "pandas" else ""


def _builtin(name: str) -> str:
    value = getattr(builtins, name)
    if value in (None, True, False):
        return f"{_PYTHON}/constants.html#{name}"
    if inspect.isclass(value):
        page = "exceptions" if issubclass(value, BaseException) else "stdtypes"
        return f"{_PYTHON}/{page}.html#{name}"
    return f"{_PYTHON}/functions.html#{name}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Look for names before Sphinx calls them missing."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

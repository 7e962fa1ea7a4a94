"""IPython magics: ``%load_ext syncnb``. Each is thin over one function."""

# mypy: disable-error-code="no-untyped-call, untyped-decorator, misc"
# IPython's decorators have no types.

from __future__ import annotations

import ast
import contextlib
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.codecs.tables import library_of
from syncnb.errors import SyncError
from syncnb.publication import Publication
from syncnb.publishing import publish, publish_dataframe, publish_file, publish_model
from syncnb.tables import TableView, fleet_table, watch

_OPTIONS = ("--type", "--dest-type", "--dest-id", "--version", "--format", "--description")


def load(ipython: Any) -> None:
    """Register the magics and their completion.

    Parameters
    ----------
    ipython : IPython.core.interactiveshell.InteractiveShell
        The shell of ``%load_ext``.

    Examples
    --------
    >>> from IPython.core.interactiveshell import InteractiveShell
    >>> shell = InteractiveShell()
    >>> load(shell)
    >>> "sync_status" in shell.magics_manager.magics["line"]
    True
    """
    ipython.register_magics(SyncMagics(ipython))
    for magic in ("%sync_status", "sync_status", "%%publish"):
        ipython.set_hook("complete_command", _complete, str_key=magic)


@magics_class
class SyncMagics(Magics):
    """``%%publish`` and ``%sync_status``.

    Parameters
    ----------
    shell : IPython.core.interactiveshell.InteractiveShell
        Whose variables are used.
    """

    @magic_arguments()
    @argument("name", help="ID of the object")
    @argument("--type", help="type of the object; by default model, dataframe or file")
    @argument("--dest-type", default="", help="all nodes of this type; by default every node")
    @argument("--dest-id", default="", help="only this node of --dest-type")
    @argument("--version", help="such as 1.2.0; by default the next")
    @argument("--format", help="such as csv, where there is more than one")
    @argument("--description", default="", help="for people")
    @argument("--client", metavar="NAME", help="variable with the client; by default the settings'")
    @cell_magic
    def publish(self, line: str, cell: str) -> Publication:
        """Run a cell and publish the value of its last line.

        With --type, as `syncnb.publish` does it. Without, a DataFrame as `publish_dataframe`, a
        `Path` as `publish_file`, and anything else as `publish_model`.
        """
        given = parse_argstring(self.publish, line)
        client = _client(self.shell, given.client)
        value = self._value(cell)
        options = {
            "dest_type": given.dest_type,
            "dest_id": given.dest_id,
            "version": given.version,
            "description": given.description,
            "client": client,
        }
        options |= {"format": given.format} if given.format else {}
        if given.type:
            return publish(value, given.type, given.name, **options)
        if isinstance(value, Path):
            return publish_file(value, name=given.name, **options)
        if library_of(value):
            return publish_dataframe(value, name=given.name, **options)
        return publish_model(value, name=given.name, **options)

    @magic_arguments()
    @argument("what", nargs="?", default="", help="TYPE/NAME of an object, or a TYPE")
    @argument("--client", metavar="NAME", help="variable with the client; by default the settings'")
    @line_magic
    def sync_status(self, line: str) -> Publication | TableView:
        """How far an object got (TYPE/NAME), what has arrived (TYPE), or how all nodes are."""
        given = parse_argstring(self.sync_status, line)
        client = _client(self.shell, given.client)
        object_type, slash, name = given.what.partition("/")
        if slash:
            return Publication.of(object_type, name, client=client)
        if object_type:
            return watch(object_type, client=client)
        if not client.org_id:
            raise UsageError(
                "An edge node does not know the others: name a type, %sync_status TYPE"
            )
        return fleet_table(client)

    def _value(self, cell: str) -> Any:
        """Run a cell in the notebook, for the value of its last line."""
        shell: Any = self.shell
        tree = ast.parse(shell.transform_cell(cell))
        last = tree.body.pop() if tree.body else None
        if isinstance(last, ast.Assign) and isinstance(last.targets[-1], ast.Name):
            tree.body.append(last)
            last = ast.Expr(ast.Name(last.targets[-1].id, ast.Load()))
        if not isinstance(last, ast.Expr):
            raise UsageError("End the cell with the object that is to be published")
        variables = shell.user_ns
        expression = ast.fix_missing_locations(ast.Expression(last.value))
        exec(compile(tree, "<%%publish>", "exec"), variables)  # noqa: S102  the reader's own cell
        return eval(compile(expression, "<%%publish>", "eval"), variables)  # noqa: S307


def _client(shell: Any, name: str | None) -> SyncServiceClient:
    if not name:
        return client_or_default(None)
    found = shell.user_ns.get(name)
    if not isinstance(found, SyncServiceClient):
        raise UsageError(f"--client {name}: no variable of this name is a SyncServiceClient")
    return found


def _complete(shell: Any, event: Any) -> list[str]:
    words = event.line.split()
    before = words[-2 if event.symbol and len(words) > 1 else -1]
    if before == "--client":
        return [n for n, v in shell.user_ns.items() if isinstance(v, SyncServiceClient)]
    if event.line.lstrip().startswith("%%publish"):
        return [*_OPTIONS, "--client"]
    name = words[words.index("--client") + 1] if "--client" in words[:-1] else None
    with contextlib.suppress(SyncError, UsageError):  # nobody wants an error for a tab
        metas = _client(shell, name).get_objects_with_filters()
        found = sorted({f"{one.object_type}/{one.object_id}" for one in metas})
        return [*found, "--client"]
    return ["--client"]

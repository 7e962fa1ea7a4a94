"""A parser of commands that knows what a mistyped option was meant to be."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import Any


class Parser(argparse.ArgumentParser):
    """argparse takes the value of an option that it does not know for an argument, and blames that.

    Examples
    --------
    >>> parser = Parser(prog="syncnb", exit_on_error=False)
    >>> _ = parser.add_argument("--listen")
    >>> parser.parse_args(["--listen", "127.0.0.1:0"])
    Namespace(listen='127.0.0.1:0')
    """

    def parse_known_args(  # type: ignore[override]  # argparse has overloads for namespaces
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse; ends with exit code 2 and the nearest name at an unknown option."""
        given = list(sys.argv[1:] if args is None else args)
        if self._subparsers is None:  # else options behind the command are not ours
            self._require_known(given)
        return super().parse_known_args(given, namespace)

    def _require_known(self, given: list[str]) -> None:
        known = [name for name in self._option_string_actions if name.startswith("--")]
        for argument in given:
            if argument == "--":
                return
            name = argument.partition("=")[0]
            if name.startswith("--") and not any(one.startswith(name) for one in known):
                near = difflib.get_close_matches(name, known, 1, 0.6)
                perhaps = f": perhaps {near[0]} is meant" if near else ""
                self.exit(2, f"{self.prog}: there is no option {name}{perhaps}; see --help\n")

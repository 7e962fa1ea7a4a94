"""A parser of commands that knows what a mistyped option or command was meant to be."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """argparse takes the value of an option that it does not know for an argument, and blames that.

    Examples
    --------
    >>> parser = Parser(prog="syncnb", exit_on_error=False)
    >>> _ = parser.add_argument("--listen")
    >>> parser.parse_args(["--listen", "127.0.0.1:0"])
    Namespace(listen='127.0.0.1:0')
    """

    def __init__(self, **settings: Any) -> None:
        # An abbreviation may be another option tomorrow, and --secret would be --secret-file today.
        super().__init__(**settings, allow_abbrev=False)

    def parse_known_args(  # type: ignore[override]  # argparse has overloads for namespaces
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse; ends with exit code 2 and the nearest name at an unknown option or command."""
        given = list(sys.argv[1:] if args is None else args)
        commands = self._commands()
        # What stands behind a command is not ours to judge.
        ours = given if commands is None else list(takewhile(lambda one: one[:1] == "-", given))
        self._require_known(ours)
        if commands is not None and len(ours) < len(given) and "--" not in ours:
            command = given[len(ours)]
            if command not in commands:
                self._stop("command", command, commands)
        return super().parse_known_args(given, namespace)

    def _commands(self) -> list[str] | None:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return list(action.choices)
        return None

    def _require_known(self, given: list[str]) -> None:
        known = [name for name in self._option_string_actions if name.startswith("--")]
        for argument in given:
            if argument == "--":
                return
            name = argument.partition("=")[0]  # what follows may be a secret
            if name.startswith("--") and name not in known:
                if name == "--secret" and ("--secret-file" in known or self._commands()):
                    self.exit(
                        2,
                        f"{self.prog}: --secret: secrets are no options: use --secret-file, "
                        "or SYNCNB_SECRET\n",
                    )
                self._stop("option", name, known)

    def _stop(self, kind: str, name: str, known: list[str]) -> NoReturn:
        longer = [one for one in known if one.startswith(name)]
        near = longer if len(longer) == 1 else difflib.get_close_matches(name, known, 1, 0.6)
        perhaps = f": perhaps {near[0]} is meant" if near else ""
        self.exit(2, f"{self.prog}: there is no {kind} {name}{perhaps}; see --help\n")

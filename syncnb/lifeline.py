"""Processes that end with the one that started them, however that ends.

A child holds the reading end of a pipe as its standard input. The writing end lives in the parent
alone, so the kernel closes it when the parent dies, also by ``kill -9``, and the child sees the end
of its input.

``python -m syncnb.lifeline [-m MODULE | FILE] ARGUMENT...`` runs a program that way.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable


def when_parent_ends(action: Callable[[], object]) -> None:
    """Call `action` once, from a thread, when the standard input of this process ends.

    Parameters
    ----------
    action : callable
        Such as one that stops a server.

    Examples
    --------
    >>> when_parent_ends(lambda: None)
    """

    def watch() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass  # no standard input at all counts as its end
        action()

    threading.Thread(target=watch, name="syncnb-lifeline", daemon=True).start()


def main() -> None:
    """Run the program that the command line names, and end it with the parent."""
    when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGKILL))
    del sys.argv[0]
    if sys.argv[0] == "-m":
        module = sys.argv[1]
        del sys.argv[0]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()

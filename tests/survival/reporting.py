"""An edge program that reports numbered rows, and says which ones it has reported.

``python -m syncnb.lifeline reporting.py TYPE HOW``, where HOW is ``endlessly``, ``once``, ``fork`` or
``nothing``.
"""

from __future__ import annotations

import os
import sys
import time

from syncnb import Reporter


def say(n: int) -> None:
    """What was said before a `kill -9` can be read after it."""
    os.write(1, f"{n}\n".encode())


def main(kind: str, how: str, first: int) -> None:
    """Report in one of the ways."""
    reporter = Reporter(kind, every="100ms", max_rows=500)
    if how == "nothing":  # but what others left
        reporter.flush()
    elif how == "once":  # and end without a word
        reporter.report([{"n": n} for n in range(first, first + 100)])
        say(first + 99)
    elif how == "fork":
        reporter.report({"n": 0})
        reporter.flush()
        child = os.fork()
        reporter.report([{"n": n, "child": child == 0} for n in range(1, 50)])
        reporter.count("rows", 49)
        if child == 0:
            ended = reporter.flush()
            reporter.close()
            os._exit(0 if ended else 1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    else:
        for n in range(first, 10**9):
            reporter.report({"n": n})
            say(n)
            time.sleep(0.001)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

"""An edge program: takes what comes, goes on after an error, and has a gigabyte of memory."""

from __future__ import annotations

import json
import resource
import sys
import threading
from pathlib import Path

import joblib  # noqa: F401
import onnxruntime  # noqa: F401
import pandas  # noqa: F401
import pyarrow.parquet  # noqa: F401
import skops.io  # noqa: F401

import syncnb

_PAGE = resource.getpagesize()
_MORE = 1 << 30  # bytes of address space beside what the libraries take


def main(log: Path, trust: str) -> None:
    """Serve a type without a trust, and one with it, and write down how each update ends."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE
    resource.setrlimit(resource.RLIMIT_AS, (used + _MORE, used + _MORE))
    log.touch()  # the libraries are loaded
    guarded = threading.Thread(target=serve, args=("guarded", trust, log))
    guarded.start()
    serve("open", False, log)


def serve(object_type: str, trust: str | bool, log: Path) -> None:
    """The loop of the documentation."""
    for update in syncnb.updates(object_type, trust=trust):
        try:
            with update:
                said = "deleted" if update.deleted else repr(update.load())
        except Exception as error:  # noqa: BLE001
            said = f"{type(error).__name__}: {error}"
        with log.open("a") as file:
            file.write(json.dumps([update.name, update.version, said]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

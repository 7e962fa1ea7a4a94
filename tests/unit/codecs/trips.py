"""There and back through the codec of an object, without a service."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from syncnb.codecs import Codec, Loading, default_registry


def written(obj: object, folder: Path, form: str | None = None) -> tuple[Codec, Path]:
    """The codec that takes an object, and the file that it wrote."""
    codec = default_registry().for_object(obj, form)
    codec.check(obj)
    path = folder / f"data{codec.suffix}"
    codec.dump(obj, path)
    return codec, path


def type_of(obj: object) -> str:
    """As it stands in a manifest."""
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def read(form: str, path: Path, **how: Any) -> Any:
    """What a node gets."""
    codec = default_registry().for_format(form)
    assert codec is not None
    loading = Loading(subject="object note/a", folder=path.parent, **how)
    return default_registry().load(codec, path, loading)


def trip(obj: Any, form: str | None = None, **how: Any) -> Any:
    """The object after the way to a node."""
    with tempfile.TemporaryDirectory() as name:
        codec, path = written(obj, Path(name), form)
        return read(codec.name, path, type=type_of(obj), **how)


def refusal_within(form: str, path: Path, *, megabytes: int, kind: str = "") -> str:
    """What loading says in a process that may take only so much memory more than it has.

    Its libraries are loaded before the limit is set, on the address space of the process.
    """
    code = f"""
import resource, sys
from pathlib import Path
import numpy, pandas, pyarrow.parquet, pyarrow.csv, polars
from syncnb.codecs import Loading, default_registry
from syncnb.errors import DataError
pandas.DataFrame({{"a": [1]}}).to_parquet(sys.argv[1] + ".warm")
pandas.read_parquet(sys.argv[1] + ".warm")
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + ({megabytes} << 20),) * 2)
path = Path(sys.argv[1])
registry = default_registry()
try:
    registry.load(registry.for_format({form!r}), path,
                  Loading(subject="object note/a", folder=path.parent, type={kind!r}))
except DataError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": "", "ARROW_DEFAULT_MEMORY_POOL": "system", "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout

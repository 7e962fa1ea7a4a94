"""Files that are there as a whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """Text for a file that is replaced at the end of the block, synced, unless the block fails.

    Parameters
    ----------
    path : Path
        The file. A link stays one; a pipe or a device, such as ``/dev/stdout``, is written to.

    Yields
    ------
    file object
        Open for text, in UTF-8, with line ends as they are written.

    Raises
    ------
    OSError
        It cannot be written; what is wrong with the name is raised before the block.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder) / "a.txt") as file:
    ...         _ = file.write("all of it")
    ...     (Path(folder) / "a.txt").read_text()
    'all of it'
    """
    with whole_bytes(path) as raw:
        file = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        yield file
        file.flush()
        file.detach()


@contextmanager
def whole_bytes(path: Path) -> Iterator[IO[bytes]]:
    """As `whole_file`, for bytes.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    file object
        Open for bytes.

    Raises
    ------
    OSError
        As `whole_file`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with whole_bytes(Path(folder) / "a.bin") as file:
    ...         _ = file.write(b"all of it")
    ...     (Path(folder) / "a.bin").read_bytes()
    b'all of it'
    """
    if path.exists() and not path.is_file():  # a folder is refused by `open`
        with path.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)

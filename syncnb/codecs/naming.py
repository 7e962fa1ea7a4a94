"""Names for files whose library goes by the name, so that a name from the wire decides nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncnb.codecs.registry import Loading


@contextmanager
def suffixed(path: Path, how: Loading, suffix: str) -> Iterator[Path]:
    """A path to the same file that ends as its format demands.

    Keras, for one, reads ``.h5`` with a loader that runs code; and the publisher named the file.

    Parameters
    ----------
    path : Path
        The file.
    how : Loading
        Its folder gets a link if `path` ends otherwise.
    suffix : str
        Such as ``".keras"``.

    Yields
    ------
    Path
        `path`, or a link to it that is gone after the block.

    Examples
    --------
    >>> how = Loading(subject="object note/a", folder=Path(tempfile.gettempdir()))
    >>> with suffixed(Path("model.h5"), how, ".keras") as path:
    ...     path.name
    'data.keras'
    """
    if path.suffix == suffix:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="named-", dir=how.folder) as folder:
        link = Path(folder) / f"data{suffix}"
        link.symlink_to(path.absolute())
        yield link

"""numpy arrays: one as ``.npy``, several with names as ``.npz``; never with pickled objects."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zipfile import ZipFile

from syncnb.codecs.guards import reading, within
from syncnb.codecs.npy import read_header
from syncnb.codecs.registry import Loading, is_instance
from syncnb.codecs.zips import entry, opened
from syncnb.errors import ModelError, UntrustedDataError

if TYPE_CHECKING:
    import numpy as np


class Npy:
    """Array <-> ``.npy``; dtype, shape and Fortran order survive, mapped into memory if wanted."""

    name, version, suffix = "npy", 1, ".npy"
    libraries: Sequence[str] = ("numpy",)
    executes = False
    sequential = True

    def accepts(self, obj: object) -> bool:
        """Whether it is an array."""
        return is_instance(obj, "numpy", "ndarray")

    def check(self, obj: Any) -> None:
        """Refuse an array that would need pickle, or lose something."""
        check_array(obj, "this array")

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        import numpy as np

        with path.open("wb") as file:
            _write(file, np.asarray(obj))

    def load(self, path: Path, how: Loading) -> Any:
        """Read or map it, if the file has as many bytes as its header says."""
        with reading(how, "a .npy file"):
            import numpy as np

            with path.open("rb") as file:
                _check_header(file, path.stat().st_size, how)
            if how.mapped:
                return np.load(path, mmap_mode="c", allow_pickle=False).view(np.ndarray)
            return np.load(path, allow_pickle=False)


class Npz:
    """dict of str to array <-> ``.npz``, not compressed; equal arrays give equal bytes."""

    name, version, suffix = "npz", 1, ".npz"
    libraries: Sequence[str] = ("numpy",)
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is a dict of arrays, and not empty."""
        return (
            type(obj) is dict
            and bool(obj)
            and all(is_instance(array, "numpy", "ndarray") for array in obj.values())
        )

    def check(self, obj: Mapping[Any, Any]) -> None:
        """Refuse a name that is none, and what `Npy` refuses."""
        for name, array in obj.items():
            if type(name) is not str or not name or not name.isprintable():
                raise ModelError(
                    f"a dict of {len(obj)} arrays",
                    f"the key {name!r} is no printable text",
                    "use names of letters and numbers as keys",
                )
            check_array(array, f"the array {name!r}")

    def dump(self, obj: Mapping[str, Any], path: Path) -> None:
        """Write them."""
        import numpy as np

        with ZipFile(path, "w") as archive:
            for name, array in obj.items():
                with archive.open(entry(f"{name}.npy"), "w", force_zip64=True) as out:
                    _write(out, np.asarray(array))

    def load(self, path: Path, how: Loading) -> dict[str, Any]:
        """Read them, each as `Npy` does."""
        with reading(how, "a .npz file"), opened(path, how) as archive:
            import numpy as np

            arrays = {}
            for info in archive.infolist():
                if not info.filename.endswith(".npy"):
                    raise ValueError(f"{info.filename!r} is no array")
                with archive.open(info) as file:
                    _check_header(file, info.file_size, how)  # type: ignore[arg-type]
                with archive.open(info) as file:
                    array = np.lib.format.read_array(file, allow_pickle=False)
                arrays[info.filename.removesuffix(".npy")] = array
            return arrays


def check_array(array: Any, subject: str) -> None:
    """Refuse an array that ``.npy`` cannot hold exactly without pickle.

    Raises
    ------
    ModelError
        With the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> check_array(np.array([{}]), "this array")
    Traceback (most recent call last):
    syncnb.errors.ModelError: this array: its dtype is object, which only pickle could write. ...
    """
    import numpy as np

    if type(array) not in (np.ndarray, np.memmap):
        raise ModelError(
            subject,
            f"it is a {type(array).__module__}.{type(array).__qualname__}, of which only the plain "
            "array would survive",
            "publish numpy.asarray(...) of it, and a mask beside it",
        )
    dtype = array.dtype
    if dtype.hasobject:
        raise ModelError(
            subject,
            f"its dtype is {dtype}, which only pickle could write",
            'give it one, such as with astype(float) or astype("U"), or publish a list',
        )
    if _again(dtype) != dtype or dtype.metadata or not dtype.itemsize:
        raise ModelError(
            subject,
            f"its dtype {dtype} would not survive in a .npy file",
            "convert it with astype to a plain one",
        )


def _write(file: Any, array: np.ndarray[Any, Any]) -> None:
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names in a dtype that numpy before 1.17 could not read
        np.lib.format.write_array(file, array, allow_pickle=False)


def _again(dtype: np.dtype[Any]) -> Any:
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dtypes that would be pickled: the result is another
        return np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(dtype))


def _check_header(file: BinaryIO, size: int, how: Loading) -> None:
    """Compare what the header claims with the bytes that are there."""
    header = read_header(file)
    if header.dtype.hasobject:
        raise UntrustedDataError(
            how.subject,
            "its array holds pickled objects, which can run any code when they are loaded",
            "publish an array of numbers or texts",
        )
    claimed = header.size
    within(how, claimed, "its array")
    there = size - file.tell()
    if claimed != there or not header.dtype.itemsize or min(header.shape, default=0) < 0:
        raise ValueError(f"it claims {claimed} bytes, {there} are there")

"""Formats that run code when they are loaded: written on request, loaded for those who trust it."""

from __future__ import annotations

import pickle
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from syncnb.codecs.examples import ask
from syncnb.codecs.registry import Loading
from syncnb.errors import LoadError, MissingDependencyError, ModelError


class _Pickling(ABC):
    """What the three have in common: any object, if the publisher asks for the format by name."""

    name: str
    version = 1
    libraries: Sequence[str]
    executes = True
    sequential = True

    def accepts(self, obj: object) -> bool:
        """Never unasked."""
        return False

    def accepts_on_request(self, obj: object) -> bool:
        """Anything."""
        return True

    def check(self, obj: Any) -> None:
        """Refuse it if the library is not here; what it can hold shows when it is written."""
        self._writer()

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        write = self._writer()
        try:
            with path.open("wb") as file:
                write(obj, file)
        except OSError:
            raise
        except Exception as error:  # whatever the __reduce__ of an object raises
            raise ModelError(
                f"this {type(obj).__name__}",
                f"{self.name} cannot hold it ({type(error).__name__}: {error})",
                "define its classes and functions in a module that the nodes have"
                if self.name == "cloudpickle"
                else "move what it holds into a module that the nodes have, or give "
                "format='cloudpickle'",
            ) from error

    def load(self, path: Path, how: Loading) -> Any:
        """Read it; whoever calls this trusts it."""
        try:
            return self._read(path, how)
        except Exception as error:  # whatever the __setstate__ of an object raises
            raise LoadError(
                how.subject,
                f"{self.name} cannot read its data ({type(error).__name__}: {error})",
                "install the libraries that its manifest names, in their versions, or publish it "
                "again",
            ) from error

    def predict(self, model: Any, rows: Any) -> Any:
        """What it says to some rows; None if it is no model."""
        return ask(model, rows)

    @abstractmethod
    def _writer(self) -> Callable[[Any, BinaryIO], object]:
        """What writes an object into a file."""

    def _read(self, path: Path, how: Loading) -> Any:
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301  # the registry asked for the caller's word


class Joblib(_Pickling):
    """Any object <-> joblib file, whose arrays can be mapped into memory."""

    name, suffix = "joblib", ".joblib"
    libraries: Sequence[str] = ("joblib", "numpy", "scikit-learn")

    def _writer(self) -> Callable[[Any, BinaryIO], object]:
        try:
            import joblib
        except ImportError as error:
            raise MissingDependencyError("joblib", "format='joblib'", "notebook") from error
        return joblib.dump  # type: ignore[no-any-return]

    def _read(self, path: Path, how: Loading) -> Any:
        import joblib

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "mmap_mode", UserWarning)  # of compressed files
            return joblib.load(path, mmap_mode="r" if how.mapped else None)


class Pickle(_Pickling):
    """Any object <-> pickle, which holds classes and functions by name."""

    name, suffix = "pickle", ".pkl"
    libraries: Sequence[str] = ("numpy", "pandas", "scikit-learn", "statsmodels")

    def _writer(self) -> Callable[[Any, BinaryIO], object]:
        return pickle.dump


class CloudPickle(_Pickling):
    """Any object <-> pickle that also holds classes and functions of the notebook itself."""

    name, suffix = "cloudpickle", ".cloudpickle"
    libraries: Sequence[str] = ("cloudpickle", "numpy", "scikit-learn")

    def _writer(self) -> Callable[[Any, BinaryIO], object]:
        try:
            import cloudpickle
        except ImportError as error:
            raise MissingDependencyError("cloudpickle", "format='cloudpickle'", "all") from error
        return cloudpickle.dump  # type: ignore[no-any-return]

"""scikit-learn estimators as skops files, which are audited before anything of them is loaded."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from syncnb.codecs.registry import Loading, is_instance
from syncnb.errors import (
    LoadError,
    MissingDependencyError,
    ModelError,
    UnfittedModelError,
    UntrustedDataError,
)


class Skops:
    """Fitted estimator <-> skops file."""

    name, version, suffix = "skops", 1, ".skops"
    libraries: Sequence[str] = ("scikit-learn", "skops", "numpy", "scipy")
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is an estimator of scikit-learn, or one made in its way."""
        return is_instance(obj, "sklearn.base", "BaseEstimator")

    def check(self, obj: Any) -> None:
        """Refuse an estimator that was never fitted."""
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        kind = type(obj).__name__
        if isinstance(obj, type):
            raise ModelError(f"the class {obj.__name__}", "it is no estimator", "make one of it")
        try:
            check_is_fitted(obj)
        except NotFittedError as error:
            raise UnfittedModelError(
                f"this {kind}", "it is not fitted", f"call {kind}.fit(X, y) before you publish it"
            ) from error
        _skops()

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        from skops.io import dump, get_untrusted_types
        from skops.io.exceptions import UnsupportedTypeException

        try:
            dump(obj, path)
        except (UnsupportedTypeException, AttributeError, TypeError) as error:
            raise ModelError(
                f"this {type(obj).__name__}",
                f"skops cannot hold a part of it ({error})",
                "replace that part, such as a lambda, by a named function or a class of a module",
            ) from error
        unknown = sorted(get_untrusted_types(file=path))
        if unknown:
            warnings.warn(
                f"this {type(obj).__name__} holds types that skops does not vouch for: whoever "
                f"receives it has to say load(trusted={unknown!r})",
                stacklevel=2,
            )

    def load(self, path: Path, how: Loading) -> Any:
        """Read it, if every type in it is known to be harmless or trusted by name."""
        _skops()
        from skops.io import get_untrusted_types, load

        try:
            unknown = get_untrusted_types(file=path)
            allowed = set(unknown) if how.trusted is True else set(how.trusted or ())
            refused = sorted(set(unknown) - allowed)
            if refused:
                raise UntrustedDataError(
                    how.subject,
                    f"it holds types that could run code: {', '.join(refused)}",
                    f"if you trust its publisher, load(trusted={refused!r})",
                )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of other library versions; the manifest has them
                return load(path, trusted=sorted(allowed & set(unknown)))
        except (BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
            raise LoadError(
                how.subject,
                f"skops cannot read its data ({type(error).__name__}: {error})",
                "compare the library versions in its manifest with yours, or publish it again",
            ) from error


def _skops() -> None:
    try:
        import skops.io  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("skops", "scikit-learn models", "sklearn") from error

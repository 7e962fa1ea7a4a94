"""scikit-learn estimators as skops files, which are audited before anything of them is loaded."""

from __future__ import annotations

import io
import json
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from traceback import walk_stack
from typing import Any
from zipfile import BadZipFile, ZipFile

from syncnb.codecs.audit import in_words
from syncnb.codecs.examples import ask
from syncnb.codecs.registry import Loading, is_instance
from syncnb.codecs.skops_canonical import canonical
from syncnb.codecs.skops_limits import read_schema
from syncnb.codecs.skops_parts import made_of, parts_of
from syncnb.errors import (
    LoadError,
    MissingDependencyError,
    ModelError,
    UnfittedModelError,
    UntrustedDataError,
)

_MANY = 10  # more than the parts of a value whose places have a meaning
_NUMBER = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": "0"}
_NOTHING = "nothing"  # the file of an archive that stands for all of them
_ELSEWHERE = ("catboost", "lightgbm", "xgboost")  # they derive from it, and have better formats


class Skops:
    """Fitted estimator <-> skops file."""

    name, version, suffix = "skops", 1, ".skops"
    libraries: Sequence[str] = ("scikit-learn", "skops", "numpy", "scipy")
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is an estimator of scikit-learn, or one made in its way."""
        modules = {kind.__module__.partition(".")[0] for kind in type(obj).__mro__}
        return is_instance(obj, "sklearn.base", "BaseEstimator") and modules.isdisjoint(_ELSEWHERE)

    def check(self, obj: Any) -> None:
        """Refuse an estimator that was never fitted."""
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        kind = type(obj).__name__
        try:
            check_is_fitted(obj)
        except NotFittedError as error:
            raise UnfittedModelError(
                f"this {kind}", "it is not fitted", f"call {kind}.fit(X, y) before you publish it"
            ) from error
        _skops()

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        from skops.io.exceptions import UnsupportedTypeException

        try:
            parts = parts_of(obj)
        except (UnsupportedTypeException, AttributeError, TypeError) as error:
            raise ModelError(
                f"this {type(obj).__name__}",
                f"skops cannot hold a part of it ({error})",
                "replace that part, or give format='joblib' if those who load it trust you",
            ) from error
        schema = canonical(parts, path)
        unknown = _unknown(schema)
        if nameless := [name for name in unknown if "<" in name]:  # skops only finds out later
            raise ModelError(
                f"this {type(obj).__name__}",
                f"it holds {', '.join(nameless)}, which nobody can find by that name",
                "replace it by a named function of a module that the nodes have, or give "
                "format='cloudpickle' if those who load it trust you",
            )
        if unknown:
            warnings.warn(
                f"this {type(obj).__name__} holds what skops does not vouch for: "
                f"{in_words(unknown)}. Whoever receives it has to say load(trusted={unknown!r}), "
                "or to pin the key that signs it",
                stacklevel=_level_of_caller(),
            )

    def load(self, path: Path, how: Loading) -> Any:
        """Read it, if every type in it is known to be harmless or trusted by name."""
        _skops()
        try:
            return _load(path, how)
        except _BROKEN as error:
            raise LoadError(
                how.subject,
                f"skops cannot read its data ({type(error).__name__}: {error})",
                "compare the library versions in its manifest with yours, or publish it again",
            ) from error

    def predict(self, model: Any, rows: Any) -> Any:
        """What it says to some rows; None if it neither predicts nor transforms."""
        return ask(model, rows)


_BROKEN = (
    BadZipFile, AttributeError, EOFError, ImportError, LookupError, MemoryError,
    NotImplementedError, OSError, RecursionError, RuntimeError, TypeError, ValueError,
)  # fmt: skip  # what a damaged or forged file makes of zipfile, json, skops and numpy


def _unknown(schema: Mapping[str, Any]) -> list[str]:
    """Skops' audit of a file of its own: of its types, for which no array needs to be read.

    Numbers and texts are always safe; where they are many, as in a vocabulary, they are left out.
    """
    from skops.io import get_untrusted_types

    text = json.dumps(_slim(schema), separators=(",", ":"))
    data = io.BytesIO()
    with ZipFile(data, "w") as archive:
        archive.writestr("schema.json", text)
        archive.writestr(_NOTHING, b"")
    return sorted(get_untrusted_types(data=data.getvalue()))


def _slim(value: Any) -> Any:
    if isinstance(value, list):
        return [_slim(one) for one in value] if len(value) < _MANY else _telling(value)
    if not isinstance(value, dict):
        return value
    if _is_json(value) and not value["content"].startswith('"'):  # as names of generators do
        return _NUMBER
    if value.get("__loader__") == "DictNode" and len(value["content"]) >= _MANY:
        content = {key: one for key, one in value["content"].items() if not _is_json(one)}
        value = {**value, "content": content}
    slim = {key: _slim(one) for key, one in value.items() if key != "__id__"}
    if isinstance(slim.get("file"), str):
        slim["file"] = _NOTHING
    return slim


def _telling(values: Iterable[Any]) -> list[Any]:
    """What an audit of many values depends on: the trees of a forest differ in numbers alone."""
    types: set[Any] = set()
    told: dict[str, Any] = {}
    for one in values:
        if isinstance(one, dict) and one.get("__loader__") == "TypeNode":
            name = tuple(one.items())
            if name in types:
                continue
            types.add(name)
        if not _is_json(one):
            slim = _slim(one)
            told.setdefault(json.dumps(slim), slim)
    return list(told.values())


def _is_json(value: Any) -> bool:
    return isinstance(value, dict) and value.get("__loader__") == "JsonNode"


def _load(path: Path, how: Loading) -> Any:
    from skops.io import get_untrusted_types
    from skops.io.exceptions import UntrustedTypesFoundException

    with warnings.catch_warnings(), ZipFile(path) as archive:
        warnings.simplefilter("ignore")  # of other library versions; the manifest has them
        schema = read_schema(archive, how)
        allowed = _unknown(schema) if how.trusted is True else sorted(how.trusted or ())
        try:
            return made_of(schema, archive, allowed)
        except UntrustedTypesFoundException:
            unknown = get_untrusted_types(file=path)
    refused = sorted(set(unknown) - set(allowed))
    raise UntrustedDataError(
        how.subject,
        f"it holds what skops does not vouch for: {in_words(refused)}",
        f"if you trust its publisher, load(trusted={sorted({*refused, *allowed})!r})",
    )


def _level_of_caller() -> int:
    """Whoever called syncnb is warned, by whatever way that led here: in a notebook, the cell."""
    names = [frame.f_globals.get("__name__", "") for frame, _ in walk_stack(sys._getframe(1))]
    return 2 + max(at for at, name in enumerate(names) if name.partition(".")[0] == "syncnb")


def _skops() -> None:
    try:
        import skops.io  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("skops", "scikit-learn models", "sklearn") from error

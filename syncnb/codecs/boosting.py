"""What the boosting libraries' classes in scikit-learn's manner hold beside their trees.

XGBoost's, LightGBM's and CatBoost's own formats hold the trees, and no class, labels or settings
of the estimator around them. All three have a place for text of others; a note goes there, so that
what was published comes out again and every other program still reads the file.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from syncnb.errors import LoadError, ModelError, UnfittedModelError

KEY = "syncnb"  # of the note, wherever it lies
_BESIDE = "verbose"  # LightGBM takes it beside those that it lists
_OF_THE_MACHINE = {"n_jobs", "nthread", "device", "callbacks", "verbosity", "kwargs"}


def check_kind(obj: object, kinds: Collection[str], booster: str) -> None:
    """Refuse an estimator of a class that its users made, and objectives that they wrote.

    Parameters
    ----------
    obj : object
        A model.
    kinds : collection of str
        The library's own classes.
    booster : str
        How to get what is inside of the model, for the error.

    Raises
    ------
    ModelError
        It would come out as something else.
    """
    kind = type(obj).__name__
    if kind_of(obj) not in kinds:
        raise ModelError(
            f"a {kind_of(obj)}",
            "its format holds no class but the library's own",
            f"publish {booster}, or a model of the class {type(obj).__mro__[1].__name__}",
        )
    if callable(getattr(obj, "objective", None)):
        raise ModelError(
            f"this {kind}",
            "its objective is a function, which no format but a pickle holds",
            f"publish {booster}, which predicts raw scores",
        )


def unfitted(obj: object) -> UnfittedModelError:
    """The error for a model that was never fitted."""
    kind = type(obj).__name__
    return UnfittedModelError(
        f"this {kind}", "it is not fitted", f"call {kind}.fit(X, y) before you publish it"
    )


def kind_of(obj: object) -> str:
    """Full name of the class of a model."""
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def note(obj: Any, more: Mapping[str, Any] | None = None) -> str:
    """Class and settings of an estimator as ASCII JSON on one line.

    Settings are kept if they are JSON and not the default; what belongs to the machine (threads,
    device) and what is code (callbacks, metrics) is left out.

    Parameters
    ----------
    obj : object
        A model.
    more : mapping, optional
        Other JSON values, such as labels.

    Returns
    -------
    str
        The note.
    """
    params: dict[str, Any] = {}
    if hasattr(obj, "get_params"):
        usual = type(obj)().get_params()
        for name, value in obj.get_params().items():
            text = _json(value)
            known = (name in usual or name == _BESIDE) and name not in _OF_THE_MACHINE
            if known and text is not None and text != _json(usual.get(name)):
                params[name] = json.loads(text)
    return json.dumps({"class": kind_of(obj), "params": params, **(more or {})})


def read_note(text: str | bytes | None, subject: str) -> dict[str, Any]:
    """What `note` wrote; empty for a file of another tool.

    Raises
    ------
    LoadError
        It is no such note.
    """
    if text is None:
        return {}
    try:
        found = json.loads(text)
        if isinstance(found["class"], str) and isinstance(found["params"], dict):
            return dict(found)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise LoadError(subject, "its note of syncnb is damaged", "publish it again")


def make(module: Any, kind: str) -> Any:
    """An estimator of a class of a library, as the class makes it."""
    return getattr(module, kind.rpartition(".")[2])()


def known_settings(model: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings of a note that an estimator knows, and that are not the machine's."""
    usual = model.get_params()
    known = {k: v for k, v in params.items() if k in usual and k not in _OF_THE_MACHINE}
    if isinstance(params.get(_BESIDE), int):
        known[_BESIDE] = params[_BESIDE]
    return known


def check_trees(left: Any, right: Any, sizes: Sequence[int] | Any, subject: str) -> None:
    """Refuse trees whose nodes point outside of them or in circles.

    The libraries follow these numbers without a look: a forged one reads foreign memory, or never
    ends.

    Parameters
    ----------
    left, right : array of int, shape (nodes,)
        Children within the own tree, all trees one after the other; negative where there is none.
    sizes : sequence of int
        Nodes of each tree.
    subject : str
        Which object, for the error.

    Raises
    ------
    LoadError
        A child is outside of its tree, is its root, or has two parents.
    """
    import numpy as np

    sizes = np.asarray(sizes, dtype=np.int64)
    start = np.repeat(np.cumsum(sizes) - sizes, sizes)
    size = np.repeat(sizes, sizes)
    seen = np.zeros(int(sizes.sum()) + 1, dtype=np.int64)
    for children in (np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)):
        inner = children >= 0
        if (children[inner] >= size[inner]).any() or (children == 0).any():
            raise _broken(subject)
        seen += np.bincount((start + children)[inner], minlength=len(seen))
    if (seen > 1).any():
        raise _broken(subject)


def _broken(subject: str) -> LoadError:
    return LoadError(subject, "a node of a tree points outside or in a circle", "publish it again")


def _json(value: Any) -> str | None:
    """A value as JSON; None if it is none."""
    value = value.item() if getattr(value, "ndim", None) == 0 else value
    try:
        return json.dumps(value)
    except (TypeError, ValueError):
        return None

"""XGBoost models in its own binary JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from syncnb.codecs.boosting import (
    KEY,
    check_kind,
    kind_of,
    known_settings,
    make,
    note,
    read_note,
    unfitted,
)  # fmt: skip
from syncnb.codecs.naming import suffixed
from syncnb.codecs.registry import Loading, is_instance
from syncnb.codecs.xgboost_check import check_model
from syncnb.errors import LoadError, MissingDependencyError

_BOOSTER = "xgboost.core.Booster"
_NAMES = ("XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor")
# What an estimator takes from the Booster when it is read.
_OF_BOOSTER = {"objective", "booster", "base_score", "feature_types", "enable_categorical"}
KINDS = (*(f"xgboost.sklearn.{name}" for name in _NAMES), _BOOSTER)


class XGBoost:
    """Booster or estimator <-> the same class, with its settings, labels, names and best iteration.

    What is lost: the history of the evaluation, callbacks, metrics that are functions, threads and
    device. A class of its own or a file of another tool comes out as the manifest says if that is
    one of XGBoost's classes, else as a Booster.
    """

    name, version, suffix = "xgboost", 1, ".ubj"
    libraries: Sequence[str] = ("xgboost", "xgboost-cpu", "scikit-learn", "numpy")
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is one of XGBoost's models."""
        return is_instance(obj, "xgboost.core", "Booster") or is_instance(
            obj, "xgboost.sklearn", "XGBModel"
        )

    def check(self, obj: Any) -> None:
        """Refuse an unfitted one, and one that would come out as something else."""
        check_kind(obj, KINDS, "model.get_booster()")
        if kind_of(obj) != _BOOSTER and not obj.__sklearn_is_fitted__():
            raise unfitted(obj)

    def dump(self, obj: Any, path: Path) -> None:
        """Write it; a note in the Booster's attributes names its class."""
        booster = obj if kind_of(obj) == _BOOSTER else obj.get_booster()
        booster.set_attr(**{KEY: note(obj)})
        try:
            obj.save_model(path)
        finally:
            booster.set_attr(**{KEY: None})

    def load(self, path: Path, how: Loading) -> Any:
        """Read it, after a look at its trees if nobody vouches for it; it holds no code."""
        xgboost = _xgboost()
        if how.trusted is not True:
            check_model(path, how.subject)
        try:
            with suffixed(path, how, self.suffix) as named:
                return _read(xgboost, named, how)
        except (ValueError, TypeError, KeyError) as error:  # XGBoostError is a ValueError
            raise LoadError(
                how.subject,
                f"XGBoost cannot read its data ({str(error).strip().splitlines()[-1]})",
                "compare the library versions in its manifest with yours, or publish it again",
            ) from error

    def predict(self, model: Any, rows: Any) -> Any:
        """Labels of a classifier, else values."""
        if kind_of(model) != _BOOSTER:
            return model.predict(rows)
        import xgboost

        return model.predict(xgboost.DMatrix(rows, enable_categorical=True))


def _read(xgboost: Any, path: Path, how: Loading) -> Any:
    if how.type in KINDS and how.type != _BOOSTER:
        model = make(xgboost, how.type)
        with suppress(TypeError):  # it is another kind of estimator
            model.load_model(path)
            found = read_note(model.get_booster().attr(KEY), how.subject)
            if found.get("class", how.type) == how.type:  # else it has to be read once more
                return _finished(model, found)
    booster = xgboost.Booster()
    booster.load_model(path)
    found = read_note(booster.attr(KEY), how.subject)
    kind = found.get("class")
    if kind not in KINDS or kind == _BOOSTER:
        booster.set_attr(**{KEY: None, "scikit_learn": None})
        return booster
    model = make(xgboost, kind)
    model.load_model(path)
    return _finished(model, found)


def _finished(model: Any, found: Mapping[str, Any]) -> Any:
    """With its settings; `set_params` would tell them to the Booster as well, which has its own."""
    for name, value in known_settings(model, found.get("params", {})).items():
        if name not in _OF_BOOSTER:
            setattr(model, name, value)
    model.get_booster().set_attr(**{KEY: None})
    return model


def _xgboost() -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise MissingDependencyError("xgboost", "XGBoost models", "xgboost") from error
    return xgboost

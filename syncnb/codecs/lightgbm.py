"""LightGBM models in its own text format."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
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
)
from syncnb.codecs.lightgbm_check import END, check_model
from syncnb.codecs.registry import Loading, is_instance
from syncnb.errors import LoadError, MissingDependencyError, ModelError

_BOOSTER = "lightgbm.basic.Booster"
_NAMES = ("LGBMClassifier", "LGBMRegressor", "LGBMRanker", "LGBMModel")
KINDS = (*(f"lightgbm.sklearn.{name}" for name in _NAMES), _BOOSTER)
_LINE = f"\n{KEY}:".encode()
_PANDAS = b"\npandas_categorical:"  # LightGBM looks for it on the last line


class LightGBM:
    """Booster or estimator <-> the same class, with its settings, labels, names and categories.

    Written is what the model predicts with: the trees up to its best iteration. What is lost: the
    trees after it, the history of the evaluation, callbacks, threads and device. A file of another
    tool comes out as a Booster.
    """

    name, version, suffix = "lightgbm", 1, ".lgb.txt"
    libraries: Sequence[str] = ("lightgbm", "scikit-learn", "numpy")
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is one of LightGBM's models."""
        return is_instance(obj, "lightgbm.basic", "Booster") or is_instance(
            obj, "lightgbm.sklearn", "LGBMModel"
        )

    def check(self, obj: Any) -> None:
        """Refuse an unfitted one, and one that would come out as something else."""
        check_kind(obj, KINDS, "model.booster_")
        if kind_of(obj) != _BOOSTER and not obj.__sklearn_is_fitted__():
            raise unfitted(obj)
        _more(obj)

    def dump(self, obj: Any, path: Path) -> None:
        """Write it; a line after its parameters, which LightGBM passes over, names its class."""
        booster = obj if kind_of(obj) == _BOOSTER else obj.booster_
        booster.save_model(path)
        with path.open("r+b") as file:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                end = data.rfind(_PANDAS)
                tail = data[end:]
            file.seek(end)
            file.write(_LINE + note(obj, _more(obj)).encode() + b"\n" + tail)

    def load(self, path: Path, how: Loading) -> Any:
        """Read it, after a look at its trees if nobody vouches for it; it holds no code."""
        lightgbm = _lightgbm()
        if how.trusted is not True:
            check_model(path, how.subject)
        try:
            found = read_note(_note_in(path), how.subject)
            booster = lightgbm.Booster(model_file=path)
            if isinstance(found.get("best_iteration"), int):
                booster.best_iteration = found["best_iteration"]
            if found.get("class") not in KINDS or found["class"] == _BOOSTER:
                return booster
            return _estimator(lightgbm, booster, found)
        except (lightgbm.basic.LightGBMError, ValueError, TypeError, KeyError) as error:
            raise LoadError(
                how.subject,
                f"LightGBM cannot read its data ({error})",
                "compare the library versions in its manifest with yours, or publish it again",
            ) from error

    def predict(self, model: Any, rows: Any) -> Any:
        """Labels of a classifier, else values."""
        return model.predict(rows)


def _note_in(path: Path) -> bytes | None:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        start = data.rfind(_LINE, max(data.rfind(END), 0))
        if start < 0:
            return None
        start += len(_LINE)
        return data[start : data.find(b"\n", start)]


def _more(obj: Any) -> dict[str, Any]:
    """What an estimator knows and its Booster does not."""
    if kind_of(obj) == _BOOSTER:
        return {"best_iteration": obj.best_iteration}
    more: dict[str, Any] = {
        "best_iteration": obj.best_iteration_,
        "named": bool(obj._fitted_with_feature_names),
        "objective": obj.objective_,
    }
    labels = getattr(obj, "classes_", None)
    if labels is not None:
        if labels.dtype.kind not in "biufUOT" or not all(
            isinstance(label, str | int | float) for label in labels.tolist()
        ):
            raise ModelError(
                f"this {type(obj).__name__}",
                f"its labels are of the type {labels.dtype}",
                "fit it with labels that are text or numbers, or publish model.booster_",
            )
        dtype = "object" if labels.dtype.kind in "OT" else labels.dtype.str
        more["labels"] = {"dtype": dtype, "values": labels.tolist()}
    return more


def _estimator(lightgbm: Any, booster: Any, found: dict[str, Any]) -> Any:
    """The estimator around a Booster; LightGBM has no call for that."""
    made = make(lightgbm, found["class"])
    made.set_params(**known_settings(made, found["params"]))
    made._Booster = booster
    made._n_features = made._n_features_in = booster.num_feature()
    made._fitted_with_feature_names = bool(found["named"])
    made._best_iteration = booster.best_iteration
    made._objective = str(found["objective"])
    made.fitted_ = True
    if "labels" in found:
        _set_labels(made, found["labels"], booster.num_model_per_iteration())
    return made


def _set_labels(made: Any, labels: dict[str, Any], outputs: int) -> None:
    import numpy as np
    from sklearn.preprocessing import LabelEncoder

    dtype = np.dtype(labels["dtype"])
    if dtype.kind not in "biufUO":
        raise ValueError(f"labels of the type {dtype}")
    values = np.array(labels["values"], dtype=dtype)
    if values.ndim != 1 or len(values) < outputs:
        raise ValueError(f"{len(values)} labels for {outputs} outputs")
    encoder = LabelEncoder()
    encoder.classes_ = values
    made._le, made._classes, made._n_classes = encoder, values, len(values)
    made._class_map = dict(zip(values, range(len(values)), strict=True))


def _lightgbm() -> Any:
    try:
        import lightgbm
        import lightgbm.basic
    except ImportError as error:
        raise MissingDependencyError("lightgbm", "LightGBM models", "lightgbm") from error
    return lightgbm

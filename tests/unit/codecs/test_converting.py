"""convert="onnx": what goes out says the same as the model, or nothing goes out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from syncnb.codecs.converting import convert
from syncnb.codecs.onnx import outputs
from syncnb.errors import InvalidMetaDataError, ModelError

from .fitted import read, written

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
FRAME = pd.DataFrame({"a": X[:, 0], "n": range(60), "kind": ["x", "y", "z"] * 20})
COLUMNS = ColumnTransformer([("n", StandardScaler(), ["a", "n"]), ("c", OneHotEncoder(), ["kind"])])


@pytest.mark.parametrize(
    ("model", "rows", "labels"),
    [
        pytest.param(LogisticRegression(), X, Y, id="linear"),
        pytest.param(LogisticRegression(), X, np.where(Y, "yes", "no"), id="labels"),
        pytest.param(RandomForestClassifier(5), X, Y, id="forest"),
        pytest.param(GradientBoostingRegressor(n_estimators=5), X, X[:, 1], id="only-32-bits"),
        pytest.param(make_pipeline(COLUMNS, LogisticRegression()), FRAME, Y, id="columns"),
        pytest.param(LinearRegression(), FRAME[["a", "n"]], X[:, 0], id="frame-as-a-matrix"),
        pytest.param(KMeans(3, n_init=1), X, None, id="clusters"),
        pytest.param(StandardScaler(), X, None, id="transformer"),
    ],
)
def test_converted_model_says_the_same(tmp_path: Path, model: Any, rows: Any, labels: Any) -> None:
    """Also after it went through a file."""
    model.fit(rows, labels)
    converted = convert(model, "onnx", rows)
    assert isinstance(converted, onnx.ModelProto)
    session = read(*written(converted, tmp_path))
    found = outputs(session, rows)
    if hasattr(model, "predict_proba"):
        assert np.allclose(found[1], model.predict_proba(rows), atol=1e-6)
    if hasattr(model, "predict"):
        expected = np.asarray(model.predict(rows))
        same = np.allclose if expected.dtype.kind == "f" else np.array_equal
        assert same(found[0].reshape(expected.shape), expected)
    else:
        assert np.allclose(found[0], model.transform(rows), atol=1e-6)


def test_model_that_says_something_else_is_refused_with_the_difference() -> None:
    """Trees of ONNX take 32 bits, in which such large numbers are all one before they are scaled."""
    x = 1e9 + np.arange(8.0).reshape(-1, 1)
    model = make_pipeline(StandardScaler(), DecisionTreeRegressor()).fit(x, np.arange(8.0))
    with pytest.raises(
        ModelError, match=r"predicts something else .* predict: row \d .* the largest difference is"
    ):
        convert(model, "onnx", x)


def test_unknown_estimator_is_named() -> None:
    """And what to do instead."""

    class Mine(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """An estimator without a converter."""

        def fit(self, x: Any, y: Any) -> Mine:
            self.classes_ = np.unique(y)
            return self

        def predict(self, x: Any) -> Any:
            return np.zeros(len(x))

    with pytest.raises(ModelError, match=r"this Mine: it cannot be converted .*Leave convert= out"):
        convert(Mine().fit(X, Y), "onnx", X)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_missing_converter_is_named(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries of boosting have theirs in a package of its own."""
    import lightgbm
    import xgboost

    monkeypatch.setitem(sys.modules, "onnxmltools", None)
    models: dict[str, Any] = {
        "xgboost": xgboost.XGBClassifier(n_estimators=2),
        "lightgbm": lightgbm.LGBMClassifier(n_estimators=2, verbose=-1),
    }
    with pytest.raises(ModelError, match=f"of {library}: .*onnxmltools, is not installed"):
        convert(models[library].fit(X, Y), "onnx", X)


def test_what_is_asked_for_is_checked_first() -> None:
    """A format that there is not, and an example to compare with."""
    model = LinearRegression().fit(X, X[:, 0])
    with pytest.raises(InvalidMetaDataError, match=r"convert = 'tflite'.*'onnx'"):
        convert(model, "tflite", X)
    for example in (None, X[:0]):
        with pytest.raises(InvalidMetaDataError, match=r"^example = .*some rows"):
            convert(model, "onnx", example)


def test_onnx_stays_what_it_is() -> None:
    """So that a list of models of several kinds can go out alike."""
    model = convert(LinearRegression().fit(X, X[:, 0]), "onnx", X)
    assert convert(model, "onnx", None) is model
    assert convert("m.onnx", "onnx", None) == "m.onnx"

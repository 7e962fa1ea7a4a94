"""The same object is the same file each time, so that it is no new version and is not sent again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import geopandas as gpd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from shapely import Point
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from syncnb import LocalFleet, publish_model
from syncnb.codecs.skops_canonical import canonical
from syncnb.codecs.skops_parts import parts_of

from .test_boosting import MODELS
from .trips import written

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)
FRAME = pd.DataFrame({"a": X[:, 0], "kind": ["x", "y", "z"] * 20})
TEXTS = ["good day", "bad rain", "good sun", "bad fog, bad day"] * 10
TABLE = pd.DataFrame(
    {"a": [1, 2], "t": ["x", None], "c": pd.Categorical(["a", "b"]), "d": pd.date_range("2020", periods=2)}
)  # fmt: skip
COLUMNS = ColumnTransformer([("n", StandardScaler(), ["a"]), ("c", OneHotEncoder(), ["kind"])])
KINDS: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(20, random_state=0).fit(X, Y),
    "pipeline": lambda: make_pipeline(COLUMNS, LogisticRegression()).fit(FRAME, Y),
    "texts": lambda: make_pipeline(
        TfidfVectorizer(stop_words=["day"]), SGDClassifier(random_state=0)
    ).fit(TEXTS, ["good", "bad"] * 20),
    "set": lambda: CountVectorizer(vocabulary={"good", "day", "rain", "sun", "é"}).fit(TEXTS),
}
ROWS: dict[str, Any] = {"forest": X, "pipeline": FRAME, "texts": TEXTS}


def digest(obj: Any, form: str | None = None) -> str:
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a forest has to be trusted
        return hashlib.sha256(written(obj, Path(name), form)[1].read_bytes()).hexdigest()


def digests() -> dict[str, str]:
    """Of models that are fitted in this process."""
    return {kind: digest(fit()) for kind, fit in KINDS.items()}


@pytest.mark.parametrize(
    ("obj", "form"),
    [
        *[pytest.param(fit(), None, id=f"skops, {kind}") for kind, fit in KINDS.items()],
        *[
            pytest.param(KINDS["pipeline"](), form, id=form)
            for form in ("pickle", "joblib", "cloudpickle")
        ],
        *[
            pytest.param(MODELS[kind][0](), None, id=kind)
            for kind in ("xgboost, numbers", "lightgbm, true or false", "catboost, two classes")
        ],
        *[pytest.param(TABLE, form, id=form) for form in ("parquet", "arrow", "csv")],
        pytest.param(pl.from_pandas(TABLE), "parquet", id="polars"),
        pytest.param(pa.table({"a": [1, 2]}), "parquet", id="pyarrow"),
        pytest.param(gpd.GeoDataFrame({"a": [1]}, geometry=[Point(1, 2)]), None, id="geopandas"),
        pytest.param(X, None, id="npy"),
        pytest.param({"b": X, "a": Y}, "npz", id="npz"),
        pytest.param({"b": X, "a": Y}, "safetensors", id="safetensors"),
    ],
)
def test_written_again_it_is_the_same(
    obj: Any, form: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour later, too."""
    first, clock = digest(obj, form), time.time
    monkeypatch.setattr(time, "time", lambda: clock() + 3600)
    assert digest(obj, form) == first


def test_model_fitted_in_another_process_is_the_same() -> None:
    """Where addresses and hashes are others."""
    code = f"import json; from {__name__} import digests; print(json.dumps(digests()))"
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
    ).stdout  # fmt: skip
    assert json.loads(said.splitlines()[-1]) == digests()


@pytest.mark.filterwarnings("ignore:this .* holds what skops:UserWarning")
@pytest.mark.parametrize("kind", ROWS)
def test_skops_alone_reads_it_and_it_is_the_same_again(kind: str, tmp_path: Path) -> None:
    """What a node publishes after it loaded it is no new version."""
    model = KINDS[kind]()
    _, path = written(model, tmp_path)
    back = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    assert np.array_equal(back.predict(ROWS[kind]), model.predict(ROWS[kind]))
    assert digest(back) == digest(model)


def test_what_lies_between_fields_stays_at_home(tmp_path: Path) -> None:
    """It is what was in memory before, such as a secret, and differs each time."""
    dtype = np.dtype([("child", "<i8"), ("left", "u1")], align=True)
    dirty = np.frombuffer((b"\1" * 9 + b"secret!") * 3, dtype)
    skops.io.dump({"nodes": dirty}, tmp_path / "rough")
    canonical(parts_of({"nodes": dirty}), tmp_path / "data")
    assert b"secret!" in (tmp_path / "rough").read_bytes()
    assert b"secret!" not in (tmp_path / "data").read_bytes()
    assert np.array_equal(skops.io.load(tmp_path / "data")["nodes"], dirty)


def test_gaps_within_fields_are_zero_and_the_array_of_the_caller_is_untouched(
    tmp_path: Path,
) -> None:
    inner = np.dtype([("a", "u1"), ("b", "<i4")], align=True)
    dtype = np.dtype([("two", inner, (2,)), ("c", "u1"), ("d", "<f8")], align=True)
    array = np.frombuffer(b"\x07" * dtype.itemsize * 3, dtype)
    canonical(parts_of({"nodes": array}), tmp_path / "data")
    with ZipFile(tmp_path / "data") as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".npy"))
        data = archive.read(name)[-array.nbytes :]
    used = [1, 0, 0, 0, 1, 1, 1, 1] * 2 + [1] + [0] * 7 + [1] * 8
    assert data == bytes(7 * one for one in used * 3)
    assert array.tobytes() == b"\x07" * array.nbytes


def test_bytes_that_look_like_an_array_are_bytes(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.zeros(2, "i1,i4"))
    canonical(parts_of([file.getvalue()]), tmp_path / "data")
    assert skops.io.load(tmp_path / "data") == [file.getvalue()]


@pytest.mark.filterwarnings("ignore:this .* holds what skops:UserWarning")
def test_skops_that_is_asked_in_another_way_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its state is asked for by names that are not public."""
    expected = digests()
    monkeypatch.setitem(sys.modules, "skops.io._utils", None)
    assert digests() == expected


def test_objects_that_are_one_stay_one(tmp_path: Path) -> None:
    """And those that are only equal, two; an archive holds each array once."""
    one, other = np.ones(3), np.ones(3)
    shared = [one, one, other, b"bytes", b"bytes", {"a": [1]}, 1.0, True]
    canonical(parts_of(shared), tmp_path / "data")
    back = skops.io.load(tmp_path / "data")
    assert back[0] is back[1]
    assert back[0] is not back[2]
    assert back[3:] == shared[3:]
    with ZipFile(tmp_path / "data") as archive:
        assert [name for name in archive.namelist() if name.endswith(".npy")] == ["0.npy", "1.npy"]


def test_model_that_is_fitted_anew_is_not_sent_again(fleet: LocalFleet) -> None:
    """Its version stays, too."""
    first = publish_model(KINDS["texts"](), name="same", dest_type="edge", client=fleet.cloud)
    again = publish_model(KINDS["texts"](), name="same", dest_type="edge", client=fleet.cloud)
    assert again.manifest.version == first.manifest.version
    assert again.manifest.sequence == first.manifest.sequence

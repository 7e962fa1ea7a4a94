"""Keras 3, with PyTorch behind it."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from syncnb.codecs import Codec
from syncnb.errors import LoadError, ModelError, UntrustedDataError

# Keras' own, with PyTorch behind it and numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Write = Callable[[Any], tuple[Codec, Path]]
Load = Callable[..., Any]
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")


def fitted(*more: Any) -> Any:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,)), keras.layers.Dense(8, "relu"), *more, keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    model.fit(X, X[:, :1], epochs=1, verbose=0)
    return model


def rewritten(path: Path, name: str, data: bytes) -> None:
    """The archive with other bytes as one of its files."""
    with zipfile.ZipFile(path) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for other, content in (files | {name: data}).items():
            archive.writestr(other, content)


def test_model_predicts_the_same(written: Write, loaded: Load) -> None:
    """Bit for bit on the same machine."""
    model = fitted(keras.layers.BatchNormalization())
    codec, path = written(model)
    assert codec.name == "keras"
    back = loaded(codec, path)
    np.testing.assert_array_equal(codec.predict(back, X), model.predict(X, verbose=0))  # type: ignore[attr-defined]


def test_model_without_weights_is_refused(written: Write) -> None:
    """Nobody built it yet."""
    with pytest.raises(ModelError, match="not built"):
        written(keras.Sequential([keras.layers.Dense(1)]))


def test_lambda_runs_only_if_trusted(written: Write, loaded: Load) -> None:
    """It holds code of Python."""
    codec, path = written(fitted(keras.layers.Lambda(lambda x: x * 2)))
    for trusted in (False, ["Lambda", "keras.layers.Lambda"]):
        with pytest.raises(UntrustedDataError, match="Lambda"):
            loaded(codec, path, trusted=trusted)
    back = loaded(codec, path, trusted=True)
    assert np.isfinite(codec.predict(back, X)).all()  # type: ignore[attr-defined]


@keras.saving.register_keras_serializable("mine")
class Twice(keras.layers.Layer):
    """A layer of a user."""

    def call(self, x: Any) -> Any:
        return x * 2


def test_layer_of_a_user_comes_out_if_it_is_named(written: Write, loaded: Load) -> None:
    """And is registered where it is loaded."""
    codec, path = written(fitted(Twice()))
    with pytest.raises(UntrustedDataError, match="Twice") as refused:
        loaded(codec, path)
    names = str(refused.value).partition("trusted=[")[2].partition("]")[0]
    back = loaded(codec, path, trusted=[name.strip("'\" ") for name in names.split(",")])
    assert np.isfinite(codec.predict(back, X)).all()  # type: ignore[attr-defined]


def test_name_of_an_older_format_does_not_get_its_loader(written: Write, loaded: Load) -> None:
    """Keras reads ``.h5`` with a loader that runs lambdas whatever it is told."""
    codec, path = written(fitted())
    assert loaded(codec, path.rename(path.with_name("data.h5"))).built
    old = path.with_name("old.h5")
    with warnings.catch_warnings(action="ignore"):  # Keras calls it legacy
        fitted(keras.layers.Lambda(lambda x: x * 2)).save(old)
    with pytest.raises(LoadError):
        loaded(codec, old)


def test_bomb_is_refused_before_it_unpacks(written: Write, loaded: Load) -> None:
    """Its sizes are added up first."""
    codec, path = written(fitted())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/zeros", b"\0" * (64 << 20))
    with pytest.raises(LoadError, match="limit"):
        loaded(codec, path, limit=32 << 20)


def _weights(change: Callable[[h5py.File], None]) -> bytes:
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        change(file)
    return data.getvalue()


def test_weights_that_claim_terabytes_are_refused(written: Write, loaded: Load) -> None:
    """HDF5 stores no chunk that was never written."""
    codec, path = written(fitted())
    data = _weights(lambda f: f.create_dataset("layers/x", (1 << 40,), "f4", chunks=(1024,)))
    rewritten(path, "model.weights.h5", data)
    with pytest.raises(LoadError, match="limit"):
        loaded(codec, path)


@pytest.mark.parametrize("how", ["link", "external"])
def test_weights_that_lie_in_other_files_are_refused(
    how: str, tmp_path: Path, written: Write, loaded: Load
) -> None:
    """They would read files of the node."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 64)

    def change(file: h5py.File) -> None:
        if how == "link":
            file["x"] = h5py.ExternalLink(str(secret), "/x")
        else:
            file.create_dataset("x", (16,), "f4", external=[(str(secret), 0, 64)])

    codec, path = written(fitted())
    rewritten(path, "model.weights.h5", _weights(change))
    with pytest.raises(LoadError, match="elsewhere"):
        loaded(codec, path)


@pytest.mark.parametrize("module", ["os", "subprocess", "keras_evil"])
def test_class_of_another_module_is_refused(module: str, written: Write, loaded: Load) -> None:
    """Whatever the description names."""
    codec, path = written(fitted())
    config = {"module": module, "class_name": "system", "config": {"command": "true"}}
    rewritten(path, "config.json", json.dumps(config).encode())
    with pytest.raises(UntrustedDataError, match=module):
        loaded(codec, path)


def test_truncated_archive_is_refused(written: Write, loaded: Load) -> None:
    """At any length."""
    codec, path = written(fitted())
    data = path.read_bytes()
    for length in range(0, len(data), max(len(data) // 20, 1)):
        path.write_bytes(data[:length])
        with pytest.raises(LoadError):
            loaded(codec, path)

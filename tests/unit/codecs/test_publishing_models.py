"""Models through `publish_model` that are no estimator as it is: converted, pickled, ONNX files."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from sklearn.linear_model import LogisticRegression

from syncnb import LocalFleet, Update, publish_file, publish_model, updates
from syncnb.codecs import default_registry
from syncnb.codecs.converting import convert
from syncnb.codecs.examples import check_example
from syncnb.codecs.onnx import outputs
from syncnb.errors import ModelError, NoCodecError, UntrustedDataError

X = np.random.default_rng(0).normal(size=(40, 3))
MODEL = LogisticRegression().fit(X, X[:, 0] > 0)


def fresh() -> str:
    return f"n{uuid.uuid4().hex}"


def received(fleet: LocalFleet, kind: str) -> Update:
    return next(updates(kind, client=fleet.node("node1"), timeout=20))


def test_converted_model_arrives_as_onnx(fleet: LocalFleet) -> None:
    """With predictions that were compared, and an example for the node."""
    kind = fresh()
    done = publish_model(
        MODEL, name="m", object_type=kind, convert="onnx", example=X, client=fleet.cloud
    )
    assert done.manifest.file_name == "m.onnx"
    with received(fleet, kind) as update:
        session, manifest = update.load(), update.manifest
        assert manifest is not None
        codec = default_registry().for_format("onnx")
        assert codec is not None
        check_example(codec, session, manifest, "object model/m")
        label, probabilities = outputs(session, X)
        assert np.array_equal(label, MODEL.predict(X))
        assert np.allclose(probabilities, MODEL.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("kind_of_path", [Path, str])
def test_onnx_file_is_a_model_for_publish_model(
    fleet: LocalFleet, tmp_path: Path, kind_of_path: type
) -> None:
    """Checked, and loaded as a session; weights in other files are packed."""
    path, kind = tmp_path / "source.onnx", fresh()
    model = convert(MODEL, "onnx", X)
    tensor = onnx.numpy_helper.from_array(np.zeros(1000, "f4"), "unused")
    model.graph.initializer.append(tensor)
    onnx.save_model(model, path, save_as_external_data=True, location="w.bin", size_threshold=1000)
    assert (tmp_path / "w.bin").exists()
    publish_model(kind_of_path(path), name="m", object_type=kind, example=X, client=fleet.cloud)
    with received(fleet, kind) as update:
        session = update.load()
        assert isinstance(session, onnxruntime.InferenceSession)
        assert np.array_equal(outputs(session, X)[0], MODEL.predict(X))


def test_onnx_file_is_a_file_for_publish_file(fleet: LocalFleet, tmp_path: Path) -> None:
    """As it is, whatever is in it."""
    path, kind = tmp_path / "m.onnx", fresh()
    path.write_bytes(b"anything")
    publish_file(path, object_type=kind, client=fleet.cloud)
    with received(fleet, kind) as update:
        assert update.load().read_bytes() == b"anything"
    with pytest.raises(ModelError, match=r"onnx\.checker refuses it"):
        publish_model(path, name="m", client=fleet.cloud)
    with pytest.raises(NoCodecError, match="publish_file"):
        publish_model(tmp_path / "m.bin", name="m", client=fleet.cloud)


def test_pickle_goes_out_on_request_and_loads_on_trust(fleet: LocalFleet) -> None:
    """The advice of the errors works."""
    kind = fresh()
    publish_model(MODEL, name="m", object_type=kind, format="joblib", client=fleet.cloud)
    with received(fleet, kind) as update:
        with pytest.raises(UntrustedDataError, match=r"load\(trusted=True\)"):
            update.load()
        assert np.array_equal(update.load(trusted=True).predict(X), MODEL.predict(X))

"""Formats that can run code: any object on request, and nothing without the caller's word."""

from __future__ import annotations

import pickle
import uuid
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from syncnb import LocalFleet, Manifest, ObjectMetaData, updates
from syncnb.codecs import Loading, default_registry
from syncnb.errors import LoadError, ModelError, NoCodecError, UntrustedDataError

from .fitted import SUBJECT, Touches, read, said, written

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)
FORMATS = ["joblib", "pickle", "cloudpickle"]
DUMP: dict[str, Any] = {
    "joblib": joblib.dump,
    "pickle": pickle.dump,
    "cloudpickle": cloudpickle.dump,
}


@pytest.mark.parametrize("name", FORMATS)
def test_model_goes_out_on_request_and_comes_back_on_trust(tmp_path: Path, name: str) -> None:
    """Without a warning: whoever names the format chose it."""
    model = RandomForestClassifier(n_estimators=5).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, path = written(model, tmp_path, name)
    assert found == name
    with pytest.raises(UntrustedDataError, match=r"which can run any code .* load\(trusted=True\)"):
        read(name, path)
    loaded = read(name, path, trusted=True)
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(said(name, loaded, X), model.predict(X))


@pytest.mark.parametrize("name", FORMATS)
def test_any_object_can_be_written_and_none_is_unasked(tmp_path: Path, name: str) -> None:
    """What has no codec is refused with the format that would do."""
    odd = {1, 2, ("a", frozenset({3}))}
    with pytest.raises(NoCodecError, match="format='pickle'"):
        default_registry().for_object(odd)
    _, path = written(odd, tmp_path, name)
    assert read(name, path, trusted=True) == odd
    assert said(name, odd, X) is None
    assert default_registry().for_object(LogisticRegression()).name == "skops"


def test_format_that_does_not_exist_lists_those_that_do() -> None:
    """Of this object, in the order of preference."""
    with pytest.raises(ModelError, match=r"'parquett'.*format='skops', 'joblib', 'pickle', 'cloud"):
        default_registry().for_object(LogisticRegression(), "parquett")


def test_function_of_the_notebook_needs_cloudpickle(tmp_path: Path) -> None:
    """And pickle says so."""
    double = lambda x: 2 * x  # noqa: E731
    with pytest.raises(ModelError, match="format='cloudpickle'"):
        written(double, tmp_path, "pickle")
    name, path = written(double, tmp_path, "cloudpickle")
    assert read(name, path, trusted=True)(4) == 8


def test_arrays_of_a_joblib_file_can_be_mapped(tmp_path: Path) -> None:
    """If the file stays where it is; also a compressed one, which cannot be, loads."""
    codec = default_registry().for_format("joblib")
    assert codec is not None
    how = Loading(subject=SUBJECT, folder=tmp_path, trusted=True, mapped=True)
    codec.dump({"x": X}, tmp_path / "a")
    assert isinstance(codec.load(tmp_path / "a", how)["x"], np.memmap)
    joblib.dump({"x": X}, tmp_path / "b", compress=3)
    assert np.array_equal(codec.load(tmp_path / "b", how)["x"], X)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "data", [b"", b"garbage", b"\x80\x05cno_such_module\nx\n.", pickle.dumps(X)[:-20]]
)
def test_damaged_file_is_an_error_of_ours(tmp_path: Path, name: str, data: bytes) -> None:
    """Whatever pickle makes of it."""
    path = tmp_path / "m"
    path.write_bytes(data)
    with pytest.raises(LoadError, match=f"{name} cannot read its data"):
        read(name, path, trusted=True)


@pytest.mark.parametrize("name", ["m.joblib", "m.pkl", "m.cloudpickle"])
def test_pickle_of_another_tool_runs_nothing(fleet: LocalFleet, tmp_path: Path, name: str) -> None:
    """It has no manifest, so it is known by its name; the last lines show that it is dangerous."""
    marker, kind = tmp_path / "marker", f"n{uuid.uuid4().hex}"
    meta = ObjectMetaData(object_type=kind, object_id=name)
    fleet.cloud.update_object(meta, data=pickle.dumps(Touches(marker)))
    update = next(updates(kind, client=fleet.node("node1"), timeout=20))
    for trusted in (False, [], ["os.mkdir", "posix.mkdir"]):
        with pytest.raises(UntrustedDataError, match="which can run any code"):
            update.load(trusted=trusted)
    assert not marker.exists()
    update.load(trusted=True)
    assert marker.exists()
    update.close()


@pytest.mark.parametrize("name", ["skops", "parquet", "onnx", "bytes", "file"])
@pytest.mark.parametrize("dump", FORMATS)
def test_pickle_under_a_harmless_name_runs_nothing(
    fleet: LocalFleet, tmp_path: Path, name: str, dump: str
) -> None:
    """A manifest that lies about the format, also if the caller trusts its publisher."""
    marker, kind, path = tmp_path / "marker", f"n{uuid.uuid4().hex}", tmp_path / "m"
    with path.open("wb") as file:
        DUMP[dump](Touches(marker), file)
    data = path.read_bytes()
    manifest = Manifest(
        format=name, codec=f"{name}/1", sha256=sha256(data).hexdigest(), size=len(data)
    )
    meta = ObjectMetaData(object_type=kind, object_id="m", description=manifest.to_description())
    fleet.cloud.update_object(meta, data=data)
    update = next(updates(kind, client=fleet.node("node1"), timeout=20))
    for trusted in (False, True):
        if name in ("bytes", "file"):
            update.load(trusted=trusted)
        else:
            with pytest.raises(LoadError):
                update.load(trusted=trusted)
    assert not marker.exists()
    update.close()

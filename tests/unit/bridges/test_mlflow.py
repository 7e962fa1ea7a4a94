"""Models in a registry and in runs of MLflow; the store is MLflow's own."""

from __future__ import annotations

import subprocess
import sys
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import onnx
import onnxruntime
import pytest
import xgboost
from onnx import numpy_helper
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from syncnb.bridges import resolve
from syncnb.errors import LoadError, MissingDependencyError, ModelError, UntrustedDataError

X = np.arange(40.0).reshape(20, 2)
Y = (X[:, 0] > 20).astype(int)
MODEL = LogisticRegression().fit(X, Y)


class Marking(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: str = "") -> None:
        self.path = path

    def fit(self, *_: object) -> Marking:
        self.classes_ = [0, 1]
        return self

    def predict(self, rows: Any) -> Any:
        return [0] * len(rows)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        Path(self.path).write_text("ran")


@contextmanager
def logging() -> Iterator[None]:
    """What MLflow warns of while it logs concerns whoever logs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def logged(mlflow: Any, flavor: str, model: Any, **options: Any) -> tuple[str, str]:
    """Log and register a model; its name in the registry and the run."""
    name = f"n{uuid.uuid4().hex}"
    with logging(), mlflow.start_run() as run:
        mlflow.log_params({"C": 1.0, "kind": "linear"})
        mlflow.log_metrics({"accuracy": 0.5, "loss": float("nan")})
        getattr(mlflow, flavor).log_model(
            model, name="inner", registered_model_name=name, pip_requirements=[], **options
        )
    return name, run.info.run_id


@pytest.fixture
def onnx_model() -> Any:
    """Large enough that MLflow keeps its numbers in a file beside it."""
    weights = np.random.default_rng(0).normal(size=(2, 2000)).astype(np.float32)
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph(
        [node], "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 2])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 2000])],
        [numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    opsets = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)


def test_a_version_comes_with_what_the_registry_knows(mlflow: Any) -> None:
    """Name, version, signature, metrics, params, and where it was."""
    signature = mlflow.models.infer_signature(X, MODEL.predict(X))
    name, run_id = logged(
        mlflow, "sklearn", MODEL, serialization_format="skops", signature=signature
    )
    with resolve(f"models:/{name}/1") as source:
        assert (source.obj.predict_proba(X) == MODEL.predict_proba(X)).all()
        assert (source.name, source.version) == (name, "1")
        assert source.params == {"C": "1.0", "kind": "linear"}
        assert source.metrics == {"accuracy": 0.5, "loss": "nan"}
        assert source.signature == {
            "input": {"dtype": "float64", "shape": [None, 2]},
            "output": {"dtype": "int64", "shape": [None]},
        }
        known = source.extra["mlflow"]
        assert known["uri"] == f"models:/{name}/1"
        assert (known["run_id"], known["version"]) == (run_id, "1")
    with resolve(f"runs:/{run_id}/inner") as source:
        assert (source.obj.predict(X) == MODEL.predict(X)).all()
        assert (source.name, source.version) == ("inner", "")
        assert source.extra["mlflow"] == {"uri": f"runs:/{run_id}/inner", "run_id": run_id}
    with resolve(f"models:/{known['model_id']}") as source:
        assert (source.name, source.extra["mlflow"]["run_id"]) == ("inner", run_id)


def test_an_alias_is_the_version_that_it_names_now(mlflow: Any) -> None:
    """Without either, the newest is meant."""
    name, run_id = logged(mlflow, "sklearn", MODEL, serialization_format="skops")
    client = mlflow.MlflowClient()
    first = client.get_model_version(name, "1")
    for _ in range(10):
        client.create_model_version(name, first.source, run_id)
    client.set_registered_model_alias(name, "good", "2")
    found = []
    for uri in (f"models:/{name}@good", f"models:/{name}", f"models:/{name}/latest"):
        with resolve(uri) as source:
            found.append((source.version, source.extra["mlflow"]["uri"]))
    newest = ("11", f"models:/{name}/11")
    assert found == [("2", f"models:/{name}/2"), newest, newest]


@pytest.mark.parametrize("kind", ["pickle", "cloudpickle"])
def test_a_pickle_runs_only_with_the_word_of_the_publisher(
    mlflow: Any, tmp_path: Path, kind: str
) -> None:
    """Types by name are not enough; the remedy is named."""
    mark = tmp_path / "mark"
    name, _ = logged(mlflow, "sklearn", Marking(str(mark)).fit(), serialization_format=kind)
    mark.unlink(missing_ok=True)
    for refused in (False, ["Marking"]):
        with pytest.raises(UntrustedDataError, match="serialization_format='skops'"):
            resolve(f"models:/{name}/1", trusted=refused).__enter__()
    assert not mark.exists()
    with resolve(f"models:/{name}/1", trusted=True) as source:
        assert isinstance(source.obj, BaseEstimator)
    assert mark.exists()


def test_types_in_a_skops_file_are_trusted_by_the_publisher_not_the_registry(
    mlflow: Any,
) -> None:
    """MLflow keeps a list of its own, which is not heeded."""
    forest = RandomForestClassifier(n_estimators=3, random_state=0).fit(X, Y)
    types = ["sklearn.tree._tree.Tree"]
    name, _ = logged(
        mlflow, "sklearn", forest, serialization_format="skops", skops_trusted_types=types
    )
    with pytest.raises(UntrustedDataError, match=r"(?s)Tree.*publish_model\(\.\.\., trusted=True"):
        resolve(f"models:/{name}/1").__enter__()
    for trusted in (types, True):
        with resolve(f"models:/{name}/1", trusted=trusted) as source:
            assert (source.obj.predict_proba(X) == forest.predict_proba(X)).all()


@pytest.mark.parametrize(
    ("flavor", "make"),
    [
        pytest.param("xgboost", lambda: xgboost.XGBClassifier(n_estimators=3).fit(X, Y), id="xgb"),
        pytest.param(
            "xgboost",
            lambda: xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, Y), num_boost_round=3),
            id="xgb-booster",
        ),
        pytest.param(
            "lightgbm",
            lambda: lightgbm.train(
                {"verbose": -1, "min_data_in_leaf": 2}, lightgbm.Dataset(X, Y), num_boost_round=3
            ),
            id="lgb-booster",
        ),
        pytest.param(
            "catboost",
            lambda: catboost.CatBoostClassifier(
                iterations=3, verbose=False, allow_writing_files=False
            ).fit(X, Y),
            id="catboost",
        ),
    ],
)
def test_boosted_trees_are_read_from_their_own_format(
    mlflow: Any, flavor: str, make: Callable[[], Any]
) -> None:
    """Nothing of it can run, so no word is needed."""
    model = make()
    name, _ = logged(mlflow, flavor, model)
    rows: Any = xgboost.DMatrix(X) if isinstance(model, xgboost.Booster) else X
    with resolve(f"models:/{name}/1") as source:
        assert type(source.obj) is type(model)
        assert np.array_equal(source.obj.predict(rows), model.predict(rows))


def test_a_class_that_a_model_names_is_not_imported(
    mlflow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own loader would; here the folder travels as it is."""
    name, _ = logged(mlflow, "xgboost", xgboost.XGBClassifier(n_estimators=2).fit(X, Y))
    (tmp_path / "odd_module.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(str(tmp_path))
    model = _folder_of(mlflow, name) / "MLmodel"
    model.write_text(
        model.read_text().replace("xgboost.sklearn.XGBClassifier", "odd_module.Forest")
    )
    with resolve(f"models:/{name}/1") as source:
        assert (source.obj / "MLmodel").is_file()
    assert "odd_module" not in sys.modules


def test_a_file_name_cannot_lead_out_of_the_model(mlflow: Any, tmp_path: Path) -> None:
    """The name is in the folder too, and may be forged."""
    name, _ = logged(mlflow, "sklearn", MODEL, serialization_format="skops")
    model = _folder_of(mlflow, name) / "MLmodel"
    (tmp_path / "other.skops").write_bytes((model.parent / "model.skops").read_bytes())
    forged = model.read_text().replace("model.skops", str(tmp_path / "other.skops"))
    model.write_text(forged)
    with pytest.raises(ModelError, match=r"other\.skops', which is not there"):
        resolve(f"models:/{name}/1").__enter__()


def test_onnx_with_its_numbers_beside_it_becomes_one_model(mlflow: Any, onnx_model: Any) -> None:
    """An edge program wants one file."""
    rows = X[:3].astype(np.float32)
    expected = _run(onnx_model.SerializeToString(), rows)
    name, _ = logged(mlflow, "onnx", onnx_model)
    assert len(list((_folder_of(mlflow, name) / "model.onnx").parent.glob("*"))) > 1
    with resolve(f"models:/{name}/1") as source:
        assert np.array_equal(_run(source.obj.SerializeToString(), rows), expected)


def test_onnx_in_one_file_travels_as_that_file(mlflow: Any, onnx_model: Any) -> None:
    """Byte for byte, so that its digest is that of the registry."""
    name, _ = logged(mlflow, "onnx", onnx_model, save_as_external_data=False)
    with resolve(f"models:/{name}/1") as source:
        assert isinstance(source.obj, Path)
        data = (_folder_of(mlflow, name) / "model.onnx").read_bytes()
        assert source.obj.read_bytes() == data


def test_any_other_flavour_travels_as_its_folder(mlflow: Any, tmp_path: Path) -> None:
    """Nothing of it is loaded."""
    code = tmp_path / "double.py"
    code.write_text(
        "import mlflow\n"
        "class Double(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input: list[int]) -> list[int]:\n"
        "        return [2 * one for one in model_input]\n"
        "mlflow.models.set_model(Double())\n"
    )
    name, _ = logged(mlflow, "pyfunc", None, python_model=str(code))
    with resolve(f"models:/{name}/1") as source:
        with logging():
            model = mlflow.pyfunc.load_model(str(source.obj))
            assert model.predict([1, 2]) == [2, 4]
        folder = source.obj
        assert folder.name == "model"
    assert not folder.exists()


def test_columns_keep_their_names(mlflow: Any) -> None:
    """With the dtypes of pandas and numpy."""
    import pandas as pd

    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": [True, False]})
    signature = mlflow.models.infer_signature(frame, np.array([1.0]))
    name, _ = logged(mlflow, "sklearn", MODEL, serialization_format="skops", signature=signature)
    with resolve(f"models:/{name}/1") as source:
        assert source.signature["input"] == {
            "columns": [
                {"name": "a", "dtype": "float64"},
                {"name": "b", "dtype": "str"},
                {"name": "c", "dtype": "bool"},
            ]
        }


def test_what_does_not_fit_beside_the_model_stays_in_mlflow(mlflow: Any) -> None:
    """Autologging keeps hundreds of params; a manifest has 8 KB."""
    name = f"n{uuid.uuid4().hex}"
    with logging(), mlflow.start_run():
        mlflow.log_params({f"p{number:03}": "x" * 50 for number in range(90)})
        mlflow.sklearn.log_model(
            MODEL, name="m", registered_model_name=name, pip_requirements=[],
            serialization_format="skops",
        )  # fmt: skip
    with ExitStack() as stack:
        with pytest.warns(UserWarning, match=r"of the run's 90 params do not fit.*give those"):
            source = stack.enter_context(resolve(f"models:/{name}/1"))
        assert 10 < len(source.params) < 40
        assert "p000" in source.params


@pytest.mark.parametrize(
    "uri", ["models:/", "models:/a/Production", "models:/a/1/x", "models:/a@", "runs:/a", "runs:/"]
)
def test_what_names_no_model_is_refused(mlflow: Any, uri: str) -> None:
    """With the forms that do."""
    with pytest.raises(ModelError, match=r"models:/name@alias"):
        resolve(uri).__enter__()


@pytest.mark.parametrize(
    "uri",
    ["models:/nosuch/1", "models:/nosuch@good", "models:/nosuch", f"models:/m-{'0' * 32}",
     f"runs:/{'0' * 32}/model"],
)  # fmt: skip
def test_what_is_not_there_is_refused(mlflow: Any, uri: str) -> None:
    """In one kind of error."""
    with pytest.raises(ModelError, match=r"MLflow cannot fetch it|no version of it"):
        resolve(uri).__enter__()


def test_an_artifact_that_is_no_model_is_refused(mlflow: Any) -> None:
    """Such as a picture."""
    with mlflow.start_run() as run:
        mlflow.log_dict({}, "notes/a.json")
    with pytest.raises(ModelError, match="no file MLmodel"):
        resolve(f"runs:/{run.info.run_id}/notes").__enter__()


def test_credentials_of_the_tracking_server_are_not_shown(
    mlflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's errors name the server."""
    import traceback

    password = "".join(["hid", "den", "-word"])
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri(f"http://me:{password}@127.0.0.1:1")
    with pytest.raises(ModelError, match="MLflow cannot fetch it") as caught:
        resolve("models:/defects/1").__enter__()
    assert password not in "".join(traceback.format_exception(caught.value))


def test_mlflow_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingDependencyError, match=r"syncnb\[mlflow\]"):
        resolve("models:/defects/1").__enter__()


def test_a_library_of_a_flavour_that_is_not_installed_is_named(
    mlflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the extra that brings it."""
    name, _ = logged(mlflow, "xgboost", xgboost.XGBClassifier(n_estimators=2).fit(X, Y))
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(MissingDependencyError, match=r"syncnb\[xgboost\]"):
        resolve(f"models:/{name}/1").__enter__()


def test_a_damaged_file_is_said_to_be_so(mlflow: Any) -> None:
    """Of a library's own format."""
    name, _ = logged(mlflow, "xgboost", xgboost.XGBClassifier(n_estimators=2).fit(X, Y))
    (_folder_of(mlflow, name) / "model.ubj").write_bytes(b"odd")
    with pytest.raises(LoadError, match="xgboost cannot read it"):
        resolve(f"models:/{name}/1").__enter__()


def test_nothing_imports_mlflow_but_its_addresses() -> None:
    """Publishing costs no more where it is not used."""
    code = (
        "from syncnb.bridges import resolve\nimport sys\nwith resolve(b'') as s: pass\n"
        "print(sorted({'mlflow', 'fsspec', 'obstore', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _folder_of(mlflow: Any, name: str) -> Path:
    """Where the store keeps the files of version 1."""
    uri = mlflow.MlflowClient().get_model_version_download_uri(name, "1")
    return Path(mlflow.artifacts.download_artifacts(uri))


def _run(data: bytes, rows: Any) -> Any:
    return onnxruntime.InferenceSession(data).run(None, {"x": rows})[0]

"""From an address to the nodes, and into the active run of MLflow."""

from __future__ import annotations

import json
import sys
import uuid
import warnings
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from syncnb import LocalFleet, publish, publish_file, publish_model, updates
from syncnb.errors import InvalidMetaDataError, ModelError, UntrustedDataError

X = np.arange(40.0).reshape(20, 2)
Y = (X[:, 0] > 20).astype(int)


def fresh() -> str:
    return f"n{uuid.uuid4().hex}"


def received(fleet: LocalFleet, object_type: str) -> tuple[Any, Any]:
    """What the next update holds, bytes for a file, and its manifest; it is acknowledged."""
    update = next(updates(object_type, client=fleet.node("node1"), timeout=20))
    with update:
        loaded = update.load()
        found = loaded.read_bytes() if isinstance(loaded, Path) else loaded
    return found, update.manifest


def registered(mlflow: Any, **options: Any) -> tuple[str, LogisticRegression]:
    name, model = fresh(), LogisticRegression().fit(X, Y)
    with warnings.catch_warnings(), mlflow.start_run():
        warnings.simplefilter("ignore")
        mlflow.log_metric("accuracy", 1.0)
        mlflow.log_param("C", 1.0)
        mlflow.sklearn.log_model(
            model, name="m", registered_model_name=name, pip_requirements=[],
            signature=mlflow.models.infer_signature(X, Y), **options,
        )  # fmt: skip
    return name, model


def test_a_model_goes_from_the_registry_to_a_node(fleet: LocalFleet, mlflow: Any) -> None:
    """As a file that needs no MLflow there; what the caller gives outweighs the registry."""
    name, model = registered(mlflow, serialization_format="skops")
    mlflow.MlflowClient().set_registered_model_alias(name, "good", "1")
    kind = fresh()
    publication = publish_model(
        f"models:/{name}@good", object_type=kind, dest_type="edge", client=fleet.cloud,
        params={}, extra={"team": "vision"},
    )  # fmt: skip
    assert (publication.object_id, publication.version) == (name, "1")
    loaded, manifest = received(fleet, kind)
    assert (loaded.predict_proba(X) == model.predict_proba(X)).all()
    assert (manifest.format, manifest.file_name) == ("skops", f"{name}.skops")
    assert manifest.signature["input"] == {"dtype": "float64", "shape": [None, 2]}
    assert (manifest.metrics, manifest.params) == ({"accuracy": 1.0}, {})
    assert manifest.extra["team"] == "vision"
    assert manifest.extra["mlflow"]["uri"] == f"models:/{name}/1"
    again = publish_model(
        f"models:/{name}/1", name=fresh(), version="2.0.0", object_type=kind, dest_type="edge",
        example=X[:2].astype("float32"), client=fleet.cloud,
    )  # fmt: skip
    assert (again.version, again.manifest.params) == ("2.0.0", {"C": "1.0"})
    assert again.manifest.signature["input"]["dtype"] == "float32"


def test_a_pickle_in_the_registry_is_not_run_unasked(fleet: LocalFleet, mlflow: Any) -> None:
    """With the word of the publisher it becomes a file that runs nothing at the node."""
    name, model = registered(mlflow, serialization_format="cloudpickle")
    kind = fresh()
    with pytest.raises(UntrustedDataError, match="trusted=True"):
        publish_model(f"models:/{name}/1", object_type=kind, client=fleet.cloud)
    publish_model(
        f"models:/{name}/1", object_type=kind, dest_type="edge", trusted=True, client=fleet.cloud
    )
    loaded, manifest = received(fleet, kind)
    assert manifest.format == "skops"
    assert (loaded.predict(X) == model.predict(X)).all()


def test_a_file_goes_from_a_url_to_a_node(fleet: LocalFleet) -> None:
    """Under its own name, byte for byte, with no trace of it in a temporary folder."""
    kind, data = fresh(), np.random.default_rng(0).bytes(1_000_000)
    with fsspec.open(f"memory://{kind}/some.bin", "wb") as file:
        file.write(data)
    publication = publish_file(
        f"memory://{kind}/some.bin", object_type=kind, dest_type="edge", client=fleet.cloud
    )
    assert publication.object_id == "some.bin"
    loaded, manifest = received(fleet, kind)
    assert loaded == data
    assert (manifest.format, manifest.file_name) == ("file", "some.bin")
    assert manifest.extra == {"url": f"memory://{kind}/some.bin"}


def test_a_model_file_goes_from_a_url_to_a_node(fleet: LocalFleet, tmp_path: Path) -> None:
    """In the form of its suffix, so that the node gets a model; ``file://`` is a URL too."""
    import skops.io

    model, kind = LogisticRegression().fit(X, Y), fresh()
    skops.io.dump(model, tmp_path / "defects.skops")
    publication = publish_model(
        f"file://{tmp_path}/defects.skops", object_type=kind, dest_type="edge", client=fleet.cloud
    )
    assert publication.object_id == "defects"
    loaded, manifest = received(fleet, kind)
    assert (loaded.predict(X) == model.predict(X)).all()
    assert (manifest.format, manifest.file_name) == ("skops", "defects.skops")


def test_a_model_needs_a_name_that_somebody_gives(fleet: LocalFleet) -> None:
    """Or its address."""
    with pytest.raises(InvalidMetaDataError, match=r"(?i)give it a name"):
        publish_model(LogisticRegression().fit(X, Y), client=fleet.cloud)
    with pytest.raises(ModelError, match="trusted= is for a model of MLflow"):
        publish_model(LogisticRegression().fit(X, Y), name="a", trusted=True, client=fleet.cloud)


def test_a_publication_is_noted_in_the_active_run(fleet: LocalFleet, mlflow: Any) -> None:
    """Tags to search for, and an artifact with all of it."""
    kind = fresh()
    with mlflow.start_run() as run:
        done = publish(b"data", kind, "one", version="1.2.0", dest_type="edge", client=fleet.cloud)
    tags = mlflow.MlflowClient().get_run(run.info.run_id).data.tags
    noted = {name: value for name, value in tags.items() if name.startswith("syncnb.")}
    assert noted["syncnb.object"] == f"{kind}/one"
    assert noted["syncnb.version"] == "1.2.0"
    assert noted["syncnb.sha256"] == done.manifest.sha256
    assert noted["syncnb.url"] == fleet.cloud.url
    uri = f"runs:/{run.info.run_id}/syncnb/{kind}/one/syncnb.json"
    record = json.loads(mlflow.artifacts.load_text(uri))
    assert record["object_type"] == kind
    assert record["object_id"] == "one"
    assert record["org_id"] == fleet.cloud.org_id
    assert (record["version"], record["size"]) == ("1.2.0", 4)
    assert record["sha256"] == done.manifest.sha256


def test_without_an_active_run_nothing_is_noted(fleet: LocalFleet, mlflow: Any) -> None:
    """No run is begun."""
    before = len(mlflow.search_runs(output_format="list"))
    publish(b"data", fresh(), "one", dest_type="edge", client=fleet.cloud)
    assert mlflow.active_run() is None
    assert len(mlflow.search_runs(output_format="list")) == before


def test_mlflow_is_not_imported_to_note_anything(
    fleet: LocalFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that does not use it does not pay for it."""
    for module in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, module)
    publish(b"data", fresh(), "one", dest_type="edge", client=fleet.cloud)
    assert "mlflow" not in sys.modules


def test_what_cannot_be_noted_is_published_all_the_same(
    fleet: LocalFleet,
    mlflow: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The tracking server is away; the log says so, without its password."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    kind, password, at = fresh(), "hidden-word", mlflow.get_tracking_uri()
    with mlflow.start_run():
        mlflow.set_tracking_uri(f"http://me:{password}@127.0.0.1:1")
        publish(b"data", kind, "one", dest_type="edge", client=fleet.cloud)
        mlflow.set_tracking_uri(at)
    assert received(fleet, kind)[0] == b"data"
    said = [one.getMessage() for one in caplog.records if one.name == "syncnb"]
    assert any(f"{kind}/one is published, but not noted" in line for line in said)
    assert password not in caplog.text

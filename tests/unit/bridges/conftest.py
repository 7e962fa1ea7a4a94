"""Real stores: MLflow's own in a folder, and a cache of Hugging Face as its hub lays it out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .cache import Cache


@pytest.fixture(scope="session")
def _mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, Path]]:
    """MLflow with a store in a folder; the skinny package has no database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("DO_NOT_TRACK", "true")
        patch.setenv("GIT_PYTHON_REFRESH", "quiet")
        patch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        import mlflow

        folder = tmp_path_factory.mktemp("mlflow")
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(folder.as_uri())
        mlflow.set_experiment("bridges")
        yield mlflow, folder
        mlflow.set_tracking_uri(before)


@pytest.fixture
def mlflow(_mlflow: tuple[ModuleType, Path]) -> Iterator[Any]:
    """MLflow, which ends a run that a test left open."""
    library, folder = _mlflow
    library.set_tracking_uri(folder.as_uri())
    yield library
    while library.active_run() is not None:
        library.end_run()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """An empty cache of Hugging Face."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return Cache(tmp_path / "hf" / "hub")

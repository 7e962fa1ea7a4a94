"""A model in a registry or a run of MLflow."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from syncnb.bridges import mlflow_flavors
from syncnb.bridges.mlflow_signature import as_signature
from syncnb.bridges.secrets import said
from syncnb.bridges.source import Source
from syncnb.codecs.registry import Trusted
from syncnb.errors import MissingDependencyError, ModelError, SyncError

_FORMS = (
    "write it as models:/name/version, models:/name@alias, models:/name, models:/m-ID or "
    "runs:/run_id/path"
)
_MODEL = re.compile(r"models:/+(?P<name>[^/:@]+)(?:/(?P<version>\d+|latest)|@(?P<alias>[^/:@]+))?")
_RUN = re.compile(r"runs:/+(?P<run>[0-9a-zA-Z_-]+)/(?P<path>.+)")
_LOGGED = re.compile(r"m-[0-9a-f]{32}")
_ROOM = 1536  # bytes of the manifest that metrics, and as many that params, of a run may take


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Where exactly a model is; an alias may move while it is fetched, this does not."""

    uri: str
    name: str
    version: str = ""
    run_id: str = ""
    model_id: str = ""


def is_one(text: str) -> bool:
    """Whether a text is an address of MLflow.

    Examples
    --------
    >>> is_one("models:/defects/3"), is_one("runs:/abc/model"), is_one("s3://bucket/a")
    (True, True, False)
    """
    return text.startswith(("models:/", "runs:/"))


def find(uri: str, folder: Path, *, trusted: Trusted = False) -> Source:
    """Fetch a model from the tracking server that MLflow is set to.

    Parameters
    ----------
    uri : str
        As `resolve` lists them.
    folder : Path
        Where to put its files.
    trusted : bool or sequence of str, default False
        True to run what a pickle holds, or the names of types that a skops file may hold.

    Returns
    -------
    Source
        With name and version of the registry, signature, metrics and params; where it comes from
        is ``extra["mlflow"]``.

    Raises
    ------
    ModelError
        There is no such model, MLflow cannot fetch it, or its files are not as its flavour says.
    UntrustedDataError
        Loading it could run code, and `trusted` does not cover that.
    MissingDependencyError
        MLflow, or the library of the flavour, is not installed.

    Examples
    --------
    >>> find("models:/", Path())
    Traceback (most recent call last):
    ...
    syncnb.errors.ModelError: 'models:/': it names no model. Write it as models:/name/version, ...
    """
    if not (_MODEL.fullmatch(uri) or _RUN.fullmatch(uri)):
        raise ModelError(repr(uri), "it names no model", _FORMS)
    try:
        mlflow = import_module("mlflow")
    except ImportError as error:
        raise MissingDependencyError("mlflow", f"The model {uri}", "mlflow") from error
    try:
        client = mlflow.MlflowClient()
        found = _locate(client, uri)
        room = folder / "model"
        room.mkdir()
        here = Path(mlflow.artifacts.download_artifacts(found.uri, dst_path=str(room)))
        if not (here / "MLmodel").is_file():
            raise ModelError(
                repr(uri), "it is no model of MLflow, since it has no file MLmodel", _FORMS
            )
        model = import_module("mlflow.models").Model.load(str(here))
        run = client.get_run(found.run_id).data if found.run_id else None
    except SyncError:
        raise
    except Exception as error:  # noqa: BLE001  # each store has errors of its own
        # The cause is cut off: it may hold the address of the server with its credentials.
        address = str(mlflow.get_tracking_uri())
        raise ModelError(
            repr(uri),
            f"MLflow cannot fetch it ({said(error, address)})",
            "check the name, and MLFLOW_TRACKING_URI",
        ) from None
    obj, codec = mlflow_flavors.take(uri, here, model.flavors, trusted)
    where = {"run_id": found.run_id, "model_id": found.model_id, "version": found.version}
    return Source(
        obj=obj,
        codec=codec,
        name=found.name,
        version=found.version,
        metrics=_fitting("metrics", run.metrics) if run else {},
        params=_fitting("params", run.params) if run else {},
        extra={"mlflow": {"uri": found.uri} | {k: v for k, v in where.items() if v}},
        signature=as_signature(model.signature),
    )


def _locate(client: Any, uri: str) -> _Found:
    if in_run := _RUN.fullmatch(uri):
        return _Found(uri=uri, name=in_run["path"].rsplit("/", 1)[-1], run_id=in_run["run"])
    match = _MODEL.fullmatch(uri)
    assert match is not None  # noqa: S101  # `find` has looked
    name, version, alias = match["name"], match["version"], match["alias"]
    if _LOGGED.fullmatch(name) and not (version or alias):
        logged = client.get_logged_model(name)
        return _Found(uri=uri, name=logged.name, run_id=logged.source_run_id or "", model_id=name)
    if alias:
        registered = client.get_model_version_by_alias(name, alias)
    elif version in (None, "latest"):
        every = client.search_model_versions(f"name = '{name}'")
        if not every:
            raise ModelError(repr(uri), "the registry has no version of it", _FORMS)
        registered = max(every, key=lambda one: int(one.version))
    else:
        registered = client.get_model_version(name, version)
    number = str(registered.version)
    return _Found(
        uri=f"models:/{name}/{number}",
        name=name,
        version=number,
        run_id=registered.run_id or "",
        model_id=getattr(registered, "model_id", None) or "",
    )


def _fitting(what: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """As many as fit beside the data: autologging keeps hundreds, and a manifest has 8 KB."""
    kept: dict[str, Any] = {}
    room = _ROOM
    for name, value in sorted(values.items()):
        finite = not isinstance(value, float) or math.isfinite(value)
        entry = value if finite else str(value)  # JSON has no NaN
        room -= len(json.dumps({name: entry}).encode())
        if room < 0:
            break
        kept[name] = entry
    if left := len(values) - len(kept):
        warnings.warn(
            f"{left} of the run's {len(values)} {what} do not fit beside the model and stay in "
            f"MLflow: give those that a receiver needs as {what}=",
            stacklevel=2,
        )
    return kept

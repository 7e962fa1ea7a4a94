"""What of a model folder of MLflow travels: the model in its own format, or else the folder.

MLflow's own loaders import classes that the folder names, and run code that lies in it. So they are
only used with the caller's word; what is safe is read here with the library of the format.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from syncnb.bridges.source import form_of
from syncnb.codecs import Codec, Loading, default_registry
from syncnb.codecs.registry import Trusted
from syncnb.errors import (
    LoadError,
    MissingDependencyError,
    ModelError,
    SyncError,
    UntrustedDataError,
)

_Taken = tuple[Any, Codec | None]
_CATBOOST = ("CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker")


def take(
    uri: str, folder: Path, flavors: Mapping[str, Mapping[str, Any]], trusted: Trusted
) -> _Taken:
    """The model of a folder, and what writes it if that is not left to the registry.

    Parameters
    ----------
    uri : str
        Of the model, for errors.
    folder : Path
        With ``MLmodel`` and its files.
    flavors : mapping
        As in ``MLmodel``.
    trusted : bool or sequence of str
        What may be loaded although it could run code.

    Returns
    -------
    tuple
        The model, the path of its file, or `folder` for a flavour that syncnb does not read; and
        a codec or None.

    Raises
    ------
    UntrustedDataError
        It could run code, and `trusted` does not cover that.
    LoadError, ModelError
        Its files are not what they should be.
    MissingDependencyError
        The library of the flavour is not installed.

    Examples
    --------
    >>> take("models:/a/1", Path("a"), {"pytorch": {}}, False)
    (PosixPath('a'), None)
    """
    for flavor, reader in _READERS.items():
        if flavor in flavors:
            try:
                return reader(uri, folder, flavors[flavor], trusted)
            except SyncError:
                raise
            except Exception as error:
                if isinstance(error, ImportError) and error.name == flavor:
                    raise MissingDependencyError(flavor, f"The model {uri}", flavor) from error
                raise LoadError(
                    f"the model {uri}",
                    f"{flavor} cannot read it ({type(error).__name__}: {error})",
                    "compare the versions in its requirements.txt with yours, or log it again",
                ) from error
    return folder, None


def _onnx(uri: str, folder: Path, flavor: Mapping[str, Any], trusted: Trusted) -> _Taken:
    onnx = import_module("onnx")
    helper = import_module("onnx.external_data_helper")
    path = _inside(uri, folder, flavor["data"])
    model = onnx.load(str(path), load_external_data=False)
    tensors = helper._get_all_tensors(model)
    if any(helper.uses_external_data(tensor) for tensor in tensors):
        return onnx.load(str(path)), None  # one file, as an edge program wants it
    return path, form_of(path)


def _xgboost(uri: str, folder: Path, flavor: Mapping[str, Any], trusted: Trusted) -> _Taken:
    xgboost = import_module("xgboost")
    name = str(flavor.get("model_class", "xgboost.core.Booster")).rpartition(".")[2]
    kind = getattr(xgboost, name, None)
    bases = (xgboost.Booster, xgboost.XGBModel)
    if not (isinstance(kind, type) and issubclass(kind, bases)):
        return folder, None  # such as a subclass of one's own, whose module would run
    model: Any = kind()
    model.load_model(str(_inside(uri, folder, flavor["data"])))
    return model, None


def _lightgbm(uri: str, folder: Path, flavor: Mapping[str, Any], trusted: Trusted) -> _Taken:
    lightgbm = import_module("lightgbm")
    if flavor.get("model_class", "lightgbm.basic.Booster") == "lightgbm.basic.Booster":
        path = _inside(uri, folder, flavor["data"])
        return lightgbm.Booster(model_file=str(path)), None
    return _estimator("lightgbm", uri, folder, flavor, flavor["data"], trusted)


def _catboost(uri: str, folder: Path, flavor: Mapping[str, Any], trusted: Trusted) -> _Taken:
    catboost = import_module("catboost")
    name = flavor.get("model_type")
    if name not in _CATBOOST:
        return folder, None
    model = getattr(catboost, name)()
    path = _inside(uri, folder, flavor.get("data", "model.cb"))
    model.load_model(str(path), flavor.get("save_format", "cbm"))
    return model, None


def _sklearn(uri: str, folder: Path, flavor: Mapping[str, Any], trusted: Trusted) -> _Taken:
    return _estimator("sklearn", uri, folder, flavor, flavor["pickled_model"], trusted)


def _estimator(
    flavor: str, uri: str, folder: Path, known: Mapping[str, Any], file: str, trusted: Trusted
) -> _Taken:
    """An estimator out of a skops file, or out of a pickle with the caller's word."""
    subject = f"the model {uri}"
    if known.get("serialization_format") == "skops":
        path = _inside(uri, folder, file)
        registry = default_registry()
        codec = registry.for_format("skops")
        assert codec is not None  # noqa: S101  # it is one of syncnb's own
        with tempfile.TemporaryDirectory(prefix="syncnb-") as room:
            how = Loading(subject=subject, folder=Path(room), trusted=trusted)
            try:
                return registry.load(codec, path, how), None
            except UntrustedDataError as error:
                raise UntrustedDataError(
                    error.subject,
                    error.problem,
                    "if you trust what is in that registry, publish_model(..., trusted=True), or "
                    "name these types: trusted=[...]",
                ) from error
    if trusted is not True:
        raise UntrustedDataError(
            subject,
            "MLflow keeps it as a pickle, which can run any code when it is loaded",
            "if you trust what is in that registry, publish_model(..., trusted=True); or log it "
            "with serialization_format='skops'",
        )
    return import_module(f"mlflow.{flavor}").load_model(str(folder)), None


def _inside(uri: str, folder: Path, file: str) -> Path:
    """A file of the folder; its name comes from the folder too, so it may not lead out of it."""
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.exists():
        raise ModelError(
            f"the model {uri}",
            f"its MLmodel names {file!r}, which is not there",
            "log the model again",
        )
    return path


_READERS: Mapping[str, Callable[[str, Path, Mapping[str, Any], Trusted], _Taken]] = {
    "onnx": _onnx,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
    "sklearn": _sklearn,
}

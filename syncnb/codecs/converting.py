"""A fitted model as an ONNX model that says the same, compared on the example."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from syncnb.codecs.comparing import difference
from syncnb.codecs.onnx import outputs
from syncnb.codecs.registry import is_instance
from syncnb.errors import InvalidMetaDataError, MissingDependencyError, ModelError

Types = list[tuple[str, Any]]
_BOOSTED = ("xgboost", "lightgbm")


def convert(obj: Any, to: str, example: Any) -> Any:
    """Convert a fitted model.

    Parameters
    ----------
    obj : object
        A fitted estimator of scikit-learn; with the package onnxmltools also one of XGBoost or
        LightGBM. What is an ONNX model already stays as it is.
    to : {"onnx"}
        The format wanted.
    example : array, DataFrame or list of str
        Rows of the model's input: they give the types of the inputs, and predictions for them are
        compared. Take those that matter; with one row, little is compared.

    Returns
    -------
    onnx.ModelProto
        Its first output is what ``predict`` says, its second, for a classifier, what
        ``predict_proba`` says.

    Raises
    ------
    InvalidMetaDataError
        There is no such format, or no example.
    ModelError
        The model has a part without a converter, or its predictions differ; the largest difference
        is named.
    MissingDependencyError
        skl2onnx is not installed.

    Notes
    -----
    Most operators of ONNX compute with 32 bits, so that floats agree to about four digits. A model
    that cannot be converted for inputs of 64 bits is converted for 32.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    >>> type(convert(model, "onnx", np.array([[0.5]]))).__name__
    'ModelProto'
    """
    if to != "onnx":
        raise InvalidMetaDataError("convert", to, "give convert='onnx', the only one there is")
    if is_instance(obj, "onnx", "ModelProto") or isinstance(obj, str | os.PathLike):
        return obj
    if example is None or len(example) == 0:
        raise InvalidMetaDataError(
            "example", example, "convert='onnx' compares predictions: give some rows of the input"
        )
    subject = f"this {type(obj).__name__}"
    problem = ""
    for types in _initial_types(obj, example):
        try:
            model = _onnx_of(obj, types)
            found = outputs(model, example)
        except (MissingDependencyError, ModelError):
            raise
        except Exception as error:  # noqa: BLE001  # of the converters, of onnxruntime
            problem = problem or (str(error).strip() or type(error).__name__).splitlines()[0]
            continue
        if differs := _differs(obj, example, found):
            raise ModelError(
                subject,
                f"as ONNX it predicts something else than the model: {differs}",
                "leave convert= out, or round what the model compares with thresholds to 32 bits",
            )
        return model
    raise ModelError(
        subject,
        f"it cannot be converted to ONNX ({problem})",
        "leave convert= out, or convert it with a converter of your own and publish the result",
    )


def _onnx_of(obj: Any, types: Types) -> Any:
    import skl2onnx

    if (root := _library(obj)) in _BOOSTED:
        more = {"zipmap": False} if root == "lightgbm" else {}
        return getattr(_onnxmltools(root), f"convert_{root}")(obj, initial_types=types, **more)
    options = {id(obj): {"zipmap": False}} if hasattr(obj, "predict_proba") else None
    return skl2onnx.to_onnx(obj, initial_types=types, options=options)


def _initial_types(obj: Any, example: Any) -> Iterator[Types]:
    """Names and types of the inputs, the most faithful first.

    A frame has an input a column, as a column transformer wants it, or is one matrix, as all else.
    """
    import numpy as np

    _skl2onnx()
    if (root := _library(obj)) in _BOOSTED:
        from_tools = _onnxmltools(root).convert.common.data_types
        yield [("X", from_tools.FloatTensorType([None, np.shape(example)[1]]))]
        return
    if is_instance(example, "pandas", "DataFrame"):
        for narrow in (False, True):
            yield [
                (str(name), _type_of(example[name].to_numpy(), 1, narrow=narrow))
                for name in example.columns
            ]
    array = np.asarray(example)
    for narrow in (False, True):
        yield [("X", _type_of(array, array.shape[1] if array.ndim > 1 else 1, narrow=narrow))]


def _type_of(array: Any, width: int, *, narrow: bool) -> Any:
    from skl2onnx.common import data_types as onnx_types

    kind = array.dtype.kind
    if kind in "OUT":
        return onnx_types.StringTensorType([None, width])
    if kind == "b":
        return onnx_types.BooleanTensorType([None, width])
    if kind in "iu" and not narrow:
        return onnx_types.Int64TensorType([None, width])
    if array.dtype.itemsize > 4 and not narrow:
        return onnx_types.DoubleTensorType([None, width])
    return onnx_types.FloatTensorType([None, width])


def _differs(obj: Any, example: Any, found: list[Any]) -> str:
    """How the predictions differ; empty if they do not."""
    import numpy as np

    methods = ("predict", "predict_proba") if hasattr(obj, "predict") else ("transform",)
    for method, output in zip(methods, found, strict=False):
        if not hasattr(obj, method):
            continue
        expected = np.asarray(getattr(obj, method)(example))
        column = output.size == expected.size  # what a regression gives
        if differs := difference(expected, output.reshape(expected.shape) if column else output):
            return f"{method}: {differs}"
    return ""


def _library(obj: Any) -> str:
    roots = (kind.__module__.partition(".")[0] for kind in type(obj).__mro__)
    return next((root for root in roots if root in _BOOSTED), "")


def _skl2onnx() -> None:
    try:
        import skl2onnx  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("skl2onnx", "convert='onnx'", "onnx") from error


def _onnxmltools(root: str) -> Any:
    try:
        import_module("onnxmltools.convert.common.data_types")
        return import_module("onnxmltools")
    except ImportError as error:
        raise ModelError(
            f"a model of {root}",
            "its converter to ONNX, the package onnxmltools, is not installed",
            "install onnxmltools, or leave convert= out: its own format is portable too",
        ) from error

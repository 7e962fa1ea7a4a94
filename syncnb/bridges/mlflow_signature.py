"""The signature that MLflow keeps with a model, in the form of the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Types of MLflow's columns, as numpy and pandas call them.
_DTYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "str",
    "binary": "bytes",
    "datetime": "datetime64[ns]",
}


def as_signature(signature: Any) -> dict[str, Any]:
    """Input and output of a model.

    Parameters
    ----------
    signature : mlflow.models.ModelSignature or None
        As it is kept with the model.

    Returns
    -------
    dict
        With ``"input"`` and ``"output"``, each either ``{"dtype", "shape"}`` of one array, whose
        first axis is the sample, or ``{"columns": [{"name", "dtype"}, ...]}``; without what
        is not known.

    Notes
    -----
    Columns and tensors are described in "Model Signatures" of MLflow's documentation.

    Examples
    --------
    >>> as_signature(None)
    {}
    """
    if signature is None:
        return {}
    sides = {"input": signature.inputs, "output": signature.outputs}
    found = {side: _side(schema.to_dict()) for side, schema in sides.items() if schema is not None}
    return {side: described for side, described in found.items() if described}


def _side(specs: list[Mapping[str, Any]]) -> dict[str, Any]:
    if len(specs) == 1 and specs[0]["type"] == "tensor" and not specs[0].get("name"):
        return _tensor(specs[0])
    return {"columns": [_column(number, spec) for number, spec in enumerate(specs)]}


def _column(number: int, spec: Mapping[str, Any]) -> dict[str, Any]:
    described = _tensor(spec) if spec["type"] == "tensor" else {"dtype": _dtype(spec["type"])}
    return {"name": str(spec.get("name", number)), **described}


def _tensor(spec: Mapping[str, Any]) -> dict[str, Any]:
    tensor = spec["tensor-spec"]
    return {
        "dtype": tensor["dtype"],
        "shape": [None if size < 0 else size for size in tensor["shape"]],
    }


def _dtype(kind: str) -> str:
    return _DTYPES.get(kind, kind)

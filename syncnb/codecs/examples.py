"""What a model takes and gives: its signature, and a small example to compare with."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any, Protocol

from syncnb.codecs.comparing import difference
from syncnb.codecs.packing import pack, unpack
from syncnb.codecs.registry import Codec, Predicts, is_instance
from syncnb.errors import InvalidMetaDataError, SelfCheckError

MAX_SIZE = 2048  # bytes of the example in the manifest
_ROWS = (5, 1)  # tried in this order
_COMPARE = (
    "compare the library versions in its manifest, and modules of your own that it uses, with what "
    "is installed here"
)


class HasExample(Protocol):
    """A manifest, as far as it matters here."""

    @property
    def example(self) -> Mapping[str, Any]:
        """Input and output, packed."""


def describe(codec: Codec, obj: Any, example: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Signature and example of what is published, for its manifest.

    Parameters
    ----------
    codec : Codec
        Of `obj`; one that `Predicts` is asked what the model says to the example.
    obj : object
        What is published.
    example : array, DataFrame, list of str, mapping of str to array, or None
        Some rows of the model's input. The first five are used.

    Returns
    -------
    signature, example : dict
        Both empty without an example; the second also if it would be too large, or could not be
        packed exactly.

    Raises
    ------
    InvalidMetaDataError
        The example is no rows, or the model cannot predict them.

    Warns
    -----
    UserWarning
        The example is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from syncnb.codecs import default_registry
    >>> model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    >>> codec = default_registry().for_object(model)
    >>> signature, _ = describe(codec, model, np.array([[0.5]]))
    >>> signature
    {'input': {'dtype': 'float64', 'shape': [None, 1]},
     'output': {'dtype': 'float64', 'shape': [None]}}
    """
    if example is None:
        return {}, {}
    signed = {"input": _input(example)}
    for count in _ROWS:
        rows = _head(example, count)
        output = _predicted(codec, obj, rows)
        if output is None:
            return signed, {}
        signed = signature(rows, output)
        if packed := pack_example(rows, output):
            return signed, packed
    warnings.warn(
        f"the example is left out, since one row of it and what the model says to it take more "
        f"than {MAX_SIZE} bytes, or are of types that JSON does not hold exactly: nodes do not "
        "compare what the model predicts with what it predicts here",
        stacklevel=2,
    )
    return signed, {}


def signature(example: Any, output: Any = None) -> dict[str, Any]:
    """Names, dtypes and shapes of a model's input and output.

    Parameters
    ----------
    example : array, DataFrame, list of str, or mapping of str to array
        Some rows of the input. The first axis is the sample, so its length is left open.
    output : array, DataFrame or mapping, optional
        What the model says to them.

    Returns
    -------
    dict
        ``{"input": ..., "output": ...}``.

    Raises
    ------
    InvalidMetaDataError
        The example is nothing of these.

    Examples
    --------
    >>> import numpy as np
    >>> signature(["a text", "another"], np.array([0, 1]))
    {'input': {'dtype': 'str', 'shape': [None]}, 'output': {'dtype': 'int64', 'shape': [None]}}
    """
    found = {"input": _input(example)}
    if output is not None and (shown := _schema(output)) is not None:
        found["output"] = shown
    return found


def pack_example(example: Any, output: Any) -> dict[str, Any]:
    """Rows and what a model says to them, as JSON.

    Parameters
    ----------
    example, output : array, DataFrame, list or mapping
        As for `signature`.

    Returns
    -------
    dict
        For `check_example`; empty if it has more than `MAX_SIZE` bytes or would not be exact.

    Examples
    --------
    >>> import numpy as np
    >>> pack_example(["a text"], np.array([1]))
    {'input': {'list': ['a text']}, 'output': {'dtype': 'int64', 'shape': [1], 'values': [1]}}
    >>> pack_example(np.zeros((1, 2000)), np.array([1]))
    {}
    """
    found = {"input": pack(example), "output": pack(output)}
    if None in found.values():
        return {}
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False)
    return found if len(text.encode(errors="surrogatepass")) <= MAX_SIZE else {}


def check_example(codec: Codec, model: Any, manifest: HasExample, subject: str) -> None:
    """Compare what a loaded model says with what it said at its publisher.

    Parameters
    ----------
    codec : Codec
        That loaded it. One that does not `Predicts` is not asked.
    model : object
        What it loaded.
    manifest : Manifest
        That came with it; without an example nothing is compared.
    subject : str
        Which object, for errors.

    Raises
    ------
    SelfCheckError
        The predictions differ (floats by more than rounding, everything else at all), the model
        cannot predict its own example, or the example cannot be read.
    ImportError
        The example needs a library that is not installed.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from syncnb.codecs import default_registry
    >>> from syncnb.manifest import Manifest
    >>> model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    >>> example = {"input": {"list": [[0.5]]},
    ...            "output": {"dtype": "float64", "shape": [1], "values": [2.0]}}
    >>> manifest = Manifest(format="skops", codec="skops/1", sha256="", size=1, example=example)
    >>> check_example(default_registry().for_object(model), model, manifest, "object model/a")
    Traceback (most recent call last):
      ...
    syncnb.errors.SelfCheckError: object model/a: it predicts other values than ...
    """
    if not manifest.example or not isinstance(codec, Predicts):
        return
    try:
        rows, expected = (unpack(manifest.example[name]) for name in ("input", "output"))
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise SelfCheckError(
            subject, f"the example in its manifest cannot be read ({error})", "update syncnb"
        ) from error
    try:
        output = codec.predict(model, rows)
    except Exception as error:  # whatever the library of the model raises
        raise SelfCheckError(
            subject,
            f"it cannot predict its own example ({type(error).__name__}: {error})",
            _COMPARE,
        ) from error
    if found := difference(expected, output):
        raise SelfCheckError(
            subject,
            f"it predicts other values than at its publisher: {found}",
            _COMPARE,
        )


def ask(model: Any, rows: Any) -> Any:
    """What a model with the interface of scikit-learn says to some rows.

    Parameters
    ----------
    model : object
        Its ``predict`` is called, or else its ``transform``.
    rows : array, DataFrame or list
        Of its input.

    Returns
    -------
    numpy.ndarray or None
        None if it has neither.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> ask(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), [[0.5]])
    array([1.])
    """
    asked = getattr(model, "predict", None) or getattr(model, "transform", None)
    if not callable(asked):
        return None
    import numpy as np

    output = asked(rows)
    return np.asarray(output.toarray() if hasattr(output, "toarray") else output)


def _predicted(codec: Codec, obj: Any, rows: Any) -> Any:
    if not isinstance(codec, Predicts):
        return None
    try:
        return codec.predict(obj, rows)
    except Exception as error:  # whatever the library of the model raises
        raise InvalidMetaDataError(
            "example",
            rows,
            "give some rows of the model's input, as it was fitted on "
            f"(it says {type(error).__name__}: {error})",
        ) from error


def _input(example: Any) -> Any:
    found = _schema(example)
    if found is None:
        raise InvalidMetaDataError(
            "example",
            example,
            "give some rows of the model's input, as an array, a DataFrame or a list",
        )
    return found


def _schema(value: Any) -> Any:
    """Names, dtypes and shape of rows; None if they are none."""
    if is_instance(value, "pandas", "DataFrame"):
        columns = [{"name": str(c), "dtype": str(d)} for c, d in value.dtypes.items()]
        return {"columns": columns}
    if is_instance(value, "polars", "DataFrame"):
        return {"columns": [{"name": c, "dtype": str(d)} for c, d in value.schema.items()]}
    if isinstance(value, Mapping) and value:
        inputs = {str(name): _schema(rows) for name, rows in value.items()}
        return None if None in inputs.values() else {"inputs": inputs}
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        found = {"dtype": str(value.dtype), "shape": [None, *map(int, tuple(value.shape)[1:])]}
        if is_instance(value, "scipy.sparse", "sparray") or is_instance(
            value, "scipy.sparse", "spmatrix"
        ):
            found["sparse"] = value.format
        return found
    if isinstance(value, list) and value:
        return _of_list(value)
    return None


def _of_list(values: list[Any]) -> Any:
    """Texts, mappings, or nested lists of numbers."""
    kinds = {type(one) for one in values}
    if kinds == {str}:
        return {"dtype": "str", "shape": [None]}
    if kinds == {dict}:
        return {"dtype": "object", "shape": [None]}
    import numpy as np

    try:
        array = np.asarray(values)
    except ValueError:
        return None
    return _schema(array) if array.dtype.kind in "biuf" else None


def _head(example: Any, count: int) -> Any:
    """The first rows."""
    if isinstance(example, Mapping):
        return {name: _head(rows, count) for name, rows in example.items()}
    return example.head(count) if hasattr(example, "head") else example[:count]

"""ONNX models, which any runtime on any hardware can run: one file, checked, no other files."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from syncnb.codecs.onnx_scan import has_external_data, without_weights
from syncnb.codecs.registry import Loading, is_instance
from syncnb.errors import LoadError, MissingDependencyError, ModelError

_LARGEST = (1 << 31) - 1  # bytes; protobuf has no larger messages
_FOLDED = 64 << 20  # bytes that a constant of a model may grow to while it is loaded


class Onnx:
    """ONNX model, or a path to one <-> .onnx; it is loaded as an ``onnxruntime.InferenceSession``.

    Weights that lie in other files beside the model are packed into it.
    """

    name, version, suffix = "onnx", 1, ".onnx"
    libraries: Sequence[str] = ("onnx", "onnxruntime", "skl2onnx")
    executes = False
    sequential = True

    def accepts(self, obj: object) -> bool:
        """Whether it is a model of the onnx library, or a path that ends in ``.onnx``."""
        if is_instance(obj, "onnx", "ModelProto"):
            return True
        return isinstance(obj, str | os.PathLike) and Path(os.fspath(obj)).suffix == ".onnx"

    def accepts_on_request(self, obj: object) -> bool:
        """Also bytes and paths with other endings."""
        return isinstance(obj, bytes | str | os.PathLike) or self.accepts(obj)

    def check(self, obj: Any) -> None:
        """Refuse what onnx.checker refuses; a model in memory is looked at when it is written."""
        _onnx()
        if isinstance(obj, str | os.PathLike):
            _check(obj, os.fspath(_existing(obj)))
        elif isinstance(obj, bytes):
            _check(obj, obj)

    def dump(self, obj: Any, path: Path) -> None:
        """Write it as one file."""
        if isinstance(obj, str | os.PathLike):
            source = _existing(obj)
            if _external(obj, source):
                _pack(obj, source, path)
            else:
                shutil.copyfile(source, path)
            return
        data = obj if isinstance(obj, bytes) else _serialized(obj)  # which takes as long as a check
        may_be_external = isinstance(obj, bytes) or _checked(obj, data)
        path.write_bytes(data)
        if may_be_external and _external(obj, path):
            _pack(obj, path, path)  # there is nothing beside it, as the error says

    def load(self, path: Path, how: Loading) -> Any:
        """Make a session on the CPU, unless the model points to other files."""
        runtime = _onnxruntime()
        if path.stat().st_size > min(how.limit, _LARGEST):
            raise LoadError(how.subject, "its ONNX file is too large to be one", "publish it again")
        try:
            outside = has_external_data(path)
        except ValueError as error:
            raise LoadError(
                how.subject, f"its data are no ONNX file ({error})", "publish it again"
            ) from error
        if outside:
            raise LoadError(
                how.subject,
                "its ONNX file takes weights from other files, which it could choose anywhere here",
                "publish it with publish_model, which packs them into one file",
            )
        try:
            return _session(runtime, str(path))
        except Exception as error:  # onnxruntime has a dozen kinds that share no base
            raise LoadError(
                how.subject,
                f"onnxruntime refuses its data ({_first_line(error)})",
                "compare the versions in its manifest with yours, or export it for an older opset",
            ) from error

    def predict(self, model: Any, rows: Any) -> Any:
        """The first output for some rows.

        Parameters
        ----------
        model : onnxruntime.InferenceSession, or what can be published
            The model.
        rows : array, DataFrame, list or mapping
            A mapping, or a DataFrame for a model with an input a column, gives the inputs by
            name. Numbers become the type that the input has.
        """
        return outputs(model, rows)[0]


def outputs(model: Any, rows: Any) -> list[Any]:
    """All outputs of an ONNX model for some rows, as `Onnx.predict` takes both.

    Parameters
    ----------
    model : onnxruntime.InferenceSession, onnx.ModelProto, path or bytes
        The model.
    rows : array, DataFrame, list or mapping
        Of its inputs.

    Returns
    -------
    list of numpy.ndarray

    Examples
    --------
    >>> import onnx
    >>> from onnx import TensorProto, helper
    >>> x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [None]) for n in "xy")
    >>> graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", [x], [y])
    >>> model = helper.make_model(
    ...     graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    >>> outputs(model, [1.0, 2.0])
    [array([-1., -2.], dtype=float32)]
    """
    import numpy as np

    if not hasattr(model, "get_inputs"):
        with _model_file(model) as path:
            model = _session(_onnxruntime(), str(path))
    wanted = model.get_inputs()
    if isinstance(rows, Mapping):
        given = {one.name: rows[one.name] for one in wanted}
    elif len(wanted) > 1 and hasattr(rows, "columns"):
        given = {one.name: np.asarray(rows[one.name]).reshape(-1, 1) for one in wanted}
    else:
        given = {wanted[0].name: rows}
    feed = {one.name: _as_input(one, given[one.name]) for one in wanted}
    return [np.asarray(output) for output in model.run(None, feed)]


def _as_input(wanted: Any, rows: Any) -> Any:
    import numpy as np

    array = np.asarray(rows)
    dtype = _DTYPES.get(wanted.type, array.dtype)
    array = array.astype(dtype, copy=False)
    return array.reshape(-1, 1) if array.ndim == 1 and len(wanted.shape) == 2 else array


_DTYPES: Mapping[str, Any] = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
    "tensor(string)": object,
} | {f"tensor({sign}int{n})": f"{sign}int{n}" for sign in ("", "u") for n in (8, 16, 32, 64)}


@contextlib.contextmanager
def _model_file(obj: Any) -> Iterator[Path]:
    """The model as a file."""
    if isinstance(obj, str | os.PathLike):
        yield _existing(obj)
        return
    with TemporaryDirectory(prefix="syncnb-onnx-") as folder:
        path = Path(folder) / "model.onnx"
        if isinstance(obj, bytes):
            path.write_bytes(obj)
        else:
            path.write_bytes(_serialized(obj))
        yield path


def _existing(obj: str | os.PathLike[str]) -> Path:
    path = Path(obj)
    if not path.is_file():
        raise ModelError(_subject(obj), "it is not there", "name a file that exists")
    return path


def _check(obj: Any, model: str | bytes) -> None:
    try:
        _onnx().checker.check_model(model)
    except Exception as error:  # of protobuf, of the files, of the checker
        raise ModelError(
            _subject(obj),
            f"onnx.checker refuses it ({_first_line(error)})",
            "export it again; weights in other files must lie in its folder",
        ) from error


def _checked(obj: Any, data: bytes) -> bool:
    """Let onnx.checker look at a model; False if it has seen that no tensor lies elsewhere.

    It copies all weights and only counts their bytes, so it gets a model without those that are
    counted already. It does not look at graphs for training; elsewhere it wants to know the
    ``location`` of such tensors.
    """
    slim = without_weights(data)
    try:
        _check(obj, slim)
    except (
        ModelError
    ):  # perhaps another version, which counts bytes, over those that it did not get
        _check(obj, data)
    return bool(obj.training_info) or b"location" in slim


def _external(obj: Any, path: Path) -> bool:
    try:
        return has_external_data(path)
    except ValueError as error:
        raise ModelError(
            _subject(obj), f"it is no ONNX model ({error})", "export it again"
        ) from error


def _pack(obj: Any, source: Path, path: Path) -> None:
    """One file out of a model and the files beside it."""
    onnx = _onnx()
    try:
        model = onnx.load(source)  # with what lies in its folder, and nothing outside it
    except Exception as error:  # of protobuf, of the files, of the checker
        raise ModelError(
            _subject(obj),
            f"the weights that it has in other files cannot be read ({error})",
            "keep them in the folder of the model, and give its path",
        ) from error
    path.write_bytes(_serialized(model))
    if _external(obj, path):  # a graph for training, of which onnx.load takes no notice
        raise ModelError(
            _subject(obj),
            "it has weights for training in other files, or nobody says where",
            "remove its training_info, or write them into the model",
        )


def _serialized(model: Any) -> bytes:
    try:
        data: bytes = model.SerializeToString()
    except Exception as error:  # a ValueError, or one of protobuf's own
        raise ModelError(
            _subject(model),
            f"it cannot be one file ({_first_line(error)})",
            "ONNX files have at most 2 GB: use smaller weights, or publish its folder",
        ) from error
    return data


def _session(runtime: Any, path: str) -> Any:
    options = runtime.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # A few bytes that say "a constant of 1 TB" must not become one while the model is loaded.
    options.add_session_config_entry(
        "optimization.constant_folding_max_output_size_in_bytes", str(_FOLDED)
    )
    options.log_severity_level = 4  # what it says is in the exception
    return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _subject(obj: Any) -> str:
    if isinstance(obj, str | os.PathLike):
        return f"the file {os.fspath(obj)!r}"
    return f"this {type(obj).__name__}"


def _onnx() -> Any:
    try:
        import onnx
        import onnx.checker
    except ImportError as error:
        raise MissingDependencyError("onnx", "publishing ONNX models", "onnx") from error
    return onnx


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("onnxruntime", "ONNX models", "onnx") from error
    return onnxruntime

"""Named tensors as safetensors: PyTorch's state dicts, and numpy arrays on request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from syncnb.codecs.registry import Loading, is_instance
from syncnb.errors import LoadError, MissingDependencyError, ModelError

_HEADER = 16 << 20  # bytes; the header of a model of 100,000 tensors has 10 MB
_OF_NUMPY = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?", "C64": "<c8",
}  # fmt: skip


class Safetensors:
    """Module, state dict or dict of arrays -> safetensors -> dict of tensors or arrays.

    Of a `torch.nn.Module`, its state dict travels: the receiver makes the module and calls
    ``module.load_state_dict(update.load())``. Tensors that are one stay one. Without PyTorch the
    tensors come out as numpy arrays, as they do if arrays were published.
    """

    name, version, suffix = "safetensors", 1, ".safetensors"
    libraries: Sequence[str] = ("safetensors", "torch", "numpy")
    executes = False
    sequential = True

    def accepts(self, obj: object) -> bool:
        """Whether it is a module of PyTorch, or a dict of str to tensors or arrays."""
        return is_instance(obj, "torch.nn", "Module") or (_is_named(obj, _is_tensor, _is_array))

    def check(self, obj: Any) -> None:
        """Refuse what is no plain tensor, and nothing at all."""
        _safetensors()
        tensors = _state(obj)
        for name, tensor in tensors.items():
            problem = _problem(tensor)
            if problem:
                raise ModelError(
                    f"this {type(obj).__name__}", f"{name!r} {problem}", "publish it without that"
                )
        if not tensors:
            raise ModelError(f"this {type(obj).__name__}", "it has no tensors", "look what made it")

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        tensors = _state(obj)
        if _is_named(tensors, _is_array):
            from safetensors.numpy import save_file

            save_file(_contiguous(tensors), path, metadata={"format": "np"})
            return
        from safetensors.torch import save_file as save_tensors

        kept, same = _without_copies(tensors)
        save_tensors(kept, path, metadata={**same, "format": "pt"})

    def load(self, path: Path, how: Loading) -> dict[str, Any]:
        """Read it after a look at its header; the format holds no code."""
        header = check_header(path, how.subject)
        safetensors = _safetensors()
        try:
            # It checks types, shapes and places; what follows relies on that.
            with safetensors.safe_open(path, framework="numpy") as opened:
                about = opened.metadata() or {}
            if about.get("format") != "np" and find_spec("torch") is not None:
                from safetensors.torch import load_file

                tensors = load_file(path)  # mapped, also after the file is gone
            else:
                tensors = _arrays(path, header, how)
        except (safetensors.SafetensorError, ValueError, TypeError, KeyError) as error:
            raise LoadError(
                how.subject, f"safetensors cannot read its data ({error})", "publish it again"
            ) from error
        for name, kept in about.items():
            if name not in tensors and kept in tensors:
                tensors[name] = tensors[kept]
        return dict(tensors)


def check_header(path: Path, subject: str) -> dict[str, Any]:
    """The header of a safetensors file, if it can be one.

    Parameters
    ----------
    path : Path
        The file.
    subject : str
        Which object, for the error.

    Returns
    -------
    dict
        Name to dtype, shape and place; ``"__metadata__"`` to a dict of str.

    Raises
    ------
    LoadError
        It claims to be longer than the file or than 16 MiB, or is no JSON object; nothing else was
        read then.

    Notes
    -----
    safetensors format: 8 bytes of little-endian length, JSON, data. Its own reader checks types,
    shapes and places, and has no limit that would fit a small machine.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(_HEADER, size - 8):
            raise LoadError(
                subject,
                f"its safetensors header claims {length} bytes, the file has {size} and the limit "
                f"is {_HEADER}",
                "publish it again, or use update.path()",
            )
        text = file.read(length)
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise LoadError(
            subject, f"its safetensors header is damaged ({error})", "publish it again"
        ) from error


def _arrays(path: Path, header: Mapping[str, Any], how: Loading) -> dict[str, Any]:
    """The tensors as numpy arrays, mapped if wanted."""
    import numpy as np

    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
    data = np.memmap(path, dtype=np.uint8, mode="r")
    arrays: dict[str, Any] = {}
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        if tensor["dtype"] not in _OF_NUMPY:
            raise ValueError(f"numpy has no {tensor['dtype']}; install PyTorch")
        first, end = (start + offset for offset in tensor["data_offsets"])
        array = data[first:end].view(_OF_NUMPY[tensor["dtype"]]).reshape(tensor["shape"])
        arrays[name] = array if how.mapped else np.array(array)
    return arrays


def _state(obj: Any) -> Mapping[str, Any]:
    if is_instance(obj, "torch.nn", "Module"):
        state: Mapping[str, Any] = obj.state_dict()
        return state
    return dict(obj)


def _is_tensor(obj: object) -> bool:
    return is_instance(obj, "torch", "Tensor")


def _is_array(obj: object) -> bool:
    return is_instance(obj, "numpy", "ndarray")


def _is_named(obj: object, *kinds: Any) -> bool:
    """Whether it is a dict of str to values that are all of one of the kinds."""
    return (
        isinstance(obj, dict)
        and bool(obj)
        and all(isinstance(name, str) for name in obj)
        and any(all(is_kind(value) for value in obj.values()) for is_kind in kinds)
    )


def _problem(tensor: Any) -> str | None:
    if _is_array(tensor):
        wanted = tensor.dtype.newbyteorder("<").str.lstrip("|<")
        known = {dtype.lstrip("<").replace("?", "b1") for dtype in _OF_NUMPY.values()}
        return None if wanted in known else f"is an array of {tensor.dtype}"
    if not _is_tensor(tensor):
        return f"is a {type(tensor).__name__}, no tensor"
    if "strided" not in str(tensor.layout) or tensor.is_quantized:
        return "is sparse or quantized, which safetensors cannot hold"
    if tensor.is_meta:
        return "is on the meta device, so it has no values"
    return None


def _contiguous(arrays: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    return {
        name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
        for name, array in arrays.items()
    }


def _without_copies(tensors: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Each tensor once, and which names mean the same; as safetensors' own save_model notes it."""
    kept: dict[str, Any] = {}
    same: dict[str, str] = {}
    seen: dict[Any, str] = {}
    storages: set[int] = set()
    for name, given in tensors.items():
        tensor = given.detach()
        storage = tensor.untyped_storage().data_ptr()
        key = (storage, tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype)
        if storage and key in seen:
            same[name] = seen[key]
            continue
        seen[key] = name
        plain = tensor.cpu().contiguous()
        shares = storage in storages or plain.untyped_storage().nbytes() > plain.nbytes
        kept[name] = plain.clone() if shares else plain
        storages.add(storage)
    return kept, same


def _safetensors() -> Any:
    try:
        import safetensors
    except ImportError as error:
        raise MissingDependencyError("safetensors", "tensors", "torch") from error
    return safetensors

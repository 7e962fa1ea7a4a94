"""Keras 3 models in its own archive."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from syncnb.codecs.guards import reading, within
from syncnb.codecs.naming import suffixed
from syncnb.codecs.registry import Loading, is_instance
from syncnb.codecs.zips import opened
from syncnb.errors import LoadError, MissingDependencyError, ModelError, UntrustedDataError

_CONFIG = 64 << 20  # bytes of the description of the layers
_CODE = {"Lambda", "__lambda__", "TorchModuleWrapper"}  # hold code, or a pickle
_KNOWN = ("keras", "builtins")


class Keras:
    """Model <-> ``.keras``.

    Architecture and weights survive; optimizer and loss do not come out, since loading them is
    another way for foreign code: ``model.compile(...)`` makes new ones. A layer that holds code
    (Lambda) wants ``trusted=True``; classes of others want ``trusted=True`` or their names, and
    that the receiver has registered them with Keras.
    """

    name, version, suffix = "keras", 1, ".keras"
    libraries: Sequence[str] = ("keras", "torch", "tensorflow", "jax", "numpy")
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is a model of Keras 3."""
        return is_instance(obj, "keras", "Model")

    def check(self, obj: Any) -> None:
        """Refuse a model without weights yet."""
        if not obj.built:
            raise ModelError(
                f"this {type(obj).__name__}",
                "it is not built, so it has no weights",
                "call model.build(shape), or fit it",
            )

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        with reading(Loading(subject="this model", folder=path.parent), "a model for Keras"):
            obj.save(path)

    def load(self, path: Path, how: Loading) -> Any:
        """Read it, if nothing of it is code, is larger than the limit, or lies elsewhere."""
        keras = _keras()
        with reading(how, "a model of Keras"), suffixed(path, how, self.suffix) as named:
            with opened(named, how) as archive:
                _check_code(archive, how)
                _check_weights(archive, how)
            return keras.saving.load_model(named, compile=False, safe_mode=how.trusted is not True)

    def predict(self, model: Any, rows: Any) -> Any:
        """What it answers."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Keras about its own backend
            return model.predict(rows, verbose=0)


def _check_code(archive: ZipFile, how: Loading) -> None:
    info = archive.getinfo("config.json")
    if info.file_size > _CONFIG:
        raise LoadError(
            how.subject,
            f"its config.json has {info.file_size} bytes, the limit is {_CONFIG}",
            "publish a smaller model",
        )
    if how.trusted is True:
        return
    found = set(_foreign(json.loads(archive.read(info))))
    named = set() if how.trusted is False else set(how.trusted)
    refused = sorted(found - (named - _CODE))
    if refused:
        code = bool(found & _CODE)
        raise UntrustedDataError(
            how.subject,
            f"it holds {'code' if code else 'classes that are not of Keras'}: {', '.join(refused)}",
            f"if you trust its publisher, load(trusted={True if code else refused!r})",
        )


def _foreign(config: Any) -> Iterator[str]:
    """What of a description is code, or of a module that is not of Keras."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left.extend(value)
        elif isinstance(value, dict):
            left.extend(value.values())
            kind, module = value.get("class_name"), value.get("module")
            if kind in _CODE:
                yield str(kind)
            elif isinstance(module, str) and module.partition(".")[0] not in _KNOWN:
                yield f"{module}.{kind}"
            elif ">" in str(value.get("registered_name")):  # package>Class, of a registration
                yield str(value["registered_name"])


def _check_weights(archive: ZipFile, how: Loading) -> None:
    """HDF5 can claim any shape, and can name other files as the place of its data."""
    import h5py

    for info in archive.infolist():
        if not info.filename.endswith(".h5"):
            continue
        size = 0
        with archive.open(info) as file, h5py.File(file, "r") as weights:
            left = [weights]
            seen = 0
            while left:
                group = left.pop()
                for name in group:
                    seen += 1
                    link = group.get(name, getlink=True)
                    item = group[name] if isinstance(link, h5py.HardLink) else None
                    if isinstance(item, h5py.Group):
                        left.append(item)
                    elif item is None or item.is_virtual or item.external or seen > 1_000_000:
                        raise ValueError(f"the weights {name!r} lie elsewhere")
                    else:
                        size += item.size * item.dtype.itemsize
        within(how, size, "its weights")


def _keras() -> Any:
    try:
        import keras
    except ImportError as error:
        raise MissingDependencyError("keras", "models of Keras", "keras") from error
    return keras

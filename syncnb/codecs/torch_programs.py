"""PyTorch's programs: TorchScript and exported ones. Loading them can run code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from syncnb.codecs.registry import Loading, is_instance
from syncnb.errors import LoadError, MissingDependencyError


class TorchScript:
    """ScriptModule <-> TorchScript, which C++ runs without Python.

    A TorchScript archive is a pickle that only PyTorch's own reader takes, with code beside it that
    runs with the rights of the reader: ``aten::save`` and others write files. So it is for those
    who trust its publisher.
    """

    name, version, suffix = "torchscript", 1, ".pt"
    libraries: Sequence[str] = ("torch",)
    executes = True

    def accepts(self, obj: object) -> bool:
        """Whether it was scripted or traced."""
        return is_instance(obj, "torch.jit", "ScriptModule")

    def check(self, obj: Any) -> None:
        """Whatever was compiled can be written."""

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        import torch

        torch.jit.save(obj, str(path))

    def load(self, path: Path, how: Loading) -> Any:
        """Read it onto the CPU; whoever calls this trusts it."""
        torch = _torch()
        try:
            return torch.jit.load(str(path), map_location="cpu")
        except (RuntimeError, ValueError, OSError) as error:
            raise _unreadable(how, error) from error

    def predict(self, model: Any, rows: Any) -> Any:
        """What it answers to rows as a tensor."""
        return _predict(model, rows)


class TorchExport:
    """ExportedProgram <-> ``.pt2``.

    Its archive holds pickles (constants, inputs), and its graph names the operators that it wants
    called, so it is for those who trust its publisher.
    """

    name, version, suffix = "torch-export", 1, ".pt2"
    libraries: Sequence[str] = ("torch",)
    executes = True

    def accepts(self, obj: object) -> bool:
        """Whether `torch.export.export` made it."""
        return is_instance(obj, "torch.export.exported_program", "ExportedProgram")

    def check(self, obj: Any) -> None:
        """Whatever was exported can be written."""

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        import torch

        with path.open("wb") as file:
            torch.export.save(obj, file)

    def load(self, path: Path, how: Loading) -> Any:
        """Read it; whoever calls this trusts it."""
        torch = _torch()
        try:
            with path.open("rb") as file:
                return torch.export.load(file)
        except Exception as error:  # whatever a damaged archive leads its readers to
            raise _unreadable(how, error) from error

    def predict(self, model: Any, rows: Any) -> Any:
        """What it answers to rows as a tensor."""
        return _predict(model.module(), rows)


def _predict(call: Any, rows: Any) -> Any:
    import numpy as np
    import torch

    with torch.no_grad():
        given = rows if isinstance(rows, torch.Tensor) else torch.as_tensor(np.asarray(rows))
        return call(given).numpy()


def _unreadable(how: Loading, error: Exception) -> LoadError:
    said = (str(error).strip().splitlines() or [""])[0]
    return LoadError(
        how.subject,
        f"PyTorch cannot read its data ({type(error).__name__}: {said:.200})",
        "compare the library versions in its manifest with yours, or publish it again",
    )


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError("torch", "programs of PyTorch", "torch") from error
    return torch

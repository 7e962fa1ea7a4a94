"""Hugging Face transformers: models, tokenizers and pipelines as an archive of their folder."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from syncnb.codecs.folders import Folder
from syncnb.codecs.guards import reading
from syncnb.codecs.registry import Loading, is_instance
from syncnb.codecs.tensors import check_header
from syncnb.errors import ModelError, UntrustedDataError

_NOTE = "syncnb.json"  # in the folder: what it was
_KINDS = {
    "model": ("transformers.modeling_utils", "PreTrainedModel"),
    "tokenizer": ("transformers.tokenization_utils_base", "PreTrainedTokenizerBase"),
    "pipeline": ("transformers.pipelines.base", "Pipeline"),
}
_DATA = {".json", ".jsonl", ".txt", ".safetensors", ".model", ".jinja", ".md", ".tiktoken"}


class Transformers:
    """Model, tokenizer or pipeline <-> ZIP archive of what ``save_pretrained`` writes.

    Weights are safetensors, never pickles. Without transformers installed, and for a folder that
    says nothing of its architecture, a path to the unpacked folder comes out. Code of a model's own
    neither goes out nor comes in.
    """

    name, version, suffix = "transformers", 1, ".hf.zip"
    libraries: Sequence[str] = ("transformers", "tokenizers", "safetensors", "torch")
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is one of these three."""
        return _kind(obj) is not None

    def check(self, obj: Any) -> None:
        """Refuse a class that is not of transformers: no receiver would have its code."""
        for part in (obj, getattr(obj, "model", None) if _kind(obj) == "pipeline" else None):
            if part is not None and not type(part).__module__.startswith("transformers."):
                raise ModelError(
                    f"a {type(part).__module__}.{type(part).__qualname__}",
                    "its class is not of transformers, and its code does not travel",
                    "publish model.state_dict(), and make the model on the node",
                )

        if _kind(obj) == "pipeline" and not obj.task:
            raise ModelError(
                f"a {type(obj).__name__}",
                "it does not know its task",
                "make it with transformers.pipeline(task, ...)",
            )

    def dump(self, obj: Any, path: Path) -> None:
        """Write it."""
        kind = _kind(obj)
        with tempfile.TemporaryDirectory(prefix="saved-", dir=path.parent) as name:
            folder = Path(name)
            obj.save_pretrained(folder)
            note = {"kind": kind, "class": type(obj).__name__}
            if kind == "pipeline":
                note["task"] = obj.task
            (folder / _NOTE).write_text(json.dumps(note), "utf-8")
            strange = _strange(folder)
            if strange:
                raise ModelError(
                    f"this {type(obj).__name__}",
                    f"it wrote {', '.join(strange)}, which can hold code",
                    "publish it without them",
                )
            Folder().dump(folder, path)

    def load(self, path: Path, how: Loading) -> Any:
        """Unpack it, and make of it what it was; nothing is fetched, no code of its own runs."""
        folder = Folder().load(path, how)
        strange = _strange(folder)
        if strange:
            raise UntrustedDataError(
                how.subject,
                f"it holds {', '.join(strange)}, which can hold code",
                "publish it with safetensors, or unpack update.path() yourself",
            )
        for weights in folder.rglob("*.safetensors"):
            check_header(weights, how.subject)
        if find_spec("transformers") is None:
            return folder
        with reading(how, "a folder of transformers"):
            return _made(folder)


def _made(folder: Path) -> Any:
    import transformers

    note = _json(folder / _NOTE)
    config = _json(folder / "config.json")
    kind = note.get("kind") or ("model" if config.get("architectures") else "")
    safe = {"local_files_only": True, "trust_remote_code": False}
    if kind == "tokenizer":
        return transformers.AutoTokenizer.from_pretrained(folder, **safe)
    if kind not in ("model", "pipeline"):
        return folder
    architecture = str((config.get("architectures") or [note.get("class")])[0])
    made = getattr(transformers, architecture, None)
    if not (isinstance(made, type) and issubclass(made, transformers.PreTrainedModel)):
        return folder
    model = getattr(transformers, architecture).from_pretrained(
        folder, use_safetensors=True, **safe
    )
    if kind == "model":
        return model
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safe)
    return transformers.pipeline(
        str(note["task"]), model=model, tokenizer=tokenizer, trust_remote_code=False
    )


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no object")
    return found


def _strange(folder: Path) -> list[str]:
    """Files that are no plain data, or lead to another model."""
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file()
        and ((path.suffix or ".txt") not in _DATA or path.name == "adapter_config.json")
    )


def _kind(obj: object) -> str | None:
    for kind, (module, name) in _KINDS.items():
        if is_instance(obj, module, name):
            return kind
    return None

"""From what a caller named to what can be published."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncnb.bridges import huggingface, mlflow, urls
from syncnb.bridges.secrets import shown
from syncnb.bridges.source import Source
from syncnb.client.progress import Progress
from syncnb.codecs.registry import Trusted
from syncnb.errors import ModelError


@contextmanager
def resolve(
    obj: object,
    *,
    formed: bool = True,
    trusted: Trusted = False,
    include: Sequence[str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress = None,
) -> Iterator[Source]:
    """What an address names, while the block lasts.

    Parameters
    ----------
    obj : object
        ``"models:/name/version"``, ``"models:/name@alias"``, ``"models:/name"`` (the newest) or
        ``"runs:/run_id/path"`` of MLflow, ``"hf:org/model"`` or ``"hf:org/model@revision"`` of the
        local cache of Hugging Face, or a URL that fsspec knows. Anything else stays as it is.
    formed : bool, default True
        Whether a file of a URL is taken for what its suffix says, such as ``.onnx``; False for a
        file as such.
    trusted : bool or sequence of str, default False
        For models of MLflow, as in ``Update.load``: True to run what a pickle holds, or the names
        of types that a skops file may hold.
    include : sequence of str, optional
        Patterns, such as ``"*.json"``, of the files of a Hugging Face folder that travel. Without,
        all do, and pickles are refused.
    storage_options : mapping, optional
        What fsspec's file system is made with, such as ``{"anon": True}``.
    progress : callable or bool, optional
        For a URL, as in ``SyncServiceClient.update_object_data``.

    Yields
    ------
    Source
        What to publish. Its files are gone after the block.

    Raises
    ------
    ModelError
        It is not there or cannot be read; an argument was given that the address has no use for.
    UntrustedDataError
        It is a pickle, or holds unknown types, and `trusted` does not cover that.
    LoadError
        A library refuses a model's file.
    MissingDependencyError
        A library that the address needs is not installed.

    Examples
    --------
    >>> with resolve(b"data") as source:
    ...     source.obj
    b'data'
    """
    text = obj if isinstance(obj, str) else ""
    is_mlflow, is_hf, is_url = mlflow.is_one(text), huggingface.is_one(text), urls.is_one(text)
    _refuse_idle(
        text or f"a {type(obj).__name__}",
        {
            "trusted": (trusted is not False, is_mlflow, "a model of MLflow"),
            "include": (include is not None, is_hf, "a folder of Hugging Face"),
            "storage_options": (storage_options is not None, is_url, "a URL"),
        },
    )
    if not (is_mlflow or is_hf or is_url):
        yield Source(obj=obj)
        return
    with tempfile.TemporaryDirectory(prefix="syncnb-") as created:
        folder = Path(created)
        if is_mlflow:
            yield mlflow.find(text, folder, trusted=trusted)
        elif is_hf:
            yield huggingface.find(text, folder, include=include)
        else:
            yield urls.find(text, folder, formed=formed, options=storage_options, progress=progress)


def _refuse_idle(subject: str, given: Mapping[str, tuple[bool, bool, str]]) -> None:
    """An argument that changes nothing is a mistake, and one about trust a dangerous one."""
    for name, (is_given, is_used, of) in given.items():
        if is_given and not is_used:
            raise ModelError(shown(subject), f"{name}= is for {of}", f"leave {name}= out")

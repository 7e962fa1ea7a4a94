"""A model folder in the local cache of Hugging Face; nothing is fetched, no library needed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from syncnb.bridges.source import Source
from syncnb.errors import ModelError

_PREFIX = "hf:"
_ADDRESS = re.compile(r"hf:(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w.-]+(?:/[\w.-]+)*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FORMS = "write it as hf:organisation/model or hf:organisation/model@revision"
# What torch.load, joblib, pickle and old Keras read, and what can run code when they do.
_PICKLES = (
    ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".h5", ".hdf5",
)  # fmt: skip


def is_one(text: str) -> bool:
    """Whether a text names a model in the cache.

    Examples
    --------
    >>> is_one("hf:org/model"), is_one("org/model")
    (True, False)
    """
    return text.startswith(_PREFIX) and not text.startswith(f"{_PREFIX}//")


def find(address: str, folder: Path, *, include: Sequence[str] | None = None) -> Source:
    """Find a model in the local cache.

    Parameters
    ----------
    address : str
        ``"hf:org/model"``, which is its branch ``main``, or with ``@`` and a branch, tag or commit.
    folder : Path
        Where to put its files, as links to or copies of those in the cache.
    include : sequence of str, optional
        Patterns of the files that travel, such as ``"*.json"``; they see the path inside the
        model. Without, all do, and pickles are refused.

    Returns
    -------
    Source
        A folder of real files; the commit is in ``extra["huggingface"]``. It is no version, since
        commits have no order by which one would be the newer.

    Raises
    ------
    ModelError
        It is not in the cache, or not completely; it holds pickles that `include` does not ask for;
        a link in it leads elsewhere.

    Notes
    -----
    The layout is that of "Understand caching" in the documentation of huggingface_hub:
    ``models--org--model/refs/<revision>`` holds the commit, ``snapshots/<commit>/`` links into
    ``blobs/``.

    Examples
    --------
    >>> find("hf:../model", Path())
    Traceback (most recent call last):
    ...
    syncnb.errors.ModelError: 'hf:../model': it names no model. Write it as ...
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or any(".." in part for part in match.groups() if part):
        raise ModelError(repr(address), "it names no model", _FORMS)
    repo, revision = match["repo"], match["revision"] or "main"
    cached = _cache() / f"models--{repo.replace('/', '--')}"
    commit = _commit(address, cached, revision)
    snapshot = cached / "snapshots" / commit
    files = dict(_files(address, cached, snapshot))
    if include is not None:
        patterns = _patterns(address, include)
        files = {n: p for n, p in files.items() if any(fnmatchcase(n, one) for one in patterns)}
    else:
        _refuse_pickles(address, files)
    if not files:
        raise ModelError(
            repr(address), "no file of it is to travel", "check include=, and download the model"
        )
    name = repo.rpartition("/")[2]
    target = folder / name
    for inner, path in files.items():
        _place(path, target / inner)
    known = {"repo": repo, "revision": revision, "commit": commit}
    return Source(obj=target, name=name, extra={"huggingface": known})


def _cache() -> Path:
    """Where huggingface_hub keeps models, by the variables that it reads."""
    get = os.environ.get
    if hub := get("HF_HUB_CACHE") or get("HUGGINGFACE_HUB_CACHE"):
        return Path(hub).expanduser()
    home = get("HF_HOME") or str(Path(get("XDG_CACHE_HOME") or "~/.cache") / "huggingface")
    return Path(home).expanduser() / "hub"


def _commit(address: str, cached: Path, revision: str) -> str:
    """What a branch or a tag stands for; a commit is itself."""
    try:
        commit = (cached / "refs" / revision).read_text("utf-8").strip()
    except (OSError, ValueError):
        commit = revision
    if _COMMIT.fullmatch(commit) and (cached / "snapshots" / commit).is_dir():
        return commit
    there = sorted(
        str(ref.relative_to(cached / "refs")) for ref in cached.glob("refs/**/*") if ref.is_file()
    )
    there += sorted(one.name for one in cached.glob("snapshots/*") if one.is_dir())
    repo = address.removeprefix(_PREFIX).partition("@")[0]
    raise ModelError(
        repr(address),
        f"the cache {str(cached.parent)!r} has no {revision!r} of it"
        + (f", only {', '.join(there)}" if there else ""),
        f"download it first, with `hf download {repo}`, or set HF_HOME to where it is",
    )


def _files(address: str, cached: Path, snapshot: Path) -> Iterator[tuple[str, Path]]:
    """Path inside the model -> the real file; nothing outside the model's own part of the cache."""
    root = cached.resolve()
    for folder, folders, names in os.walk(snapshot):
        for one in folders:
            if (Path(folder) / one).is_symlink():
                raise _leads_out(address, one)
        for one in names:
            path = Path(folder) / one
            real = path.resolve()
            inner = path.relative_to(snapshot).as_posix()
            if not real.is_relative_to(root):
                raise _leads_out(address, inner)
            if not real.is_file():
                raise ModelError(
                    repr(address),
                    f"the data of its file {inner!r} are gone from the cache",
                    "download it again",
                )
            yield inner, real


def _leads_out(address: str, inner: str) -> ModelError:
    return ModelError(
        repr(address),
        f"its {inner!r} is a link out of the model's part of the cache",
        "download it again; huggingface_hub makes no such links",
    )


def _patterns(address: str, include: Sequence[str]) -> Sequence[str]:
    given: object = include
    if isinstance(given, str):
        raise ModelError(repr(address), f"include={given!r} is one text", f"write [{given!r}]")
    return include


def _refuse_pickles(address: str, files: Mapping[str, Path]) -> None:
    pickles = sorted(name for name in files if name.lower().endswith(_PICKLES))
    if pickles:
        kinds = sorted({f"*{Path(name).suffix}" for name in files.keys() - set(pickles)})
        raise ModelError(
            repr(address),
            f"it holds files that can run any code when they are loaded: {', '.join(pickles)}",
            f"leave them out with include={kinds}, or ask for them by name, "
            f"include={[*kinds, *pickles]}",
        )


def _place(path: Path, target: Path) -> None:
    """A second name for the file, or a copy where the two folders are on different disks."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)

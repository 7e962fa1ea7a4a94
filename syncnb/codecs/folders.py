"""A folder as a ZIP archive, and back without a way out of the folder that it unpacks to.

ZIP and not tar: all names and sizes are in one place at its end, so that everything is checked
before anything is written; every system unpacks it; one file of it can be read alone.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from zipfile import ZipFile, ZipInfo

from syncnb.codecs.guards import reading
from syncnb.codecs.registry import Loading
from syncnb.codecs.zips import MAX_ENTRIES, entry, opened
from syncnb.errors import LoadError, ModelError

_PIECE = 1 << 20
_NAME = 255  # bytes of a part of a path, on most file systems
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows


class Folder:
    """Folder <-> ZIP archive; the same tree gives the same bytes.

    Names and content survive, also of empty folders. Times, owners and modes do not. A link to a
    file in the folder becomes a copy of it; other links are refused.
    """

    name, version, suffix = "folder", 1, ".zip"
    libraries: Sequence[str] = ()
    executes = False

    def accepts(self, obj: object) -> bool:
        """Whether it is the path of a folder."""
        return isinstance(obj, Path) and obj.is_dir()

    def check(self, obj: Path) -> None:
        """Refuse an empty folder, links out of it, and names that not every system has."""
        names: dict[str, str] = {}
        for name, path in _tree(obj):
            problem = _problem_of(name)
            if problem is None and (other := names.setdefault(_key(name), name)) != name:
                problem = f"differs from {other!r} by case only, and would replace it on some nodes"
            problem = problem or _problem_with(path, obj)
            if problem:
                raise ModelError(
                    f"the folder {str(obj)!r}",
                    f"{name!r} {problem}",
                    "rename or remove it, or publish a folder without it",
                )
        if not names or len(names) > MAX_ENTRIES:
            raise ModelError(
                f"the folder {str(obj)!r}",
                f"it has {len(names)} entries",
                f"publish a folder with something in it, and at most {MAX_ENTRIES} entries",
            )

    def dump(self, obj: Path, path: Path) -> None:
        """Write it, a piece at a time."""
        with ZipFile(path, "w") as archive:
            for name, source in _tree(obj):
                if source.is_dir():
                    archive.writestr(entry(f"{name}/", folder=True), b"")
                    continue
                with source.open("rb") as file:
                    info = entry(name, os.fstat(file.fileno()).st_size)
                    with archive.open(info, "w") as out:
                        shutil.copyfileobj(file, out, _PIECE)

    def load(self, path: Path, how: Loading) -> Path:
        """Unpack it into a new folder in ``how.folder``, if all of it can be unpacked."""
        with reading(how, "an archive of a folder"), opened(path, how) as archive:
            entries = archive.infolist()
            _check_entries(entries)
            size, free = sum(e.file_size for e in entries), shutil.disk_usage(how.folder).free
            if size > free:
                raise LoadError(
                    how.subject,
                    f"it unpacks to {size} bytes, and {str(how.folder)!r} has {free} left",
                    "free some space there",
                )
            place = Path(tempfile.mkdtemp(prefix="folder-", dir=how.folder))
            try:
                root = place / (path.stem or "data")
                root.mkdir()
                left = how.limit
                for info in entries:
                    left -= _unpack(archive, info, root, left)
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            return root


def _tree(folder: Path, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Everything in a folder, sorted by name: the name in the archive, and where it is."""
    for path in sorted(folder.iterdir(), key=lambda path: os.fsencode(path.name)):
        name = f"{prefix}{path.name}"
        yield name, path
        if path.is_dir() and not path.is_symlink():
            yield from _tree(path, f"{name}/")


def _problem_with(path: Path, root: Path) -> str | None:
    """What speaks against a file of a folder."""
    if path.is_symlink():
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return f"is a link to {os.readlink(path)!r}, which is not there"
        if not target.is_relative_to(root.resolve()):
            return f"is a link that leads out of the folder, to {str(target)!r}"
        if not target.is_file():
            return f"is a link to {str(target)!r}, which is no file"
    elif not path.is_dir() and not stat.S_ISREG(path.lstat().st_mode):
        return "is neither a file nor a folder"
    return None


def _problem_of(name: str) -> str | None:
    """What speaks against a name, on any system."""
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "is no plain path below the folder"
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in part):
            return "has a control character in its name, or no UTF-8"
        if any(c in '\\:*?"<>|' for c in part) or part.endswith((".", " ")):
            return "has a character in its name that not every system allows"
        if _RESERVED.fullmatch(part):
            return "has a name that is reserved on Windows"
        if len(part.encode()) > _NAME:
            return f"has a name of more than {_NAME} bytes"
    return None


def _key(name: str) -> str:
    """What two names have in common that are one file where case does not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _check_entries(entries: Sequence[ZipInfo]) -> None:
    files: set[str] = set()
    folders: set[str] = set()
    for info in entries:
        name = info.filename.removesuffix("/")
        problem = _problem_of(name)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            problem = "is a link or a device"
        if problem:
            raise ValueError(f"{info.filename!r:.80} {problem}")
        key = _key(name)
        if key in files or (key in folders and not info.is_dir()):
            raise ValueError(f"{info.filename!r:.80} is there twice, if case does not count")
        (folders if info.is_dir() else files).add(key)
        folders.update(str(parent) for parent in PurePosixPath(key).parents if parent.name)
    if both := files & folders:
        raise ValueError(f"{min(both)!r:.80} is a file and a folder")


def _unpack(archive: ZipFile, info: ZipInfo, root: Path, left: int) -> int:
    """Write one entry, and say how many bytes it had."""
    target = root / info.filename
    if info.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(info) as source, target.open("xb") as out:
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > left:
                raise ValueError("it unpacks to more than it says")
            out.write(piece)
    return size

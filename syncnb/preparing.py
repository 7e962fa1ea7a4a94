"""An object as a file, and what its manifest says of it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from syncnb.codecs import Codec
from syncnb.codecs.registry import versions
from syncnb.errors import InvalidMetaDataError
from syncnb.manifest import MAX_SIZE, Manifest

_GIT_TIMEOUT = 1.0  # seconds
_FOR_SIGNATURE = 1500  # bytes of a description
_FOR_STAMPS = 400  # bytes for the version, the sequence, the names


class Prepared(NamedTuple):
    """An object as a file; `ours` if nobody else changes that."""

    path: Path
    manifest: Manifest
    ours: bool


@contextmanager
def prepared(
    obj: object, codec: Codec, name: str, *, about: Mapping[str, Any], sbom: bool
) -> Iterator[Prepared]:
    """Write an object with its codec; a file is its own, so that its size does not matter.

    Parameters
    ----------
    obj : object
        Checked already.
    codec : Codec
        Writes it.
    name : str
        ID of the object.
    about : mapping
        More fields of the manifest.
    sbom : bool
        Whether the manifest is to say what is installed here.

    Yields
    ------
    Prepared
        The file is gone after the block, unless it was one before.
    """
    if isinstance(obj, Path) and getattr(codec, "in_place", False):
        yield _described(obj, obj, codec, name, about=about, sbom=sbom, ours=False)
        return
    with tempfile.TemporaryDirectory(prefix="syncnb-") as folder:
        path = Path(folder) / f"data{codec.suffix}"
        codec.dump(obj, path)
        yield _described(obj, path, codec, name, about=about, sbom=sbom, ours=True)


def _described(
    obj: object,
    path: Path,
    codec: Codec,
    name: str,
    *,
    about: Mapping[str, Any],
    sbom: bool,
    ours: bool,
) -> Prepared:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    is_path = isinstance(obj, Path)
    manifest = Manifest(
        format=codec.name,
        codec=f"{codec.name}/{codec.version}",
        sha256=digest,
        size=path.stat().st_size,
        name=name,
        file_name=obj.name if isinstance(obj, Path) and not ours else f"{name}{codec.suffix}",
        type="" if is_path else f"{type(obj).__module__}.{type(obj).__qualname__}",
        python=platform.python_version(),
        requires=versions(codec.libraries),
        commit=commit(),
        **about,
    )
    if sbom:
        manifest = replace(manifest, sbom=_installed(manifest))
    return Prepared(path, manifest, ours)


def commit() -> str:
    """The git commit of the working directory; empty without git, or if it does not say at once."""
    git = shutil.which("git")
    if git is None:
        return ""
    try:
        done = subprocess.run(
            [git, "rev-parse", "--verify", "--quiet", "HEAD"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    said = done.stdout.decode("ascii", "replace").strip()
    return said if done.returncode == 0 and said.isalnum() else ""


def converted(obj: object, to: str | None, example: object) -> Any:
    """The object in the form that was asked for; `converting` loads what that needs.

    Raises
    ------
    ModelError, InvalidMetaDataError, MissingDependencyError
        As `syncnb.codecs.converting.convert`.
    """
    if to is None:
        return obj
    from syncnb.codecs.converting import convert

    return convert(obj, to, example)


def moment(expires: datetime | timedelta | None) -> datetime | None:
    """Until when receivers may take it for the newest.

    Raises
    ------
    InvalidMetaDataError
        It is no time, has no time zone, or is over.
    """
    if expires is None:
        return None
    now, given = datetime.now(UTC), expires
    given = now + given if isinstance(given, timedelta) else given
    kind: object = given
    if not isinstance(kind, datetime) or kind.tzinfo is None or kind <= now:
        raise InvalidMetaDataError(
            "expires", expires, "give a timedelta, or a time to come with a time zone"
        )
    return given


def _installed(manifest: Manifest) -> Sequence[str]:
    """What is installed, first what the data need, as far as the manifest has room."""
    found = {dist.name: dist.version for dist in importlib.metadata.distributions() if dist.name}
    first = [name for name in manifest.requires if name in found]
    names = [*first, *sorted(found.keys() - set(first), key=str.lower)]
    room = MAX_SIZE - len(manifest.to_description().encode()) - _FOR_SIGNATURE - _FOR_STAMPS
    listed: list[str] = []
    for at, name in enumerate(names):
        line = f"{name}=={found[name]}"
        room -= len(line.encode()) + 3
        if room < 30:
            listed.append(f"... and {len(names) - at} more")
            break
        listed.append(line)
    return listed

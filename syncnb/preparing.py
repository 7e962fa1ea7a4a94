"""An object as a file, and what its manifest says of it."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import platform
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from syncnb.codecs import Codec
from syncnb.codecs.registry import versions
from syncnb.errors import InvalidMetaDataError
from syncnb.manifest import MAX_SIZE, Manifest

if TYPE_CHECKING:
    from syncnb.signing import Signer

_GIT_TIMEOUT = 1.0  # seconds
_FOR_SIGNATURE = 1500  # bytes of a description
_FOR_PROOF = 120  # of them, without the signature in it
_FOR_STAMPS = 400  # bytes for the version, the sequence, the names


class Prepared(NamedTuple):
    """An object as a file; `ours` if nobody else changes that."""

    path: Path
    manifest: Manifest
    ours: bool


@contextmanager
def prepared(
    obj: object,
    codec: Codec,
    name: str,
    *,
    about: Mapping[str, Any],
    sbom: bool,
    signer: Signer | None = None,
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
    signer : Signer, optional
        Will sign the manifest, which takes room.

    Yields
    ------
    Prepared
        The file is gone after the block, unless it was one before.

    Warns
    -----
    UserWarning
        The manifest has no room for the example, which is left out.
    """

    def described(path: Path, *, ours: bool) -> Prepared:
        manifest = _without_long_example(
            _manifest(obj, path, codec, name, about=about, ours=ours), signer
        )
        if sbom:
            manifest = replace(manifest, sbom=_installed(manifest))
        return Prepared(path, manifest, ours)

    if isinstance(obj, Path) and getattr(codec, "in_place", False):
        yield described(obj, ours=False)
        return
    with tempfile.TemporaryDirectory(prefix="syncnb-") as folder:
        path = Path(folder) / f"data{codec.suffix}"
        codec.dump(obj, path)
        yield described(path, ours=True)


def _manifest(
    obj: object, path: Path, codec: Codec, name: str, *, about: Mapping[str, Any], ours: bool
) -> Manifest:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    is_path = isinstance(obj, Path)
    return Manifest(
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


def _without_long_example(manifest: Manifest, signer: Signer | None) -> Manifest:
    """The example goes first if the manifest is too long: without it a node misses one check."""
    if not manifest.example:
        return manifest
    room = MAX_SIZE - _FOR_STAMPS
    if signer is not None:
        room -= _FOR_PROOF + len(base64.b64encode(signer.public_key))
    with_it, without = manifest.size_of_description(), replace(manifest, example={})
    if with_it <= room:
        return manifest
    warnings.warn(
        f"the example of {manifest.name!r} is left out, since the manifest would have "
        f"{with_it} bytes and has room for {room}: nodes do not compare what the model predicts "
        "with what it predicts here. Give fewer or shorter rows as example=, or shorten the rest",
        stacklevel=2,
    )
    return without


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

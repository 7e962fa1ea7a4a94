"""An object as a file, and what its manifest says of it."""

from __future__ import annotations

import base64
import importlib.metadata
import platform
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from syncnb.archive.local import SPOOL
from syncnb.codecs import Codec
from syncnb.codecs.registry import versions
from syncnb.copying import Copy
from syncnb.dumping import digest_of, dumped
from syncnb.errors import InvalidMetaDataError
from syncnb.manifest import MAX_SIZE, Manifest

if TYPE_CHECKING:
    from syncnb.signing import Signer

UNKNOWN = "0" * 64  # in the place of a digest that is still computed
_GIT_TIMEOUT = 1.0  # seconds
_FOR_SIGNATURE = 1500  # bytes of a description
_FOR_PROOF = 120  # of them, without the signature in it
_FOR_STAMPS = 400  # bytes for the version, the sequence, the names


class Prepared(NamedTuple):
    """An object as a file; `ours` if nobody else changes that, and `copy` while that is made.

    The manifest has `UNKNOWN` for the digest, which may not be computed yet.
    """

    path: Path
    manifest: Manifest
    digest: Callable[[], str]
    ours: bool
    copy: Copy | None = None


@contextmanager
def prepared(
    obj: object,
    codec: Codec,
    name: str,
    *,
    about: Mapping[str, Any],
    sbom: bool,
    spool: Path | None = None,
    synced: bool = False,
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
    spool : Path, optional
        A folder that a file is to be copied into, for who keeps a copy anyway.
    synced : bool, default False
        Whether the file will be synced to the disk, which then begins at once.
    signer : Signer, optional
        Will sign the manifest, which takes room.

    Yields
    ------
    Prepared
        The file is gone after the block, unless it was one before.

    Raises
    ------
    CopyFailed
        By who reads the copy, or asks for its digest: without a `spool`, it may work.

    Warns
    -----
    UserWarning
        The manifest has no room for the example, which is left out.
    """
    about = {**about, "name": name, "file_name": f"{name}{codec.suffix}"}

    def described(size: int) -> Manifest:
        about["commit"] = commit.wait()
        manifest = _without_long_example(_manifest(obj, size, codec, about=about), signer)
        return replace(manifest, sbom=_installed(manifest)) if sbom else manifest

    with _Commit() as commit:
        if isinstance(obj, Path) and getattr(codec, "in_place", False):
            about["file_name"] = obj.name
            with _copied(obj, spool) as copy:
                if copy is not None:
                    yield Prepared(copy.path, described(copy.size), copy.digest, True, copy)
                else:
                    size = obj.stat().st_size
                    yield Prepared(obj, described(size), partial(digest_of, obj), False)
            return
        with tempfile.TemporaryDirectory(prefix="syncnb-") as folder:
            path = Path(folder) / f"data{codec.suffix}"
            with dumped(codec, obj, path, synced=synced) as digest:
                yield Prepared(path, described(path.stat().st_size), digest, True)


@contextmanager
def _copied(obj: Path, spool: Path | None) -> Iterator[Copy | None]:
    """A copy of a file, if it is to be copied and there is room for it."""
    with ExitStack() as stack:
        copy = None
        with suppress(OSError):  # who keeps files there says what is wrong with it
            if spool is not None and shutil.disk_usage(spool).free > obj.stat().st_size:
                folder = tempfile.TemporaryDirectory(prefix=SPOOL, dir=spool)
                path = Path(stack.enter_context(folder)) / "data"
                copy = stack.enter_context(Copy(obj, path))
        yield copy


def _manifest(obj: object, size: int, codec: Codec, *, about: Mapping[str, Any]) -> Manifest:
    is_path = isinstance(obj, Path)
    return Manifest(
        format=codec.name,
        codec=f"{codec.name}/{codec.version}",
        sha256=UNKNOWN,
        size=size,
        type="" if is_path else f"{type(obj).__module__}.{type(obj).__qualname__}",
        python=platform.python_version(),
        requires=versions(codec.libraries),
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


class _Commit:
    """The git commit of the working directory; git looks while others are at work."""

    def __init__(self) -> None:
        self._asked: subprocess.Popen[str] | None = None
        git = shutil.which("git")
        if git is not None:
            with suppress(OSError):
                self._asked = subprocess.Popen(
                    [git, "rev-parse", "--verify", "--quiet", "HEAD"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    encoding="ascii",
                    errors="replace",
                )

    def wait(self) -> str:
        """Empty without git or a commit, or if it does not say at once."""
        if self._asked is None:
            return ""
        try:
            said = self._asked.communicate(timeout=_GIT_TIMEOUT)[0].strip()
        except subprocess.TimeoutExpired:
            return ""
        return said if self._asked.returncode == 0 and said.isalnum() else ""

    def __enter__(self) -> _Commit:
        return self

    def __exit__(self, *_: object) -> None:
        if self._asked is not None and self._asked.returncode is None:
            self._asked.kill()
            self._asked.communicate()


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

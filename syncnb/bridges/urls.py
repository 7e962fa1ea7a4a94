"""A file at any URL that fsspec knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from syncnb.bridges.secrets import said, shown
from syncnb.bridges.source import Source, form_of
from syncnb.client.progress import Meter, Progress, metering
from syncnb.errors import MissingDependencyError, ModelError

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_PIECE = 1 << 20  # bytes in memory at a time
_S3 = ("s3", "s3a")  # what obstore reads where s3fs, by which fsspec would, is not installed
# The names of s3fs for what obstore calls otherwise, so that either library takes the same options.
_OPTIONS = {
    "key": "access_key_id",
    "secret": "secret_access_key",
    "token": "session_token",
    "endpoint_url": "endpoint",
    "anon": "skip_signature",
}
_EXTRAS = {"obstore": "s3", "fsspec": "urls", "aiohttp": "urls"}


def is_one(text: str) -> bool:
    """Whether a text is a URL.

    Examples
    --------
    >>> is_one("s3://bucket/a.onnx"), is_one("folder/a.onnx")
    (True, False)
    """
    return _URL.match(text) is not None


def find(
    url: str,
    folder: Path,
    *,
    formed: bool,
    options: Mapping[str, Any] | None = None,
    progress: Progress = None,
) -> Source:
    """Fetch a file.

    Parameters
    ----------
    url : str
        Of the file.
    folder : Path
        Where to put it; a local file stays where it is.
    formed : bool
        Whether its suffix says which codec's form it has.
    options : mapping, optional
        What fsspec's file system is made with.
    progress : callable or bool, optional
        As in ``SyncServiceClient.update_object_data``.

    Returns
    -------
    Source
        With the file's name, less a suffix that its codec brings; the URL without credentials is
        in ``extra``.

    Raises
    ------
    ModelError
        It is not there, cannot be read or has no name.
    MissingDependencyError
        The library of the protocol is not installed.

    Examples
    --------
    >>> with __import__("tempfile").NamedTemporaryFile(suffix=".skops") as file:
    ...     source = find(f"file://{file.name}", Path(), formed=True)
    ...     source.codec.name, source.obj == Path(file.name)
    ('skops', True)
    """
    name = _name(url)
    path = _fetch(url, folder / name, dict(options or {}), progress)
    codec = form_of(path) if formed else None
    return Source(
        obj=path,
        codec=codec,
        name=name.removesuffix(codec.suffix) if codec else name,
        extra={"url": shown(url)},
    )


def _name(url: str) -> str:
    """The last segment of the path, which also is a file's name on this machine."""
    first = url.split("::", maxsplit=1)[0]
    scheme, _, rest = re.split("[?#]", first, maxsplit=1)[0].partition("://")
    *folders, name = rest.split("/")
    if scheme.lower() in ("http", "https"):  # elsewhere a percent sign is one, and no host first
        name = unquote(name) if folders else ""
    if PurePosixPath(name).name != name or "\0" in name or len(name.encode()) > 255:
        name = ""
    if name in ("", ".", ".."):
        raise ModelError(
            f"the file at {shown(url)}",
            "its URL does not end in the name of a file",
            "name one file, such as s3://bucket/folder/model.onnx",
        )
    return name


def _fetch(url: str, path: Path, options: dict[str, Any], progress: Progress) -> Path:
    """Stream it into a file, unless it is one."""
    scheme = url.split("://", maxsplit=1)[0].lower()
    try:
        if scheme in _S3 and find_spec("s3fs") is None:
            _with_obstore(url, path, options, progress)
            return path
        return _with_fsspec(url, path, options, progress)
    except (ModelError, MissingDependencyError):
        raise
    except Exception as error:  # noqa: BLE001  # each file system has errors of its own
        # The cause is cut off, since its text may hold the credentials.
        raise ModelError(
            f"the file at {shown(url)}",
            f"it cannot be read ({said(error, url, options)})",
            "check the address, and give credentials in storage_options= if it needs any",
        ) from None


def _with_fsspec(url: str, path: Path, options: dict[str, Any], progress: Progress) -> Path:
    fsspec = _import("fsspec", f"The address {shown(url)}")
    try:
        system, place = fsspec.core.url_to_fs(url, skip_instance_cache=True, **options)
    except ImportError as error:
        missing = getattr(error.__cause__, "name", None) or error.name or "a library"
        library = missing.partition(".")[0]
        raise MissingDependencyError(
            library, f"The address {shown(url)}", _EXTRAS.get(library, "")
        ) from None
    if isinstance(system, fsspec.implementations.local.LocalFileSystem):
        local = Path(place)
        if not local.is_file():
            raise FileNotFoundError("there is no such file")
        return local
    with metering(f"{path.name} down", None, progress) as meter:
        system.get_file(place, str(path), callback=_callback(fsspec, meter))
    if not path.is_file():  # some make a folder of what looks like one
        raise IsADirectoryError("it is a folder")
    return path


def _callback(fsspec: Any, meter: Meter) -> Any:
    class Metered(fsspec.callbacks.Callback):  # type: ignore[misc]  # fsspec may be missing
        """Hands on to the meter how far a transfer is."""

        def set_size(self, size: int | None) -> None:
            meter.expect(size)

        def relative_update(self, inc: int = 1) -> None:
            meter.add(inc)

    return Metered()


def _with_obstore(url: str, path: Path, options: dict[str, Any], progress: Progress) -> None:
    obstore = _import("obstore", f"The address {shown(url)}")
    parts = urlsplit(url)
    config = {_OPTIONS.get(name, name): value for name, value in options.items()}
    if str(config.get("endpoint", "")).startswith("http://"):
        config.setdefault("client_options", {"allow_http": True})
    store = import_module("obstore.store").from_url(f"{parts.scheme}://{parts.netloc}", **config)
    found = obstore.get(store, parts.path.lstrip("/"))
    with metering(f"{path.name} down", found.meta["size"], progress) as meter, path.open("wb") as f:
        for piece in found.stream(min_chunk_size=_PIECE):
            f.write(piece)
            meter.add(len(piece))


def _import(library: str, purpose: str) -> Any:
    try:
        module = import_module(library)
        if library == "fsspec":
            import_module("fsspec.implementations.local")
    except ImportError as error:
        raise MissingDependencyError(library, purpose, _EXTRAS[library]) from error
    return module

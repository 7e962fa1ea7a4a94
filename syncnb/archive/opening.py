"""Which archive: an argument, the client's own, the environment's, or this user's folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from syncnb.archive.local import LocalArchive
from syncnb.archive.records import Archive
from syncnb.errors import SettingsError
from syncnb.user_folders import user_folder

VARIABLE = "SYNCNB_ARCHIVE"
_NONE = ("none", "off", "0")
ArchiveSource = Archive | str | os.PathLike[str]


def open_archive(source: ArchiveSource) -> Archive:
    """The archive at a place.

    Parameters
    ----------
    source : path, str or Archive
        A folder, ``"s3://bucket/prefix"`` (extra ``s3``; endpoint, region and keys come from the
        ``AWS_*`` variables), or an archive, which is returned as it is.

    Returns
    -------
    Archive
        Nothing is made before something is kept in it.

    Raises
    ------
    SettingsError
        It is none of these.
    MissingDependencyError
        obstore is not installed, which S3 needs.

    Examples
    --------
    >>> open_archive("/var/lib/models").place
    '/var/lib/models'
    """
    if isinstance(source, str) and source.startswith("s3://"):
        from syncnb.archive.s3 import S3Archive

        return S3Archive(source)
    if isinstance(source, str) and "://" in source:
        scheme = source.split("://", 1)[0]
        raise SettingsError(
            "archive", f"there are no archives at {scheme}://", "use s3:// or a path"
        )
    if isinstance(source, str | os.PathLike):
        if not os.fspath(source):
            raise SettingsError("archive", "it is empty", "name a folder or s3://bucket/prefix")
        return LocalArchive(Path(source).expanduser().absolute())
    if not hasattr(source, "claim"):
        raise SettingsError("archive", f"{source!r:.80} is none", "name a folder or s3://...")
    return source


def default_place(
    url: str, environ: Mapping[str, str] | None = None, platform: str = sys.platform
) -> str:
    """Where to archive if nobody said it.

    Parameters
    ----------
    url : str
        Of the service: in this user's folder, each has its own.
    environ : mapping of str to str, optional
        Instead of the environment of this process.
    platform : str, optional
        As `sys.platform` has it.

    Returns
    -------
    str
        What ``SYNCNB_ARCHIVE`` says, or ``syncnb/archive/...`` in ``$XDG_DATA_HOME`` or
        ``~/.local/share``, in ``~/Library/Application Support`` on macOS, in ``%LOCALAPPDATA%`` on
        Windows. Empty if the variable says ``none``.

    Notes
    -----
    The XDG Base Directory Specification; a relative ``XDG_DATA_HOME`` is ignored, as it asks.

    Examples
    --------
    >>> default_place("http://css:8080", {"XDG_DATA_HOME": "/data"}, "linux")
    '/data/syncnb/archive/a93a3a780b0852ac'
    """
    environ = os.environ if environ is None else environ
    if named := environ.get(VARIABLE):
        return "" if named.lower() in _NONE else named
    place = sha256(url.encode()).hexdigest()[:16]
    return str(user_folder("data", environ, platform) / "archive" / place)


def archive_for(
    source: ArchiveSource | bool | None, *, url: str, is_cloud: bool, of_client: str = ""
) -> tuple[Archive | None, bool]:
    """The archive that a call uses.

    Parameters
    ----------
    source : path, str, Archive, False or None
        The argument of the call: False for none, None for the usual one.
    url : str
        Of the service.
    is_cloud : bool
        Whether it is a CSS; what an edge node publishes is archived only where that was said.
    of_client : str, default ""
        The place that belongs to the client.

    Returns
    -------
    archive : Archive or None
        None if nothing is to be archived.
    wanted : bool
        Whether somebody asked for it: then it has to work.
    """
    if source is False:
        return None, False
    if source is not None and source is not True:
        return open_archive(source), True
    if of_client:
        return open_archive(of_client), True
    named = bool(os.environ.get(VARIABLE))
    place = default_place(url) if is_cloud or named else ""
    return (open_archive(place) if place else None), named

"""Where the cache of a node is, and how large it may become."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from syncnb.errors import SettingsError
from syncnb.user_folders import user_folder

SIZE = 10 << 30  # bytes, unless the setting says otherwise
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def cache_path(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """The folder of the cache of this user.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Instead of the environment of this process.
    platform : str, optional
        As `sys.platform` has it.

    Returns
    -------
    Path
        ``SYNCNB_CACHE``, or ``syncnb`` in ``$XDG_CACHE_HOME`` or ``~/.cache``, or in
        ``~/Library/Caches`` on macOS.

    Notes
    -----
    The XDG Base Directory Specification; a relative ``XDG_CACHE_HOME`` is ignored, as it asks.

    Examples
    --------
    >>> cache_path({"XDG_CACHE_HOME": "/var/cache"}, "linux").as_posix()
    '/var/cache/syncnb'
    """
    environ = os.environ if environ is None else environ
    if named := environ.get("SYNCNB_CACHE"):
        return Path(named).expanduser().absolute()
    return user_folder("cache", environ, platform)


def size_setting(environ: Mapping[str, str] | None = None) -> int:
    """Bytes that the cache may hold, as ``SYNCNB_CACHE_SIZE`` says.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Instead of the environment of this process.

    Returns
    -------
    int
        10 GiB if it says nothing.

    Raises
    ------
    SettingsError
        It is no size.

    Examples
    --------
    >>> size_setting({"SYNCNB_CACHE_SIZE": "500M"})
    524288000
    """
    text = (os.environ if environ is None else environ).get("SYNCNB_CACHE_SIZE", "").strip()
    if not text:
        return SIZE
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size <= 0:
        raise SettingsError(
            "SYNCNB_CACHE_SIZE", f"{text!r} is no size", "write it as bytes, or as 500M or 20G"
        )
    return size

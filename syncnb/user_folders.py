"""Where each platform keeps what belongs to a user."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Kind = Literal["cache", "config", "data", "state"]
_XDG = {
    "cache": ("XDG_CACHE_HOME", ".cache"),
    "config": ("XDG_CONFIG_HOME", ".config"),
    "data": ("XDG_DATA_HOME", ".local/share"),
    "state": ("XDG_STATE_HOME", ".local/state"),
}


def user_folder(kind: Kind, environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The folder of syncnb among those of a user.

    Parameters
    ----------
    kind : {"cache", "config", "data", "state"}
        What it is for.
    environ : mapping of str to str
        The environment.
    platform : str, optional
        As `sys.platform` has it.

    Returns
    -------
    Path
        ``syncnb`` in the folder that the variable of XDG names, or in its default; in
        ``~/Library`` on macOS; in ``%APPDATA%`` (settings) or ``%LOCALAPPDATA%`` on Windows.

    Notes
    -----
    The XDG Base Directory Specification; a relative path in a variable is ignored, as it asks.

    Examples
    --------
    >>> user_folder("state", {"XDG_STATE_HOME": "/var/state"}, "linux").as_posix()
    '/var/state/syncnb'
    >>> user_folder("state", {"XDG_STATE_HOME": "state", "HOME": "/me"}, "linux").as_posix()
    '/me/.local/state/syncnb'
    """
    home = Path(environ.get("HOME") or "~").expanduser()
    if platform == "win32":
        roaming = kind == "config"
        named = environ.get("APPDATA" if roaming else "LOCALAPPDATA")
        folder = Path(named) if named else home / "AppData" / ("Roaming" if roaming else "Local")
    elif platform == "darwin":
        folder = home / "Library" / ("Caches" if kind == "cache" else "Application Support")
    else:
        variable, usual = _XDG[kind]
        xdg = environ.get(variable, "")
        folder = Path(xdg) if xdg.startswith("/") else home / usual
    return folder / "syncnb"

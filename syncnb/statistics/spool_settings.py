"""Where what a node reports lies until it is handed over."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from syncnb.user_folders import user_folder


def spool_path(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """The folder of the spools of this user.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Instead of the environment of this process.
    platform : str, optional
        As `sys.platform` has it.

    Returns
    -------
    Path
        ``SYNCNB_SPOOL``, or ``syncnb/spool`` in ``$XDG_STATE_HOME`` or ``~/.local/state``, or in
        ``~/Library/Application Support`` on macOS.

    Notes
    -----
    The XDG Base Directory Specification; a relative ``XDG_STATE_HOME`` is ignored, as it asks.

    Examples
    --------
    >>> spool_path({"XDG_STATE_HOME": "/var/state"}, "linux").as_posix()
    '/var/state/syncnb/spool'
    """
    environ = os.environ if environ is None else environ
    if named := environ.get("SYNCNB_SPOOL"):
        return Path(named).expanduser().absolute()
    return user_folder("state", environ, platform) / "spool"

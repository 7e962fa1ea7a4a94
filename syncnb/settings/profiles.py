"""The configuration file with named profiles, and where each platform keeps it."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from syncnb.errors import SettingsError
from syncnb.settings.sources import NAMES, Source, with_secret_file
from syncnb.user_folders import user_folder

_FILES = ("ca", "cert", "cert_key", "secret_file")
_REMEDY = 'write a table [default] with url = "http://host:port" into it'


def config_path(environ: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
    """The configuration file of this user.

    Parameters
    ----------
    environ : mapping of str to str, optional
        Instead of the environment of this process.
    platform : str, optional
        As `sys.platform` has it.

    Returns
    -------
    Path
        That of ``SYNCNB_CONFIG``, or ``syncnb/config.toml`` in ``$XDG_CONFIG_HOME`` or
        ``~/.config``, in ``~/Library/Application Support`` on macOS, in ``%APPDATA%`` on Windows.

    Notes
    -----
    The XDG Base Directory Specification; a relative ``XDG_CONFIG_HOME`` is ignored, as it asks.

    Examples
    --------
    >>> config_path({"XDG_CONFIG_HOME": "/etc/xdg"}, "linux").as_posix()
    '/etc/xdg/syncnb/config.toml'
    """
    environ = os.environ if environ is None else environ
    if named := environ.get("SYNCNB_CONFIG"):
        return Path(named).expanduser()
    return user_folder("config", environ, platform) / "config.toml"


def read_profile(
    environ: Mapping[str, str], profile: str | None, asked_by: str = ""
) -> Source | None:
    """One table of the configuration file.

    Parameters
    ----------
    environ : mapping of str to str
        The environment.
    profile : str or None
        Name of the table; None takes ``default`` if that is there.
    asked_by : str, default ""
        What names the profile, for the error.

    Returns
    -------
    Source or None
        None if there is no file and nobody asked for it.

    Raises
    ------
    SettingsError
        The file cannot be read, has no such table, or a value in it is none.
    """
    path, named = config_path(environ), "SYNCNB_CONFIG" in environ
    setting = asked_by or "SYNCNB_CONFIG"
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if named or profile is not None:
            raise SettingsError(setting, f"{path} does not exist", _REMEDY) from None
        return None
    except (OSError, ValueError) as error:
        raise SettingsError(setting, f"{path} cannot be read ({error})", _REMEDY) from error
    table = content.get(profile or "default")
    if table is None and profile is None:
        return None
    if not isinstance(table, dict):
        there = ", ".join(
            sorted(name for name, value in content.items() if isinstance(value, dict))
        )
        raise SettingsError(
            setting,
            f"{path} has no table [{profile or 'default'}]",
            f"use one of: {there or _REMEDY}",
        )
    return _source(table, f"[{profile or 'default'}]", path)


def _source(table: Mapping[str, object], name: str, path: Path) -> Source:
    known = (*NAMES, "secret_file")
    values: dict[str, str] = {}
    for key, value in table.items():
        if key not in known:
            raise SettingsError(name, f"{path} has {key!r}", f"use only {', '.join(known)}")
        if not isinstance(value, str):
            raise SettingsError(f"{name} {key}", f"in {path} it is no text", "put it in quotes")
        values[key] = value
        if key in _FILES and value:
            values[key] = str(path.parent / Path(value).expanduser())
    return with_secret_file(values, dict.fromkeys(values, f"{name} in {path}"))

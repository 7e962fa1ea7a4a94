"""Where to connect: an argument, then the environment, then a file with named profiles."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncnb.errors import SettingsError

_NAMES = ("url", "org_id", "key", "secret", "ca")
_Source = Callable[[str], str | None]


@dataclass(frozen=True)
class Settings:
    """Everything that a client needs to know.

    Parameters
    ----------
    url : str
        Base URL of the service, without a path.
    org_id : str
        Organisation at a CSS; empty for an ESS.
    key, secret : str
        App key and app secret.
    ca : str
        File with the certificates of a private CA; empty for the usual ones.

    Examples
    --------
    >>> Settings("http://127.0.0.1:8080", key="me", secret="hidden")
    Settings(url='http://127.0.0.1:8080', org_id='', key='me', ca='')
    """

    url: str
    org_id: str = ""
    key: str = ""
    secret: str = field(default="", repr=False)
    ca: str = ""


def find_settings(
    url: str | None = None,
    *,
    org_id: str | None = None,
    key: str | None = None,
    secret: str | None = None,
    ca: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Put the settings together from their sources, the first that has one wins.

    The sources are the arguments, the variables ``SYNCNB_URL``, ``SYNCNB_ORG_ID``, ``SYNCNB_KEY``,
    ``SYNCNB_SECRET`` and ``SYNCNB_CA``, and the table ``[default]`` (or the one that
    ``SYNCNB_PROFILE`` names) of the file ``SYNCNB_CONFIG`` or ``~/.config/syncnb/config.toml``.

    Parameters
    ----------
    url, org_id, key, secret, ca : str, optional
        As in `Settings`; None looks at the other sources.
    environ : mapping of str to str, optional
        Instead of the environment of this process.

    Returns
    -------
    Settings
        With a URL; the rest may be empty.

    Raises
    ------
    SettingsError
        No source has a URL, it is no URL, or the file cannot be read.

    Examples
    --------
    >>> find_settings("http://127.0.0.1:8080", environ={}).url
    'http://127.0.0.1:8080'
    """
    environ = os.environ if environ is None else environ
    arguments = {"url": url, "org_id": org_id, "key": key, "secret": secret, "ca": ca}
    sources: list[_Source] = [
        arguments.get,
        lambda name: environ.get(f"SYNCNB_{name.upper()}"),
        _file(environ).get,
    ]
    found = {
        name: next((v for v in (source(name) for source in sources) if v is not None), "")
        for name in _NAMES
    }
    if not found["url"]:
        raise SettingsError(
            "url",
            "no source says where the service is",
            'call syncnb.connect("http://host:port", ...) or set SYNCNB_URL',
        )
    found["url"] = check_url(found["url"])
    return Settings(**found)


def check_url(url: str) -> str:
    """The base URL without a final slash.

    Parameters
    ----------
    url : str
        As the user wrote it.

    Returns
    -------
    str
        Without a slash at the end.

    Raises
    ------
    SettingsError
        It has no ``http`` or ``https``, or holds credentials, which would end up in logs.

    Examples
    --------
    >>> check_url("http://127.0.0.1:8080/")
    'http://127.0.0.1:8080'
    """
    scheme, separator, rest = url.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.strip("/"):
        raise SettingsError("url", f"{url!r} is no URL", "write it as http://host:port")
    if "@" in rest.split("/")[0]:
        raise SettingsError(
            "url", "it holds credentials, which end up in logs", "give them as key= and secret="
        )
    return url.rstrip("/")


def _file(environ: Mapping[str, str]) -> Mapping[str, str]:
    home = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    named = environ.get("SYNCNB_CONFIG")
    path = Path(named) if named else Path(home) / "syncnb" / "config.toml"
    remedy = 'write a table [default] with url = "http://host:port" into it'
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if named:
            raise SettingsError("SYNCNB_CONFIG", f"{path} does not exist", remedy) from None
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError("SYNCNB_CONFIG", f"{path} cannot be read ({error})", remedy) from error
    profile = environ.get("SYNCNB_PROFILE", "default")
    if profile not in content and "SYNCNB_PROFILE" in environ:
        raise SettingsError("SYNCNB_PROFILE", f"{path} has no [{profile}]", remedy)
    table = content.get(profile, {})
    unknown = sorted(set(table) - set(_NAMES))
    if unknown:
        raise SettingsError(f"[{profile}]", f"{path} has {unknown[0]!r}", f"use {_NAMES}")
    return {name: str(value) for name, value in table.items()}

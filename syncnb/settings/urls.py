"""The forms in which the place of a service may be written."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from syncnb.errors import SettingsError

_FORMS = "write it as http://host:port, https://host:port, unix:/path or unix+tls:/path"
_UNIX = {"unix": False, "http+unix": False, "unix+tls": True, "https+unix": True}
_LONGEST_SOCKET = 107  # bytes that the path of a unix socket may have on Linux


@dataclass(frozen=True)
class ServiceUrl:
    """Where a service is, and how to speak to it.

    Parameters
    ----------
    text : str
        What is shown to people, without a slash at the end.
    base : str
        What requests are sent to; ``http://localhost`` or ``https://localhost`` on a unix socket.
    socket : str
        Path of the unix socket; empty for TCP.

    Examples
    --------
    >>> ServiceUrl.parse("unix:///run/ess.sock")
    ServiceUrl(text='unix:/run/ess.sock', base='http://localhost', socket='/run/ess.sock')
    >>> ServiceUrl.parse("https://css.example.com/edge-css/").base
    'https://css.example.com/edge-css'
    """

    text: str
    base: str
    socket: str = ""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.base.startswith("https:")

    @classmethod
    def parse(cls, url: str) -> ServiceUrl:
        """Read one of the forms.

        Parameters
        ----------
        url : str
            ``http://host:port`` or ``https://host:port``, with a path where a gateway adds one;
            ``unix:/path`` and ``unix+tls:/path``, as the embedded service prints them, also
            written ``unix:///path``, ``http+unix://%2Fpath`` and ``https+unix://%2Fpath``.

        Returns
        -------
        ServiceUrl
            The place.

        Raises
        ------
        SettingsError
            It is none of them, or holds credentials, which would end up in logs.
        """
        scheme, _, rest = url.partition(":")
        if scheme.lower() in _UNIX:
            encoded = scheme.lower().startswith("http")
            return cls._socket(url, unquote(rest) if encoded else rest, _UNIX[scheme.lower()])
        if re.search(r"[\x00-\x20\x7f]", url):
            raise SettingsError("url", f"{url!r} holds blanks or control characters", _FORMS)
        try:
            parts = urlsplit(url)
            valid = bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if "@" in rest.removeprefix("//").split("/")[0]:
            raise SettingsError(
                "url",
                "it holds credentials, which end up in logs",
                "give them as key= and secret=",
            )
        if not valid or parts.scheme not in ("http", "https"):
            raise SettingsError("url", f"{url!r} is no URL", _FORMS)
        if parts.query or parts.fragment or "?" in url or "#" in url:
            raise SettingsError("url", f"{url!r} has more than a path", _FORMS)
        text = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
        return cls(text, text)

    @classmethod
    def _socket(cls, url: str, rest: str, tls: bool) -> ServiceUrl:
        path = rest.removeprefix("//")
        path = "/" + path.lstrip("/") if path.startswith("/") else path
        if not path.startswith("/") or path.endswith("/") or "\0" in path:
            raise SettingsError("url", f"{url!r} has no absolute path of a socket file", _FORMS)
        if len(os.fsencode(path)) > _LONGEST_SOCKET:
            raise SettingsError(
                "url",
                f"the path of the socket file is longer than {_LONGEST_SOCKET} bytes",
                "use a shorter one, such as a symbolic link to its folder",
            )
        scheme, base = ("unix+tls", "https") if tls else ("unix", "http")
        return cls(f"{scheme}:{path}", f"{base}://localhost", path)


def check_url(url: str) -> str:
    """The URL of a service in its plain form.

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
        It is none, or holds credentials, which would end up in logs.

    Examples
    --------
    >>> check_url("http://127.0.0.1:8080/")
    'http://127.0.0.1:8080'
    """
    return ServiceUrl.parse(url).text

"""Where a service listens: what ``--listen`` says, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from syncnb.errors import SettingsError

_REMEDY = "write host:port, https://host:port, unix:/path or unix+tls:/path, such as 127.0.0.1:9080"


@dataclass(frozen=True)
class Address:
    """One place to listen at.

    Parameters
    ----------
    tls : bool
        Whether TLS is spoken there.
    host : str
        Name or IP address; empty for a unix socket.
    port : int
        0 takes a free one.
    path : Path or None
        The file of a unix socket; a relative one lies in the data folder of the service.

    Examples
    --------
    >>> Address.parse("https://[::1]:9443")
    Address(tls=True, host='::1', port=9443, path=None)
    >>> Address.parse("unix:service.sock").path
    PosixPath('service.sock')
    """

    tls: bool
    host: str = ""
    port: int = 0
    path: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Raises
        ------
        SettingsError
            It has none of the four forms.
        """
        for scheme, tls in (("unix:", False), ("unix+tls:", True)):
            if text.startswith(scheme):
                path = text.removeprefix(scheme).removeprefix("//")
                if not path or path.endswith("/") or "\0" in path or ".." in Path(path).parts:
                    raise SettingsError("listen", f"{text!r} names no socket file", _REMEDY)
                return cls(tls, path=Path(path))
        tls = text.startswith("https://")
        rest = text.removeprefix("https://").removeprefix("http://").removesuffix("/")
        host, _, port = rest.rpartition(":")
        literal = host.startswith("[") and host.endswith("]")
        host = host[1:-1] if literal else host
        fine = bool(host) and (literal or ":" not in host) and not set(host) & set("/@[] ")
        if not fine or not (port.isascii() and port.isdigit()) or int(port) > 65535:
            raise SettingsError("listen", f"{text!r} is not host:port", _REMEDY)
        return cls(tls, host, int(port))

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.path is not None:
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def url(self, port: int | None = None) -> str:
        """What to tell those who connect.

        Parameters
        ----------
        port : int, optional
            The one that port 0 became.

        Examples
        --------
        >>> Address(False, "::1").url(8080)
        'http://[::1]:8080'
        """
        if self.path is not None:
            return f"unix{'+tls' if self.tls else ''}:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{host}:{self.port if port is None else port}"

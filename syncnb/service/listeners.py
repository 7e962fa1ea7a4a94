"""The sockets of a service: TCP ports and unix socket files."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from syncnb.errors import SettingsError
from syncnb.service.addresses import Address
from syncnb.service.config import ServiceConfig

_BACKLOG = 1024
_LONGEST_PATH = 107  # bytes; what the kernel has room for


@dataclass
class Listener:
    """One listening socket.

    Parameters
    ----------
    address : Address
        What was asked for.
    socket : socket.socket
        Bound and listening.
    path : Path or None
        The file of a unix socket.
    """

    address: Address
    socket: socket.socket
    path: Path | None = None
    _inode: int = 0

    @property
    def url(self) -> str:
        """What to tell those who connect."""
        if self.path is not None:
            return Address(self.address.tls, path=self.path).url()
        return self.address.url(self.socket.getsockname()[1])

    def close(self) -> None:
        """Stop listening, and remove a socket file that is still ours."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                if self.path.lstat().st_ino == self._inode:
                    self.path.unlink()
        self.socket.close()


def listen(config: ServiceConfig) -> list[Listener]:
    """Open every listener of a service, or none.

    Raises
    ------
    SettingsError
        An address is in use or cannot be used.
    """
    listeners: list[Listener] = []
    try:
        for address in config.addresses:
            is_tcp = address.path is None
            listeners += [_listen_tcp(address) if is_tcp else _listen_unix(address, config)]
    except BaseException:
        for one in listeners:
            one.close()
        raise
    return listeners


def _listen_tcp(address: Address) -> Listener:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((address.host, address.port))
        one.listen(_BACKLOG)  # a port that somebody else listens on is refused here, not later
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                "listen",
                f"port {address.port} of {address.host} is in use",
                "stop what uses it, or take another",
            ) from error
        raise SettingsError(
            "listen", f"{address.url()} cannot be used ({error.strerror})", "take another address"
        ) from error
    return Listener(address, one)


def _listen_unix(address: Address, config: ServiceConfig) -> Listener:
    path = (config.data / (address.path or "")).absolute()
    # It gets its name when it has its permissions, so that nobody connects in between.
    unnamed = path.with_name(f".{secrets.token_hex(4)}")
    if max(len(os.fsencode(one)) for one in (path, unnamed)) > _LONGEST_PATH:
        raise SettingsError(
            "listen", f"{path} is longer than {_LONGEST_PATH} bytes", "take a shorter path"
        )
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_relative_to(config.data.absolute()):
            config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        _require_unused(path)
        one.bind(str(unnamed))
        unnamed.chmod(int(config.socket_mode, 8))
        one.listen(_BACKLOG)
        inode = unnamed.stat().st_ino
        unnamed.rename(path)
    except OSError as error:
        one.close()
        unnamed.unlink(missing_ok=True)
        raise SettingsError(
            "listen", f"{path} cannot be used ({error.strerror})", "take another path"
        ) from error
    except SettingsError:
        one.close()
        raise
    return Listener(address, one, path, _inode=inode)


def _require_unused(path: Path) -> None:
    """Refuse a path that holds a file, or a socket that somebody listens on."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SettingsError(
            "listen", f"{path} is there, and no socket", "remove it, or take another path"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return  # left behind by a process that was killed; the new one replaces it
    raise SettingsError(
        "listen", f"somebody listens on {path}", "stop what uses it, or take another path"
    )

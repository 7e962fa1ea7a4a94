"""TLS of a service: what it shows to those who connect, and how it connects to its CSS."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from syncnb.errors import SettingsError
from syncnb.service.config import ServiceConfig

if TYPE_CHECKING:
    from syncnb.service.certificates import OwnCertificates

log = logging.getLogger("syncnb.service")

_LOOK = 5.0  # seconds between two looks at whether a file has changed
_RENEWAL_LOOK = 3600.0  # seconds between two looks at how long our own certificate lives
_Stamp = tuple[tuple[int, int, int], ...]


class ServerTls:
    """What the TLS listeners of one service speak; its files may change while it runs.

    Parameters
    ----------
    config : ServiceConfig
        Its certificate, or the names for one of its own.

    Raises
    ------
    SettingsError
        A file cannot be read, or the key does not belong to the certificate.
    """

    def __init__(self, config: ServiceConfig) -> None:
        self._config = config
        self._own: OwnCertificates | None = None
        if config.tls_cert is None or config.tls_key is None:
            from syncnb.service.certificates import OwnCertificates  # 8 MB, seldom needed

            hosts = {address.host for address in config.addresses if address.tls}
            names = {*hosts, *config.tls_names, "localhost", "127.0.0.1", "::1"}
            self._own = OwnCertificates(config.data / "certs", names)
            self._cert, self._key = self._own.cert, self._own.key
        else:
            self._cert, self._key = config.tls_cert, config.tls_key
        self._renew()
        self._stamp = self._look()
        self._present = self._load()
        self.context = self._load()
        # Each handshake takes the context of the moment, so that a new certificate or CA holds for
        # the next connection without a new listener.
        self.context.sni_callback = self._take_present

    def reload(self) -> None:
        """Read the files again; if they cannot be used, those of before stay in force."""
        try:
            self._renew()
            self._stamp = self._look()
            self._present = self._load()
        except (SettingsError, OSError) as error:
            log.error("the certificates are not changed: %s", error)
        else:
            log.debug("certificates were read again")

    async def watch(self) -> None:
        """Take up files that change, and renew a certificate of our own, until cancelled."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while True:
            await asyncio.sleep(_LOOK)
            if self._look() != self._stamp or loop.time() - renewed > _RENEWAL_LOOK:
                renewed = loop.time()
                self.reload()

    def _renew(self) -> None:
        if self._own is not None:
            self._own.renew()

    def _take_present(
        self, handshake: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext
    ) -> None:
        handshake.context = self._present

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load_pair(context, self._cert, self._key, "tls_cert")
        if self._config.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            _load_ca(context, self._config.client_ca, "client_ca")
            # A resumed session would not show the certificate again, which may be refused by now;
            # TLS 1.2 keeps sessions that cannot be turned off from here.
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.num_tickets = 0
        return context

    def _look(self) -> _Stamp:
        paths = [self._cert, self._key, self._config.client_ca]
        return tuple(_stamp(path) for path in paths if path is not None)


def client_context(config: ServiceConfig) -> ssl.SSLContext | None:
    """What an ESS connects to its CSS with; None without TLS.

    Raises
    ------
    SettingsError
        A file cannot be read.
    """
    if not config.css_url.startswith("https://"):
        return None
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if config.css_ca is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _load_ca(context, config.css_ca, "css_ca")
    if config.css_client_cert is not None and config.css_client_key is not None:
        _load_pair(context, config.css_client_cert, config.css_client_key, "css_client_cert")
    return context


def _load_pair(context: ssl.SSLContext, cert: Path, key: Path, setting: str) -> None:
    try:
        for path in (cert, key):
            path.open("rb").close()  # the error of the next line does not name the file
        # An encrypted key must fail, not ask the terminal for its password.
        context.load_cert_chain(cert, key, password=lambda: b"")
    except OSError as error:  # also what ssl raises
        reason = error.strerror if error.filename else "they are no PEM, or do not fit each other"
        raise SettingsError(
            setting,
            f"{error.filename or f'{cert} and {key}'} cannot be used ({reason})",
            "name a certificate in PEM and its key without a password",
        ) from error


def _load_ca(context: ssl.SSLContext, path: Path, setting: str) -> None:
    try:
        context.load_verify_locations(path)
    except OSError as error:
        reason = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else None
        raise SettingsError(
            setting,
            f"{path} cannot be used ({reason or error.strerror})",
            "name a file with the certificates of the CA",
        ) from error


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:  # loading it says what is wrong
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino

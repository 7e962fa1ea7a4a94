"""Files of certificates, checked before anything is sent."""

from __future__ import annotations

import ssl
from pathlib import Path

from urllib3.util.ssl_ import create_urllib3_context

from syncnb.errors import SettingsError


def tls_context(ca: str | None, cert: str | None, cert_key: str | None) -> ssl.SSLContext:
    """Load the certificates of a client.

    Parameters
    ----------
    ca : str or None
        File or folder with the certificates of CAs; without, the context trusts none yet.
    cert, cert_key : str or None
        Files with the certificate of the client and its private key; `cert` may hold both.

    Returns
    -------
    ssl.SSLContext
        As strict as that of a client.

    Raises
    ------
    SettingsError
        A file is not there, is none of its kind, or does not fit the other.

    Examples
    --------
    >>> tls_context("/nowhere.pem", None, None)
    Traceback (most recent call last):
    syncnb.errors.SettingsError: ca: /nowhere.pem does not exist. Name a file that is there.
    """
    context = create_urllib3_context()
    if ca:
        _must_exist("ca", ca)
        try:
            if Path(ca).is_dir():
                context.load_verify_locations(capath=ca)
            else:
                context.load_verify_locations(cafile=ca)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(
                "ca", f"{ca} holds no certificates ({_reason(error)})", "name a file in PEM format"
            ) from error
    if cert_key and not cert:
        raise SettingsError("cert_key", "it has no certificate beside it", "give cert= too")
    if cert:
        _must_exist("cert", cert)
        if cert_key:
            _must_exist("cert_key", cert_key)
        try:
            context.load_cert_chain(cert, cert_key or None, password=_no_password)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(
                "cert",
                f"{cert} and {cert_key or 'the key in it'} cannot be used ({_reason(error)})",
                "give a certificate and the private key that belongs to it, in PEM, without a "
                "password",
            ) from error
    return context


def _must_exist(setting: str, path: str) -> None:
    if not Path(path).exists():
        raise SettingsError(setting, f"{path} does not exist", "name a file that is there")


def _no_password() -> str:
    """OpenSSL would ask on the terminal otherwise, and wait for ever where there is none."""
    return ""


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(reason).lower().replace("_", " ")

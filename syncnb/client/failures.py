"""What the network says, as errors that say what to do."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Iterator
from typing import Any

import requests

from syncnb.errors import CertificateError, ConnectionFailedError, ServiceTimeoutError

_PLAIN = "The port speaks plain HTTP: write http:// (or unix: for a socket), if that is meant."
_TLS = "The port speaks TLS: write https:// (or unix+tls: for a socket)."
_PROXY = "Check the proxy (HTTPS_PROXY, HTTP_PROXY), or name this host in NO_PROXY."
_NO_TLS_THERE = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
_CLIENT_CERTIFICATE = re.compile(
    "CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|"
    "CERTIFICATE_REVOKED|ACCESS_DENIED|HANDSHAKE_FAILURE"
)


def failure(error: BaseException, url: str, call: str = "") -> ConnectionFailedError:
    """An exception of the HTTP library as one of ours.

    Parameters
    ----------
    error : BaseException
        Of `requests`, `urllib3` or the socket.
    url : str
        Of the service, for people.
    call : str, default ""
        What was tried.

    Returns
    -------
    ConnectionFailedError
        With the innermost reason, no address of a Python object and no secret.
    """
    causes = list(_causes(error))
    kind, remedy = ConnectionFailedError, ""
    reason = _said(causes[-1])
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            kind, reason = CertificateError, cause.verify_message or reason
        elif isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
            kind, remedy = _tls(cause, kind)
        elif isinstance(cause, http.client.BadStatusLine) and _is_tls(cause.args):
            reason, remedy = "the answer is TLS, not HTTP", _TLS
        elif isinstance(cause, ConnectionError | ssl.SSLEOFError) and _hung_up(cause):
            remedy = _hint(url)
        elif isinstance(cause, FileNotFoundError) and url.startswith("unix"):
            reason = "there is no such socket file"
    if kind is ConnectionFailedError and any(_is_timeout(cause) for cause in causes):
        kind, reason = ServiceTimeoutError, "timed out"
    if isinstance(error, requests.exceptions.ProxyError):
        kind, reason, remedy = ConnectionFailedError, f"the proxy does not help: {reason}", _PROXY
    return kind(url, _clean(reason), remedy=remedy, call=call)


def _tls(
    error: ssl.SSLError, kind: type[ConnectionFailedError]
) -> tuple[type[ConnectionFailedError], str]:
    name = (error.reason or "").upper()
    if name in _NO_TLS_THERE:
        return ConnectionFailedError, _PLAIN
    if _CLIENT_CERTIFICATE.search(name):
        return CertificateError, (
            "It asks for a certificate of the client, or does not accept this one: "
            "give one that its operator issued as cert= and cert_key=."
        )
    return kind, ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what is behind it, the innermost last."""
    seen: set[int] = set()
    reason: Any = error
    while isinstance(reason, BaseException) and id(reason) not in seen:
        seen.add(id(reason))
        yield reason
        inner = getattr(reason, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in reason.args if isinstance(a, BaseException)), None)
        reason = inner or reason.__cause__ or reason.__context__


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, TimeoutError | requests.Timeout)


def _is_tls(status_line: tuple[object, ...]) -> bool:
    """An alert (21) or a handshake (22) of TLS 1.x where a status line is expected."""
    return str(status_line[:1]).replace("\\\\", "\\").startswith(("('\\x15\\x03", "('\\x16\\x03"))


def _hung_up(error: BaseException) -> bool:
    """Somebody is there, who ended the connection."""
    return not isinstance(error, ConnectionRefusedError)


def _hint(url: str) -> str:
    """Why somebody may end a connection without a word."""
    scheme = url.partition(":")[0]
    if scheme in ("http", "unix"):
        secure = "unix+tls:" if scheme == "unix" else "https://"
        return f"Check that it runs there; if TLS is spoken there, write {secure}."
    return (
        "Check that it runs there and speaks TLS; if it asks for a certificate of the client, give "
        "that as cert= and cert_key=."
    )


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).split(">: ", 1)[-1].split("): ", 1)[-1] or type(error).__name__


def _clean(reason: str) -> str:
    """Without the logins that proxies have in their URLs."""
    return " ".join(re.sub(r"//[^/@\s]*@", "//", reason).split())[:300]

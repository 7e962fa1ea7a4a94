"""One request and its answer: limits of time and size, the log, and errors of ours."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import requests
import urllib3
from requests.adapters import BaseAdapter
from requests.auth import HTTPBasicAuth
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from syncnb.client import answers
from syncnb.client.failures import failure
from syncnb.client.sockets import Adapter, Limit, limited
from syncnb.client.tls import tls_context
from syncnb.errors import AnswerError, ServiceTimeoutError, SettingsError
from syncnb.settings import ServiceUrl
from syncnb.version import __version__

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 60.0  # seconds that the service may be silent
DEADLINE = 120.0  # seconds that a call without data may take with all of its tries
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
log = logging.getLogger("syncnb")


class _Session(requests.Session):
    """Follows no redirect, and keeps no cookie."""

    def __init__(self) -> None:
        super().__init__()
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None, or requests would read the whole body of a redirect, however long it is."""
        return None


@dataclass(frozen=True)
class Call:
    """What is done, on what, and within which limits.

    Parameters
    ----------
    operation, subject : str
        For errors.
    limit : Limit
        When it has to be over.
    silence : float
        Seconds that the service may be silent.
    stream : bool, default False
        Whether the caller reads the body.

    Examples
    --------
    >>> str(Call("health", "the service", Limit(None), 60.0))
    'health on the service'
    """

    operation: str
    subject: str
    limit: Limit
    silence: float
    stream: bool = False

    def __str__(self) -> str:
        return f"{self.operation} on {self.subject}"


class Wire:
    """Sends requests to one service; may be used from several threads.

    Parameters
    ----------
    url : str
        Where the service is, as `ServiceUrl.parse` reads it.
    key, secret : str or None
        App key and secret.
    ca : str or None
        File or folder with certificates of a private CA.
    cert, cert_key : str or None
        Files with the client certificate and its private key; `cert` may hold both.
    proxies : mapping of str to str or None
        Scheme -> proxy, as `requests` has them; without, the environment says, now.
    largest : int
        Bytes of an answer that is not data.
    adapter : BaseAdapter or None
        Sends instead of ours; where tests put faults in.

    Raises
    ------
    SettingsError
        One of them cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        secret: str | None,
        ca: str | None,
        cert: str | None,
        cert_key: str | None,
        proxies: Mapping[str, str] | None,
        largest: int,
        adapter: BaseAdapter | None,
    ) -> None:
        place = ServiceUrl.parse(url)
        self.url, self._base = place.text, place.base
        if ":" in (key or ""):
            raise SettingsError(
                "key", "it has a colon, which ends it", "give the secret as secret="
            )
        if ca or cert or cert_key:
            tls_context(ca, cert, cert_key)
        environ = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        self._verify = ca or environ or True
        self._cert = (cert, cert_key) if cert and cert_key else cert or None
        self._proxies = get_environ_proxies(self._base) | dict(proxies or {})
        self._largest = largest
        self._session = _Session()
        self._session.headers["User-Agent"] = f"syncnb/{__version__}"
        self._auth = HTTPBasicAuth((key or "").encode(), (secret or "").encode())
        adapter = adapter or Adapter(place.socket)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def exchange(self, request: requests.Request, path: str, call: Call) -> requests.Response:
        """Send one request and read its answer, unless that is a stream.

        Parameters
        ----------
        request : requests.Request
            Without URL and credentials.
        path : str
            Of the URL, encoded.
        call : Call
            What it is for.

        Returns
        -------
        requests.Response
            With any status.

        Raises
        ------
        ConnectionFailedError, ServiceTimeoutError
            There is none, or it is not complete in time.
        AnswerError
            It has too many bytes.
        """
        began, response = time.monotonic(), None
        left = call.limit.left()
        connect = CONNECT_TIMEOUT if left is None else max(min(CONNECT_TIMEOUT, left), 0.001)
        try:
            with limited(call.limit):
                response = self._session.send(
                    self._prepared(request, path),
                    verify=self._verify,
                    cert=self._cert,
                    proxies=self._proxies,
                    stream=True,
                    timeout=(connect, call.silence),
                    allow_redirects=False,  # credentials go to this host and no other
                )
            if call.stream and response.status_code < 300:
                call.limit.lift()
            else:
                self._read(response, call)
        except _BROKEN as error:
            if response is not None:
                response.close()
            _log(request, path, began, None, error)
            broken = failure(error, self.url, str(call))
            if isinstance(broken, ServiceTimeoutError):
                broken = _late(broken, call, connect, error)
            raise broken from error
        _log(request, path, began, response, None)
        return response

    def shown(self, answer: requests.Response) -> str:
        """The URL of a request, for people: its socket file instead of ``localhost``."""
        return self.url + answers.place(answer.request.url).removeprefix(self._base)

    def odd(self, answer: requests.Response, call: Call, why: str, remedy: str = "") -> AnswerError:
        """The error of an answer that is none of a sync service."""
        return AnswerError(
            answer.status_code,
            call.operation,
            call.subject,
            f"the answer cannot be understood, {why}",
            method=answer.request.method or "",
            url=self.shown(answer),
            remedy=remedy,
        )

    def _prepared(self, request: requests.Request, path: str) -> requests.PreparedRequest:
        """With URL and credentials; what `requests` would look up each time was looked up once."""
        prepared = requests.PreparedRequest()
        headers = CaseInsensitiveDict({**self._session.headers})
        headers.update(request.headers)
        prepared.prepare(
            method=request.method,
            url=f"{self._base}{path}",
            headers=headers,
            params=request.params,
            data=request.data,
            json=request.json,
            auth=self._auth,
        )
        return prepared

    def _read(self, response: requests.Response, call: Call) -> None:
        try:
            answers.read(response, self._largest)
        except answers.TooLargeError:
            response.close()
            why = f"it has more than {self._largest} bytes"
            remedy = "Ask for less, or check what answers at this URL: `syncnb doctor` shows it."
            raise self.odd(response, call, why, remedy) from None


def _late(
    error: ServiceTimeoutError, call: Call, connect: float, cause: Exception
) -> ServiceTimeoutError:
    """The same, with the limit that was hit."""
    remedy = ""
    if call.limit.over():
        reason = f"it is not done within its deadline of {call.limit.seconds:g} s"
        remedy = "Try again, or raise the client's deadline."
    elif isinstance(cause, requests.ConnectTimeout):
        reason = f"timed out: no connection within {connect:g} s"
        remedy = "Check the host and the port; a firewall may drop what is sent to them."
    else:
        reason = f"timed out: silent for {call.silence:g} s"
    return ServiceTimeoutError(error.url, reason, remedy=remedy, call=error.call)


def _log(
    request: requests.Request,
    path: str,
    began: float,
    answer: requests.Response | None,
    error: Exception | None,
) -> None:
    if not log.isEnabledFor(logging.DEBUG):
        return
    ms = (time.monotonic() - began) * 1000
    what = f"{request.method} {path}"
    if answer is None:
        log.debug("%s failed after %.1f ms: %s", what, ms, type(error).__name__)
        return
    read = answer.__dict__.get("_content")
    size = f"{len(read)} bytes" if isinstance(read, bytes) else "data to follow"
    log.debug("%s %d %s %.1f ms", what, answer.status_code, size, ms)

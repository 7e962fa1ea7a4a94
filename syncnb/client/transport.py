"""One connection pool to one service: URLs, credentials, timeouts, retries, and errors of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Any
from urllib.parse import quote, urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.util.retry import Retry

from syncnb.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    ObjectNotFoundError,
    RequestRefusedError,
    ServiceError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    SettingsError,
    StorageFullError,
)
from syncnb.settings import check_url

CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 60.0  # seconds that the service may be silent
_POOL = 32  # connections that stay open
_LONGEST_MESSAGE = 500  # characters of the service's own text
_BODY = bytes | IO[bytes] | Iterable[bytes] | None
_ERRORS: dict[int, type[ServiceError]] = {
    400: RequestRefusedError,
    403: AccessDeniedError,
    404: ObjectNotFoundError,
    429: ServiceUnavailableError,
    502: ServiceUnavailableError,
    503: ServiceUnavailableError,
    504: ServiceUnavailableError,
    507: StorageFullError,
}


class Transport:
    """Sends requests to one service; may be used from several threads.

    Parameters
    ----------
    url : str
        Base URL.
    key, secret : str, optional
        App key and secret.
    ca : str, optional
        File with certificates of a private CA.
    timeout : float
        Seconds that the service may be silent.
    adapter : BaseAdapter, optional
        Sends instead of `requests`; where tests put faults in.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        secret: str | None,
        ca: str | None,
        timeout: float,
        adapter: BaseAdapter | None,
    ) -> None:
        self.url = check_url(url)
        if timeout <= 0:
            raise SettingsError("timeout", f"{timeout:g} s", "give a positive number of seconds")
        self._timeout = timeout
        self._session = requests.Session()
        # An explicit auth keeps requests from taking another login out of a netrc file.
        self._session.auth = HTTPBasicAuth((key or "").encode(), (secret or "").encode())
        self._ca = ca or None
        adapter = adapter or HTTPAdapter(pool_maxsize=_POOL, max_retries=_retries())
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def request(
        self,
        method: str,
        segments: Iterable[str],
        *,
        operation: str,
        subject: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        data: _BODY = None,
        stream: bool = False,
        patience: float = 0.0,
        accept: tuple[int, ...] = (),
        root: str = "/api/v1",
    ) -> requests.Response:
        """Send one request.

        Parameters
        ----------
        method : str
            HTTP method.
        segments : iterable of str
            Path behind `root`, not encoded.
        operation, subject : str
            What is done, and on what; for errors.
        params, headers, json, data, stream
            As `requests` has them.
        patience : float, default 0
            Seconds that the service may be silent beyond the timeout, since it was asked to wait.
        accept : tuple of int
            Statuses that are answers here although they are not 2xx.
        root : str, default "/api/v1"
            What the path is behind.

        Returns
        -------
        requests.Response
            With a status that is 2xx or accepted.

        Raises
        ------
        ServiceError
            The subclass for any other status.
        ConnectionFailedError, ServiceTimeoutError
            No answer.
        """
        path = "/".join(quote(segment, safe="") for segment in segments)
        url = f"{self.url}{root}/{path}"
        headers = dict(headers or {})
        if data is None and json is None and method in ("PUT", "POST"):
            headers["Content-Length"] = "0"
        try:
            response = self._session.request(
                method,
                url,
                params=params,
                headers=headers,
                json=json,
                data=data,
                verify=self._ca,  # at the session, REQUESTS_CA_BUNDLE would outweigh it
                stream=stream,
                timeout=(CONNECT_TIMEOUT, self._timeout + patience),
                allow_redirects=False,  # credentials go to this host and no other
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self.translated(error) from error
        if 200 <= response.status_code < 300 or response.status_code in accept:
            return response
        with response:
            message = _message(response)
        kind = _ERRORS.get(response.status_code, ServiceError)
        raise kind(response.status_code, operation, subject, message)

    def translated(self, error: Exception) -> ConnectionFailedError:
        """An exception of the HTTP library as one of ours."""
        if isinstance(error, requests.Timeout | TimeoutError):
            return ServiceTimeoutError(self.url, "timed out")
        return ConnectionFailedError(self.url, _reason(error))

    @property
    def host(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.url).netloc


def _retries() -> Retry:
    """Only what is safe to repeat, a few times, with growing pauses (rest-api.md, 14.1)."""
    return Retry(
        total=3,
        backoff_factor=0.1,
        backoff_max=2.0,
        status_forcelist=(429, 502, 503, 504),
        allowed_methods=("GET",),
        respect_retry_after_header=True,
        retry_after_max=10,
        raise_on_status=False,
    )


def _message(response: requests.Response) -> str:
    try:
        start = next(response.iter_content(_LONGEST_MESSAGE), b"")
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        return ""
    return " ".join(start.decode("utf-8", "replace").split())


def _reason(error: BaseException) -> str:
    """The innermost cause that says something, without addresses of Python objects."""
    reason: Any = error
    while True:
        inner = getattr(reason, "reason", None) or reason.__cause__ or reason.__context__
        if inner is None and reason.args and isinstance(reason.args[0], BaseException):
            inner = reason.args[0]
        if not isinstance(inner, BaseException):
            break
        reason = inner
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return str(reason).split(">: ", 1)[-1] or type(reason).__name__

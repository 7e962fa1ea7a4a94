"""Calls of one service: which are sent again, and what the answers to them mean."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import IO
from urllib.parse import quote

import requests
from requests.adapters import BaseAdapter

from syncnb.client import answers
from syncnb.client.checks import check_seconds
from syncnb.client.diagnosis import Diagnosis
from syncnb.client.failures import failure
from syncnb.client.interrupting import is_interruptible
from syncnb.client.remedies import remedy_of
from syncnb.client.retries import DOUBTFUL, REFUSED, Retries, may_repeat, retry_after
from syncnb.client.sockets import Limit
from syncnb.client.wire import DEADLINE, READ_TIMEOUT, Call, Wire, log
from syncnb.errors import (
    AccessDeniedError,
    ConnectionFailedError,
    ObjectNotFoundError,
    PreconditionFailedError,
    RedirectedError,
    RequestRefusedError,
    ServiceError,
    ServiceUnavailableError,
    StorageFullError,
)

_BODY = bytes | IO[bytes] | Iterable[bytes] | None
_NO_SUCH_CALL = (
    "It is not there, or no sync service answers at this URL: `syncnb doctor` says which."
)
_ERRORS: dict[int, type[ServiceError]] = {
    400: RequestRefusedError,
    403: AccessDeniedError,
    404: ObjectNotFoundError,
    412: PreconditionFailedError,
    429: ServiceUnavailableError,
    502: ServiceUnavailableError,
    503: ServiceUnavailableError,
    504: ServiceUnavailableError,
    507: StorageFullError,
}


class Transport:
    """Makes the calls of one client; may be used from several threads.

    Parameters
    ----------
    url : str
        Where the service is, as `ServiceUrl.parse` reads it.
    org_id : str, default ""
        Organisation at a CSS; empty for an ESS.
    key, secret : str, optional
        App key and secret.
    ca : str, optional
        File or folder with certificates of a private CA.
    cert, cert_key : str, optional
        Files with the client certificate and its private key; `cert` may hold both.
    proxies : mapping of str to str, optional
        Scheme -> proxy, as `requests` has them; without, the environment says.
    timeout : float
        Seconds that the service may be silent.
    deadline : float
        Seconds that a call may take with all of its tries; data take as long as they move, and
        the answer to an upload no longer than this.
    largest_answer : int
        Bytes of an answer that is not data.
    retries : Retries, optional
        How often and when calls are tried again.
    adapter : BaseAdapter, optional
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
        org_id: str = "",
        key: str | None = None,
        secret: str | None = None,
        ca: str | None = None,
        cert: str | None = None,
        cert_key: str | None = None,
        proxies: Mapping[str, str] | None = None,
        timeout: float = READ_TIMEOUT,
        deadline: float = DEADLINE,
        largest_answer: int = answers.LARGEST,
        retries: Retries | None = None,
        adapter: BaseAdapter | None = None,
    ) -> None:
        for name, seconds in (("timeout", timeout), ("deadline", deadline)):
            check_seconds(name, seconds)
        self._wire = Wire(
            url, key=key, secret=secret, ca=ca, cert=cert, cert_key=cert_key, proxies=proxies,
            largest=largest_answer, adapter=adapter,
        )  # fmt: skip
        self._key, self._timeout, self._deadline = key or "", timeout, deadline
        self._retries = retries or Retries()
        self.own_calls: frozenset[str] = frozenset()  # beyond the protocol, as the last answer said
        self._diagnosis = Diagnosis(self.url, org_id, self._asked)

    @property
    def url(self) -> str:
        """Where the service is, for people."""
        return self._wire.url

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

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
        repeat: bool = True,
        root: str = "/api/v1",
    ) -> requests.Response:
        """Send one request, and again where that is safe and helps.

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
        repeat : bool, default True
            Whether it may be sent again where `may_repeat` says so; data of a stream never are.
        root : str, default "/api/v1"
            What the path is behind.

        Returns
        -------
        requests.Response
            With a status that is 2xx or accepted, and its whole body unless it is a stream.

        Raises
        ------
        ServiceError
            The subclass for any other status; `AnswerError` if no sync service answers so.
        ConnectionFailedError, ServiceTimeoutError
            No answer, or not in time.
        SettingsError
            The service is of the other kind than the client's `org_id` says.
        """
        segments = tuple(segments)
        path = "/".join((root, *(quote(segment, safe="") for segment in segments)))
        headers = dict(headers or {})
        if data is None and json is None and method in ("PUT", "POST"):
            headers["Content-Length"] = "0"
        if stream:
            headers.setdefault("Accept-Encoding", "identity")
        request = requests.Request(method, headers=headers, params=params, json=json, data=data)
        repeat = repeat and (data is None or isinstance(data, bytes))
        repeat = repeat and not is_interruptible()  # the loop outside has pauses that can end
        limit = Limit(self._deadline + patience, sent=data is None)
        call = Call(operation, subject, limit, self._timeout + patience, stream)
        done = 0
        while True:
            done += 1
            error: ConnectionFailedError | ServiceError
            try:
                answer = self._wire.exchange(request, path, call)
            except ConnectionFailedError as broken:
                error, doubt = broken, True
                again = type(broken) is ConnectionFailedError
            else:
                self.own_calls = frozenset(answer.headers.get("Syncnb-Calls", "").split())
                if 200 <= answer.status_code < 300 or answer.status_code in accept:
                    return self._checked(answer, call)
                error = self._refusal(answer, call)
                doubt = answer.status_code in DOUBTFUL
                again = doubt or answer.status_code in REFUSED
            asked = getattr(error, "retry_after", None)
            pause = self._retries.pause(done, retry_after=asked, left=limit.left())
            if pause is None or not (
                repeat and again and may_repeat(method, segments, doubt=doubt)
            ):
                raise error
            log.info("%s again in %.1f s: %s", call, pause, error)
            time.sleep(pause)

    def translated(self, error: Exception) -> ConnectionFailedError:
        """An exception of the HTTP library as one of ours."""
        return failure(error, self.url)

    def _checked(self, answer: requests.Response, call: Call) -> requests.Response:
        """An answer that may be trusted to be one of the right kind of service."""
        if answers.is_html(answer):  # data are application/octet-stream, whatever they are
            answer.close()
            raise self._wire.odd(answer, call, "it is a page of HTML")
        if answer.status_code == 404:
            self._diagnosis.check_kind()
        return answer

    def _refusal(self, answer: requests.Response, call: Call) -> ServiceError:
        """The error that an answer is."""
        status, said, remedy = answer.status_code, answers.message(answer), ""
        kind = _ERRORS.get(status, ServiceError)
        if 300 <= status < 400 and (target := answers.place(answer.headers.get("Location"))):
            kind, said = RedirectedError, f"it names {target}"
        elif status == 400 and _tells_of_tls(said):
            remedy = "The port speaks TLS: write https://."
        elif status == 407:
            remedy = "Give the proxy its login, as http://user:password@proxy:port in HTTPS_PROXY."
        elif status in (400, 403, 404, 405):
            self._diagnosis.check_kind()
            if status == 403:
                remedy = self._diagnosis.of_denial(self._key)
            elif status == 404 and "/api/v1/objects/" not in self._wire.shown(answer):
                remedy = _NO_SUCH_CALL
        remedy = remedy or remedy_of(status, call.operation, said)
        return kind(
            status,
            call.operation,
            call.subject,
            said,
            method=answer.request.method or "",
            url=self._wire.shown(answer),
            key=self._key,
            retry_after=retry_after(answer.headers.get("Retry-After")),
            remedy=remedy,
        )

    def _asked(self, timeout: float) -> requests.Response:
        """The answer of ``health``, for a diagnosis: soon or not at all."""
        call = Call("health", "the service", Limit(timeout), timeout)
        return self._wire.exchange(requests.Request("GET"), "/api/v1/health", call)


def _tells_of_tls(said: str) -> bool:
    """What Go's and other servers answer to plain HTTP on a TLS port."""
    text = said.lower()
    return "https" in text and ("http request" in text or "plain http" in text)

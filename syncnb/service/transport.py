"""How an ESS reaches its CSS: HTTP, or whatever else carries a request and its answer."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import aiohttp
from yarl import URL

from syncnb.service.config import MIB
from syncnb.service.resolving import Resolver
from syncnb.version import __version__

USER_AGENT = f"syncnb/{__version__}"  # by it a CSS of ours knows who repeats a failed upload
_LONGEST_TEXT = 200  # characters of an error


class LinkDown(Exception):
    """The CSS cannot be reached, or did not answer as HTTP asks for."""


class LinkRefused(LinkDown):
    """The CSS answered, and does not take this node's credentials."""


class Answer(Protocol):
    """What came back: status and headers at once, the body as it arrives."""

    status: int

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, in any case."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The body; raises `LinkDown` where it breaks off."""


class Transport(Protocol):
    """Carries the requests of one node."""

    def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None,
        *,
        total: float | None,
        silence: float | None,
    ) -> AbstractAsyncContextManager[Answer]:
        """Send a request.

        Parameters
        ----------
        total : float or None
            Seconds for the whole exchange; None for no limit.
        silence : float or None
            Seconds that may pass without a byte.

        Raises
        ------
        LinkDown
            There is no answer.
        """

    async def close(self) -> None:
        """Close what is open."""


class HttpTransport:
    """A pool of HTTP connections.

    Parameters
    ----------
    base : str
        URL of the CSS.
    tls : ssl.SSLContext, optional
        Whom to trust and what to show, for ``https``.
    connect_timeout : float, default 10
        Seconds that connecting may take.
    """

    def __init__(
        self, base: str, tls: ssl.SSLContext | None = None, *, connect_timeout: float = 10.0
    ) -> None:
        self._base, self._connect_timeout = base, connect_timeout
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, keepalive_timeout=30, ssl=tls or True, resolver=Resolver()
            ),
            auto_decompress=False,  # so it must not ask for it either
            headers={"Accept-Encoding": "identity", "User-Agent": USER_AGENT},
            read_bufsize=MIB,
        )
        # It would repeat a call by itself, and hide that the first answer was lost.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None,
        *,
        total: float | None,
        silence: float | None,
    ) -> AsyncIterator[Answer]:
        """Send a request."""
        timeout = aiohttp.ClientTimeout(
            total=total, sock_connect=self._connect_timeout, sock_read=silence
        )
        try:
            async with self._session.request(
                method,
                URL(self._base + path, encoded=True),
                headers=headers,
                data=body,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                yield _HttpAnswer(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _down(error) from error


class _HttpAnswer:
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.status = answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._answer.content.iter_any():
                yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _down(error) from error


class CountedTransport:
    """Another transport, whose bytes are counted.

    Parameters
    ----------
    transport : Transport
        What carries the calls.
    sent, received : callable
        Called with numbers of bytes.
    """

    def __init__(
        self,
        transport: Transport,
        sent: Callable[[int], None],
        received: Callable[[int], None],
    ) -> None:
        self._transport, self._sent, self._received = transport, sent, received

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None,
        *,
        total: float | None,
        silence: float | None,
    ) -> AsyncIterator[Answer]:
        """Send a request."""
        if isinstance(body, bytes):
            self._sent(len(body))
        elif body is not None:
            body = counted(body, self._sent)
        async with self._transport.open(
            method, path, headers, body, total=total, silence=silence
        ) as answer:
            yield _CountedAnswer(answer, self._received)


class _CountedAnswer:
    def __init__(self, answer: Answer, received: Callable[[int], None]) -> None:
        self._answer, self._received = answer, received
        self.status = answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    def pieces(self) -> AsyncIterator[bytes]:
        return counted(self._answer.pieces(), self._received)


async def counted(
    pieces: AsyncIterator[bytes], count: Callable[[int], None]
) -> AsyncIterator[bytes]:
    """The same pieces, whose bytes are counted as they pass."""
    async for piece in pieces:
        count(len(piece))
        yield piece


def _down(error: Exception) -> LinkDown:
    text = " ".join(str(error).split())  # it may quote what the other side sent
    return LinkDown(text[:_LONGEST_TEXT] or type(error).__name__)

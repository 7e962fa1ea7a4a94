"""The HTTP calls of an ESS on its CSS (sync-http.md, 2-5 and 9), without any rule."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
from yarl import URL

from syncnb.metadata import Json
from syncnb.service.config import MIB, ServiceConfig
from syncnb.service.security import Login
from syncnb.service.wire import Malformed, dumps, loads

_SHORT = aiohttp.ClientTimeout(total=120, sock_connect=10)  # seconds; sync-http.md, 10.5
_LONG = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_LARGEST_POLL = 256 * MIB  # bytes; a poll has no paging, but it has an end


class LinkDown(Exception):
    """The CSS cannot be reached, or did not answer as HTTP asks for."""


class CssLink:
    """A connection pool to one CSS with the identity of one node.

    Parameters
    ----------
    config : ServiceConfig
        Of the ESS.
    login : Login
        What the node shows.
    """

    def __init__(self, config: ServiceConfig, login: Login) -> None:
        self._base = config.css_url
        self._org = config.org_id
        self._node = f"{config.node_type}/{config.node_id}"
        self._session = aiohttp.ClientSession(
            headers={"X-Sync-Service-Dest": f"{config.org_id}/{self._node}"},
            auth=aiohttp.BasicAuth(login.key, login.secret, encoding="utf-8"),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            auto_decompress=False,
            read_bufsize=MIB,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def register(self, call: str) -> int:
        """``register``, ``register-new``, ``ping`` or ``unregister``; returns the status."""
        path = f"/spi/v1/{call}/{quote(self._org, safe='')}/{self._node}"
        status, _ = await self._send("PUT", f"{path}?persistent-storage=true", b"")
        return status

    async def poll(self, wait: float) -> tuple[int, list[dict[str, Json]], bool]:
        """Ask for pending items.

        Parameters
        ----------
        wait : float
            Seconds that the CSS may keep the answer back, if it can.

        Returns
        -------
        tuple of (int, list, bool)
            Status, items, and whether the CSS did wait.
        """
        headers = {"Prefer": f"wait={wait:g}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=wait + 30)
        async with self._open("GET", "/spi/v1/objects/", headers, None, timeout) as answer:
            waited = "wait=" in answer.headers.get("Preference-Applied", "")
            if answer.status != 200:
                return answer.status, [], waited
            body = bytearray()
            async for piece in answer.content.iter_any():
                body += piece
                if len(body) > _LARGEST_POLL:
                    raise LinkDown("the answer to a poll does not end")
        try:
            items = loads(bytes(body))
        except Malformed as malformed:
            raise LinkDown(str(malformed)) from malformed
        if not isinstance(items, list):
            raise LinkDown("the answer to a poll is not an array")
        return 200, items, waited

    async def report(
        self,
        meta: Mapping[str, Json],
        action: str,
        body: Mapping[str, Json] | None = None,
    ) -> tuple[int, Mapping[str, str]]:
        """Call an action on the instance that `meta` describe; returns status and headers."""
        return await self._send("PUT", self._path(meta, action), dumps(body) if body else b"")

    @asynccontextmanager
    async def get_data(
        self, meta: Mapping[str, Json], span: tuple[int, int] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The data of an instance, or the bytes from the first to the last of `span`."""
        headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1]}"}
        async with self._open("GET", self._path(meta, "data"), headers, None, _LONG) as answer:
            yield answer

    async def put_data(
        self,
        meta: Mapping[str, Json],
        data: AsyncIterator[bytes],
        span: tuple[int, int],
        total: int,
        *,
        ranged: bool,
    ) -> int:
        """Upload the bytes from `span[0]` up to `span[1]` of `total`; returns the status."""
        headers = {"Content-Length": str(span[1] - span[0])}
        if ranged:
            headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{total}"
        async with self._open("PUT", self._path(meta, "data"), headers, data, _LONG) as answer:
            return answer.status

    def _path(self, meta: Mapping[str, Json], action: str) -> str:
        names = (self._org, meta["objectType"], meta["objectID"])
        name = "/".join(quote(part, safe="") for part in names)
        return f"/spi/v1/objects/{name}/{meta['instanceID']}/{meta['dataID']}/{action}"

    async def _send(self, method: str, path: str, body: bytes) -> tuple[int, Mapping[str, str]]:
        async with self._open(method, path, {}, body, _SHORT) as answer:
            return answer.status, answer.headers

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None,
        timeout: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        url = URL(self._base + path, encoded=True)
        try:
            async with self._session.request(
                method,
                url,
                headers=headers,
                data=body,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise LinkDown(str(error) or type(error).__name__) from error

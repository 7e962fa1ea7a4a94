"""The calls of an ESS on its CSS (sync-http.md, 2-5 and 9), without any rule."""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote

from syncnb.metadata import Json
from syncnb.service.config import MIB, ServiceConfig
from syncnb.service.identity import Login
from syncnb.service.transport import Answer, LinkDown, Transport
from syncnb.service.wire import Malformed, dumps, loads

NEWEST_INSTANCE = "Newest-Instance"  # header of a 409: what our CSS has of a node's object
_LARGEST_POLL = 256 * MIB  # bytes; a poll has no paging, but it has an end


def backed_off(first: float, tries: int, longest: float, rng: random.Random) -> float:
    """Seconds to wait after so many tries in vain, with jitter.

    Examples
    --------
    >>> backed_off(0.1, 10_000, 5.0, random.Random(1)) <= 5.0
    True
    """
    doubled = first * 2.0 ** min(tries, 30)  # an outage of days is no reason to overflow
    return min(doubled, longest) * rng.uniform(0.7, 1.0)


class CssLink:
    """The calls of one node.

    Parameters
    ----------
    config : ServiceConfig
        Of the ESS.
    login : callable
        Returns what the node shows; it may change.
    transport : Transport
        What carries them.
    """

    def __init__(
        self, config: ServiceConfig, login: Callable[[], Login], transport: Transport
    ) -> None:
        self._org = config.org_id
        self._node = f"{config.node_type}/{config.node_id}"
        self._transport = transport
        self._whole, self._stall = config.call_timeout, config.stall_timeout
        self._login = login

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def register(self, call: str, *, persistent: bool = True) -> int:
        """``register``, ``register-new``, ``ping`` or ``unregister``; returns the status."""
        path = f"/spi/v1/{call}/{quote(self._org, safe='')}/{quote(self._node)}"
        query = f"persistent-storage={str(persistent).lower()}"
        status, _ = await self._send("PUT", f"{path}?{query}", b"")
        return status

    async def resend(self) -> int:
        """Ask for everything again; returns the status."""
        status, _ = await self._send(
            "PUT", f"/spi/v1/objects/{quote(self._org, safe='')}/resend", b""
        )
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
        silence = wait + 30
        async with self._open("GET", "/spi/v1/objects/", headers, silence=silence) as answer:
            waited = "wait=" in answer.headers.get("Preference-Applied", "")
            if answer.status != 200:
                return answer.status, [], waited
            body = bytearray()
            async for piece in answer.pieces():
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

    def get_data(
        self, meta: Mapping[str, Json], span: tuple[int, int] | None
    ) -> AbstractAsyncContextManager[Answer]:
        """The data of an instance, or the bytes from the first to the last of `span`."""
        headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1]}"}
        return self._open("GET", self._path(meta, "data"), headers, silence=self._stall)

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
        path = self._path(meta, "data")
        async with self._open("PUT", path, headers, data, silence=self._stall) as answer:
            return answer.status

    def _path(self, meta: Mapping[str, Json], action: str) -> str:
        names = (self._org, meta["objectType"], meta["objectID"])
        name = "/".join(quote(part, safe="") for part in names)
        return f"/spi/v1/objects/{name}/{meta['instanceID']}/{meta['dataID']}/{action}"

    async def _send(self, method: str, path: str, body: bytes) -> tuple[int, Mapping[str, str]]:
        async with self._open(method, path, {}, body, total=self._whole) as answer:
            return answer.status, answer.headers

    def _open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None = None,
        *,
        total: float | None = None,
        silence: float | None = None,
    ) -> AbstractAsyncContextManager[Answer]:
        login = self._login()
        basic = b64encode(f"{login.key}:{login.secret}".encode()).decode()
        identity = {
            "Authorization": f"Basic {basic}",
            "X-Sync-Service-Dest": f"{self._org}/{self._node}",
        }
        return self._transport.open(
            method, path, {**identity, **headers}, body, total=total, silence=silence
        )

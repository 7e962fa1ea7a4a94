"""Names of hosts, looked up without the end of the process waiting for it."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_Found = list[tuple[Any, ...]]


class Resolver(AbstractResolver):
    """Asks the operating system in a thread of its own for each name.

    A lookup cannot be called off, and takes long where the name server is away. The pools of
    asyncio and of Python's interpreter wait for it when they close; nobody waits for these threads.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[_Found] = loop.create_future()

        def finish(infos: _Found, error: BaseException | None) -> None:
            if found.done():  # called off
                return
            if error is None:
                found.set_result(infos)
            else:
                found.set_exception(error)

        def look() -> None:
            infos: _Found = []
            failed: BaseException | None = None
            try:
                infos = socket.getaddrinfo(
                    host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
                )
            except Exception as error:  # noqa: BLE001  (handed on)
                failed = error
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(finish, infos, failed)

        threading.Thread(target=look, name="syncnb-lookup", daemon=True).start()
        return [
            ResolveResult(
                hostname=host,
                host=_host(address),
                port=address[1],
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in await found
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _host(address: tuple[Any, ...]) -> str:
    scope = address[3] if len(address) > 3 else 0
    return f"{address[0]}%{scope}" if scope else str(address[0])

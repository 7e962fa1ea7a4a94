"""uvicorn with listeners of several kinds, each with its own application, TLS and limits."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from syncnb.service.admission import Admission
from syncnb.service.config import ServiceConfig
from syncnb.service.connection import Connection
from syncnb.service.listeners import Listener

_LAST_MOMENT = 1.0  # seconds that a request has to notice that its caller has gone
_TLS_FAREWELL = 5.0  # seconds that a client has to answer the end of a TLS connection


@dataclass(frozen=True)
class Site:
    """One service as the server sees it.

    Parameters
    ----------
    app : ASGI application
        Answers its requests.
    config : ServiceConfig
        Its limits.
    admission : Admission
        Counts its connections.
    listeners : list of Listener
        Where it listens.
    tls : ssl.SSLContext or None
        What its TLS listeners speak.
    """

    app: ASGIApp
    config: ServiceConfig
    admission: Admission
    listeners: list[Listener]
    tls: ssl.SSLContext | None


class HttpServer(uvicorn.Server):
    """One server for all listeners of all services of the process.

    Parameters
    ----------
    sites : sequence of Site
        The services.

    Notes
    -----
    uvicorn's own start gives every socket the same application and the same TLS, and its signal
    handlers would replace those of `syncnb.service.server`.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        super().__init__(_config(_nothing, 5))
        self.sites = sites

    async def startup(self, sockets: object = None) -> None:
        """Serve every listener."""
        loop = asyncio.get_running_loop()
        self.servers = []
        self._first: list[int] = []  # of the servers of each site
        for site in self.sites:
            self._first.append(len(self.servers))
            config = _config(site.app, site.config.keep_alive)
            config.load()

            def connect(site: Site = site, config: uvicorn.Config = config) -> Connection:
                return Connection(config, self.server_state, site.config, site.admission)

            for listener in site.listeners:
                tls = site.tls if listener.address.tls else None
                server = await loop.create_server(
                    connect,
                    sock=listener.socket,
                    ssl=tls,
                    backlog=config.backlog,
                    ssl_handshake_timeout=site.config.header_timeout if tls else None,
                    ssl_shutdown_timeout=_TLS_FAREWELL if tls else None,
                )
                self.servers.append(server)
        self.started = True

    def stop(self) -> None:
        """Accept nothing more; requests under way go on to their end."""
        self.should_exit = True

    def close_site(self, number: int) -> None:
        """Accept no more connections to one of the services."""
        first = self._first[number]
        for server in self.servers[first : first + len(self.sites[number].listeners)]:
            server.close()

    def end(self) -> None:
        """Break off what is under way: each request sees that its caller has gone."""
        self.force_exit = self.should_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def finish(self) -> None:
        """Wait a moment for requests that were broken off."""
        if self.server_state.tasks:
            await asyncio.wait(list(self.server_state.tasks), timeout=_LAST_MOMENT)

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leave the signals alone."""
        return nullcontext()


def _config(app: ASGIApp, keep_alive: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        http=Connection,
        ws="none",
        timeout_keep_alive=keep_alive,  # type: ignore[arg-type]  # whole seconds are not needed
        timeout_graceful_shutdown=None,  # `syncnb.service.server` looks at the clock
        backlog=1024,
    )


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """No request comes here."""

"""Runs services in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import TypeVar

import uvicorn

from syncnb.errors import SettingsError
from syncnb.service.app import ManyApps, ServiceApp
from syncnb.service.config import ServiceConfig
from syncnb.service.core import Service
from syncnb.service.edge import Edge
from syncnb.service.lifecycle import links, times
from syncnb.service.store import Transaction
from syncnb.service.transport import HttpTransport

T = TypeVar("T")
log = logging.getLogger("syncnb.service")

_THREADS = 8  # for SQL and files of all services of the process
_KEEP_ALIVE = 75  # seconds; longer than the longest wait, so that a node keeps its connection
_GRACE = 5  # seconds that requests under way have when the process stops


def serve(
    configs: Sequence[ServiceConfig],
    *,
    on_ready: Callable[[list[str]], None] | None = None,
    on_stoppable: Callable[[Callable[[], object]], None] | None = None,
) -> None:
    """Run services until SIGTERM or SIGINT.

    Parameters
    ----------
    configs : sequence of ServiceConfig
        One for each; they share the process but neither records nor ports.
    on_ready : callable, optional
        Called with the URL of each once all of them accept connections.
    on_stoppable : callable, optional
        Called with a function that stops them, which may be called from any thread.

    Raises
    ------
    SettingsError
        A port or a folder is in use, or the credentials cannot be read.

    Examples
    --------
    >>> serve([])
    """
    if configs:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(configs, on_ready, on_stoppable))


async def _serve(
    configs: Sequence[ServiceConfig],
    on_ready: Callable[[list[str]], None] | None,
    on_stoppable: Callable[[Callable[[], object]], None] | None,
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if on_stoppable is not None:
        on_stoppable(lambda: loop.call_soon_threadsafe(stop.set))
    sockets: list[socket.socket] = []
    services: list[Service] = []
    with ThreadPoolExecutor(_THREADS, "syncnb") as executor:
        try:
            for config in configs:
                sockets.append(_bind(config))
                services.append(Service(config, executor))
            for service in services:
                await service.open_for_business()
            await _run(services, sockets, stop, on_ready)
        finally:
            for one in sockets:
                one.close()
            for service in services:
                await service.finish()
            executor.shutdown()  # what is being written is written to the end
            for service in services:
                service.close()


async def _run(
    services: list[Service],
    sockets: list[socket.socket],
    stop: asyncio.Event,
    on_ready: Callable[[list[str]], None] | None,
) -> None:
    ports = [one.getsockname()[1] for one in sockets]
    apps = {port: ServiceApp(s) for port, s in zip(ports, services, strict=True)}
    server = _Server(
        uvicorn.Config(
            ManyApps(apps),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
            backlog=1024,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=sockets))
    background = [asyncio.create_task(_tick(service)) for service in services]
    background += [
        asyncio.create_task(Edge(s, HttpTransport(s.config.css_url)).run())
        for s in services
        if not s.is_css
    ]
    stopping = asyncio.create_task(stop.wait())
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    urls = [
        f"http://{_host(service.config.address[0])}:{port}"
        for service, port in zip(services, ports, strict=True)
    ]
    for service, url in zip(services, urls, strict=True):
        log.info("%s listens on %s", service.config.role.upper(), url)
    if on_ready is not None and not serving.done():
        on_ready(urls)
    try:
        # Whatever ends first, a wanted stop or a failure, ends them all.
        done, _ = await asyncio.wait(
            (stopping, serving, *background), return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for service in services:
            service.signals.stop()
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        stopping.cancel()
        server.should_exit = True
        await serving
    for task in background:
        if task in done:
            task.result()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: `serve` has its own for the whole process."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


async def _tick(service: Service) -> None:
    """What happens because time passes."""
    loop = asyncio.get_running_loop()
    site = service.site
    maintained = loop.time()
    while True:
        await asyncio.sleep(service.config.resend_interval)
        if service.is_css:
            await _guarded(service, lambda tx: links.resend_due(tx, site))
        if loop.time() - maintained >= service.config.maintenance_interval:
            maintained = loop.time()
            while await _guarded(service, lambda tx: times.expire_and_activate(tx, site)):
                pass


async def _guarded(service: Service, function: Callable[[Transaction], T]) -> T | None:
    try:
        return await service.store.write(function)
    except Exception:  # a full disk must not end the timers; the next tick tries again
        log.exception("a timer of the %s failed", service.config.role.upper())
        return None


def _bind(config: ServiceConfig) -> socket.socket:
    host, port = config.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((host, port))
        one.listen(1024)  # a port that somebody else listens on is refused here, not later
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                "listen",
                f"port {port} of {host} is in use",
                "stop what uses it, or take another",
            ) from error
        raise SettingsError(
            "listen",
            f"{config.listen} cannot be used ({error.strerror})",
            "take another address",
        ) from error
    return one


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:  # it does not exist for every platform
        return None
    import uvloop

    return uvloop.new_event_loop

"""Runs services in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

from syncnb.service.access import AccessLog
from syncnb.service.admission import Admission, open_files_limit
from syncnb.service.app import ServiceApp
from syncnb.service.config import ServiceConfig
from syncnb.service.core import Service, Stop
from syncnb.service.http_server import HttpServer, Site
from syncnb.service.listeners import Listener, listen
from syncnb.service.running import run_service
from syncnb.service.tls import ServerTls, client_context
from syncnb.service.transport import HttpTransport

log = logging.getLogger("syncnb.service")


def serve(
    configs: Sequence[ServiceConfig],
    *,
    on_ready: Callable[[list[str]], None] | None = None,
    on_stoppable: Callable[[Callable[[], object]], None] | None = None,
) -> None:
    """Run services until SIGTERM or SIGINT; a second one breaks off what is under way.

    Parameters
    ----------
    configs : sequence of ServiceConfig
        One for each; they share the process but neither records nor ports.
    on_ready : callable, optional
        Called with the URLs of all listeners, in order, once all of them accept connections.
    on_stoppable : callable, optional
        Called with a function that stops them, which may be called from any thread.

    Raises
    ------
    SettingsError
        A port or a folder is in use, or credentials or certificates cannot be read.

    Examples
    --------
    >>> serve([])
    """
    if configs:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve_until_stopped(configs, on_ready, on_stoppable))


async def _serve_until_stopped(
    configs: Sequence[ServiceConfig],
    on_ready: Callable[[list[str]], None] | None,
    on_stoppable: Callable[[Callable[[], object]], None] | None,
) -> None:
    stopping = _Stopping()
    if on_stoppable is not None:
        loop = asyncio.get_running_loop()
        on_stoppable(lambda: loop.call_soon_threadsafe(stopping.ask))
    while configs:
        configs = await _serve(configs, stopping, on_ready)
        on_ready = None  # it said so the first time


async def _serve(
    configs: Sequence[ServiceConfig],
    stopping: _Stopping,
    on_ready: Callable[[list[str]], None] | None,
) -> Sequence[ServiceConfig]:
    """Serve until the end; returns what is to be started again, where it listened."""
    units: list[_Unit] = []
    files = open_files_limit()

    def reload() -> None:
        for unit in units:
            if unit.tls is not None:
                unit.tls.reload()

    with (
        ThreadPoolExecutor(max(c.threads for c in configs), "syncnb") as executor,
        ExitStack() as last,
        stopping.signals(reload),
    ):
        try:
            for config in configs:
                listeners = listen(config)
                for one in listeners:
                    last.callback(one.close)
                units.append(_Unit(Service(config, executor), listeners))
            for unit in units:
                unit.read_certificates()
                await unit.service.open_for_business()
            again = [unit.config_to_restart() for unit in units]
            server = HttpServer([unit.site(files) for unit in units])
            restart = await _run(units, server, stopping, on_ready)
        finally:
            for unit in units:
                await unit.service.finish()
            executor.shutdown()  # what is being written is written to the end
            for unit in units:
                unit.service.close()
    return again if restart else ()


class _Unit:
    """One service with all that belongs to it.

    Parameters
    ----------
    service : Service
        The service.
    listeners : list of Listener
        Where it listens.
    """

    def __init__(self, service: Service, listeners: list[Listener]) -> None:
        self.service, self.listeners = service, listeners
        self.tls: ServerTls | None = None
        self._link_tls: ssl.SSLContext | None = None

    def read_certificates(self) -> None:
        """Make what it shows, and whom it trusts."""
        config = self.service.config
        if any(address.tls for address in config.addresses):
            self.tls = ServerTls(config)
        if not self.service.is_css:
            self._link_tls = client_context(config)

    def site(self, files: int) -> Site:
        """What the server has to know of it; the process may open so many files."""
        service, config = self.service, self.service.config
        app = AccessLog(ServiceApp(service), config.role, enabled=config.access_log)
        context = self.tls.context if self.tls is not None else None
        return Site(app, config, Admission(config, files), self.listeners, context)

    def config_to_restart(self) -> ServiceConfig:
        """Its configuration, with the ports that it really has."""
        return replace(self.service.config, listen=tuple(one.url for one in self.listeners))

    def transport(self) -> HttpTransport:
        """What carries the calls of a node."""
        config = self.service.config
        return HttpTransport(config.css_url, self._link_tls, connect_timeout=config.connect_timeout)


async def _run(
    units: list[_Unit],
    server: HttpServer,
    stopping: _Stopping,
    on_ready: Callable[[list[str]], None] | None,
) -> bool:
    """Serve until all services or the process are to stop; whether they are to start again."""
    serving = asyncio.create_task(server.serve())
    running = {
        asyncio.create_task(
            run_service(unit.service, unit.transport, partial(server.close_site, number))
        )
        for number, unit in enumerate(units)
    }
    watching = [asyncio.create_task(unit.tls.watch()) for unit in units if unit.tls is not None]
    stop = asyncio.create_task(stopping.asked.wait())
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    for unit in units:
        for listener in unit.listeners:
            log.info("%s listens on %s", unit.service.config.role.upper(), listener.url)
            if not (listener.address.is_local or listener.address.tls):
                log.warning("whoever listens in on %s reads credentials: speak TLS", listener.url)
    if on_ready is not None and not serving.done():
        on_ready([listener.url for unit in units for listener in unit.listeners])
    try:
        return await _until_over(running, stop, serving, *watching)
    finally:
        server.stop()
        for unit in units:
            unit.service.signals.stop()
        background = [*running, *watching]
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        stop.cancel()
        stopping.when_asked_again(server.end)
        grace = max(unit.service.config.stop_grace for unit in units)
        await asyncio.wait((serving,), timeout=grace)
        if not serving.done():
            log.warning("requests are broken off, as they did not end within %g s", grace)
            server.end()
        await serving
        await server.finish()


async def _until_over(running: set[asyncio.Task[Stop]], *ends: asyncio.Task[Any]) -> bool:
    """Wait for one of `ends`, a failure, or the last service; whether to start again.

    A service that was asked to stop leaves the others of its process alone; one that is to start
    again takes them along.
    """
    left = set(running)
    while left:
        done, _ = await asyncio.wait((*ends, *left), return_when=asyncio.FIRST_COMPLETED)
        for task in done - left:
            task.result()
            return False
        left -= done
        if any(task.result().restart for task in done & running):
            return True
    return False


class _Stopping:
    """Whether somebody wants the process to end, and how urgently."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self._urgent: Callable[[], None] | None = None
        self._times = 0

    def ask(self) -> None:
        """Stop; asked again, at once."""
        self._times += 1
        self.asked.set()
        if self._times > 1 and self._urgent is not None:
            self._urgent()

    def when_asked_again(self, action: Callable[[], None]) -> None:
        """What ends at once; done now if the second call was faster."""
        self._urgent = action
        if self._times > 1:
            action()

    @contextmanager
    def signals(self, reload: Callable[[], None]) -> Iterator[None]:
        """Listen to signals while the block lasts."""
        loop = asyncio.get_running_loop()
        actions = {signal.SIGTERM: self.ask, signal.SIGINT: self.ask, signal.SIGHUP: reload}
        for number, action in actions.items():
            loop.add_signal_handler(number, action)
        try:
            yield
        finally:
            for number in actions:
                loop.remove_signal_handler(number)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if find_spec("uvloop") is None:  # it does not exist for every platform
        return None
    import uvloop

    return uvloop.new_event_loop

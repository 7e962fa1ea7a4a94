"""Runs services in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

from syncnb.service.access import AccessLog
from syncnb.service.admission import Admission, open_files_limit
from syncnb.service.app import ServiceApp
from syncnb.service.config import ServiceConfig
from syncnb.service.core import Service
from syncnb.service.edge import Edge
from syncnb.service.http_server import HttpServer, Site
from syncnb.service.listeners import Listener, listen
from syncnb.service.timers import run_timers
from syncnb.service.tls import ServerTls, client_context
from syncnb.service.transport import HttpTransport

T = TypeVar("T")
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
            runner.run(_serve(configs, on_ready, on_stoppable))


async def _serve(
    configs: Sequence[ServiceConfig],
    on_ready: Callable[[list[str]], None] | None,
    on_stoppable: Callable[[Callable[[], object]], None] | None,
) -> None:
    stopping = _Stopping()
    if on_stoppable is not None:
        loop = asyncio.get_running_loop()
        on_stoppable(lambda: loop.call_soon_threadsafe(stopping.ask))
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
            await _run(units, HttpServer([u.site(files) for u in units]), stopping, on_ready)
        finally:
            for unit in units:
                await unit.service.finish()
            executor.shutdown()  # what is being written is written to the end
            for unit in units:
                unit.service.close()


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

    def background(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What goes on besides requests."""
        yield run_timers(self.service)
        if self.tls is not None:
            yield self.tls.watch()
        if not self.service.is_css:
            config = self.service.config
            transport = HttpTransport(
                config.css_url, self._link_tls, connect_timeout=config.connect_timeout
            )
            yield Edge(self.service, transport).run()


async def _run(
    units: list[_Unit],
    server: HttpServer,
    stopping: _Stopping,
    on_ready: Callable[[list[str]], None] | None,
) -> None:
    serving = asyncio.create_task(server.serve())
    background = [asyncio.create_task(work) for unit in units for work in unit.background()]
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
        # Whatever ends first, a wanted stop or a failure, ends them all.
        done, _ = await asyncio.wait(
            (stop, serving, *background), return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        server.stop()
        for unit in units:
            unit.service.signals.stop()
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
    for task in background:
        if task in done:
            task.result()


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

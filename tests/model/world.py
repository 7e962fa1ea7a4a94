"""One CSS and its nodes in one process: their disks, their clocks, and their deaths."""

from __future__ import annotations

import asyncio
import base64
import logging
import shutil
from collections.abc import Coroutine, Mapping
from contextvars import ContextVar, copy_context
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from syncnb.service.app import ServiceApp
from syncnb.service.authentication import Authentication
from syncnb.service.config import ServiceConfig
from syncnb.service.core import Service
from syncnb.service.edge import Edge
from syncnb.service.identity import Identity, Login
from syncnb.service.lifecycle import Site, restoring
from syncnb.service.lifecycle.base import CLOUD
from syncnb.service.store import Transaction
from syncnb.service.store.sqlite import SQLite
from syncnb.service.timers import run_timers
from tests.model.disk import Platter, WatchedBlobs
from tests.model.loop import Disk, VirtualLoop
from tests.model.network import (
    Connection,
    ConnectionLost,
    Fault,
    SimulatedTransport,
    Weather,
    call,
)
from tests.model.stage import CHUNK, ORG, Place, Reply

T = TypeVar("T")
_EPOCH = 1_795_000_000.0  # the wall clock of every machine at virtual time 0
_owner: ContextVar[Process | None] = ContextVar("_owner", default=None)


class Process:
    """One life of a service: from its start to its kill.

    Parameters
    ----------
    machine : Machine
        Whose disk, clock and network it uses.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine, self.world = machine, machine.world
        rng = Random(self.world.rng.getrandbits(64))
        self._disk = Disk(self.world.loop, rng)
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self.connections: dict[Connection, None] = {}  # requests that it serves
        self.links: dict[Connection, None] = {}  # requests that it has sent
        self.alive = True
        authentication = Authentication(
            self.world.users,
            lambda: Login(f"edge/{machine.name}", "s"),
            clock=self.world.loop.time,
            executor=self._disk,
        )
        self.service = Service(
            machine.config,
            self._disk,
            clock=machine.clock,
            rng=rng,
            authentication=authentication,
        )
        self.service.blobs = WatchedBlobs(self.service.blobs, machine.platter)
        self.app = ServiceApp(self.service)
        self._context = copy_context()
        self._context.run(_owner.set, self)
        self.ready = self.spawn(self._run())

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something that dies with this process, and so does all that it begins."""
        return self.world.loop.create_task(work, context=self._context.copy())

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Note a task that belongs to this process."""
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    def kill(self) -> None:
        """What ``kill -9`` does: nothing that is under way gets any further."""
        self.alive, self._disk.gone = False, True
        for connection in (*self.connections, *self.links):
            connection.reset()
        for task in list(self._tasks):
            task.cancel()
        self.service.close()

    async def _run(self) -> None:
        await self.service.open_for_business()
        self.spawn(run_timers(self.service))
        if not self.service.is_css:
            transport = SimulatedTransport(self, self.world.css)
            self.spawn(Edge(self.service, transport).run())

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and self.alive and not isinstance(error, ConnectionLost):
            self.world.alarm(f"{self.machine.name}: {error!r}", error)


class Machine:
    """What outlives a process: folder, clock, network.

    Parameters
    ----------
    world : World
        Where it stands.
    name : str
        ``css`` or the ID of the node.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.folder = world.folder / name
        self.folder.mkdir()
        (self.folder / "blobs").mkdir()
        role: dict[str, Any] = {"role": "css"}
        if name != "css":
            role = {"role": "ess", "css_url": "http://css", "org_id": ORG, "node": f"edge/{name}"}
        self.config = ServiceConfig(
            **(role | world.settings),
            data=self.folder,
            auth=world.folder / "unused",
            chunk_size=CHUNK,
            poll_interval=2,
        )
        self.platter = Platter(self.folder / "blobs")
        self.weather = Weather()
        self.network_rng = Random(world.rng.getrandbits(64))
        self.offset = 0.0  # seconds that its clock is wrong
        self.process: Process | None = None

    def clock(self) -> float:
        """What the machine takes for the time, in seconds since the epoch."""
        return _EPOCH + self.world.loop.time() + self.offset

    def start(self) -> None:
        """Start the service, unless it runs."""
        if self.process is None:
            self.world.note(f"{self.name} starts")
            self.process = Process(self)

    def kill(self, *, power: bool) -> None:
        """Kill the service if it runs; with `power`, what was not synced is lost."""
        if self.process is None:
            return
        self.world.note(f"{self.name} is killed, power lost: {power}")
        self.process.kill()
        self.process = None
        if power:
            self.platter.lose_power(self.network_rng)

    def wipe(self) -> None:
        """An empty disk."""
        self.kill(power=False)
        self.world.note(f"{self.name} is wiped")
        shutil.rmtree(self.folder)
        (self.folder / "blobs").mkdir(parents=True)
        self.platter.synced.clear()

    @property
    def is_up(self) -> bool:
        """Whether the service runs."""
        return self.process is not None


class World:
    """All machines, and the time that they share.

    Parameters
    ----------
    seed : int
        Decides everything that is left to chance.
    folder : Path
        Empty; best in memory.
    nodes : sequence of str
        IDs of the nodes.
    settings
        What else the configuration of every service is to say.

    Attributes
    ----------
    trace : list of str
        What happened, for comparing two runs and for reading after a failure.
    alarms : list of str
        What must never happen: tasks that end with an error, errors in the log.
    registrations : list of str
        The nodes that the CSS took for new ones, in this order.
    """

    def __init__(
        self, seed: int, folder: Path, nodes: tuple[str, ...] = ("node1", "node2"), **settings: Any
    ) -> None:
        self.name, self.patience = f"seed {seed}", 7200.0
        self.rng = Random(seed)
        self.folder = folder
        self.loop = VirtualLoop()
        self.loop.set_task_factory(_owned)
        self.trace: list[str] = []
        self.alarms: list[str] = []
        self.registrations: list[str] = []
        self._log = _Alarms(self)
        logging.getLogger("syncnb.service").addHandler(self._log)
        self.users, self.settings = _Users(), settings
        self.css = Machine(self, "css")
        self.nodes = {name: Machine(self, name) for name in nodes}
        self.machines = {"css": self.css, **self.nodes}
        self._snapshot = folder / "snapshot"
        for machine in self.machines.values():
            machine.start()

    def close(self) -> None:
        """End it, without a trace on the disk."""
        for machine in self.machines.values():
            machine.kill(power=False)
        self.advance(0.1)
        logging.getLogger("syncnb.service").removeHandler(self._log)
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def note(self, event: str) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.loop.time():.6f} {event}")

    def alarm(self, event: str, error: BaseException | None = None) -> None:
        """Note what must never happen."""
        self.note(f"ALARM {event}")
        self.alarms.append(event)
        if error is not None:
            logging.getLogger("tests.model").error("alarm", exc_info=error)

    def answered(self, path: str, status: int) -> None:
        """Note what the CSS decided, whether or not anybody hears of it."""
        if path.startswith("/spi/v1/register-new/") and status == 204:
            self.registrations.append(path.rsplit("/", 1)[1])

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end, and whatever else happens meanwhile."""
        return self.loop.run_until_complete(work)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.run(asyncio.sleep(seconds))

    def make_well(self) -> None:
        """End every fault."""
        for machine in self.machines.values():
            machine.weather.cut, machine.weather.faulty = False, 0.0
            machine.platter.full = False

    def kill_soon(self, name: str, *, power: bool, soon: float) -> None:
        """Kill a service in so many seconds; it starts again a moment later."""
        machine = self.machines[name]
        self.loop.call_later(soon, lambda: machine.kill(power=power))
        self.loop.call_later(soon + 0.3, machine.start)

    def call(
        self,
        machine: Place,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A call of an application; repeated until there is an answer.

        Raises
        ------
        ConnectionLost
            The service stays down.
        """
        return self.run(self._call(self.machines[machine.name], method, path, body, headers))

    async def _call(
        self,
        machine: Machine,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None,
    ) -> Reply:
        sent = {"Authorization": _BASIC, **(headers or {})}
        for attempt in range(1, 1000):
            process = machine.process
            if process is None:
                await asyncio.sleep(0.05)
                continue
            await asyncio.wait((process.ready,))
            try:
                reply = await call(process, machine.network_rng, method, path, sent, body)
            except ConnectionLost:
                self.note(f"app at {machine.name} {method} {path} lost")
                await asyncio.sleep(0.05)
                continue
            self.note(f"app at {machine.name} {method} {path} {reply.status}")
            reply.attempts = attempt
            return reply
        raise ConnectionLost(f"{machine.name} is down")

    def cut(self, name: str, *, silently: bool) -> None:
        """Cut a node off; what is under way breaks at once, or without a sign."""
        machine = self.nodes[name]
        self.note(f"{name} is cut off, silently: {silently}")
        machine.weather.cut = True
        for connection in list(machine.process.links) if machine.process else ():
            if silently:
                connection.fault = Fault.SILENT
            else:
                connection.reset()

    def take_snapshot(self) -> None:
        """Copy the folder of the CSS as a backup would."""
        shutil.rmtree(self._snapshot, ignore_errors=True)
        shutil.copytree(self.css.folder, self._snapshot)

    def restore_snapshot(self, *, unnoticed: bool = False) -> None:
        """Put the backup in the place of the folder of the CSS, and say so to the service."""
        self.note("css is restored from its backup")
        self.css.kill(power=False)
        shutil.rmtree(self.css.folder)
        shutil.copytree(self._snapshot, self.css.folder)
        blobs = self.css.folder / "blobs"
        self.css.platter.synced = {path.name: path.stat().st_size for path in blobs.iterdir()}
        if not unnoticed:
            self._mark_as_restored()
        self.css.start()

    def _mark_as_restored(self) -> None:
        records = SQLite(self.css.folder / "records.sqlite").connect()
        records.begin(write=True)
        site = Site(
            is_css=True,
            node=CLOUD,
            org="",
            chunk_size=CHUNK,
            resend_after=60.0,
            clock=self.css.clock,
        )
        restoring.after_restore(Transaction(records.execute), site)
        records.commit()
        records.close()


def _owned(loop: asyncio.AbstractEventLoop, work: Any, **kwargs: Any) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **kwargs)
    context = kwargs.get("context")
    owner = context[_owner] if context is not None and _owner in context else _owner.get()
    if owner is not None:
        owner.adopt(task)
    return task


class _Alarms(logging.Handler):
    """Errors in the log of a service that lives are alarms."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        owner = _owner.get()
        if owner is None or owner.alive:
            error = record.exc_info[1] if record.exc_info else None
            self._world.alarm(f"{record.getMessage()}: {error!r}", error)


class _Users:
    """Everybody is who they say: ``app`` is an administrator, any other a node."""

    def identify(self, key: str, secret: str) -> Identity | None:
        if secret != "s":
            return None
        return Identity("admin" if key == "app" else "edgenode", ORG, key)


_BASIC = "Basic " + base64.b64encode(b"app:s").decode()

"""A network that loses, cuts, repeats and delays what one process says to another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.types import Message, Scope

from syncnb.service.transport import Answer, LinkDown
from tests.model.stage import Reply

if TYPE_CHECKING:
    from tests.model.world import Machine, Process

Body = bytes | AsyncIterator[bytes] | None


class Fault(Enum):
    """What happens to one request."""

    NONE = "it arrives, and so does the answer"
    LOST = "the request never arrives"
    UNANSWERED = "the other side acts on it, but the answer is lost"
    CUT_UP = "the connection breaks in the middle of the request's body"
    CUT_DOWN = "the connection breaks in the middle of the answer's body"
    TWICE = "it arrives twice, at the same time"
    SILENT = "nothing comes back, and nobody is told"


@dataclass
class Weather:
    """How the network of one node behaves.

    Parameters
    ----------
    cut : bool
        Nothing gets through.
    faulty : float
        Share of the requests that something happens to.
    next : dict
        Part of a path -> what happens to the next requests with such a path.
    """

    cut: bool = False
    faulty: float = 0.0
    next: dict[str, list[Fault]] = field(default_factory=dict)

    def fault(self, rng: Random, path: str) -> Fault:
        """What happens to a request."""
        for part, faults in self.next.items():
            if part in path and faults:
                return faults.pop(0)
        if rng.random() >= self.faulty:
            return Fault.NONE
        return rng.choice([fault for fault in Fault if fault is not Fault.NONE])


class ConnectionLost(Exception):
    """The other process died, or the network broke, before the answer was complete."""


class Connection:
    """One request on its way to one process, and its answer on the way back.

    Parameters
    ----------
    server : Process
        Where it goes.
    rng : random.Random
        How long each message takes.
    fault : Fault
        What happens to it.
    """

    def __init__(self, server: Process, rng: Random, fault: Fault = Fault.NONE) -> None:
        self._server, self._rng, self.fault = server, rng, fault
        self._up: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._down: asyncio.Queue[Message | None] = asyncio.Queue()
        self._closed = asyncio.Event()
        self._left = rng.choice((0, 1, 100, 5000, 30000))  # bytes until a cut
        self.done = asyncio.Event()
        self._answered = self._cut = False
        server.connections[self] = None
        if not server.alive:
            self.reset()

    def start(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Hand the request to the application of the other process."""
        plain, _, query = path.partition("?")
        self._path = plain
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(plain),
            "raw_path": plain.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        self._server.spawn(self._serve(scope))

    async def _serve(self, scope: Scope) -> None:
        try:
            await self._delay()
            await self._server.app(scope, self._receive, self._send)
            if not self._answered:
                self.reset()  # a server closes the connection of a handler that says nothing
        finally:
            self.done.set()
            self._server.connections.pop(self, None)

    async def _receive(self) -> Message:
        if self._closed.is_set():
            return {"type": "http.disconnect"}
        arriving = asyncio.ensure_future(self._up.get())
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait((arriving, closing), return_when=asyncio.FIRST_COMPLETED)
            if not arriving.done():
                return {"type": "http.disconnect"}
            chunk = arriving.result()
            return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}
        finally:
            arriving.cancel()
            closing.cancel()

    async def _send(self, message: Message) -> None:
        if not self._server.alive:
            return
        if not self._answered:
            self._answered = True
            self._server.world.answered(self._path, message["status"])
        if self._closed.is_set() or self.fault in (Fault.UNANSWERED, Fault.SILENT):
            return
        await self._delay()
        if self.fault is Fault.CUT_DOWN and message["type"] == "http.response.body":
            piece = message["body"][: self._left]
            self._left -= len(piece)
            if len(piece) < len(message["body"]) or not message.get("more_body"):
                self._down.put_nowait({**message, "body": piece, "more_body": True})
                self.reset()
                return
        self._down.put_nowait(message)

    async def feed(self, body: Body) -> None:
        """Send the body, as far as the network lets it through."""
        if isinstance(body, bytes):
            self._feed(body)
        elif body is not None:
            async for chunk in body:
                await self._delay()
                self._feed(chunk)
        if not self._cut:
            self._up.put_nowait(None)

    def _feed(self, chunk: bytes) -> None:
        if self._closed.is_set() or self._cut:
            raise ConnectionLost("reset while the body was sent")
        if self.fault is Fault.CUT_UP:
            chunk, whole = chunk[: self._left], chunk
            self._left -= len(chunk)
            if len(chunk) < len(whole) or not whole:
                self._cut = True
                self._up.put_nowait(bytes(chunk))
                self._server.world.loop.call_later(0.01, self.reset)
                return
        self._up.put_nowait(bytes(chunk))

    async def message(self) -> Message:
        """What comes back next."""
        got = await self._down.get()
        if got is None:
            raise ConnectionLost("the connection was reset")
        return got

    def reset(self) -> None:
        """Break it, for both ends."""
        self._closed.set()
        self._down.put_nowait(None)

    async def _delay(self) -> None:
        draw = self._rng.random()
        await asyncio.sleep(0.001 if draw < 0.9 else draw * 0.3 if draw > 0.99 else draw * 0.02)


async def call(
    server: Process, rng: Random, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Reply:
    """A request of an application on the same machine, which no network disturbs.

    Raises
    ------
    ConnectionLost
        The process was killed before it answered.
    """
    connection = Connection(server, rng)
    connection.start(method, path, headers)
    await connection.feed(body)
    head = await connection.message()
    content = bytearray()
    more = True
    while more:
        part = await connection.message()
        content += part["body"]
        more = part.get("more_body", False)
    return Reply(head["status"], Headers(raw=head["headers"]), bytes(content))


class SimulatedTransport:
    """What carries a node's calls to its CSS.

    Parameters
    ----------
    client : Process
        The node.
    cloud : Machine
        Where its CSS runs, if it runs.
    """

    def __init__(self, client: Process, cloud: Machine) -> None:
        self._client, self._cloud = client, cloud
        self._weather, self._rng = client.machine.weather, client.machine.network_rng

    async def close(self) -> None:
        """Nothing stays open."""

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Body,
        *,
        total: float | None,
        silence: float | None,
    ) -> AsyncIterator[Answer]:
        """Send a request through the weather of the node."""
        world, name = self._cloud.world, self._client.machine.name
        fault = self._weather.fault(self._rng, path)
        if fault is Fault.TWICE and not (body is None or isinstance(body, bytes)):
            body = b"".join([chunk async for chunk in body])
        server = self._cloud.process
        if server is not None and not server.ready.done():
            server = None  # it does not listen yet
        if self._weather.cut or server is None or fault is Fault.LOST:
            await asyncio.sleep(0.01)
            world.note(f"{name} {method} {path} does not arrive")
            raise LinkDown("connection refused")
        connections = [Connection(server, self._rng, fault)]
        if fault is Fault.TWICE:
            connections.append(Connection(server, self._rng))
            self._rng.shuffle(connections)
        self._client.links |= dict.fromkeys(connections)
        heard = connections[0]
        feeding = asyncio.ensure_future(_fed(connections, body))
        try:
            for connection in connections:
                connection.start(method, path, headers)
            async with asyncio.timeout(min(total or 1e9, silence or 1e9)):
                if fault is Fault.UNANSWERED:
                    await heard.done.wait()
                    raise ConnectionLost("the answer was lost")
                head = await heard.message()
            for other in connections[1:]:
                with suppress(TimeoutError):
                    await asyncio.wait_for(other.done.wait(), 1.0)
            world.note(f"{name} {method} {path} {fault.name} {head['status']}")
            yield _Answer(heard, head, silence)
        except (ConnectionLost, TimeoutError) as lost:
            world.note(f"{name} {method} {path} {fault.name} {lost!r}")
            raise LinkDown(str(lost) or "time-out") from lost
        finally:
            feeding.cancel()
            for connection in connections:
                self._client.links.pop(connection, None)
                connection.reset()


async def _fed(connections: list[Connection], body: Body) -> None:
    with suppress(ConnectionLost, LinkDown):
        for connection in connections:
            await connection.feed(body)


@dataclass
class _Answer:
    connection: Connection
    head: Message
    silence: float | None
    status: int = field(init=False)
    headers: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.status = self.head["status"]
        self.headers = Headers(raw=self.head["headers"])

    async def pieces(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            try:
                async with asyncio.timeout(self.silence):
                    part = await self.connection.message()
            except (ConnectionLost, TimeoutError) as lost:
                raise LinkDown(str(lost) or "time-out") from lost
            more = part.get("more_body", False)
            if part["body"]:
                yield bytes(part["body"])

"""A proxy that plays one fault in each exchange, and remembers what became of each."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlsplit

import h11

from .exchange import EMPTY, Client, Exchange, busy_answer
from .faults import (
    Busy,
    CutAnswer,
    CutRequest,
    Delay,
    Drip,
    EndlessHead,
    Fault,
    Garbage,
    LoseAnswer,
    Page,
    Pass,
    Refuse,
    ReplaceAnswer,
    Seen,
    Silence,
    WrongLength,
)
from .framing import Message, rechunked, with_length

_LONGEST = 20.0  # seconds after which a test has failed, whatever it waits for
_PAGE = b"<!DOCTYPE html><title>Welcome</title><p>Please log in to use this network."


class Proxy:
    """Stands between a client and a service, on a port of its own and in one thread of its own.

    Parameters
    ----------
    url : str
        Of the service.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._service = parts.hostname or "", parts.port or 0
        self._plan: list[Fault] = []
        self._exchanges: list[Exchange] = []
        self._clients: set[asyncio.Task[None]] = set()
        self._failures: list[Exception] = []
        self._busy = 0
        # Held without listening, so that nobody else gets the port while connections are refused.
        self._place = _bound(0)
        self._port: int = self._place.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy")
        self._thread.start()
        self._server: asyncio.Server | None = None
        self._reopening: asyncio.TimerHandle | None = None
        self._run(self._listen())

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def connections(self) -> int:
        """How many are open on the side of the client."""
        self._run(self._turns())
        return len(self._clients)

    def begin(self, plan: Iterable[Fault]) -> None:
        """Play these faults in the next exchanges, one in each, and forget what was before."""
        self._run(self._begin(list(plan)))

    def settle(self) -> list[Exchange]:
        """The exchanges since `begin`, once none is under way any more."""
        deadline = time.monotonic() + _LONGEST
        while self._run(self._turns()) or self._busy or self._server is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"an exchange does not end: {self._exchanges}")
            time.sleep(0.002)
        if self._failures:
            raise ExceptionGroup("the proxy failed", self._failures)
        return list(self._exchanges)

    def close(self) -> None:
        """Hang up everywhere."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._place.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------- the loop

    def _run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(_LONGEST)

    async def _begin(self, plan: list[Fault]) -> None:
        self._plan, self._exchanges = plan, []

    async def _turns(self) -> None:
        """Whatever came before has been looked at after a few turns of the loop."""
        for _ in range(4):
            await asyncio.sleep(0)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._talk, sock=_bound(self._port))

    async def _close(self) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        if self._server is not None:
            self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        client = Client(reader, writer)
        try:
            while not client.ended and await self._one(client):
                pass
        finally:
            client.end()
            self._clients.discard(task)

    async def _one(self, client: Client) -> bool:
        """One exchange; False if there is none."""
        request = Message(client.reader)
        if not await request.read_head():
            return False
        assert request.head is not None
        method, target = request.head.method.decode(), request.head.target.decode()  # type: ignore[union-attr]
        fault = self._plan.pop(0) if self._plan else Pass()
        exchange = Exchange(method, target, fault, time.monotonic())
        self._exchanges.append(exchange)
        self._busy += 1
        try:
            await self._play(fault, exchange, client, request)
        except OSError:  # the client hung up, as it may
            client.end()
        except (AssertionError, ValueError, h11.ProtocolError) as error:
            self._failures.append(error)
            client.end()
        finally:
            exchange.ended = time.monotonic()
            self._busy -= 1
        return True

    # ------------------------------------------------------------------- the faults

    async def _play(
        self, fault: Fault, exchange: Exchange, client: Client, request: Message
    ) -> None:
        match fault:
            case CutRequest(at, end):
                size = at.of(request.size)
                await request.read(size)
                if request.complete and size >= len(request.raw):
                    await self._forward(exchange, request)
                else:
                    await self._forward_part(bytes(request.raw[:size]))
                client.end(reset=end == "reset")
                return
            case Busy(early=True):
                await client.send(busy_answer(fault, exchange, "Connection: close\r\n"))
                client.end()
                return
        if not await request.read():
            client.end()
            return
        match fault:
            case Busy():
                await client.send(busy_answer(fault, exchange))
            case Silence():
                exchange.seen = Seen.SILENCE
                await client.hang_up()
            case Garbage(said):
                exchange.seen = Seen.ODD
                await client.send(said)
                client.end()
            case Page():
                exchange.seen, exchange.status = Seen.ODD, 200
                head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(_PAGE)}"
                await client.send(head.encode() + b"\r\n\r\n" + _PAGE)
            case EndlessHead():
                exchange.seen = Seen.SILENCE
                await client.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                until = time.monotonic() + _LONGEST / 2  # then a test has failed
                while not client.gone and time.monotonic() < until:
                    await client.send(b".")
                    await asyncio.sleep(0.02)
                client.end()
            case Refuse(seconds):
                self._refuse(seconds)
                client.end(reset=True)
            case Delay(before=before) if before:
                await asyncio.sleep(before)
                if client.gone:
                    client.end()
                else:
                    await self._answer(fault, exchange, client, request)
            case _:
                await self._answer(fault, exchange, client, request)

    async def _answer(
        self, fault: Fault, exchange: Exchange, client: Client, request: Message
    ) -> None:
        """Those that happen to the answer of the service."""
        answer = await self._forward(exchange, request, client)
        if not answer:  # the client hung up while the service waited for something new
            client.end()
            return
        match fault:
            case Pass(then, chunks):
                await client.send(rechunked(answer, chunks))
                exchange.seen, exchange.status = Seen.ANSWER, exchange.service_status
                if then == "reset":  # what the client did not read yet is lost
                    exchange.seen = Seen.BROKEN
                if then == "more":
                    await client.send(b"\r\nmore than was asked for")
                if then != "stay":
                    client.end(reset=then == "reset")
            case Delay(after=after):
                await asyncio.sleep(after)
                await client.send(answer)
                exchange.seen, exchange.status = Seen.ANSWER, exchange.service_status
            case Drip(pieces, pause, chunks):
                answer = rechunked(answer, chunks)
                step = -(-len(answer) // pieces)
                for at in range(0, len(answer), step):
                    await client.send(answer[at : at + step])
                    await asyncio.sleep(pause)
                exchange.seen, exchange.status = Seen.ANSWER, exchange.service_status
            case CutAnswer(at, end, chunks):
                answer = rechunked(answer, chunks)
                size = at.of(len(answer))
                await client.send(answer[:size])
                if size == len(answer) and end == "close":
                    exchange.seen, exchange.status = Seen.ANSWER, exchange.service_status
                client.end(reset=end == "reset")
            case LoseAnswer("silence"):
                exchange.seen = Seen.SILENCE
                await client.hang_up()
            case LoseAnswer(end):
                client.end(reset=end == "reset")
            case ReplaceAnswer(status):
                exchange.seen, exchange.status = Seen.OTHER, status
                await client.send(f"HTTP/1.1 {status} X\r\n{EMPTY}".encode())
            case WrongLength(more, end):
                await self._misframed(answer, more, end, exchange, client)
            case _:
                raise AssertionError(fault)

    async def _misframed(
        self, answer: bytes, more: int, end: str, exchange: Exchange, client: Client
    ) -> None:
        wrong = with_length(answer, more)
        exchange.status = exchange.service_status
        if wrong == answer:
            exchange.seen = Seen.ANSWER
        elif more > 0:
            exchange.seen = Seen.SILENCE if end == "stay" else Seen.BROKEN
        else:
            exchange.seen = Seen.SHORT
        await client.send(wrong)
        if end != "stay":
            client.end(reset=end == "reset")
        elif exchange.seen is Seen.SILENCE:
            await client.hang_up()

    # ------------------------------------------------------------------- the service

    async def _forward(
        self, exchange: Exchange, request: Message, client: Client | None = None
    ) -> bytes:
        """The answer of the service; none if the client did not wait for it.

        What changes something is seen to its end: the next call of the client never overtakes it.
        """
        reader, writer = await asyncio.open_connection(*self._service)
        try:
            writer.write(bytes(request.raw))  # without drain: it may answer before it has read all
            answer = Message(reader, exchange.method.encode())
            reading: asyncio.Future[Any] = asyncio.ensure_future(answer.read())
            waiting = {reading}
            if client is not None and exchange.method == "GET":
                waiting.add(asyncio.ensure_future(client.hang_up()))
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            done = reading.done()
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            if not done:
                return b""
            assert answer.complete, (
                f"the service hung up on {exchange}: {bytes(answer.raw[:300])!r}"
            )
            exchange.service_status = answer.head.status_code  # type: ignore[union-attr]
            return bytes(answer.raw)
        finally:
            writer.close()

    async def _forward_part(self, part: bytes) -> None:
        _, writer = await asyncio.open_connection(*self._service)
        with suppress(OSError):
            writer.write(part)
            await writer.drain()
        writer.close()

    def _refuse(self, seconds: float) -> None:
        assert self._server is not None
        self._server.close()
        self._server = None
        self._reopening = self._loop.call_later(
            seconds, lambda: self._loop.create_task(self._listen())
        )


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port))
    return sock

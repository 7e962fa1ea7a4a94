"""A small server that a sync service calls when an object has arrived."""

from __future__ import annotations

import html
import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from syncnb.client.interrupting import Interrupt
from syncnb.client.webhook_server import WebhookServer
from syncnb.errors import ConnectionFailedError, ServiceError, SettingsError, SyncError
from syncnb.metadata import check_stored_name
from syncnb.settings import ServiceUrl

if TYPE_CHECKING:
    from syncnb.client.client import SyncServiceClient

log = logging.getLogger("syncnb")
_PATIENCE = 5.0  # seconds that taking back a registration may take


class WebhookReceiver:
    """Lets a service that cannot wait tell at once when an object of a type has arrived.

    Pass it to `syncnb.updates`, `syncnb.updates_async` or `start_polling_for_updates`: a call of
    the service ends the pause of their loops. They go on looking at the list at their interval,
    since a call can get lost, and none is made for deletions and for objects without data. What a
    call says is not believed, the list is looked at.

    Parameters
    ----------
    client : SyncServiceClient
        The service that is to call.
    object_type : str
        Which type.
    host : str, default "127.0.0.1"
        Address to listen at. The service of a node usually runs on the same machine.
    port : int, default 0
        Port to listen at; 0 takes a free one.
    url : str, optional
        Where the service reaches this server, if it is not ``http://host:port``: behind a proxy
        (which is also how to use TLS), or in a container.

    Raises
    ------
    InvalidMetaDataError, SettingsError
        The type is no name; the URL is none.

    Notes
    -----
    Webhooks of the service (rest-api.md, 9.2) carry no credentials. So the last part of the path
    is a secret of 256 bits; every other path is answered by 404. Bodies, heads, the time of a call
    and the number of calls at a time are limited, and every call is answered at once.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish, updates
    >>> with LocalFleet(nodes=1) as fleet:
    ...     node = fleet.node("node1")
    ...     with WebhookReceiver(node, "example") as webhook:
    ...         done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...         update = next(updates("example", client=node, webhook=webhook, timeout=20))
    ...         print(update)
    <Update example/one 1>
    """

    def __init__(
        self,
        client: SyncServiceClient,
        object_type: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        url: str | None = None,
    ) -> None:
        check_stored_name("object_type", object_type)
        if url is not None:
            _check_url(url)
        self.object_type = object_type
        self.calls = 0  # of the service, since the start
        self._client, self._host, self._port, self._url = client, host, port, url
        self._secret = secrets.token_urlsafe(32)
        self._interrupts: set[Interrupt] = set()
        self._lock = threading.Lock()
        self._server: WebhookServer | None = None

    def start(self) -> None:
        """Listen, and register at the service. The ``with`` block does this.

        Raises
        ------
        OSError
            The address cannot be listened at.
        AccessDeniedError, RequestRefusedError, ServiceError, ConnectionFailedError
            The service does not register it; nothing listens then.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet:
        ...     webhook = WebhookReceiver(fleet.node("node1"), "example")
        ...     webhook.start()
        ...     webhook.close()
        """
        if self._server is not None:
            return
        self._server = WebhookServer(self._host, self._port, self._secret, self._called)
        try:
            self._client.register_webhook(self.object_type, self._registered)
        except BaseException:
            self._stop_server()
            raise

    def close(self) -> None:
        """Take the registration back and stop listening. The ``with`` block does this.

        A service that does not answer for five seconds is left with the registration, whose secret
        nobody answers to any more; that is a line in the log.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet:
        ...     webhook = WebhookReceiver(fleet.node("node1"), "example")
        ...     webhook.start()
        ...     webhook.close()
        """
        if self._server is None:
            return
        interrupt = Interrupt()
        try:
            with interrupt.after(_PATIENCE), interrupt.requests():
                self._client.delete_webhook(self.object_type, self._registered)
        except (ConnectionFailedError, ServiceError) as error:
            log.warning("a webhook for %r stays registered: %s", self.object_type, error)
        finally:
            self._stop_server()

    def renew(self) -> None:
        """Register again, since a service that was restarted may have forgotten it.

        To register twice does no harm. A failure is a line in the log: the list is looked at
        anyway.

        Examples
        --------
        >>> from syncnb import LocalFleet
        >>> with LocalFleet(nodes=1) as fleet:
        ...     webhook = WebhookReceiver(fleet.node("node1"), "example")
        ...     webhook.start()
        ...     webhook.renew()
        ...     webhook.close()
        """
        if self._server is not None:
            try:
                self._client.register_webhook(self.object_type, self._registered)
            except SyncError as error:
                log.warning("a webhook for %r is not registered: %s", self.object_type, error)

    @contextmanager
    def ringing(self, interrupt: Interrupt) -> Iterator[None]:
        """Inside of it, each call ends a pause of a loop.

        Examples
        --------
        >>> from syncnb import LocalFleet, publish
        >>> with LocalFleet(nodes=1) as fleet:
        ...     with WebhookReceiver(fleet.node("node1"), "example") as webhook:
        ...         interrupt = Interrupt()
        ...         with webhook.ringing(interrupt):
        ...             done = publish(b"x", "example", "one", dest_type="edge", client=fleet.cloud)
        ...             interrupt.wait(20)  # until the service calls
        ...         webhook.calls
        1
        """
        with self._lock:
            self._interrupts.add(interrupt)
        try:
            yield
        finally:
            with self._lock:
                self._interrupts.discard(interrupt)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = f"at {self._base}/..." if self._server is not None else "not started"
        times = f"{self.calls} call{'' if self.calls == 1 else 's'}"
        return f"<WebhookReceiver of {self.object_type!r} {where}, {times}>"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"

    @property
    def _registered(self) -> str:
        return f"{self._base}/{self._secret}"

    @property
    def _base(self) -> str:
        if self._url is not None:
            return self._url.rstrip("/")
        host = f"[{self._host}]" if ":" in self._host else self._host
        port = self._port if self._server is None else self._server.port
        return f"http://{host}:{port}"

    def _called(self) -> None:
        with self._lock:
            self.calls += 1
            for interrupt in self._interrupts:
                interrupt.ring()

    def _stop_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()


def _check_url(url: str) -> None:
    """Refuse one to which no secret can be added as the last part of the path."""
    remedy = "write http://host:port or https://host:port, with a path behind it if there is one"
    try:
        place = ServiceUrl.parse(url)
    except SettingsError as error:
        raise SettingsError("url", error.problem, remedy) from None
    if place.socket:
        raise SettingsError("url", f"{url!r} is no URL", remedy)

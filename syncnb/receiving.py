"""On the edge: updates as they come."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.client.given import Given
from syncnb.client.interrupting import Interrupt
from syncnb.client.iterate import iter_updates
from syncnb.client.newest import NameOf, name_of
from syncnb.client.processed import Processed
from syncnb.errors import DataError
from syncnb.trusting import Trust, trust_or_default
from syncnb.update import Update

if TYPE_CHECKING:
    from syncnb.client.webhook_receiver import WebhookReceiver
    from syncnb.metadata import ObjectMetaData

_AGAIN_AFTER = 5.0  # seconds after which an update that was not acknowledged is offered again


def updates(
    object_type: str,
    *,
    client: SyncServiceClient | None = None,
    poll_interval: float = 10.0,
    timeout: float | None = None,
    only_latest: bool | NameOf = False,
    state: str | os.PathLike[str] | None = None,
    webhook: WebhookReceiver | None = None,
    stop: threading.Event | None = None,
    trust: Trust | str | os.PathLike[str] | bool | None = None,
) -> Iterator[Update]:
    """Every update of a type, as it arrives at this side's service.

    Take each in a ``with`` block: leaving it normally acknowledges the update (consumed), an
    exception does not. Caught inside the loop, the update comes again after five seconds, else
    in the next run. An outage of the service does not end the iterator.

    Parameters
    ----------
    object_type : str
        Which type.
    client : SyncServiceClient, optional
        The service of this node; by default the one of the settings.
    poll_interval : float, default 10
        Seconds between two looks at a service that cannot wait, varied by a tenth.
    timeout : float, optional
        End after so many seconds without an update; by default never.
    only_latest : bool or callable, default False
        Of several objects that carry versions of the same thing, hand out the newest and
        acknowledge the others unseen. True: those whose manifests have the same name; a callable
        makes a name of `ObjectMetaData`, such as ``lambda meta: meta.object_type``.
    state : path, optional
        A small file that remembers what was processed: a program that crashed after its work and
        before the acknowledgement is not given the update again. One for each program.
    webhook : WebhookReceiver, optional
        Makes a service that cannot wait tell when something arrives.
    stop : threading.Event, optional
        End when it is set, at once, also in the middle of a wait.
    trust : Trust, path or bool, optional
        Whose objects are taken, or its file; by default that of ``SYNCNB_TRUST`` or of the user, if
        there is one, and False for none. An update that it refuses is yielded, and raises with
        its reason when its data are asked for.

    Yields
    ------
    Update
        A new version of an object, or its deletion; the oldest first.

    Raises
    ------
    InvalidMetaDataError, SettingsError
        The type is no name, `poll_interval` is not positive, `state` is in use, the file of the
        `trust` cannot be read.
    AccessDeniedError, ServiceError
        The service refuses the first look; a refusal after that is taken for an outage.

    See Also
    --------
    updates_async : The same for ``async for``.
    SyncServiceClient.start_polling_for_updates : The same in the background.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...     for update in updates("example", client=fleet.node("node1")):
    ...         with update:
    ...             print(update.load())
    ...         break
    b'data'
    """
    with _state(state) as processed:
        yield from _updates(
            object_type, client, poll_interval, timeout, only_latest, processed, webhook,
            stop, trust,
        )  # fmt: skip


async def updates_async(
    object_type: str,
    *,
    client: SyncServiceClient | None = None,
    poll_interval: float = 10.0,
    timeout: float | None = None,
    only_latest: bool | NameOf = False,
    state: str | os.PathLike[str] | None = None,
    webhook: WebhookReceiver | None = None,
    trust: Trust | str | os.PathLike[str] | bool | None = None,
) -> AsyncIterator[Update]:
    """The same as `updates`, for ``async for``; also in a notebook, whose loop goes on.

    Take each update in an ``async with`` block. What waits and sends runs in a thread while it
    does; to cancel the task breaks it off at once.

    Parameters
    ----------
    object_type, client, poll_interval, timeout, only_latest, state, webhook, trust
        As for `updates`.

    Yields
    ------
    Update
        A new version of an object, or its deletion. Its methods block: call those that fetch or
        load much as ``await asyncio.to_thread(update.load)``.

    Raises
    ------
    InvalidMetaDataError, SettingsError, AccessDeniedError, ServiceError
        As `updates`.

    Examples
    --------
    >>> import asyncio
    >>> from syncnb import LocalFleet, publish
    >>> async def first(client):
    ...     async for update in updates_async("example", client=client):
    ...         async with update:
    ...             return update.load()
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish(b"data", "example", "one", dest_type="edge", client=fleet.cloud)
    ...     asyncio.run(first(fleet.node("node1")))
    b'data'
    """
    from syncnb.client.threads import iterate_in_threads  # asyncio only where it is used

    interrupt = Interrupt()
    with _state(state) as processed:
        found = _updates(
            object_type, client, poll_interval, timeout, only_latest, processed, webhook,
            interrupt, trust,
        )  # fmt: skip
        async with contextlib.aclosing(iterate_in_threads(found, interrupt)) as steps:
            async for update in steps:
                yield update


def _updates(
    object_type: str,
    client: SyncServiceClient | None,
    poll_interval: float,
    timeout: float | None,
    only_latest: bool | NameOf,
    processed: Processed | None,
    webhook: WebhookReceiver | None,
    stop: threading.Event | Interrupt | None,
    trust: Trust | str | os.PathLike[str] | bool | None,
) -> Iterator[Update]:
    trust = trust_or_default(trust)
    client, given = client_or_default(client), Given(_AGAIN_AFTER)
    for meta_data in iter_updates(
        client,
        object_type,
        poll_interval=poll_interval,
        timeout=timeout,
        given=given,
        only_latest=_trusted_latest(only_latest, trust),
        processed=processed,
        webhook=webhook,
        stop=stop,
    ):
        update = Update(meta_data, client, processed, trust)
        try:
            yield update
        finally:
            update.refused()  # of a program without a with block
            update.close()
        if update.acknowledged:  # it stays in the list while other applications need it
            given.again(meta_data, math.inf)


def _trusted_latest(only_latest: bool | NameOf, trust: Trust | None) -> bool | NameOf:
    """What is not trusted takes the place of nothing, so that nothing is skipped for it."""
    if not only_latest or trust is None:
        return only_latest
    name = name_of if only_latest is True else only_latest

    def trusted_name(meta_data: ObjectMetaData) -> object:
        try:
            trust.check(meta_data, newest=False)
        except DataError:
            return object()
        return name(meta_data)

    return trusted_name


def _state(
    path: str | os.PathLike[str] | None,
) -> contextlib.AbstractContextManager[Processed | None]:
    return contextlib.nullcontext() if path is None else Processed(path)

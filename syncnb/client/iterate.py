"""Every update of a type, each once: long waits where the service can, polling where it cannot."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from syncnb.client.acknowledging import acknowledge
from syncnb.client.checks import check_number, check_seconds
from syncnb.client.given import Given, key_of
from syncnb.client.interrupting import Interrupt
from syncnb.client.newest import NameOf, name_of, split_newest
from syncnb.client.pauses import Pauses, Quiet
from syncnb.errors import ConnectionFailedError, ServiceError
from syncnb.metadata import check_stored_name

if TYPE_CHECKING:
    from syncnb.client.acknowledging import Mark
    from syncnb.client.client import SyncServiceClient
    from syncnb.client.processed import Processed
    from syncnb.client.webhook_receiver import WebhookReceiver
    from syncnb.metadata import ObjectMetaData

log = logging.getLogger("syncnb")

_WAIT = 20.0  # seconds of one long wait
_SHORTEST_WAIT = 0.2  # seconds
_FRESH = 1.0  # seconds after which a list is looked at again before more of it is handed out


def iter_updates(
    client: SyncServiceClient,
    object_type: str,
    *,
    poll_interval: float = 10.0,
    timeout: float | None = None,
    redeliver: float | None = None,
    only_latest: bool | NameOf = False,
    processed: Processed | None = None,
    webhook: WebhookReceiver | None = None,
    stop: threading.Event | Interrupt | None = None,
    given: Given | None = None,
    on_outage: Callable[[Exception], object] | None = None,
) -> Iterator[ObjectMetaData]:
    """The metadata of every update of a type, each once (rest-api.md, 9.1), oldest first.

    Errors of the network and of a service that is overloaded or restarting never end it.

    Parameters
    ----------
    client : SyncServiceClient
        The service.
    object_type : str
        Which type.
    poll_interval : float, default 10
        Seconds between two looks at a service that cannot wait.
    timeout : float, optional
        End after so many seconds without an update; None goes on for ever.
    redeliver : float, optional
        An update that was handed out and is still not acknowledged comes again after so many
        seconds; None hands each out once.
    only_latest : bool or callable, default False
        Hand out the newest of several objects that carry versions of the same thing, and mark the
        older ones consumed. True: those whose manifests have the same name; a callable makes a
        name of `ObjectMetaData`.
    processed : Processed, optional
        What it holds is not handed out, but acknowledged as noted there.
    webhook : WebhookReceiver, optional
        A call of it ends a pause; it runs already.
    stop : threading.Event or Interrupt, optional
        End when it is set, also in the middle of a wait.
    given : Given, optional
        The memory of what was handed out.
    on_outage : callable, optional
        Called with each error that is survived.

    Returns
    -------
    iterator of ObjectMetaData
        Of a new version, or with `deleted` of a deletion.

    Raises
    ------
    InvalidMetaDataError, SettingsError
        The type is no name; `poll_interval` is not positive; a time is no number.
    AccessDeniedError, ServiceError
        The service refuses the first look; a refusal after that is taken for an outage.
    """
    check_stored_name("object_type", object_type)
    check_seconds("poll_interval", poll_interval)
    if timeout is not None:
        check_number("timeout", timeout, "give a number of seconds, or None to go on for ever")
    name = only_latest if callable(only_latest) else name_of if only_latest else None
    loop = _Loop(
        client,
        object_type,
        name,
        processed,
        webhook,
        stop if isinstance(stop, Interrupt) else Interrupt(),
        given if given is not None else Given(redeliver),
        on_outage,
    )
    event = None if isinstance(stop, Interrupt) else stop
    return loop.updates(event, poll_interval, timeout)


class _Loop:
    """What stays the same while a loop runs."""

    def __init__(
        self,
        client: SyncServiceClient,
        object_type: str,
        name: NameOf | None,
        processed: Processed | None,
        webhook: WebhookReceiver | None,
        interrupt: Interrupt,
        given: Given,
        on_outage: Callable[[Exception], object] | None,
    ) -> None:
        self.client, self.object_type, self.name = client, object_type, name
        self.processed, self.webhook, self.interrupt = processed, webhook, interrupt
        self.given, self.on_outage = given, on_outage
        self._first, self._etag = True, ""
        self._with_received = True  # until all of that list has been handed out

    def updates(
        self, event: threading.Event | None, poll_interval: float, timeout: float | None
    ) -> Iterator[ObjectMetaData]:
        """Look, hand out what is new, pause."""
        pauses, quiet = Pauses(self.interrupt, poll_interval), Quiet(timeout)
        soon = False  # whether the rest of a list waits to be handed out
        with ExitStack() as stack:
            stack.enter_context(self.interrupt.following(event))
            if self.webhook is not None:
                stack.enter_context(self.webhook.ringing(self.interrupt))
            while not self.interrupt.is_set() and quiet.left() > 0:
                self.interrupt.unring()
                wait = 0.0 if soon else self._longest_wait(quiet)
                began = time.monotonic()
                try:
                    with self.interrupt.requests():
                        new, waited = self._look(wait)
                except (ConnectionFailedError, ServiceError) as error:
                    if self.interrupt.is_set():
                        return
                    if self._first and _is_refusal(error):
                        raise
                    if self.on_outage is not None:
                        self.on_outage(error)
                    self._etag, soon = "", False
                    pauses.after_failure(error, quiet.left())
                    continue
                if pauses.is_over() and self.webhook is not None:
                    with self.interrupt.requests():
                        self.webhook.renew()  # a service that restarted may have forgotten it
                looked = time.monotonic()
                if not new:
                    self._with_received = False
                    if not soon:
                        pauses.after_nothing(
                            waited=waited, seconds=looked - began, left=quiet.left()
                        )
                    soon = False
                    continue
                pauses.after_news()
                soon = False
                for number, meta in enumerate(new, 1):
                    self.given.note(meta)
                    yield meta
                    quiet.begins()
                    if self.interrupt.is_set():
                        return
                    if number < len(new) and time.monotonic() - looked > _FRESH:
                        # What was new then may have been replaced while this one was processed.
                        self._etag, soon = "", True
                        break
                else:
                    self._with_received = False

    def _look(self, wait: float) -> tuple[list[ObjectMetaData], bool]:
        """What is to be handed out, and whether the service can wait."""
        watched = self.client.watch_updated_objects(
            self.object_type, received=self._with_received, etag=self._etag, wait=wait
        )
        if watched.items is None:
            if self.given.seconds_left() <= 0:
                self._etag = ""  # the list is the same, but something of it is due again
                return [], True
            return [], watched.waited
        # A list that has what was marked received is another one.
        self._etag, self._first = ("" if self._with_received else watched.etag), False
        listed = {key_of(meta): meta for meta in watched.items if not self._is_own(meta)}
        self.given.keep(listed)
        if self.processed is not None:
            self.processed.keep(self.object_type, listed)
        # It may have been marked received since it was handed out, and then it is not due.
        is_due = self.given.is_new if self._with_received else self.given.is_due
        due = [meta for meta in listed.values() if is_due(meta)]
        due = self._without_processed(due)
        if self.name is not None:
            due = self._without_older(due, list(listed.values()), self.name)
        return sorted(due, key=lambda meta: meta.instance_id), watched.waited

    def _longest_wait(self, quiet: Quiet) -> float:
        again = max(self.given.seconds_left(), _SHORTEST_WAIT)
        return min(_WAIT, quiet.left(), again)

    def _is_own(self, meta: ObjectMetaData) -> bool:
        """A CSS lists what it deletes itself, which nobody is to confirm (rest-api.md, 9.1)."""
        return bool(self.client.org_id) and meta.deleted and meta.origin_type == "Cloud"

    def _without_processed(self, due: list[ObjectMetaData]) -> list[ObjectMetaData]:
        """Acknowledge what was processed before a crash, or before a call that broke."""
        if self.processed is None:
            return due
        for meta in due:
            if meta in self.processed:
                mark = self.processed.mark_of(meta)
                if mark is not None:
                    self._settle(meta, mark)
                    self.processed.acknowledged(meta)
                self.given.note(meta)
        return [meta for meta in due if meta not in self.processed]

    def _without_older(
        self, due: list[ObjectMetaData], listed: list[ObjectMetaData], name: NameOf
    ) -> list[ObjectMetaData]:
        """Mark what a newer object replaces; a newer one may have been handed out before."""
        _, older = split_newest(listed, name)
        for meta in older:
            if meta in due:
                self._settle(meta, "consumed")
                self.given.note(meta)
        return [meta for meta in due if meta not in older]

    def _settle(self, meta: ObjectMetaData, mark: Mark) -> None:
        try:
            acknowledge(self.client, meta, mark)
        except ServiceError as error:
            if not _is_refusal(error):
                raise
            log.warning("%s/%s cannot be acknowledged: %s", meta.object_type, meta.object_id, error)


def _is_refusal(error: Exception) -> bool:
    """Whether it will be the same when it is tried again (RFC 9110, 15.5)."""
    return isinstance(error, ServiceError) and 300 <= error.status < 500 and error.status != 429

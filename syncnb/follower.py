"""`Follower`: receives versions of one object in a thread, and keeps the newest that works."""

from __future__ import annotations

import errno
import html
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from syncnb import feedback
from syncnb.cache import Cache, default_cache
from syncnb.client.given import Given, key_of
from syncnb.client.interrupting import Interrupt
from syncnb.client.iterate import iter_updates
from syncnb.codecs.examples import check_example
from syncnb.errors import (
    ConnectionFailedError,
    NotReadyError,
    ObjectNotFoundError,
    ObjectReplacedError,
    ServiceError,
    SettingsError,
    SyncError,
    TransferBrokenError,
)
from syncnb.in_use import note_use
from syncnb.loading import codec_for
from syncnb.metadata import ObjectMetaData
from syncnb.update import Update

if TYPE_CHECKING:
    from syncnb.client import SyncServiceClient
    from syncnb.client.given import Key
    from syncnb.codecs.registry import Trusted
    from syncnb.manifest import Manifest
    from syncnb.trusting import Trust

log = logging.getLogger("syncnb")

_LOOK_ASIDE = 10.0  # seconds after which it looks what other processes of this node have received
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before another try after a cause that may pass
_ADOPTED_PAUSE = 2.0  # seconds that another process, which consumed a version, has to keep it
_MOST_FAILURES = 100  # that are kept
_MACHINE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
)
_GRACE = 2.0  # seconds that an acknowledgement has after a close
_CLOSING = 10.0  # seconds that a load under way has


@dataclass(frozen=True, kw_only=True)
class FailedVersion:
    """A version that a follower did not take.

    Parameters
    ----------
    version : str
        As it was published.
    reason : str
        In words.
    error : Exception
        What was raised.
    final : bool
        Whether it is not tried again: the version itself is to blame, and not the network.
    at : datetime
        Aware.

    Examples
    --------
    >>> FailedVersion(version="2", reason="it is damaged", error=ValueError(), final=True).final
    True
    """

    version: str
    reason: str
    error: Exception
    final: bool
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, kw_only=True)
class InUse:
    """What a follower has in use, and what that is.

    Parameters
    ----------
    model : object
        What was published.
    version : str
        As it was published.
    manifest : Manifest or None
        None if another tool published it.
    since : datetime
        Since when it is in use; aware.

    Examples
    --------
    >>> InUse(model=b"v1", version="1", manifest=None, since=datetime.now(UTC)).version
    '1'
    """

    model: Any
    version: str
    manifest: Manifest | None
    since: datetime


class _Loaded:
    """One version in use; exchanged as a whole, so that nobody sees a half of two."""

    def __init__(self, model: Any, update: Update) -> None:
        self.update = update
        self.key: Key = key_of(update.meta_data)
        self.shown = InUse(
            model=model, version=update.version, manifest=update.manifest, since=datetime.now(UTC)
        )


class Follower:
    """The newest version of an object that works, loaded; a thread exchanges it for the next.

    `syncnb.follow` makes it. In a ``with`` block it ends with the block.

    Examples
    --------
    >>> from syncnb import LocalFleet, follow, publish
    >>> with LocalFleet(nodes=1) as fleet, follow("limits", client=fleet.node("node1")) as limits:
    ...     done = publish(b"v1", "model", "limits", version="1", dest_type="edge",
    ...                    client=fleet.cloud)
    ...     limits.wait(), limits.version, limits.failures
    (b'v1', '1', ())
    """

    def __init__(
        self,
        object_type: str,
        object_id: str,
        *,
        client: SyncServiceClient,
        trusted: Trusted = False,
        trust: Trust | None = None,
        cache: bool | Cache = True,
        check: Callable[[Any], object] | None = None,
        on_swap: Callable[[Follower], object] | None = None,
        poll_interval: float = 10.0,
    ) -> None:
        self.object_type, self.object_id, self.client = object_type, object_id, client
        self._trusted, self._check, self._on_swap = trusted, check, on_swap
        self._trust = trust
        self._poll_interval = poll_interval
        self._cache = default_cache() if cache is True else cache or None
        self._label = f"{client.url} {client.org_id} {client.key} {object_type}/{object_id}"
        self._kept_at = 0  # when this process saw what is kept
        self._now: _Loaded | None = None
        self._before: Update | None = None  # its files stay while somebody may still use them
        self._failed: deque[FailedVersion] = deque(maxlen=_MOST_FAILURES)
        self._pauses: dict[Key, float] = {}
        self._given, self._interrupt = Given(None), Interrupt()
        self._telling = Interrupt()  # of the service, which has some time more
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self._run, name=f"syncnb-follow-{object_id}", daemon=True
        )
        self._thread.start()

    # ------------------------------------------------------------------- access

    @property
    def model(self) -> Any:
        """What is in use; asks nobody and waits for nothing.

        Raises
        ------
        NotReadyError
            There is none yet.
        """
        return self.in_use.model

    @property
    def in_use(self) -> InUse:
        """What is in use with its version, for a program that says which one it used.

        Read one after the other, `model` and `version` may be of two versions: the thread may
        exchange them between.

        Raises
        ------
        NotReadyError
            There is none yet.
        """
        return self._handed_out(self._loaded())

    @property
    def version(self) -> str:
        """The version in use; empty while there is none."""
        return self._now.shown.version if self._now is not None else ""

    @property
    def manifest(self) -> Manifest | None:
        """The manifest of the version in use; None if it has none, or while there is none."""
        return self._now.shown.manifest if self._now is not None else None

    @property
    def since(self) -> datetime | None:
        """Since when it is in use; aware."""
        return self._now.shown.since if self._now is not None else None

    @property
    def failures(self) -> tuple[FailedVersion, ...]:
        """The versions that were not taken, the oldest first; the last hundred."""
        return tuple(self._failed)

    @property
    def closed(self) -> bool:
        """Whether it follows no more."""
        return self._interrupt.is_set()

    def wait(self, timeout: float = 60.0) -> Any:
        """What is in use; waits until there is something.

        Parameters
        ----------
        timeout : float, default 60
            Seconds to wait at the longest.

        Returns
        -------
        object
            What was published.

        Raises
        ------
        NotReadyError
            No version came in time, or none that works.

        Examples
        --------
        >>> from syncnb import LocalFleet, follow
        >>> with LocalFleet(nodes=1) as fleet, follow("a", client=fleet.node("node1")) as follower:
        ...     follower.wait(timeout=0.1)
        Traceback (most recent call last):
          ...
        syncnb.errors.NotReadyError: object model/a: no version came within 0.1 s. Check that ...
        """
        now = self._now
        if now is not None:
            return self._handed_out(now).model
        with self._changed:
            self._changed.wait_for(lambda: self._now is not None or self.closed, timeout)
        return self._handed_out(self._loaded(timeout)).model

    def close(self) -> None:
        """Follow no more: a wait is broken off at once, a load under way has ten seconds.

        An acknowledgement has two; if it is broken off, the next follower makes it.

        What was loaded can be used on, except for files that it reads from.

        Examples
        --------
        >>> from syncnb import SyncServiceClient, follow
        >>> follower = follow("a", client=SyncServiceClient("http://127.0.0.1:1"))
        >>> follower.close()
        >>> follower.closed
        True
        """
        self._interrupt.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread is threading.current_thread():
            return
        self._thread.join(_GRACE)
        self._telling.set()
        self._thread.join(_CLOSING)
        for update in (self._before, self._now.update if self._now is not None else None):
            if update is not None:
                update.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        version = self.version or ("no version name" if self._now is not None else "nothing yet")
        failed = sum(one.final for one in self._failed)
        said = f", {failed} failed" if failed else ""
        state = ", closed" if self.closed else ""
        return f"<Follower of {self.object_type}/{self.object_id}: {version}{said}{state}>"

    def _repr_html_(self) -> str:
        since = self.since
        rows = [("version", self.version or ("" if self._now is not None else "nothing yet"))]
        if since is not None:
            rows.append(("in use since", f"{since:%Y-%m-%d %H:%M:%S} UTC"))
        rows += [(f"failed: {one.version}", one.reason) for one in list(self._failed)[-3:]]
        body = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in rows
        )
        title = html.escape(f"{self.object_type}/{self.object_id}")
        return f"<table><caption>{title}</caption>{body}</table>"

    def _handed_out(self, now: _Loaded) -> InUse:
        note_use(self.object_type, self.object_id, now.update.version)
        return now.shown

    def _loaded(self, timeout: float = 0.0) -> _Loaded:
        if self._now is not None:
            return self._now
        raise NotReadyError(
            f"object {self.object_type}/{self.object_id}",
            timeout,
            str(self._failed[-1].error) if self._failed else "",
        )

    # ----------------------------------------------------------------- the thread

    def _run(self) -> None:
        while not self._interrupt.is_set():
            try:
                self._adopt()
                for meta in iter_updates(
                    self.client,
                    self.object_type,
                    poll_interval=self._poll_interval,
                    timeout=None if self._cache is None else _LOOK_ASIDE,
                    stop=self._interrupt,
                    given=self._given,
                ):
                    if meta.object_id == self.object_id:
                        self._take(meta)
            except Exception as error:
                # It never ends by itself: what is in use would grow old without anybody noticing.
                if not isinstance(error, SyncError | OSError):
                    log.exception("%r goes on after an error", self)
                self._note("", error, final=False)
                self._interrupt.wait(_LONGEST_PAUSE / 2)

    def _take(self, meta: ObjectMetaData) -> None:
        """Load and check a version beside the one in use, exchange them, and acknowledge."""
        update = Update(meta, self.client, trust=self._trust, aside=True)
        if meta.deleted:
            self._acknowledge(update)
            if self._cache is not None:
                self._cache.forget(self._label)
            return
        if self._now is not None and self._now.key == key_of(meta):
            self._acknowledge(self._now.update)  # which failed, or the process ended before it
            return
        try:
            model = self._load(update)
        except ObjectReplacedError:
            update.close()  # the next one comes
        except ObjectNotFoundError as error:
            update.close()
            self._interrupt.wait(_ADOPTED_PAUSE)
            if not self._adopt():  # another process of this node has consumed it
                self._later(meta, error)
        except Exception as error:  # noqa: BLE001  whatever a library raises that is given odd data
            update.close()
            if self._interrupt.is_set():
                return
            if _may_pass(error):
                self._later(meta, error)
            else:
                self._refuse(meta, error)
        else:
            self._exchange(_Loaded(model, update))
            self._keep(update)
            self._acknowledge(update)
            with self._telling.requests():
                feedback.withdraw(self.client, meta)

    def _load(self, update: Update) -> Any:
        with self._interrupt.requests():
            model = update.load(trusted=self._trusted, cache=self._cache or False)
        manifest = update.manifest
        subject = f"object {self.object_type}/{self.object_id}"
        if manifest is not None:
            codec = codec_for(subject, manifest, self.object_id)
            check_example(codec, model, manifest, subject)
        if self._check is not None:
            self._check(model)
        return model

    def _exchange(self, new: _Loaded) -> None:
        with self._changed:
            old, self._before = self._before, self._now.update if self._now is not None else None
            self._now = new
            self._changed.notify_all()
        if old is not None:
            old.close()
        log.info("%r is in use", self)
        if self._on_swap is not None:
            try:
                self._on_swap(self)
            except Exception:
                log.exception("on_swap failed for %r", self)

    def _acknowledge(self, update: Update) -> None:
        try:
            with self._telling.requests():
                update.consumed()
        except (SyncError, OSError) as error:
            log.warning("%r is not acknowledged, which is tried again: %s", update, error)
            self._again(update.meta_data)

    def _later(self, meta: ObjectMetaData, error: Exception) -> None:
        self._note(meta.version, error, final=False)
        seconds = self._again(meta)
        log.warning("%s is tried again in %.0f s: %s", _name(meta), seconds, error)

    def _refuse(self, meta: ObjectMetaData, error: Exception) -> None:
        self._note(meta.version, error, final=True)
        log.warning("%s is not taken, the last good version stays: %s", _name(meta), error)
        with self._telling.requests():
            feedback.report_failure(self.client, meta, error)

    def _again(self, meta: ObjectMetaData) -> float:
        key = key_of(meta)
        seconds = min(self._pauses.get(key, _FIRST_PAUSE / 2) * 2, _LONGEST_PAUSE)
        self._pauses = {key: seconds}
        self._given.again(meta, seconds)
        return seconds

    def _note(self, version: str, error: Exception, *, final: bool) -> None:
        failed = FailedVersion(
            version=version, reason=feedback.reason_of(error), error=error, final=final
        )
        with self._changed:
            last = self._failed[-1] if self._failed else None
            if last is not None and not final and last.version == version and not last.final:
                self._failed.pop()  # the same again
            self._failed.append(failed)

    # ------------------------------------------------ what stays after a restart

    def _keep(self, update: Update) -> None:
        manifest = update.manifest
        if self._cache is None or manifest is None or manifest.sha256 not in self._cache:
            return
        try:
            self._cache.keep(
                self._label,
                manifest.sha256,
                meta_data=update.meta_data.to_json(),
                trust=self._vouching,
            )
            self._kept_at = self._cache.changed(self._label)
        except OSError as error:
            log.warning("%r will not be there after a restart: %s", update, error)

    @property
    def _vouching(self) -> str:
        """Which trust lets versions pass; empty for none."""
        return str(self._trust.path.absolute()) if self._trust is not None else ""

    def _adopt(self) -> bool:
        """Take what this node has kept: before a restart, or by another process meanwhile."""
        if self._cache is None or (at := self._cache.changed(self._label)) <= self._kept_at:
            return False
        self._kept_at = at
        kept = self._cache.kept(self._label)
        if kept is None:
            return False
        try:
            meta = ObjectMetaData.from_json(cast("dict[str, Any]", kept["meta_data"]))
            if self._now is not None and meta.instance_id <= self._now.update.meta_data.instance_id:
                return False
            if str(kept["digest"]) not in self._cache:
                return False  # somebody removed it
            # What this trust let pass once may be old by now; what another one did may be replayed.
            newest = kept.get("trust") != self._vouching
            update = Update(meta, self.client, trust=self._trust, newest=newest, aside=True)
            try:
                model = self._load(update)
            except BaseException:
                update.close()
                raise
        except Exception as error:  # noqa: BLE001  it was written by another syncnb, or loads no more
            log.warning("what was kept of %r cannot be used: %s", self, error)
            self._note("", error, final=False)
            return False
        self._exchange(_Loaded(model, update))
        return True


def _may_pass(error: Exception) -> bool:
    """Whether the same version may work later, without anybody's doing."""
    if isinstance(error, ServiceError):
        return True
    passing = (ConnectionFailedError, TransferBrokenError, MemoryError, SettingsError)
    if isinstance(error, passing):
        return True
    return isinstance(error, OSError) and error.errno in _MACHINE


def _name(meta: ObjectMetaData) -> str:
    return f"{meta.object_type}/{meta.object_id} {meta.version}".rstrip()

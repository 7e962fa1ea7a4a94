"""HTTP Basic credentials of a request, checked once and remembered a while (rest-api.md, 2.1)."""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from syncnb.service.authenticators import Authenticator, Refreshing
from syncnb.service.identity import Identity, Login

T = TypeVar("T")
log = logging.getLogger("syncnb.service")

_REMEMBERED = 900.0  # seconds
_MOST_REMEMBERED = 10_000  # keys
_LOOK_AGAIN = 1.0  # seconds between two looks at whether the credentials changed
_THREADS = 4  # of its own, so that a flood of wrong secrets does not hold up records and data


@dataclass(frozen=True)
class _Known:
    """A key that was right, with a salted digest of its secret."""

    digest: bytes = field(repr=False)
    identity: Identity
    until: float


class Authentication:
    """Finds out who is calling.

    Parameters
    ----------
    authenticator : Authenticator
        What knows.
    login : callable
        Returns what an ESS shows to its CSS.
    clock : callable, default time.monotonic
        Seconds.
    executor : Executor, optional
        Where `authenticator` works; without, threads of its own.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        login: Callable[[], Login],
        *,
        clock: Callable[[], float] = time.monotonic,
        executor: Executor | None = None,
    ) -> None:
        self._authenticator, self._login, self._clock = authenticator, login, clock
        self._salt = secrets.token_bytes(32)
        self._known: dict[str, _Known] = {}
        self._checks: dict[tuple[str, bytes], asyncio.Future[Identity | None]] = {}
        self._looked = clock()
        self._executor = executor or ThreadPoolExecutor(_THREADS, "syncnb-auth")

    @property
    def login(self) -> Login:
        """What an ESS shows to its CSS; may change with the credentials."""
        return self._login()

    def close(self) -> None:
        """End its threads."""
        self._executor.shutdown(cancel_futures=True)

    async def identify(self, authorization: str | None) -> Identity | None:
        """The identity behind an ``Authorization`` header, or None."""
        parts = _basic(authorization)
        if parts is None:
            return None
        await self.refresh()
        key, secret = parts
        digest = hmac.digest(self._salt, secret.encode(), "sha256")
        known = self._known.get(key)
        if (
            known is not None
            and known.until > self._clock()
            and hmac.compare_digest(known.digest, digest)
        ):
            return known.identity
        # Many connections that begin at the same time with one key cost one check.
        check = self._checks.get((key, digest))
        if check is None:
            check = asyncio.ensure_future(self._check(key, secret, digest))
            self._checks[key, digest] = check
            check.add_done_callback(lambda _: self._checks.pop((key, digest), None))
        return await asyncio.shield(check)

    async def _check(self, key: str, secret: str, digest: bytes) -> Identity | None:
        try:
            identity = await self._run(lambda: self._authenticator.identify(key, secret))
        except Exception:  # somebody else's code: whatever it raises, nobody gets in
            log.exception("the authenticator failed")
            identity = None
        if identity is None:
            self._known.pop(key, None)
            return None
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[key] = _Known(digest, identity, self._clock() + _REMEMBERED)
        return identity

    async def refresh(self) -> None:
        """Look whether the credentials changed, at most about once a second."""
        now = self._clock()
        if now - self._looked < _LOOK_AGAIN or not isinstance(self._authenticator, Refreshing):
            return
        self._looked = now
        try:
            if await self._run(self._authenticator.refresh):
                self._known.clear()
        except Exception:  # somebody else's code: the answers of before hold
            log.exception("the authenticator failed")

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)


def _basic(authorization: str | None) -> tuple[str, str] | None:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        key, colon, secret = base64.b64decode(token, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (key, secret) if colon else None

"""The newest version of an object that works, always loaded: `current` and `follow`."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from syncnb.client import SyncServiceClient
from syncnb.client.connecting import client_or_default
from syncnb.errors import InvalidMetaDataError, SettingsError
from syncnb.follower import Follower
from syncnb.metadata import check_name
from syncnb.trusting import Trust, trust_or_default

if TYPE_CHECKING:
    from syncnb.cache import Cache
    from syncnb.codecs.registry import Trusted

_Options = tuple[object, ...]
_Call = tuple[str, str, str, SyncServiceClient | None]
_quick: dict[_Call, tuple[Follower, _Options]] = {}  # by what the caller wrote
_running: dict[tuple[str, ...], tuple[Follower, _Options]] = {}  # by what it means
_guard = threading.Lock()


def current(
    name: str,
    *,
    object_type: str = "model",
    alias: str = "",
    client: SyncServiceClient | None = None,
    trusted: Trusted = False,
    trust: Trust | str | os.PathLike[str] | bool | None = None,
    cache: bool | Cache = True,
    check: Callable[[Any], object] | None = None,
    poll_interval: float = 10.0,
    timeout: float = 60.0,
) -> Any:
    """The newest version of a model that works, loaded. Call it as often as you like.

    The first call waits until there is one. From then on a thread receives each new version, loads
    it beside the one in use, checks it, and only then exchanges them: every call returns at once,
    with a whole model. A version that cannot be used is reported to its publisher, whose table
    shows ``failed`` and why, and the last good one stays. It is there after a restart too, also
    while the service is away.

    Parameters
    ----------
    name : str
        ID of the object.
    object_type : str, default "model"
        Type of the object.
    alias : str, default ""
        Such as ``"production"``: follow the versions that were promoted to it.
    client : SyncServiceClient, optional
        The service of this node; by default the one of the settings at the first call.
    trusted : bool or sequence of str, default False
        As in `Update.load`.
    trust : Trust, path or bool, optional
        As in `updates`: whose signatures count.
    cache : bool or Cache, default True
        As in `Update.load`. With False nothing is there after a restart.
    check : callable, optional
        Called with each new model, in the thread; raises if the model is not to be used. What the
        manifest has for an example is compared before.
    poll_interval : float, default 10
        Seconds between two looks at a service that cannot wait.
    timeout : float, default 60
        Seconds that the first call waits at the longest.

    Returns
    -------
    object
        What was published. Keep it no longer than one step of your program needs it: files that it
        reads from may go two versions later.

    Raises
    ------
    NotReadyError
        No version came in time, or none that works; it says why the last one does not.
    SettingsError
        The object is followed with other options already; see `follow`.
    InvalidMetaDataError
        A name is not possible.

    See Also
    --------
    follow : With the version, the failures, and an end.

    Notes
    -----
    One thread for each object and service, which ends with the process. After a fork the child
    begins anew with its first call.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish(b"v1", "model", "limits", dest_type="edge", client=fleet.cloud)
    ...     print(current("limits", client=fleet.node("node1")))
    ...     close_all()
    b'v1'
    """
    options = (trusted, trust, cache, check, poll_interval)
    found = _quick.get((object_type, name, alias, client))
    if found is None or found[1] != options or found[0].closed:
        found = _followed(name, object_type, alias, client, options)
    return found[0].wait(timeout)


def follow(
    name: str,
    *,
    object_type: str = "model",
    alias: str = "",
    client: SyncServiceClient | None = None,
    trusted: Trusted = False,
    trust: Trust | str | os.PathLike[str] | bool | None = None,
    cache: bool | Cache = True,
    check: Callable[[Any], object] | None = None,
    on_swap: Callable[[Follower], object] | None = None,
    poll_interval: float = 10.0,
) -> Follower:
    """The same as `current`, as an object of its own that begins and ends when you say so.

    Parameters
    ----------
    name, object_type, alias, client, trusted, trust, cache, check, poll_interval
        As in `current`.
    on_swap : callable, optional
        Called with the follower after each exchange, in its thread. What it raises is logged.

    Returns
    -------
    Follower
        For a ``with`` block, or to be closed.

    Raises
    ------
    InvalidMetaDataError, SettingsError
        A name is not possible; the settings name no service.

    Examples
    --------
    >>> from syncnb import LocalFleet, publish
    >>> with LocalFleet(nodes=1) as fleet:
    ...     done = publish(b"v1", "model", "limits", version="1", dest_type="edge",
    ...                    client=fleet.cloud)
    ...     with follow("limits", client=fleet.node("node1")) as limits:
    ...         print(limits.wait(), limits.version)
    b'v1' 1
    """
    return Follower(
        object_type,
        _object_id(object_type, name, alias),
        client=client_or_default(client),
        trusted=trusted,
        trust=trust_or_default(trust),
        cache=cache,
        check=check,
        on_swap=on_swap,
        poll_interval=poll_interval,
    )


def close_all() -> None:
    """End what `current` follows; the next call begins anew. A process does it when it ends.

    Examples
    --------
    >>> close_all()
    """
    with _guard:
        found = [follower for follower, _ in _running.values()]
        _running.clear()
        _quick.clear()
    for follower in found:
        follower.close()


def _followed(
    name: str, object_type: str, alias: str, client: SyncServiceClient | None, options: _Options
) -> tuple[Follower, _Options]:
    object_id = _object_id(object_type, name, alias)
    found_client = client_or_default(client)
    key = (object_type, object_id, found_client.url, found_client.org_id, found_client.key)
    trusted, trust, cache, check, poll_interval = options
    with _guard:
        found = _running.get(key)
        if found is not None and not found[0].closed and found[1] != options:
            raise SettingsError(
                "current",
                f"{object_type}/{object_id} is followed already, with other options",
                "give the same trusted=, trust=, cache=, check= and poll_interval= each time (a "
                "function made once, not in the call), or use syncnb.follow",
            )
        if found is None or found[0].closed:
            follower = follow(
                name, object_type=object_type, alias=alias, client=found_client,
                trusted=trusted, trust=trust, cache=cache, check=check, poll_interval=poll_interval,  # type: ignore[arg-type]
            )  # fmt: skip
            found = _running[key] = (follower, options)
        _quick[object_type, name, alias, client] = found
    return found


def _object_id(object_type: str, name: str, alias: str) -> str:
    check_name("object_type", object_type)
    check_name("name", name)
    if not alias:
        return name
    check_name("alias", alias)
    if "@" in alias or "@" in name:
        raise InvalidMetaDataError("alias", f"{name}@{alias}", "give the name and the alias alone")
    return f"{name}@{alias}"


def _forget() -> None:
    """In a child, no thread goes on; it makes its own."""
    global _guard  # noqa: PLW0603
    _guard = threading.Lock()
    _running.clear()
    _quick.clear()


atexit.register(close_all)
with contextlib.suppress(AttributeError):
    os.register_at_fork(after_in_child=_forget)

"""From settings to a client."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from syncnb.client.client import SyncServiceClient
from syncnb.client.wire import DEADLINE, READ_TIMEOUT
from syncnb.errors import SettingsError
from syncnb.settings import Settings, find_settings


def connect(
    url: str | None = None,
    *,
    org_id: str | None = None,
    key: str | None = None,
    secret: str | None = None,
    ca: str | None = None,
    cert: str | None = None,
    cert_key: str | None = None,
    profile: str | None = None,
    proxies: Mapping[str, str] | None = None,
    timeout: float = READ_TIMEOUT,
    deadline: float = DEADLINE,
) -> SyncServiceClient:
    """A client of the service that the arguments, the environment or a file name.

    Parameters
    ----------
    url, org_id, key, secret, ca, cert, cert_key, profile : str, optional
        As in `syncnb.settings.find_settings`, which also says what is used instead.
    proxies : mapping of str to str, optional
        Scheme -> proxy, as `requests` has them; without, the environment says.
    timeout : float, default 60
        Seconds that the service may be silent.
    deadline : float, default 120
        Seconds that a call may take with all of its tries; data take as long as they move.

    Returns
    -------
    SyncServiceClient
        Nothing has been sent yet.

    Raises
    ------
    SettingsError
        There is no URL, or it is none; a file cannot be used; or the only credentials that there
        are belong to another URL.

    Examples
    --------
    >>> connect("http://127.0.0.1:8080", org_id="acme", key="me", secret="hidden")
    <SyncServiceClient of http://127.0.0.1:8080, organisation 'acme', as 'me'>
    """
    settings = find_settings(
        url, org_id=org_id, key=key, secret=secret, ca=ca, cert=cert, cert_key=cert_key,
        profile=profile,
    )  # fmt: skip
    return client_of(settings, proxies=proxies, timeout=timeout, deadline=deadline)


def default_client() -> SyncServiceClient:
    """The client that helpers use when they are given none; the same as long as settings are.

    Returns
    -------
    SyncServiceClient
        Made from the environment or a file.

    Raises
    ------
    SettingsError
        Neither says where the service is.

    Examples
    --------
    >>> import os
    >>> os.environ["SYNCNB_URL"] = "http://127.0.0.1:8080"
    >>> default_client() is default_client()
    True
    >>> del os.environ["SYNCNB_URL"]
    """
    return _cached(find_settings())


def client_or_default(client: SyncServiceClient | None) -> SyncServiceClient:
    """The client that a caller gave, or that of the settings.

    Parameters
    ----------
    client : SyncServiceClient or None
        As it was given.

    Returns
    -------
    SyncServiceClient
        That one, or `default_client`.

    Raises
    ------
    SettingsError
        It is something else; or there is none, and the settings name no service.

    Examples
    --------
    >>> client_or_default(connect("http://127.0.0.1:8080"))
    <SyncServiceClient of http://127.0.0.1:8080>
    """
    if client is None:
        return default_client()
    given: object = client
    if not isinstance(given, SyncServiceClient):
        raise SettingsError(
            "client", f"{given!r} is no SyncServiceClient", "make one with syncnb.connect(...)"
        )
    return client


def client_of(
    settings: Settings,
    *,
    proxies: Mapping[str, str] | None = None,
    timeout: float = READ_TIMEOUT,
    deadline: float = DEADLINE,
) -> SyncServiceClient:
    """A client with settings that were found.

    Parameters
    ----------
    settings : Settings
        Of `syncnb.settings.find_settings`.
    proxies, timeout, deadline
        As in `connect`.

    Returns
    -------
    SyncServiceClient
        Nothing has been sent yet.

    Raises
    ------
    SettingsError
        A file of certificates cannot be used, or a time is not positive.

    Examples
    --------
    >>> client_of(Settings("unix:/run/ess.sock", key="me", secret="hidden"))
    <SyncServiceClient of unix:/run/ess.sock, as 'me'>
    """
    return SyncServiceClient(
        settings.url,
        org_id=settings.org_id,
        key=settings.key or None,
        secret=settings.secret or None,
        ca=settings.ca or None,
        cert=settings.cert or None,
        cert_key=settings.cert_key or None,
        proxies=proxies,
        timeout=timeout,
        deadline=deadline,
    )


@lru_cache(maxsize=8)
def _cached(settings: Settings) -> SyncServiceClient:
    return client_of(settings)
